"""What an alarm says, and who gets it."""

import re
from dataclasses import replace
from uuid import UUID

import pytest

from shipment_tracking.channels.port import Limits
from shipment_tracking.errors import ChannelDownError
from shipment_tracking.steps import notify_changes, report_stalled

from .counts import NOTHING


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


def test_alarms_and_notices_of_one_parcel_are_independent(
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


def test_alarms_that_one_message_cannot_hold_are_all_told_of(
    ship, report, destination, receiver, at
):
    ops = destination("ops")
    for number in range(5):
        ship(number, status="in_transit", last_event_at=at(hours=-80), last_event="快件" * 40)
    small = replace(ops, channel=replace(ops.channel, limits=Limits(longest_text=1000)))

    assert report(small)["sent"] == 5

    deliveries = receiver.deliveries()
    assert len(deliveries) > 1
    assert all(small.channel.limits.hold(each.body["text"]) for each in deliveries)
    told = [waybill for each in deliveries for waybill in re.findall(r"YT\d", each.body["text"])]
    assert sorted(told) == [f"YT{number}" for number in range(5)]


def test_a_channel_gets_no_more_alarms_in_one_message_than_it_takes(
    ship, report, destination, receiver, at
):
    ops = destination("ops")
    for number in range(5):
        ship(number, status="in_transit", last_event_at=at(hours=-80))
    small = replace(ops, channel=replace(ops.channel, limits=Limits(most_items=2)))

    assert report(small)["sent"] == 5

    assert sorted(len(each.body["items"]) for each in receiver.deliveries()) == [1, 2, 2]
