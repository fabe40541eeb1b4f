"""People are told of each change, with what they need to know and nothing that is not theirs."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import pytest

from shipment_tracking.errors import (
    ChannelDownError,
    ConnectionFieldError,
    MessageError,
)
from shipment_tracking.steps import notify_changes
from tests import factories
from tests.factories import ACCOUNT, NOW

NONE = {"sent": 0, "failed": 0, "dead": 0, "suppressed": 0}


def test_a_message_says_all_about_the_change(ship, change, notify, receiver):
    event = change(ship(sign_kind="family", status="signed"), "signed", was="out_for_delivery")

    assert notify("ops") == NONE | {"sent": 1}

    (delivery,) = receiver.deliveries("ops")
    text = delivery.body.pop("text")
    assert delivery.body == {
        "event_id": str(event),
        "reason": "signed",
        "platform": "1688",
        "account": "platform_1688",
        "orders": [{"erp_key": "SO1", "platform_order_id": "291"}],
        "consignment_id": "LP1",
        "waybill_no": "YT1",
        "carrier_name": "圆通速递",
        "from_status": "out_for_delivery",
        "to_status": "signed",
        "occurred_at": "2026-03-02T11:40:00+08:00",
        "detected_at": "2026-03-02T12:00:00+08:00",
        "latest_trace": "快件已到达测试转运中心",
        "sign_kind": "family",
        "eta": None,
    }
    assert text.startswith("订单 SO1 的包裹（圆通速递 YT1）已签收（家人）。")


def test_each_channel_reads_its_own_language(ship, change, notify, receiver, destination):
    change(ship(), "out_for_delivery")

    notify("ops", replace(destination("ops", "phone"), language="en"))

    assert "正在派送" in receiver.deliveries("ops")[0].body["text"]
    assert "is out for delivery" in receiver.deliveries("phone")[0].body["text"]


def test_a_parcel_of_two_orders_names_both_but_no_row_of_another_parcel(
    ship, change, notify, receiver, insert, select
):
    first, second = ship(1), ship(2)
    ((other_order,),) = select(
        "order_id from tracking.tracked_order where platform_order_id = '292'"
    )
    insert(
        "order_shipment", order_id=other_order, shipment_id=first, first_seen_at=datetime.now(UTC)
    )
    insert(
        "erp_row",
        erp_key="SO3",
        order_id=other_order,
        waybill_no="YT2",
        listed=True,
        first_seen_at=datetime.now(UTC),
    )
    insert(
        "shipment_waybill", shipment_id=second, waybill_no="YT2", first_seen_at=datetime.now(UTC)
    )
    change(first, "in_transit")

    notify("ops")

    assert [order["erp_key"] for order in receiver.deliveries()[0].body["orders"]] == ["SO1", "SO2"]


def test_nothing_to_tell_asks_no_connection(notify, warehouse, new_run, now):
    def refuse(accounts: Any) -> Any:
        raise AssertionError("asked for")

    found = notify_changes.run(
        warehouse, new_run(), open_erp=lambda: None, channels=refuse, owner="run", now=now
    )

    assert found == NONE


def test_the_accounts_with_something_to_tell_are_asked_for(
    ship, change, warehouse, new_run, now, to
):
    change(ship(1), "signed")
    change(ship(2, account="platform_1688_east"), "signed")
    asked: list[Any] = []

    def channels(accounts: Any) -> Any:
        asked.append(accounts)
        return to()(accounts)

    for only in (None, "platform_1688"):
        notify_changes.run(
            warehouse,
            new_run(only_account=only, dry_run=True),
            open_erp=lambda: None,
            channels=channels,
            owner="run",
            now=now,
        )

    assert asked == [["platform_1688", "platform_1688_east"], ["platform_1688"]]


def test_a_run_for_one_account_tells_of_no_other(ship, change, notify, receiver, select):
    event = change(ship(1), "signed")
    change(ship(2, account="platform_1688_east"), "signed")

    assert notify("ops", only_account="platform_1688")["sent"] == 1

    assert [each.event_id for each in receiver.deliveries()] == [str(event)]
    assert select("account from analytics.notifications where state = 'pending'") == [
        ("platform_1688_east",)
    ]


def test_in_quiet_hours_notices_wait_and_only_the_newest_is_sent(
    ship, change, notify, receiver, destination
):
    # The test's noon is that of Shanghai.
    asleep = replace(destination("ops"), quiet_hours=(time(22), time(8)))
    parcel = ship()
    change(parcel, "in_transit", hours=10)
    assert notify(asleep, "ops/phone", hours=10) == NONE | {"sent": 1}
    newest = change(parcel, "out_for_delivery", hours=19)

    assert notify(asleep, hours=19.9)["sent"] == 0
    assert notify(asleep, hours=20)["sent"] == 1

    assert [each.event_id for each in receiver.deliveries("ops")] == [str(newest)]


# Texts


def test_an_owners_text_is_sent(ship, change, notify, receiver, owner):
    owner("messages/zh/signed.txt", "您的快件 {{ waybill_no }} 到了")
    change(ship(), "signed")

    notify("ops")

    assert receiver.deliveries()[0].body["text"] == "您的快件 YT1 到了"


def test_n10_a_broken_text_holds_back_its_own_status_only(
    ship, change, notify, receiver, owner, destination, select
):
    owner("messages/zh/returned.txt", "好\n{{ oder }}")
    change(ship(), "signed")
    change(ship(2), "returned")
    english = replace(destination("ops", "phone"), language="en")

    with pytest.raises(MessageError, match=r"zh/returned\.txt, line 2: oder is unknown"):
        notify("ops", english)

    assert [each.body["reason"] for each in receiver.deliveries("ops")] == ["signed"]
    assert len(receiver.deliveries("phone")) == 2
    held_back = "reason, state, attempts from analytics.notifications where channel = 'ops'"
    assert sorted(select(held_back)) == [("returned", "pending", 0), ("signed", "sent", 1)]

    owner("messages/zh/returned.txt", "退回了")
    notify("ops", english)
    assert receiver.deliveries("ops")[-1].body["text"] == "退回了"


# Trouble


def test_a_broken_connection_of_one_audience_does_not_stop_the_others(
    ship, change, notify, receiver
):
    change(ship(), "signed")
    broken = {"customers": ConnectionFieldError("connection notify_customers: url is missing")}

    with pytest.raises(ConnectionFieldError, match="notify_customers: url is missing"):
        notify("ops", broken=broken)

    assert len(receiver.deliveries("ops")) == 1


def test_a_channel_that_is_down_and_a_broken_connection_are_both_named(
    ship, change, notify, receiver
):
    change(ship(), "signed")
    receiver.go_down("ops")
    broken = {"customers": ConnectionFieldError("connection notify_customers: url is missing")}

    with pytest.raises(ChannelDownError) as caught:
        notify("ops", broken=broken)

    assert "url is missing" in str(caught.value)
    assert "connection notify_ops, channel ops: 1 notices are pending: HTTP 503" in str(
        caught.value
    )


def test_sixty_hours_of_a_dead_receiver_lose_and_double_nothing(
    ship, change, notify, receiver, select
):
    receiver.go_down("ops")
    parcels = [ship(number) for number in range(4)]
    events: dict[int, list[str]] = {parcel: [] for parcel in parcels}
    statuses = ["picked_up", "in_transit", "out_for_delivery", "signed"]
    for hours in range(0, 100, 4):
        for number, parcel in enumerate(parcels):
            # The first parcels change early only, the last until shortly before the end.
            if hours % 16 == 4 * number and hours < 16 * (number + 1):
                told = len(events[parcel])
                events[parcel].append(str(change(parcel, statuses[told], hours=hours)))
        if hours == 60:
            receiver.come_back("ops")
        try:
            notify("ops", "ops/phone", hours=hours)
        except ChannelDownError:
            assert hours < 60

    every = sorted(event for listed in events.values() for event in listed)
    assert sorted(each.event_id for each in receiver.deliveries("phone")) == every
    told_late = [each.event_id for each in receiver.deliveries("ops")]
    assert len(told_late) == len(set(told_late))
    assert set(told_late) == {listed[-1] for listed in events.values()}
    superseded = select(
        "cast(event_id as text) from tracking.notification"
        " where channel = 'ops' and state = 'suppressed' and reason = 'superseded'"
    )
    assert sorted([*told_late, *(event for (event,) in superseded)]) == every


def test_a_channel_that_failed_is_red_also_while_it_is_too_early_to_try_again(
    ship, change, notify, receiver
):
    receiver.go_down("ops")
    change(ship(1), "in_transit")
    with pytest.raises(ChannelDownError):
        notify("ops", hours=0)
    receiver.come_back("ops")

    with pytest.raises(ChannelDownError, match="1 notices are pending: HTTP 503"):
        notify("ops", hours=0)

    assert notify("ops", hours=1)["sent"] == 1
    assert notify("ops", hours=1)["sent"] == 0


# Dry run


def test_a_dry_run_changes_nothing_and_says_what_would_be_sent(
    ship, change, notify, receiver, select, caplog
):
    caplog.set_level(logging.INFO, "shipment_tracking.warehouse.outbox")
    parcel = ship(1, waybill_no="19900000007")
    change(parcel, "picked_up", hours=-1)
    change(parcel, "signed")
    for number in range(2, 15):
        change(ship(number), "in_transit")
    before = select("* from tracking.notification order by notification_id")

    assert notify("ops", "ops/phone", dry_run=True) == NONE | {"would_send": 28}

    assert select("* from tracking.notification order by notification_id") == before
    assert receiver.deliveries() == []
    assert caplog.messages[-1] == "dry run: 28 notices would be sent; nothing was sent"
    assert len(caplog.messages) == 21
    assert "dry run: signed: parcel * of platform_1688 to ops/ops" in caplog.messages
    assert "19900000007" not in caplog.text
    assert notify("ops", "ops/phone") == NONE | {"sent": 28, "suppressed": 2}


def test_n1_shadow_mode_counts_notices_and_never_sends_them(
    ship, change, notify, receiver, select, caplog
):
    caplog.set_level(logging.INFO, "shipment_tracking.warehouse.outbox")
    change(ship(1), "picked_up")
    change(ship(2), "signed")

    assert notify("ops", shadow=True) == NONE | {"suppressed": 2, "would_send": 2}

    assert caplog.messages[-1] == "shadow mode: 2 notices would be sent; nothing was sent"
    assert select("state, reason from tracking.notification") == [("suppressed", "shadow")] * 2
    change(ship(3), "signed")
    assert notify("ops") == NONE | {"sent": 1}
    assert len(receiver.deliveries()) == 1


def test_n1_shadow_mode_leaves_what_is_not_due_yet(ship, change, notify, select):
    change(ship(1), "signed", hours=1)
    before = select("state from tracking.notification")

    notify("ops", shadow=True)

    assert select("state from tracking.notification") == before


def estimated(warehouse, parcel, now, **changes):
    row = {
        "shipment_id": parcel,
        "status": "in_transit",
        "estimated_at": now,
        "eta_p50": now + timedelta(hours=20),
        "eta_p90": now + timedelta(hours=40),
        "eta_basis": "YTO",
        "expected_by": now,
    }
    factories.insert(warehouse, "shipment_eta", **row | changes)


def test_a_notice_says_by_when_the_parcel_is_expected(
    ship, change, notify, receiver, warehouse, now
):
    parcel = ship(status="in_transit")
    estimated(warehouse, parcel, now)
    change(parcel, "in_transit")

    notify("ops")

    (delivery,) = receiver.deliveries("ops")
    assert delivery.body["eta"] == "2026-03-04T04:00:00+08:00"
    assert delivery.body["text"].endswith("预计 3月4日 前送达")


@pytest.mark.parametrize(
    "estimate",
    [{"eta_p90": NOW}, {"status": "picked_up"}, {"eta_p90": None}],
    ids=["past", "of another status", "unknown"],
)
def test_a_notice_tells_no_expectation_that_is_out_of_date(
    estimate, ship, change, notify, receiver, warehouse, now
):
    parcel = ship(status="in_transit")
    estimated(warehouse, parcel, now, **estimate)
    change(parcel, "in_transit")

    notify("ops")

    (delivery,) = receiver.deliveries("ops")
    assert delivery.body["eta"] is None
    assert "预计" not in delivery.body["text"]


def test_ops_hears_of_a_delay_and_others_only_if_they_ask(
    ship, notify, destination, receiver, warehouse, now
):
    parcel = ship(status="in_transit", announced_status="in_transit")
    estimated(warehouse, parcel, now, delayed_at=now)
    factories.notification(warehouse, parcel, uuid4(), "delayed", now)
    asks = destination(ACCOUNT, "platform_1688_east", statuses=("delayed",))

    assert notify("ops", ACCOUNT, asks)["sent"] == 2

    assert len(receiver.deliveries("platform_1688_east")) == 1
    (delivery,) = receiver.deliveries("ops")
    assert (delivery.body["reason"], delivery.body["to_status"]) == ("delayed", "in_transit")
    assert delivery.body["occurred_at"] == "2026-03-02T12:00:00+08:00"
    assert "比预计的晚" in delivery.body["text"]


def test_notices_wait_for_a_connection_that_vanished(ship, change, notify, receiver):
    parcel = ship()
    change(parcel, "in_transit")
    notify("ops")
    change(parcel, "out_for_delivery", hours=1, was="in_transit")

    with pytest.raises(ConnectionFieldError, match="connection notify_ops is not found"):
        notify(missing=["ops"], hours=1)

    assert notify("ops", hours=2) == NONE | {"sent": 1}
    assert [sent.body["to_status"] for sent in receiver.deliveries("ops")] == [
        "in_transit",
        "out_for_delivery",
    ]


def test_a_connection_that_never_was_is_not_missed(ship, change, notify):
    change(ship(), "in_transit")

    assert notify(missing=["ops"]) == NONE | {"suppressed": 1}
