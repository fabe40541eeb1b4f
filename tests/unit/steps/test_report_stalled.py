"""A stalled parcel gives one alarm, and none once it moves, is signed or not awaited."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from shipment_tracking.errors import ChannelDownError, ConnectionFieldError, ParamError
from shipment_tracking.statements import query
from shipment_tracking.steps import notify_changes, report_stalled
from shipment_tracking.warehouse import runs
from shipment_tracking.warehouse.outbox import TRIES

NOTHING = {"opened": 0, "cleared": 0, "sent": 0, "failed": 0, "dead": 0, "suppressed": 0}


@pytest.fixture
def report(warehouse, to, new_run, now) -> Callable[..., dict[str, int]]:
    """Report to these destinations, so many hours from noon."""

    def run(
        *wanted: Any, hours: float = 0, broken: dict[str, Any] | None = None, **of_run: Any
    ) -> dict[str, int]:
        this_run = new_run(now, **of_run)
        with warehouse.begin() as connection:
            runs.begin(connection, this_run)
        return report_stalled.run(
            warehouse,
            this_run,
            channels=to(*wanted or ["ops"], **broken or {}),
            owner="run",
            now=now + timedelta(hours=hours),
        )

    return run


@pytest.fixture
def moves(execute) -> Callable[..., None]:
    """Let a parcel get another status or event, so many hours from noon."""

    def change(shipment_id: int, status: str, at: Any) -> None:
        execute(
            "update tracking.shipment set status = :status, last_event_at = :at"
            " where shipment_id = :id",
            status=status,
            at=at,
            id=shipment_id,
        )

    return change


@pytest.fixture
def became(insert) -> Callable[..., None]:
    """Remember that a parcel changed its status."""

    def remember(shipment_id: int, to_status: str, at: Any, was: str = "in_transit") -> None:
        insert(
            "status_change",
            event_id=uuid4(),
            shipment_id=shipment_id,
            from_status=was,
            to_status=to_status,
            occurred_at=at,
            detected_at=at,
            run_id="run",
        )

    return remember


@pytest.fixture
def stalls(select) -> Callable[[], list[tuple[Any, ...]]]:
    """Stage and beginning of every stall, and whether it is over."""
    return lambda: list(
        map(
            tuple,
            select("stage, since, cleared_at is not null from analytics.stalls order by opened_at"),
        )
    )


@pytest.fixture
def items(receiver) -> Callable[..., list[dict[str, Any]]]:
    """What all messages to an endpoint told of, in order."""
    return lambda name="ops": [
        item for delivery in receiver.deliveries(name) for item in delivery.body["items"]
    ]


# When


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


# Who is waited for


@pytest.mark.parametrize(
    "done",
    [
        "update tracking.tracked_order set closed_at = now()",
        "update tracking.erp_row set closed_at = now()",
        "update tracking.erp_row set signed_at = now()",
        "update tracking.order_shipment set superseded_at = now()",
    ],
)
def test_a_parcel_nobody_waits_for_gives_no_alarm_and_ends_the_one_it_had(
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
def test_a_withdrawn_sign_is_an_alarm_of_its_own_even_for_an_order_closed_as_signed(
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


# Once


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
        connection.execute(query("extract_orders.quiet_closed"), {"now": now})

    assert report(hours=1) == NOTHING
    assert len(items()) == 1


# Again


@pytest.fixture
def leaves(execute, warehouse) -> Callable[..., None]:
    """Let the orders leave the ERP's list, so many hours from noon."""

    def close(at: Any) -> None:
        execute("update tracking.erp_row set closed_at = :at, close_reason = 'left_erp'", at=at)
        execute("update tracking.tracked_order set closed_at = :at", at=at)
        with warehouse.begin() as connection:
            connection.execute(query("extract_orders.quiet_closed"), {"now": at})

    return close


@pytest.fixture
def returns(execute) -> Callable[[], None]:
    """Let the orders stand in the ERP's list again."""

    def reopen() -> None:
        execute("update tracking.erp_row set closed_at = null, close_reason = null")
        execute("update tracking.tracked_order set closed_at = null")

    return reopen


