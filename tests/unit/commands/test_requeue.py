"""``shipment-tracking requeue`` lets dead notices be sent, unless something newer was."""

from datetime import timedelta
from uuid import uuid4

import pytest

from shipment_tracking import cli
from tests import factories
from tests.factories import NOW


@pytest.fixture
def notice(warehouse):
    """A notice of a parcel, dead unless told otherwise."""

    def add(shipment_id, *, hours=0, event_id=None, **changes):
        row = {"audience": "ops", "channel": "ops", "state": "dead", "attempts": 14}
        at = NOW + timedelta(hours=hours)
        event_id = event_id or uuid4()
        factories.notification(warehouse, shipment_id, event_id, "signed", at, **row | changes)

    return add


@pytest.fixture
def states(select):
    return lambda: [
        tuple(row)
        for row in select("state, attempts from tracking.notification order by notification_id")
    ]


def test_a_dead_notice_is_due_again(ship, notice, warehouse, states, capsys):
    notice(ship())

    assert cli.requeue(warehouse) == 1

    assert states() == [("pending", 0)]
    assert capsys.readouterr().out == "1 dead notices will be sent by the next run\n"


def test_a_dry_run_only_counts(ship, notice, warehouse, states, capsys):
    notice(ship())

    assert cli.requeue(warehouse, dry_run=True) == 1

    assert states() == [("dead", 14)]
    assert "nothing was changed" in capsys.readouterr().out


@pytest.mark.parametrize("newer", ["sent", "pending", "dead"])
def test_only_the_newest_of_a_parcel_is_sent(newer, ship, notice, warehouse, states):
    parcel = ship()
    notice(parcel)
    notice(parcel, state=newer)

    cli.requeue(warehouse)

    assert states()[0] == ("dead", 14)


def test_an_alarm_that_is_over_stays_dead(ship, notice, warehouse, insert):
    parcel, event = ship(), uuid4()
    notice(parcel, digest=True, event_id=event)
    stall = {"stage": "pickup", "since": NOW, "threshold_hours": 1, "opened_at": NOW}
    insert("stall", shipment_id=parcel, event_id=event, cleared_at=NOW, **stall)

    assert cli.requeue(warehouse) == 0


def test_a_newer_notice_to_another_channel_replaces_nothing(ship, notice, warehouse):
    parcel = ship()
    notice(parcel)
    notice(parcel, state="sent", channel="phone")

    assert cli.requeue(warehouse) == 1


@pytest.mark.parametrize(("channel", "found"), [("phone", 2), ("ops/phone", 1), ("mail", 0)])
def test_a_channel_is_chosen_by_its_name(channel, found, ship, notice, warehouse):
    notice(ship(1), channel="phone")
    notice(ship(2), channel="phone", audience="customers")
    notice(ship(3))

    assert cli.requeue(warehouse, channel) == found


def test_a_time_without_offset_is_that_of_shanghai(ship, notice, warehouse, monkeypatch, states):
    notice(ship(1), hours=-1)
    notice(ship(2), hours=1)
    url = warehouse.url.set(drivername="postgresql")
    monkeypatch.setenv("WAREHOUSE_URL", url.render_as_string(hide_password=False))

    assert cli.main(["requeue", "--since", "2026-03-02T12:00"]) == 0

    assert [state for state, _ in states()] == ["dead", "pending"]
