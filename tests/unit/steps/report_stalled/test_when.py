"""When a parcel is stalled, and for whom."""

from collections.abc import Callable
from typing import Any

import pytest

from shipment_tracking.errors import ParamError
from tests import factories

from .counts import NOTHING


@pytest.fixture
def became(warehouse) -> Callable[..., None]:
    """Remember that a parcel changed its status."""

    def remember(shipment_id: int, to_status: str, at: Any, was: str = "in_transit") -> None:
        factories.status_change(warehouse, shipment_id, to_status, at, from_status=was)

    return remember


@pytest.mark.parametrize(
    ("status", "hours", "stage"),
    [
        ("picked_up", 72, "in_transit"),
        ("in_transit", 72, "in_transit"),
        ("out_for_delivery", 24, "out_for_delivery"),
    ],
)
def test_a_moving_parcel_stands_still_from_its_last_event(
    status, hours, stage, ship, report, stalls, at
):
    since = at(hours=-hours)
    ship(status=status, last_event_at=since)

    assert report(hours=-0.1)["opened"] == 0
    assert report()["opened"] == 1
    assert stalls() == [(stage, since, False)]


def test_a_parcel_nobody_picked_up_counts_from_when_it_was_shipped(ship, report, stalls, at):
    ship(1, shipped_at=at(hours=-48), first_event_at=at(hours=-1), status="info_received")
    ship(2, shipped_at=at(hours=-47), first_event_at=at(hours=-99), status="pending")
    ship(3, shipped_at=None, first_event_at=at(hours=-50), status="info_received")

    report()

    assert sorted(stalls(), key=str) == [
        ("pickup", at(hours=-50), False),
        ("pickup", at(hours=-48), False),
    ]


def test_a_parcel_without_any_event_counts_from_the_platforms_word(ship, report, stalls, at):
    ship(status="in_transit", platform_status_since=at(hours=-80))

    report()

    assert stalls() == [("in_transit", at(hours=-80), False)]


def test_a_parcel_to_be_fetched_counts_from_when_it_became_so(ship, report, became, stalls, at):
    parcel = ship(status="ready_for_pickup", last_event_at=at(hours=-1))
    became(parcel, "ready_for_pickup", at(hours=-90))
    became(parcel, "ready_for_pickup", at(hours=-71))

    assert report()["opened"] == 0
    assert report(hours=1)["opened"] == 1
    assert stalls() == [("ready_for_pickup", at(hours=-71), False)]


@pytest.mark.parametrize("status", ["exception", "delivery_failed", "returning", "returned"])
def test_what_goes_wrong_gives_its_alarm_at_once(status, ship, report, became, stalls, now):
    became(ship(status=status), status, now)

    assert report()["opened"] == 1
    assert stalls() == [(status, now, False)]


@pytest.mark.parametrize("status", ["signed", "cancelled"])
def test_what_is_over_gives_no_alarm(status, ship, report, at):
    ship(status=status, last_event_at=at(days=-30))

    assert report() == NOTHING


UNREAD = [
    ("unknown", None),
    ("in_transit", "unknown"),
    ("out_for_delivery", "unknown"),
    ("ready_for_pickup", "unknown"),
]


@pytest.mark.parametrize(("status", "newest"), UNREAD)
def test_unread_newest_text_for_a_day_gives_an_alarm(status, newest, ship, report, stalls, at):
    ship(status=status, last_event_status=newest, last_event_at=at(hours=-24))

    assert report()["opened"] == 1
    assert stalls() == [("unknown", at(hours=-24), False)]


@pytest.mark.parametrize(("status", "newest"), UNREAD)
def test_unread_newest_text_for_less_gives_none(status, newest, ship, report, at):
    ship(status=status, last_event_status=newest, last_event_at=at(hours=-23))

    assert report() == NOTHING


def test_a_threshold_may_be_set_for_a_run(ship, report, at):
    ship(status="in_transit", last_event_at=at(hours=-10))

    assert report(stalled_after_hours={"in_transit": 10.5})["opened"] == 0
    assert report(stalled_after_hours={"in_transit": 9.5})["opened"] == 1
    with pytest.raises(ParamError, match="in_transti"):
        report(stalled_after_hours={"in_transti": 9.5})


@pytest.mark.parametrize(
    "done",
    [
        "update tracking.tracked_order set closed_at = now()",
        "update tracking.erp_row set closed_at = now()",
        "update tracking.erp_row set signed_at = now()",
        "update tracking.order_shipment set superseded_at = now()",
    ],
)
def test_a_parcel_nobody_awaits_ends_its_alarm_and_gives_no_other(
    done, ship, report, execute, stalls, at
):
    ship(status="in_transit", last_event_at=at(days=-9))
    report()

    execute(done)

    assert report()["cleared"] == 1
    assert [over for _, _, over in stalls()] == [True]
    assert report() == NOTHING


def test_a_row_that_waits_for_another_parcel_is_nobody(ship, report, execute, at):
    ship(status="in_transit", last_event_at=at(days=-9))
    execute("update tracking.erp_row set waybill_no = 'YT9'")

    assert report() == NOTHING


@pytest.mark.parametrize("close_reason", [None, "signed"])
def test_a_withdrawn_signature_alarms_even_for_a_signed_order(
    close_reason, ship, report, became, execute, stalls, items, at
):
    parcel = ship(status="returning", sign_was_confirmed=True)
    became(parcel, "returning", at(hours=-2), was="signed")
    if close_reason:
        execute("update tracking.tracked_order set closed_at = now()")
        execute("update tracking.erp_row set closed_at = now(), close_reason = 'signed'")

    report()
    execute("update tracking.shipment set status = 'returned'")
    became(parcel, "returned", at(hours=1), was="returning")
    report(hours=2)

    assert stalls() == [("sign_withdrawn", at(hours=-2), False)]
    assert [item["stage"] for item in items()] == ["sign_withdrawn"]


@pytest.mark.parametrize(
    ("run_id", "stages"), [("replay_traces/r", ["sign_withdrawn"]), ("scheduled", [])]
)
def test_a_signature_that_a_replay_no_longer_reads_alarms_as_one_withdrawn(
    run_id, stages, ship, report, became, execute, items, at
):
    parcel = ship(status="out_for_delivery", sign_was_confirmed=True, last_event_at=at(hours=-2))
    became(parcel, "out_for_delivery", at(hours=-2), was="signed")
    execute("update tracking.status_change set run_id = :run_id", run_id=run_id)
    execute("update tracking.tracked_order set closed_at = now()")
    execute("update tracking.erp_row set closed_at = now(), close_reason = 'signed'")

    report()

    assert [item["stage"] for item in items()] == stages


def test_a_withdrawn_sign_of_an_order_that_left_the_erp_is_no_alarm(ship, report, became, execute):
    ship(status="returning", sign_was_confirmed=True)
    execute("update tracking.tracked_order set closed_at = now()")
    execute("update tracking.erp_row set closed_at = now(), close_reason = 'left_erp'")

    assert report() == NOTHING


def test_a_run_for_one_account_looks_at_no_other(ship, report, stalls, execute, at):
    ship(1, status="in_transit", last_event_at=at(days=-9))
    other = ship(2, status="in_transit", last_event_at=at(days=-8), account="platform_1688_east")

    assert report(only_account="platform_1688")["opened"] == 1
    assert report()["opened"] == 1
    execute("update tracking.shipment set status = 'signed' where shipment_id = :id", id=other)
    assert report(only_account="platform_1688") == NOTHING
    assert report()["cleared"] == 1