def test_an_alarm_that_waited_when_its_order_left_the_list_is_sent_when_it_is_back(
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


def test_a_parcel_that_stands_still_again_where_it_stood_before_is_told_anew_each_time(
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


def test_an_end_that_nobody_heard_of_is_not_told_once_the_parcel_stands_there_again(
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


# The message


def test_all_alarms_go_into_one_message_with_what_is_needed_to_act(
    ship, report, receiver, select, at, now
):
    for number in range(1, 4):
        ship(number, status="in_transit", last_event_at=at(hours=-72 - number))

    assert report() == NOTHING | {"opened": 3, "sent": 3}

    (delivery,) = receiver.deliveries()
    first = delivery.body["items"][0]
    ids = {(str(event),) for (event,) in select("event_id from tracking.stall")}
    assert {(item["event_id"],) for item in delivery.body["items"]} == ids
    assert UUID(delivery.event_id).version == 5
    assert delivery.event_id == delivery.body["event_id"]
    assert first | {"event_id": "", "orders": [], "waybill_no": "", "consignment_id": ""} == {
        "event_id": "",
        "reason": "stalled",
        "stage": "in_transit",
        "status": "in_transit",
        "since": "2026-02-27T11:00:00+08:00",
        "hours": 73.0,
        "threshold_hours": 72.0,
        "platform": "1688",
        "account": "platform_1688",
        "orders": [],
        "consignment_id": "",
        "waybill_no": "",
        "carrier_name": "圆通速递",
        "latest_trace": "快件已到达测试转运中心",
    }
    assert "3 个包裹需要处理" in delivery.body["text"]
    assert all(f"SO{number}" in delivery.body["text"] for number in range(1, 4))
    assert select("distinct alerted_at from analytics.stalls") == [(now,)]
    assert select("notices_sent from analytics.runs") == [(3,)]


def test_accounts_hear_of_their_own_and_customers_of_nothing(ship, report, items, at):
    ship(1, status="in_transit", last_event_at=at(hours=-80))
    ship(2, status="in_transit", last_event_at=at(hours=-80), account="platform_1688_east")

    report("ops", "platform_1688", "customers")

    assert len(items("ops")) == 2
    assert [item["account"] for item in items("platform_1688")] == ["platform_1688"]
    assert items("customers") == []


def test_a_channel_may_want_no_alarms_or_nothing_else(ship, report, change, items, destination, at):
    ship(status="in_transit", last_event_at=at(hours=-80))

    report(
        replace(destination("ops"), statuses=("stalled",)),
        replace(destination("ops", "phone"), statuses=("signed",)),
    )

    assert len(items("ops")) == 1
    assert items("phone") == []


def test_notices_of_changes_are_none_of_its_business(ship, report, change, receiver, select):
    change(ship(), "signed")

    assert report() == NOTHING
    assert receiver.deliveries() == []
    assert select("channel, state from analytics.notifications") == [(None, "pending")]


def test_alarms_and_notices_of_one_parcel_do_not_get_in_each_others_way(
    ship, report, change, receiver, select, warehouse, new_run, to, now, at
):
    parcel = ship(status="in_transit", last_event_at=at(hours=-80))
    receiver.go_down("ops")
    with pytest.raises(ChannelDownError):
        report()
    change(parcel, "in_transit")
    with pytest.raises(ChannelDownError, match="1 notices are pending"):
        notify_changes.run(
            warehouse, new_run(), open_erp=lambda: None, channels=to("ops"), owner="x", now=now
        )
    receiver.come_back("ops")

    assert report(hours=1) == NOTHING | {"sent": 1}

    assert select(
        "reason, state from analytics.notifications order by created_at, reason desc"
    ) == [
        ("stalled:in_transit", "sent"),
        ("in_transit", "pending"),
    ]


def test_nobody_to_tell_is_no_alert(ship, warehouse, new_run, to, select, now, at):
    ship(status="in_transit", last_event_at=at(hours=-80))

    found = report_stalled.run(warehouse, new_run(), channels=to(), owner="run", now=now)

    assert found == NOTHING | {"opened": 1, "suppressed": 1}
    assert select("alerted_at from analytics.stalls") == [(None,)]


# Trouble


def test_a_receiver_that_was_down_gets_the_alarm_later_with_the_same_id(
    ship, report, receiver, items, select, at
):
    ship(status="in_transit", last_event_at=at(hours=-80))
    receiver.go_down("ops", "lost")
    with pytest.raises(ChannelDownError, match="notify_ops, channel ops: 1 notices are pending"):
        report()
    assert select("alerted_at from analytics.stalls") == [(None,)]
    receiver.come_back("ops")

    report(hours=1)

    first, second = items()
    assert first["event_id"] == second["event_id"]
    assert receiver.deliveries()[0].event_id == receiver.deliveries()[1].event_id
    assert select("state, attempts from analytics.notifications") == [("sent", 2)]


class Dying:
    """A channel whose process dies after the message is out and before it is written down."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self.limits = channel.limits

    def send(self, *message: Any) -> None:
        self._channel.send(*message)
        raise KeyboardInterrupt


def test_a_message_that_comes_twice_after_a_crash_is_the_same_whatever_is_new_since(
    ship, report, receiver, destination, select, at
):
    ops = destination("ops")
    ship(1, status="in_transit", last_event_at=at(hours=-80))
    ship(2, status="in_transit", last_event_at=at(hours=-80))
    with pytest.raises(KeyboardInterrupt):
        report(replace(ops, channel=Dying(ops.channel)))
    ship(3, status="in_transit", last_event_at=at(hours=-72))

    assert report(hours=1) == NOTHING | {"opened": 1, "sent": 3}

    ids = [each.event_id for each in receiver.deliveries()]
    parcels = [
        [item["consignment_id"] for item in each.body["items"]] for each in receiver.deliveries()
    ]
    assert parcels == [["LP1", "LP2"], ["LP1", "LP2"], ["LP3"]]
    assert ids[0] == ids[1] != ids[2]


def test_an_alarm_nobody_takes_is_dead_in_the_end_with_the_reason(
    ship, report, receiver, execute, select, at
):
    ship(status="in_transit", last_event_at=at(hours=-80))
    receiver.go_down("ops")
    with pytest.raises(ChannelDownError):
        report()
    execute("update tracking.notification set attempts = :most - 1", most=TRIES)

    with pytest.raises(ChannelDownError):
        report(hours=1)

    assert select("state, last_error from analytics.notifications") == [("dead", "HTTP 503")]


def test_a_broken_connection_of_one_audience_does_not_stop_the_others(ship, report, items, at):
    ship(status="in_transit", last_event_at=at(hours=-80))
    broken = {"platform_1688": ConnectionFieldError("connection notify_platform_1688: no url")}

    with pytest.raises(ConnectionFieldError, match="no url"):
        report(broken=broken)
    assert len(items("ops")) == 1

    report("ops", "platform_1688")
    assert len(items("platform_1688")) == len(items("ops")) == 1


def test_customers_broken_connection_is_none_of_its_business(ship, report, items, at):
    ship(status="in_transit", last_event_at=at(hours=-80))

    report("ops", broken={"customers": ConnectionFieldError("no url")})

    assert len(items("ops")) == 1


def test_killed_after_opening_it_sends_the_alarm_next_time(
    ship, report, warehouse, new_run, items, stalls, now, at
):
    ship(status="in_transit", last_event_at=at(hours=-80))

    def die(accounts: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        report_stalled.run(warehouse, new_run(), channels=die, owner="run", now=now)
    assert len(stalls()) == 1

    assert report() == NOTHING | {"sent": 1}
    assert len(items()) == 1


def test_a_dry_run_opens_and_sends_nothing_and_says_what_it_would(
    ship, report, receiver, stalls, select, caplog, at
):
    caplog.set_level(logging.INFO, "shipment_tracking.warehouse.outbox")
    ship(status="in_transit", last_event_at=at(hours=-80))

    assert report(dry_run=True) == NOTHING | {"opened": 1, "would_send": 1}

    assert stalls() == []
    assert receiver.deliveries() == []
    assert select("count(*) from tracking.notification") == [(0,)]
    assert caplog.messages == [
        "dry run: stalled:in_transit: parcel YT1 of platform_1688 to ops/ops",
        "dry run: 1 notices would be sent; nothing was sent",
    ]
    assert report() == NOTHING | {"opened": 1, "sent": 1}


def test_n1_shadow_mode_opens_no_stall_and_what_still_stands_alarms_later(
    ship, report, receiver, stalls, at
):
    ship(status="in_transit", last_event_at=at(hours=-80))

    assert report(shadow=True) == NOTHING | {"opened": 1, "would_send": 1}

    assert (stalls(), receiver.deliveries()) == ([], [])
    assert report() == NOTHING | {"opened": 1, "sent": 1}


def test_judging_remembers_that_a_sign_was_confirmed(ship, warehouse, select, now):
    parcel = ship(status="in_transit")
    verdict = {
        "shipment_id": parcel,
        "status": "signed",
        "signed_at": now.isoformat(),
        "sign_seen_at": now.isoformat(),
        "sign_confirmed_at": now.isoformat(),
    }
    later = {"shipment_id": parcel, "status": "returning"}

    for row in (verdict, later):
        with warehouse.begin() as connection:
            connection.execute(
                query("load_traces.judge"),
                {"verdicts": json.dumps([row | {"announced_status": "", "event_count": 0}])},
            )
        assert select("sign_was_confirmed from tracking.shipment") == [(True,)]
