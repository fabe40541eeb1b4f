"""The day's report reaches each channel that wants it once, whatever happens on the way."""

import json
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from shipment_tracking.channels.registry import destinations
from shipment_tracking.errors import ChannelDownError, ConnectionFieldError, MessageError
from shipment_tracking.steps import report_health
from tests.factories import status_change

from .conftest import DAY

ROOT = Path(__file__).parents[4]
PROGRAM = Path(__file__).with_name("report_and_die.py")


@pytest.fixture
def happened(ship, warehouse, at):
    """Yesterday a parcel was shipped, and got into trouble with a hostile text."""
    parcel = ship(1, last_event="<b>丢</b> [x](http://evil) *@all*", carrier_code="YTO")
    status_change(warehouse, parcel, "exception", at(hours=-20))
    return parcel


def test_only_channels_that_want_the_report_get_it(happened, send, receiver, destination):
    others = [destination("ops", "phone"), destination("customers"), destination("platform_1688")]

    assert send("ops", *others) == {"sent": 1}

    (delivery,) = receiver.deliveries()
    assert delivery.channel == "ops"
    body = delivery.body
    assert (body["reason"], body["day"]) == ("report", "2026-03-01")
    assert body["totals"] == {
        "shipped": 1,
        "picked_up": 0,
        "signed": 0,
        "failed": 0,
        "returned": 0,
        "exceptions": 1,
    }
    assert body["event_id"] == delivery.event_id
    assert "html" not in body
    assert body["text"].endswith("文件：/srv/reports/2026-03-01")


def test_a_second_run_sends_nothing(happened, send, receiver):
    assert send("ops") == {"sent": 1}

    assert send("ops", hours=1) == {}
    assert send("ops", "phone", hours=2) == {"sent": 1}
    assert [each.channel for each in receiver.deliveries()] == ["ops", "phone"]


def test_each_day_has_its_own_report(happened, send, receiver):
    send("ops")
    send("ops", hours=24, day=DAY + timedelta(days=1))

    assert [each.body["day"] for each in receiver.deliveries()] == ["2026-03-01", "2026-03-02"]
    assert len({each.event_id for each in receiver.deliveries()}) == 2


@pytest.mark.parametrize("mode", ["dry_run", "shadow"])
def test_a_rehearsal_sends_nothing_and_says_who_would_get_it(
    mode, happened, send, receiver, select, caplog
):
    with caplog.at_level("INFO"):
        assert send("ops", "phone", **{mode: True}) == {"would_send": 2}

    assert receiver.deliveries() == []
    assert "report of 2026-03-01 to ops/phone" in caplog.text
    assert select("count(*) from tracking.notification") == [(0,)]
    assert send("ops") == {"sent": 1}
    assert send("ops", dry_run=True) == {}


def test_a_channel_that_is_down_gets_it_from_the_retry(happened, send, receiver):
    receiver.go_down("phone")
    with pytest.raises(ChannelDownError, match="channel phone: 1 notices are pending"):
        send("ops", "phone")
    receiver.come_back("phone")

    assert send("ops", "phone", hours=0.1) == {"sent": 1}
    assert [each.channel for each in receiver.deliveries()] == ["ops", "phone"]


def test_what_could_not_be_sent_comes_with_the_next_days_report(happened, send, receiver):
    receiver.go_down("ops")
    with pytest.raises(ChannelDownError):
        send("ops")
    receiver.come_back("ops")

    assert send("ops", hours=24, day=DAY + timedelta(days=1)) == {"sent": 2}
    assert [each.body["day"] for each in receiver.deliveries()] == ["2026-03-01", "2026-03-02"]


def test_a_report_of_long_ago_is_not_sent(happened, send, receiver, select, caplog):
    assert send("ops", day=date(2026, 2, 20)) == {}

    assert "the report of 2026-02-20 is too old to be sent" in caplog.text
    assert receiver.deliveries() == []
    assert select("count(*) from tracking.notification") == [(0,)]


def test_a_report_that_waits_for_a_week_is_given_up(happened, send, receiver, select):
    receiver.go_down("ops")
    with pytest.raises(ChannelDownError):
        send("ops")
    receiver.come_back("ops")

    assert send("ops", hours=7 * 24, day=DAY + timedelta(days=7)) == {"sent": 1}
    assert [each.body["day"] for each in receiver.deliveries()] == ["2026-03-08"]
    assert select("count(*) from tracking.notification where state = 'suppressed'") == [(1,)]


def test_alerts_leave_a_waiting_report_alone(
    happened, send, receiver, select, execute, warehouse, new_run, to, now
):
    receiver.go_down("phone")
    with pytest.raises(ChannelDownError):
        send("phone")
    execute("insert into tracking.circuit values ('platform_1688', now(), 1, 'of 1')")

    receiver.come_back("phone")
    for hours in (0, 1):
        report_health.run(
            warehouse,
            new_run(now),
            channels=to("ops", "ops/phone"),
            owner="run",
            now=now + timedelta(hours=hours),
            most_failed_calls=1,
            fewest_calls=1,
        )
    assert select("reason, state from tracking.notification order by 1") == [
        ("alert", "sent"),
        ("alert", "sent"),
        ("report", "pending"),
    ]
    assert send("phone", hours=2) == {"sent": 1}


def test_a_broken_connection_is_told_and_loses_nothing(happened, send, receiver):
    with pytest.raises(ConnectionFieldError, match="wrong"):
        send(broken={"ops": ConnectionFieldError("wrong")})

    assert send("ops") == {"sent": 1}


def test_a_text_with_a_mistake_holds_the_report_back(happened, send, receiver, owner):
    owner("messages/zh/report.txt", "{{ nothing }}")
    with pytest.raises(MessageError, match=r"report\.txt, line 1: nothing is unknown"):
        send("ops")
    owner("messages/zh/report.txt", "{{ totals.shipped }} 件")

    assert send("ops", hours=1) == {"sent": 1}
    assert receiver.deliveries()[0].body["text"] == "1 件"


def test_quiet_hours_hold_the_report_until_a_later_run(happened, send, receiver, destination):
    quiet = destinations(
        "ops",
        [
            {
                "type": "webhook",
                "url": receiver.url("ops"),
                "secret": receiver.secret("ops"),
                "quiet_hours": "11:00-13:00",
                "report": True,
            }
        ],
    )

    assert send(*quiet) == {}
    assert send(*quiet, hours=2) == {"sent": 1}


@pytest.mark.server
@pytest.mark.parametrize(("death", "deliveries"), [("before", 1), ("after", 2)])
def test_a_kill_loses_nothing_and_a_repeat_has_the_same_id(
    death, deliveries, happened, warehouse, receiver, now
):
    channel = {
        "type": "webhook",
        "url": receiver.url("ops"),
        "secret": receiver.secret("ops"),
        "report": True,
    }

    def run(die: str) -> int:
        order = {
            "warehouse": warehouse.url.render_as_string(hide_password=False),
            "channel": channel,
            "die": die,
            "day": DAY.isoformat(),
            "now": now.isoformat(),
        }
        return subprocess.run(
            [sys.executable, str(PROGRAM)],
            input=json.dumps(order),
            text=True,
            cwd=ROOT,
            env={"PYTHONPATH": "plugins:."},
            check=False,
        ).returncode

    assert [run(death), run(""), run("")] == [-9, 0, 0]
    taken = receiver.deliveries()
    assert len(taken) == deliveries
    assert len({(each.event_id, each.body["text"]) for each in taken}) == 1
