"""What several replies say of one parcel together: the newest one holds all that is evidence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from shipment_tracking.domain.evidence import (
    Held,
    Reply,
    Scan,
    is_earlier_life,
    judge,
    leading,
    merge,
)

START = datetime(2026, 9, 18, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def scan(hours: float, status: str, number: int = 0, **fields) -> Scan:
    """An event so many hours after the start; those of one hour and number are the same."""
    hashed = hash((hours, number)) & 0xFFFF
    return Scan(START + hours * HOUR, number, status, None, hashed, is_new=True, **fields)


def reply(hours: float, *scans: Scan, **fields) -> Reply:
    return Reply(START + hours * HOUR, scans, **fields)


def live(scans: list[Scan]) -> list[tuple[float, str]]:
    """Hours and status of what is still evidence."""
    return [
        ((each.occurred_at - START) / HOUR, each.status)
        for each in scans
        if each.withdrawn_at is None
    ]


OUT, SIGNED, MOVED = scan(1, "out_for_delivery"), scan(2, "signed"), scan(3, "in_transit")


def test_step_that_the_newest_reply_lacks_is_withdrawn():
    scans, _ = merge([], [reply(4, OUT, SIGNED), reply(5, OUT, MOVED)], None)

    assert live(scans) == [(1, "out_for_delivery"), (3, "in_transit")]
    assert next(each for each in scans if each.status == "signed").withdrawn_at == START + 5 * HOUR


def test_step_that_comes_back_is_evidence_again():
    scans, _ = merge([], [reply(4, OUT, SIGNED), reply(5, OUT), reply(6, OUT, SIGNED)], None)

    assert live(scans) == [(1, "out_for_delivery"), (2, "signed")]


def test_step_replaced_in_place_is_replaced():
    edited = scan(2, "delivery_failed", number=1)

    scans, _ = merge([], [reply(4, OUT, SIGNED), reply(5, OUT, edited)], None)

    assert live(scans) == [(1, "out_for_delivery"), (2, "delivery_failed")]


def test_step_in_other_words_is_no_news():
    first, held = merge([], [reply(4, OUT, SIGNED)], None)
    known = [replace(each, is_new=False) for each in first]
    edited = scan(2, "signed", number=1)

    scans, _ = merge(known, [reply(5, OUT, edited)], held)

    assert live(scans) == [(1, "out_for_delivery"), (2, "signed")]
    assert judge(leading(scans, None), None, "signed", 2).transitions == ()


def test_empty_reply_withdraws_nothing():
    scans, held = merge([], [reply(4, OUT, SIGNED), reply(5)], None)

    assert live(scans) == [(1, "out_for_delivery"), (2, "signed")]
    assert held == Held(START + 4 * HOUR, OUT.occurred_at)


def test_reply_that_begins_later_withdraws_nothing_before_it():
    scans, _ = merge([], [reply(4, OUT, SIGNED), reply(5, SIGNED, MOVED)], None)

    assert len(live(scans)) == 3


def test_snapshot_of_the_present_state_withdraws_nothing():
    first, second = scan(4, "in_transit"), scan(5, "signed")

    scans, held = merge(
        [], [reply(4, first, is_snapshot=True), reply(5, second, is_snapshot=True)], None
    )

    assert len(live(scans)) == 2
    assert held is None


def test_step_whose_time_became_unreadable_is_not_withdrawn():
    rejected = frozenset({SIGNED.event_hash})

    scans, _ = merge([], [reply(4, OUT, SIGNED), reply(5, OUT, rejected=rejected)], None)

    assert (2, "signed") in live(scans)


def test_newer_reading_of_a_known_step_counts():
    by_text = scan(2, "unknown")
    by_code = scan(2, "signed", action="SIGNED")

    scans, _ = merge([], [reply(4, OUT, by_text), reply(5, OUT, by_code)], None)

    assert [each.action for each in scans] == [None, "SIGNED"]
    assert live(scans)[-1] == (2, "signed")


def test_step_listed_twice_keeps_the_platforms_code():
    twice = (scan(2, "signed", action="SIGNED"), scan(2, "signed"))

    scans, _ = merge([], [reply(4, OUT, *twice)], None)

    assert [each.action for each in scans] == [None, "SIGNED"]


@pytest.mark.parametrize(("hours", "earlier"), [(-49, True), (-48, False), (0, False)])
def test_event_long_before_shipping_is_of_an_earlier_life(hours, earlier):
    old = scan(hours, "signed")

    assert is_earlier_life(old, START) is earlier
    assert (leading([old], START) == []) is earlier
    assert not is_earlier_life(old, None)


SCANS = st.lists(
    st.builds(
        scan,
        st.integers(0, 6),
        st.sampled_from(["picked_up", "in_transit", "out_for_delivery", "signed", "returning"]),
        st.integers(0, 1),
    ),
    max_size=6,
    unique_by=lambda each: each.key,
)
REPLIES = st.lists(
    st.builds(lambda hours, scans: reply(hours, *scans), st.integers(7, 12), SCANS),
    max_size=5,
    unique_by=lambda each: each.fetched_at,
)


def state(scans: list[Scan]) -> tuple:
    """What the scans lead to, and what is evidence."""
    verdict = judge(leading(scans, START), None, "pending")
    return verdict.status, verdict.signed_at, live(scans)


@given(REPLIES, st.randoms(use_true_random=False))
def test_repetition_and_split_into_loads_change_nothing(replies, dice):
    at_once, held_at_once = merge([], replies, None)

    known, held = [], None
    arriving = sorted(replies, key=lambda each: each.fetched_at)
    while arriving:
        batch = [arriving.pop(0) for _ in range(dice.randint(1, len(arriving)))]
        known, held = merge(known, batch + dice.choices(batch), held)

    assert (state(known), held) == (state(at_once), held_at_once)


@given(REPLIES, st.randoms(use_true_random=False))
def test_order_of_arrival_within_a_load_changes_nothing(replies, dice):
    shuffled = dice.sample(replies, len(replies))

    assert state(merge([], shuffled, None)[0]) == state(merge([], replies, None)[0])


@given(REPLIES)
def test_newest_reply_alone_decides_from_its_first_step_on(replies):
    full = [each for each in replies if each.scans]
    scans, held = merge([], replies, None)

    if full:
        newest = max(full, key=lambda each: each.fetched_at)
        kept = {each.key for each in scans if not each.withdrawn_at}
        assert {key for key in kept if key[0] >= held.since} == {each.key for each in newest.scans}


def test_late_older_reply_brings_nothing_that_the_newest_lacks():
    known, held = merge([], [reply(5, OUT, MOVED)], None)

    scans, held = merge(known, [reply(4, OUT, SIGNED)], held)

    assert live(scans) == [(1, "out_for_delivery"), (3, "in_transit")]
    assert held == Held(START + 5 * HOUR, OUT.occurred_at)
