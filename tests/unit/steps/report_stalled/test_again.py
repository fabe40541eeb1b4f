"""An order that left the ERP's list and came back, and a parcel that is stalled again."""

from collections.abc import Callable
from typing import Any

import pytest

from shipment_tracking.errors import ChannelDownError
from shipment_tracking.statements import query

from .counts import NOTHING


@pytest.fixture
def leaves(execute, warehouse) -> Callable[..., None]:
    """Let the orders leave the ERP's list, so many hours from noon."""

    def close(at: Any) -> None:
        execute("update tracking.erp_row set closed_at = :at, close_reason = 'left_erp'", at=at)
        execute("update tracking.tracked_order set closed_at = :at", at=at)
        with warehouse.begin() as connection:
            connection.execute(query("orders.quiet_closed"), {"now": at})

    return close


@pytest.fixture
def returns(execute) -> Callable[[], None]:
    """Let the orders stand in the ERP's list again."""

    def reopen() -> None:
        execute("update tracking.erp_row set closed_at = null, close_reason = null")
        execute("update tracking.tracked_order set closed_at = null")

    return reopen


def test_an_alarm_pending_when_its_order_left_is_sent_on_return(
    ship, report, leaves, returns, receiver, items, stalls, select, at, now
):
    ship(status="in_transit", last_event_at=at(hours=-80))
    receiver.go_down("ops")
    with pytest.raises(ChannelDownError):
        report()
    leaves(at(hours=1))
    returns()
    receiver.come_back("ops")

    assert report(hours=28) == NOTHING | {"opened": 1, "sent": 1}

    assert [item["reason"] for item in items()] == ["stalled"]
    assert stalls() == [("in_transit", at(hours=-80), False)]
    assert select("alerted_at from analytics.stalls") == [(at(hours=28),)]
    assert report(hours=29) == NOTHING


def test_an_alarm_that_was_told_holds_when_its_order_is_back(
    ship, report, leaves, returns, moves, items, stalls, select, at, now
):
    parcel = ship(status="in_transit", last_event_at=at(hours=-80))
    report()
    leaves(at(hours=1))
    returns()

    assert report(hours=2) == NOTHING | {"opened": 1}
    assert stalls() == [("in_transit", at(hours=-80), False)]
    assert select("alerted_at from analytics.stalls") == [(now,)]

    moves(parcel, "in_transit", at(hours=3))
    assert report(hours=4) == NOTHING | {"cleared": 1, "sent": 1}
    assert [item["reason"] for item in items()] == ["stalled", "cleared"]


def test_who_lost_an_alarm_gets_one_when_its_order_is_back(
    ship, report, leaves, returns, receiver, items, at
):
    ship(status="in_transit", last_event_at=at(hours=-80))
    receiver.go_down("phone")
    with pytest.raises(ChannelDownError):
        report("ops", "ops/phone")
    leaves(at(hours=1))
    returns()
    receiver.come_back("phone")

    report("ops", "ops/phone", hours=2)

    assert [item["reason"] for item in items("phone")] == ["stalled"]


def test_a_parcel_stalled_again_in_the_same_place_alarms_again(
    ship, report, moves, items, stalls, at
):
    parcel = ship(status="in_transit", last_event_at=at(hours=-80))
    report()
    for hours in (1, 3):
        moves(parcel, "signed", at(hours=-80))
        assert report(hours=hours) == NOTHING | {"cleared": 1, "sent": 1}
        moves(parcel, "in_transit", at(hours=-80))
        assert report(hours=hours + 1) == NOTHING | {"opened": 1, "sent": 1}

    assert [item["reason"] for item in items()] == [
        *("stalled", "cleared", "stalled", "cleared", "stalled")
    ]
    assert len({item["event_id"] for item in items()}) == 5
    assert stalls() == [("in_transit", at(hours=-80), False)]
    assert report(hours=100) == NOTHING


def test_an_untold_end_is_not_told_once_the_parcel_is_stalled_again(
    ship, report, moves, receiver, items, stalls, select, at
):
    parcel = ship(status="in_transit", last_event_at=at(hours=-80))
    report()
    moves(parcel, "signed", at(hours=-80))
    receiver.go_down("ops")
    with pytest.raises(ChannelDownError):
        report(hours=1)
    moves(parcel, "in_transit", at(hours=-80))
    receiver.come_back("ops")

    assert report(hours=2) == NOTHING | {"opened": 1, "suppressed": 1}

    assert [item["reason"] for item in items()] == ["stalled"]
    assert stalls() == [("in_transit", at(hours=-80), False)]
    assert select("state, reason from analytics.notifications order by created_at") == [
        ("sent", "stalled:in_transit"),
        ("suppressed", "superseded"),
    ]
    moves(parcel, "signed", at(hours=3))
    assert report(hours=4) == NOTHING | {"cleared": 1, "sent": 1}
    assert [item["reason"] for item in items()] == ["stalled", "cleared"]
