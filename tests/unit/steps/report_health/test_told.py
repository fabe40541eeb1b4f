"""What ops hears of alerts, when nothing is sent, and what becomes of channels that fail."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from shipment_tracking.errors import ChannelDownError, ConnectionFieldError


def test_one_message_tells_of_all_alerts_masked(lock_out, report, receiver):
    lock_out("platform_1688")
    lock_out("platform_1688_east", 2)

    assert report() == {"opened": 2, "sent": 2}

    (delivery,) = receiver.deliveries()
    first = delivery.body["items"][0]
    assert delivery.event_id == delivery.body["event_id"]
    assert first | {"event_id": ""} == {
        "event_id": "",
        "reason": "alert",
        "kind": "locked_out",
        "account": "platform_1688",
        "subject": "platform_1688",
        "severity": "critical",
        "opened_at": "2026-03-02T12:00:00+08:00",
        "hours": 0.0,
        "detail": "of *",
    }
    assert "账号无法访问平台（platform_1688_east）" in delivery.body["text"]


def test_only_channels_of_ops_that_want_alerts_hear_of_them(
    lock_out, report, receiver, destination
):
    lock_out()

    report("ops", "customers", "platform_1688", destination("ops", "phone", statuses=("signed",)))

    assert [delivery.channel for delivery in receiver.deliveries()] == ["ops"]


@pytest.mark.parametrize("mode", ["dry_run", "shadow"])
def test_a_rehearsal_opens_alerts_and_sends_nothing_until_it_may(
    mode, lock_out, report, receiver, select, caplog
):
    lock_out()

    with caplog.at_level("INFO"):
        assert report(**{mode: True}) == {"opened": 1, "would_send": 1}

    assert receiver.deliveries() == []
    assert select("kind, told_at from analytics.alerts") == [("locked_out", None)]
    assert "alert locked_out, platform_1688: of *" in caplog.text
    assert report(hours=0.1) == {"sent": 1}


def test_a_channel_that_is_down_hears_of_it_once_it_is_back(lock_out, report, receiver, items):
    lock_out()
    receiver.go_down("phone")

    with pytest.raises(ChannelDownError, match="channel phone: 1 notices are pending"):
        report("ops", "ops/phone")
    receiver.come_back("phone")
    report("ops", "ops/phone", hours=1)

    assert items("ops") == items("phone") == [("alert", "locked_out", "platform_1688")]


def test_a_trouble_that_ends_and_returns_at_one_time_is_told_again(
    lock_out, report, execute, items
):
    lock_out()
    report()
    execute("delete from tracking.circuit")
    assert report() == {"cleared": 1, "sent": 1}

    lock_out(number=2)

    assert report() == {"opened": 1, "sent": 1}
    assert [reason for reason, _, _ in items()] == ["alert", "alert_cleared", "alert"]


def test_it_waits_for_no_notice_that_another_run_is_acknowledging(
    lock_out, report, receiver, warehouse
):
    lock_out()
    receiver.go_down("ops")
    with pytest.raises(ChannelDownError):
        report()

    with ThreadPoolExecutor(1) as pool, warehouse.begin() as another:
        another.execute(text("update tracking.notification set state = 'sent'"))
        # The other run would wait for the alert next.
        with pytest.raises(ChannelDownError, match="1 notices are pending"):
            pool.submit(report, hours=1).result(timeout=30)


def test_a_repeat_has_the_same_event_id(lock_out, report, receiver, execute):
    lock_out()
    report()
    execute("update tracking.notification set state = 'pending'")

    report(hours=0.1)

    first, second = receiver.deliveries()
    assert first.event_id == second.event_id


def test_the_end_of_what_nobody_was_told_of_is_not_told(lock_out, report, receiver, execute):
    lock_out()
    receiver.go_down("ops")
    with pytest.raises(ChannelDownError):
        report()
    execute("delete from tracking.circuit")
    receiver.come_back("ops")

    assert report(hours=1) == {"cleared": 1}
    assert receiver.deliveries() == []


def test_a_trouble_that_comes_back_is_told_again(lock_out, report, items, execute, select):
    lock_out()
    report()
    execute("update tracking.tracked_order set closed_at = now()")
    report(hours=1)
    execute("update tracking.tracked_order set closed_at = null")

    report(hours=2)

    assert [reason for reason, _, _ in items()] == ["alert", "alert_cleared", "alert"]
    assert len(select("1 from analytics.alerts")) == 2


def test_an_alert_whose_notice_is_under_way_is_cleared_next_time(lock_out, report, execute):
    lock_out()
    report()
    execute("delete from tracking.circuit")
    execute("update tracking.notification set lease_until = now() + interval '1h'")

    assert report(hours=1) == {}
    execute("update tracking.notification set lease_until = null")
    assert report(hours=2) == {"cleared": 1, "sent": 1}


def test_a_notice_for_a_channel_that_is_gone_does_not_wait(lock_out, report, receiver, select):
    lock_out()
    receiver.go_down("phone")
    with pytest.raises(ChannelDownError):
        report("ops", "ops/phone")

    report("ops", hours=0.1)

    assert select("reason from tracking.notification where state = 'suppressed'") == [
        ("no channel",)
    ]


MUTE = "update tracking.alert set muted_at = now()"
TWO = ("ops", "ops/phone")


def test_nothing_more_is_sent_of_a_muted_alert(lock_out, report, receiver, items, execute, select):
    lock_out()
    receiver.go_down("phone")
    with pytest.raises(ChannelDownError):
        report(*TWO)
    receiver.come_back("phone")
    execute(MUTE)

    report(*TWO, hours=1)
    execute("delete from tracking.circuit")
    assert report(*TWO, hours=2) == {"cleared": 1}

    assert items("phone") == []
    assert [reason for reason, _, _ in items()] == ["alert"]
    assert select("reason from tracking.notification where state <> 'sent'") == [("muted",)]


def test_a_muted_alert_ends_and_the_next_one_is_told(lock_out, report, execute, items):
    lock_out()
    report()
    execute(MUTE)
    execute("delete from tracking.circuit")
    report(hours=1)

    lock_out(number=2)
    assert report(hours=2) == {"opened": 1, "sent": 1}

    assert [reason for reason, _, _ in items()] == ["alert", "alert"]


def test_an_alert_that_is_muted_before_it_is_told_is_not_told(lock_out, report, items, execute):
    lock_out()
    report(dry_run=True)
    execute(MUTE)

    assert report(hours=1) == {}
    assert items() == []


def test_a_connection_of_channels_that_cannot_be_used_is_an_alert(report, items):
    broken = ConnectionFieldError("connection notify_customers: url is missing")

    assert report(broken={"customers": broken}) == {"opened": 1, "sent": 1}

    assert items() == [("alert", "channel_down", "notify_customers")]


def test_a_run_for_one_account_leaves_the_alerts_of_others_alone(lock_out, report, items, execute):
    lock_out("platform_1688_east")
    report()
    execute("delete from tracking.circuit")
    lock_out("platform_1688_south", 2)

    assert report(hours=1, only_account="platform_1688") == {}


def test_a_run_that_failed_before_it_began_counts_as_one(report, select):
    report()

    assert len(select("1 from tracking.run")) == 1
