"""A stall gives one alarm, and a notice when it is over."""

import pytest

from shipment_tracking.errors import ChannelDownError
from shipment_tracking.statements import query

from .counts import NOTHING


def test_an_episode_gives_one_alarm_however_often_it_is_looked_at(ship, report, items, at):
    ship(status="in_transit", last_event_at=at(hours=-72))

    assert report() == NOTHING | {"opened": 1, "sent": 1}
    assert report(hours=1) == NOTHING
    assert len(items()) == 1


def test_moving_clears_the_stall_and_says_so(ship, report, moves, stalls, items, at):
    parcel = ship(status="in_transit", last_event_at=at(hours=-80))
    report()

    moves(parcel, "in_transit", at(hours=1))

    assert report(hours=2) == NOTHING | {"cleared": 1, "sent": 1}
    assert [(item["reason"], item["hours"]) for item in items()] == [
        ("stalled", 80.0),
        ("cleared", 82.0),
    ]
    assert report(hours=3) == NOTHING


def test_standing_still_again_is_another_alarm(ship, report, moves, stalls, items, at):
    parcel = ship(status="in_transit", last_event_at=at(hours=-80))
    report()
    moves(parcel, "in_transit", at(hours=-1))

    assert report(hours=80) == NOTHING | {"opened": 1, "cleared": 1, "sent": 2}
    assert [over for _, _, over in stalls()] == [True, False]
    assert len({item["event_id"] for item in items()}) == 3


@pytest.mark.parametrize("hours", [-60, -1])
def test_who_corrects_the_time_of_shipping_gets_no_second_alarm(
    hours, ship, report, moves, execute, stalls, items, at
):
    parcel = ship(status="info_received", shipped_at=at(hours=-50))
    report()
    execute("update tracking.erp_row set shipped_at = :at", at=at(hours=hours))

    assert report(hours=1) == NOTHING
    assert stalls() == [("pickup", at(hours=-50), False)]

    moves(parcel, "picked_up", at(hours=2))
    assert report(hours=3) == NOTHING | {"cleared": 1, "sent": 1}
    assert [item["reason"] for item in items()] == ["stalled", "cleared"]


def test_an_alarm_that_was_never_sent_needs_no_end(
    ship, report, moves, receiver, items, select, at
):
    parcel = ship(status="in_transit", last_event_at=at(hours=-80))
    receiver.go_down("ops")
    with pytest.raises(ChannelDownError):
        report()
    moves(parcel, "in_transit", at(hours=1))
    receiver.come_back("ops")

    assert report(hours=2) == NOTHING | {"cleared": 1}

    assert items() == []
    assert select("state, reason from analytics.notifications") == [("suppressed", "cleared")]


def test_only_who_got_the_alarm_is_told_of_its_end(ship, report, moves, receiver, items, at):
    parcel = ship(status="in_transit", last_event_at=at(hours=-80))
    receiver.go_down("phone")
    with pytest.raises(ChannelDownError):
        report("ops", "ops/phone")
    receiver.come_back("phone")
    moves(parcel, "in_transit", at(hours=1))

    report("ops", "ops/phone", hours=2)

    assert [item["reason"] for item in items("ops")] == ["stalled", "cleared"]
    assert items("phone") == []


def test_an_alarm_under_way_is_cleared_next_time(ship, report, moves, execute, at):
    parcel = ship(status="in_transit", last_event_at=at(hours=-80))
    report()
    moves(parcel, "in_transit", at(hours=1))
    execute(
        "update tracking.notification set lease_owner = 'other',"
        " lease_until = clock_timestamp() + interval '1 minute'"
    )
    assert report(hours=2)["cleared"] == 0

    execute("update tracking.notification set lease_owner = null, lease_until = null")
    assert report(hours=2)["cleared"] == 1


def test_closing_an_order_ends_its_stall_without_a_word(
    ship, report, warehouse, execute, items, now, at
):
    ship(status="in_transit", last_event_at=at(hours=-80))
    report()
    execute("update tracking.tracked_order set closed_at = :now", now=now)
    with warehouse.begin() as connection:
        connection.execute(query("orders.quiet_closed"), {"now": now})

    assert report(hours=1) == NOTHING
    assert len(items()) == 1


@pytest.mark.parametrize(
    "state",
    [
        "lease_owner = 'another', lease_until = now() + interval '1 minute'",
        "last_polled_at = null, next_poll_at = now()",
    ],
    ids=["is being asked", "was never asked"],
)
def test_a_parcel_that_another_run_gathers_gives_no_alarm(state, ship, report, execute, at):
    ship(status="pending", shipped_at=at(hours=-80))
    execute(f"update tracking.tracked_order set {state}")  # noqa: S608

    assert report() == NOTHING

    execute(
        "update tracking.tracked_order"
        " set lease_owner = null, lease_until = null, last_polled_at = now()"
    )
    assert report() == NOTHING | {"opened": 1, "sent": 1}
