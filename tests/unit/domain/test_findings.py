"""What a check of a connection says in the end."""

from shipment_tracking.domain.findings import Finding, verdict


def test_a_reason_of_several_failures_is_said_once() -> None:
    reason = "the folder is missing"
    found = [Finding("reading", False, reason), Finding("writing", False, reason)]

    assert verdict(found) == (False, f"does not work: {reason}")
