"""The rules of truth: which evidence on a parcel wins."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from shipment_tracking.domain.evidence import (
    PlatformWord,
    Scan,
    Verdict,
    judge,
)
from shipment_tracking.domain.statuses import Status

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def scans(*statuses: str, since: datetime = START, is_new: bool = True) -> list[Scan]:
    """One event an hour."""
    return [
        Scan(since + number * HOUR, 0, status, None, number, is_new)
        for number, status in enumerate(statuses)
    ]


def word(status: str, *, hours: float, fetched: float | None = None) -> PlatformWord:
    """A platform status known since so many hours after the start, and fetched again until."""
    last = hours if fetched is None else fetched
    return PlatformWord(status, status.upper(), START + hours * HOUR, START + last * HOUR)


TRUTHS = {
    "the latest event leads": (("picked_up", "in_transit"), None, "in_transit"),
    "not the highest rank": (("out_for_delivery", "in_transit"), None, "in_transit"),
    "what says nothing changes nothing": (("in_transit", "unknown"), None, "in_transit"),
    "only unknown texts": (("unknown", "unknown"), None, "unknown"),
    "nothing known": ((), None, "pending"),
    "no event, so the platform tells": ((), ("info_received", 1), "info_received"),
    "an event outweighs how the platform calls a moving parcel": (
        ("picked_up",),
        ("in_transit", 9),
        "picked_up",
    ),
    "nor does an unknown platform status count": (("picked_up",), ("unknown", 9), "picked_up"),
    "the platform's sign leads": (("out_for_delivery",), ("signed", 9), "signed"),
    "a stray scan after the platform's sign means nothing": (
        ("out_for_delivery", "in_transit"),
        ("signed", 0.5),
        "signed",
    ),
    "a failure after the platform's sign withdraws it": (
        ("out_for_delivery", "delivery_failed"),
        ("signed", 0.5),
        "delivery_failed",
    ),
    "a failure before the platform's sign does not": (
        ("out_for_delivery", "delivery_failed"),
        ("signed", 2),
        "signed",
    ),
    "the platform's sign exception leads": (
        ("out_for_delivery", "signed"),
        ("exception", 2),
        "exception",
    ),
    "from when it was fetched only": (
        ("out_for_delivery", "signed"),
        ("exception", 0.5),
        "signed",
    ),
    "a cancelled parcel": (("picked_up",), ("cancelled", 2), "cancelled"),
    "a parcel that moves on after it was cancelled": (
        ("picked_up", "in_transit"),
        ("cancelled", 0.5),
        "in_transit",
    ),
    "a text sign after a return began": (("returning", "signed"), None, "returned"),
    "the platform's sign after a return began": (("returning",), ("signed", 9), "returned"),
    "the platform repeats an older sign after a return began": (
        ("signed", "returning"),
        ("signed", 0.5),
        "returning",
    ),
    "the platform's sign, then a return, then a text sign": (
        ("out_for_delivery", "returning", "signed"),
        ("signed", 0.5),
        "returned",
    ),
    "scans on the way back": (("returning", "in_transit"), None, "returning"),
    "scans after it came back": (("returned", "in_transit"), None, "returning"),
    "a failure on the way back": (("returning", "delivery_failed"), None, "delivery_failed"),
    "a failed delivery, then a sign": (("delivery_failed", "signed"), None, "signed"),
}


@pytest.mark.parametrize(("statuses", "platform", "status"), TRUTHS.values(), ids=TRUTHS)
def test_the_evidence_that_wins(statuses, platform, status):
    said = word(platform[0], hours=platform[1]) if platform else None

    assert judge(scans(*statuses), said, "pending").status == status


def test_a_late_return_turns_a_known_sign_into_returned():
    known = Scan(START + 2 * HOUR, 0, "signed", None, 2, is_new=False)
    late = Scan(START, 0, "returning", None, 1, is_new=True)

    verdict = judge([late, known], None, "signed")

    assert verdict.status == "returned"
    assert [step.to_status for step in verdict.transitions] == ["returned"]


def test_an_event_that_comes_late_adds_no_transition():
    known = Scan(START + 2 * HOUR, 0, "out_for_delivery", None, 2, is_new=False)
    late = Scan(START, 0, "picked_up", None, 1, is_new=True)

    verdict = judge([late, known], None, "out_for_delivery")

    assert (verdict.status, verdict.transitions) == ("out_for_delivery", ())


def test_every_new_event_that_changes_the_status_is_a_transition():
    verdict = judge(scans("picked_up", "in_transit", "in_transit", "signed"), None, "pending")

    steps = [(step.from_status, step.to_status, step.occurred_at) for step in verdict.transitions]
    assert steps == [
        ("pending", "picked_up", START),
        ("picked_up", "in_transit", START + HOUR),
        ("in_transit", "signed", START + 3 * HOUR),
    ]


def test_a_text_that_says_nothing_is_no_transition():
    verdict = judge(scans("unknown", "in_transit", "unknown"), None, "pending")

    assert [step.to_status for step in verdict.transitions] == ["in_transit"]


def test_the_platforms_word_is_a_transition_when_it_was_fetched_first():
    verdict = judge(scans("in_transit", is_new=False), word("signed", hours=5), "in_transit")

    (step,) = verdict.transitions
    assert (step.from_status, step.to_status, step.occurred_at) == (
        "in_transit",
        "signed",
        START + 5 * HOUR,
    )


def test_two_failures_are_told_apart_by_their_evidence():
    first, _, second = judge(
        scans("delivery_failed", "out_for_delivery", "delivery_failed"), None, "pending"
    ).transitions

    assert first.to_status == second.to_status
    assert first.evidence != second.evidence


def sign(verdict: Verdict) -> tuple[datetime | None, str | None, bool]:
    return verdict.signed_at, verdict.sign_kind, verdict.confirmed


SIGNED_BY_FAMILY = Scan(START, 0, "signed", "family", 1, is_new=True)


def test_a_sign_by_its_text_alone_is_of_kind_text_and_waits():
    assert sign(judge([SIGNED_BY_FAMILY], None, "pending")) == (START, "text", False)


def test_a_platform_sign_confirms_the_text_with_its_time_and_signer():
    said = word("signed", hours=1)

    assert sign(judge([SIGNED_BY_FAMILY], said, "pending")) == (START, "family", True)


def test_a_sign_that_only_the_platform_knows_is_dated_by_its_detection():
    said = word("signed", hours=1)

    verdict = judge(scans("out_for_delivery"), said, "pending")

    assert sign(verdict) == (START + HOUR, "platform", True)


def test_of_two_sign_events_the_first_one_dates_the_sign():
    trail = scans("signed", "signed")

    assert judge(trail, word("signed", hours=3), "pending").signed_at == START


def test_after_a_withdrawn_signature_the_second_one_counts():
    withdrawn = scans("signed", "delivery_failed")
    again = scans("signed", "delivery_failed", "out_for_delivery", "signed")

    assert sign(judge(withdrawn, word("signed", hours=0.5), "signed")) == (None, None, False)
    assert judge(again, None, "delivery_failed").signed_at == START + 3 * HOUR


@pytest.mark.parametrize(("fetched", "confirmed"), [(2, False), (3, True)])
def test_the_platforms_old_sign_confirms_a_second_one_once_it_is_fetched_again(fetched, confirmed):
    trail = scans("signed", "delivery_failed", "out_for_delivery", "signed")
    said = word("signed", hours=0.5, fetched=fetched)

    assert judge(trail, said, "delivery_failed").confirmed is confirmed


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.sampled_from([status.value for status in Status if status != Status.PENDING]),
    ),
    min_size=1,
    max_size=8,
)
WORDS = st.none() | st.builds(
    lambda status, hours: word(status, hours=hours, fetched=hours + 1),
    st.sampled_from(
        ["info_received", "in_transit", "signed", "exception", "cancelled", "returning", "unknown"]
    ),
    st.integers(0, 9),
)


@given(EVENTS, WORDS, st.randoms(use_true_random=False))
def test_the_verdict_does_not_depend_on_how_the_events_were_split_over_loads(events, said, dice):
    trail = [
        Scan(START + hours * HOUR, 0, status, None, number, is_new=True)
        for number, (hours, status) in enumerate(sorted(events))
    ]
    at_once = judge(trail, said, "pending")

    before, loaded = "pending", set()
    arriving = dice.sample(trail, len(trail))
    while arriving:
        batch = [arriving.pop() for _ in range(dice.randint(1, len(arriving)))]
        loaded.update(scan.event_hash for scan in batch)
        known = [
            Scan(scan.occurred_at, 0, scan.status, None, scan.event_hash, scan in batch)
            for scan in trail
            if scan.event_hash in loaded
        ]
        in_parts = judge(known, said, before)
        assert_connected(in_parts, before)
        before = in_parts.status

    assert (in_parts.status, sign(in_parts)) == (at_once.status, sign(at_once))


def assert_connected(verdict: Verdict, before: str) -> None:
    """The transitions lead from the status before to the verdict without a gap."""
    ways = [before, *(step.to_status for step in verdict.transitions)]
    assert ways[-1] == verdict.status
    assert [step.from_status for step in verdict.transitions] == ways[:-1]
    assert all(came != went for came, went in pairwise(ways))


@given(EVENTS, WORDS)
def test_nothing_is_signed_behind_the_beginning_of_a_return(events, said):
    trail = [
        Scan(START + hours * HOUR, 0, status, None, number, is_new=True)
        for number, (hours, status) in enumerate(sorted(events))
    ]
    began = [scan.occurred_at for scan in trail if scan.status in ("returning", "returned")]

    verdict = judge(trail, said, "pending")

    if began:
        assert verdict.status != "signed"
        assert all(
            step.to_status != "signed" or step.occurred_at <= began[0]
            for step in verdict.transitions
        )


def test_the_platforms_code_for_a_sign_proves_it_without_the_parcels_status():
    by_text = Scan(START, 0, "signed", "family", 1, is_new=True)
    by_code = Scan(START + HOUR, 0, "signed", None, 2, is_new=True, action="SIGNED")
    shipped = word("info_received", hours=2)

    assert sign(judge([by_text, by_code], shipped, "pending")) == (START, "family", True)
    assert sign(judge([by_code], None, "pending")) == (START + HOUR, "platform", True)
    assert judge([by_text], shipped, "pending").confirmed is False


def test_a_code_that_signed_before_a_failure_proves_no_later_sign():
    first = Scan(START, 0, "signed", None, 1, is_new=True, action="SIGNED")
    later = scans("out_for_delivery", "delivery_failed", "out_for_delivery", "signed")

    assert judge([first, *later[1:]], None, "pending").confirmed is False


def test_a_refusal_that_only_the_platform_knows_leads():
    said = word("returning", hours=5)

    assert judge(scans("out_for_delivery"), said, "pending").status == "returning"


def test_a_refusal_by_the_platform_does_not_undo_a_return():
    said = word("returning", hours=5)

    assert judge(scans("returning", "returned"), said, "pending").status == "returned"


def test_a_signature_after_a_refusal_means_returned():
    home = Scan(START + 6 * HOUR, 0, "signed", None, 9, is_new=True, action="SIGNED")
    said = word("returning", hours=5)

    assert judge([*scans("out_for_delivery"), home], said, "pending").status == "returned"


def timed(*steps: tuple[float, str], action: str | None = None) -> list[Scan]:
    """Events at hours after the start; ``action`` is that of every signature."""
    return [
        Scan(
            START + hours * HOUR,
            number,
            status,
            "self" if status == "signed" else None,
            number,
            is_new=True,
            action=action if status == "signed" else None,
        )
        for number, (hours, status) in enumerate(steps)
    ]


STRAYS = [
    "info_received",
    "picked_up",
    "in_transit",
    "out_for_delivery",
    "ready_for_pickup",
    "exception",
]


@pytest.mark.parametrize("stray", [*STRAYS, "unknown"])
def test_stray_scan_after_a_proved_signature_means_nothing(stray):
    trail = timed((0, "picked_up"), (36, "signed"), (36.1, stray), action="SIGNED")

    verdict = judge(trail, None, "pending")

    assert (verdict.status, *sign(verdict)) == ("signed", START + 36 * HOUR, "self", True)
    assert [step.to_status for step in verdict.transitions] == ["picked_up", "signed"]


def test_trouble_that_the_platform_has_a_code_for_withdraws_a_proved_signature():
    (signed, lost) = timed((36, "signed"), (37, "exception"), action="SIGNED")

    told = replace(lost, action="LOST", decided_by="action")

    assert judge([signed, told], None, "pending").status == "exception"
    assert judge([signed, told], word("signed", hours=36.5), "pending").status == "exception"


def test_trouble_that_a_text_tells_of_leaves_the_time_of_the_signature():
    trail = timed((36, "signed"), (37, "exception"))

    assert judge(trail, None, "pending").status == "exception"
    verdict = judge(trail, word("signed", hours=38), "pending")
    assert (verdict.status, *sign(verdict)) == ("signed", START + 36 * HOUR, "self", True)
    again = timed((1, "signed"), (2, "exception"), (3, "signed"))
    assert sign(judge(again, word("signed", hours=4), "pending")) == (
        START + 3 * HOUR,
        "self",
        True,
    )


@pytest.mark.parametrize("against", ["delivery_failed", "returning", "returned"])
def test_contradiction_after_a_proved_signature_withdraws_it(against):
    trail = timed((36, "signed"), (37, against), (38, "in_transit"), action="SIGNED")

    assert judge(trail, None, "pending").status != "signed"


def test_early_signature_contradicted_by_movement_is_none():
    early = ((0, "signed"), (6, "in_transit"), (23.5, "out_for_delivery"))
    moving = word("in_transit", hours=-1, fetched=24)

    assert judge(timed(*early), moving, "pending").status == "out_for_delivery"
    verdict = judge(timed(*early, (26, "signed")), word("signed", hours=27), "pending")
    assert sign(verdict) == (START + 26 * HOUR, "self", True)


def test_a_stray_scan_leaves_the_signature_where_it_was():
    trail = timed((0, "signed"), (0.1, "out_for_delivery"))

    verdict = judge(trail, word("signed", hours=1), "pending")

    assert (verdict.status, *sign(verdict)) == ("signed", START, "self", True)
    assert [step.occurred_at for step in verdict.transitions] == [START]


def test_parcel_without_any_evidence_left_is_pending_again():
    lost_at = START + 5 * HOUR

    (step,) = judge([], None, "signed", 3, lost_at=lost_at).transitions

    assert (step.from_status, step.to_status, step.occurred_at) == ("signed", "pending", lost_at)
