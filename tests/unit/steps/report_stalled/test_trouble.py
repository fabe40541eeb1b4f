"""Receivers that are down, broken connections, killed processes and dry runs."""

import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from shipment_tracking.errors import (
    ChannelDownError,
    ChannelRefusedError,
    ConnectionFieldError,
)
from shipment_tracking.statements import query
from shipment_tracking.steps import report_stalled
from shipment_tracking.warehouse.outbox import TRIES

from .counts import NOTHING


def test_a_receiver_that_was_down_gets_the_same_alarm_later(
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
        self.identity = channel.identity

    def send(self, *message: Any) -> None:
        self._channel.send(*message)
        raise KeyboardInterrupt


def test_a_message_sent_twice_after_a_crash_is_the_same(
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


def test_a_closed_receiver_costs_one_of_many_alarms(ship, report, receiver, select, at):
    for number in range(1, 4):
        ship(number, status="in_transit", last_event_at=at(hours=-80))
    receiver.go_down("ops", status=401)

    with pytest.raises(ChannelRefusedError, match="2 notices are pending, 1 are dead: HTTP 401"):
        report()

    receiver.come_back("ops")
    assert report() == NOTHING | {"sent": 2}
    assert select("state, count(*) from analytics.notifications group by 1 order by 1") == [
        ("dead", 1),
        ("sent", 2),
    ]


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


def test_n1_shadow_mode_opens_no_stall_and_alarms_afterwards(ship, report, receiver, stalls, at):
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
                query("evaluation.judge"),
                {"verdicts": json.dumps([row | {"announced_status": "", "event_count": 0}])},
            )
        assert select("sign_was_confirmed from tracking.shipment") == [(True,)]
