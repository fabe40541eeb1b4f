"""Failures that differ only in names and numbers are told once."""

from shipment_tracking.erp.port import grouped


def test_failures_alike_are_one_with_the_first_as_example() -> None:
    failures = {
        "SO1": "Duplicate entry 'SO1' for key 7",
        "SO2": "Duplicate entry 'SO2' for key 8",
        "SO3": "the row is locked",
    }

    assert grouped(failures) == [
        ("order SO1 and 1 more", "Duplicate entry 'SO1' for key 7"),
        ("order SO3", "the row is locked"),
    ]
