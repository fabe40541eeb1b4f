"""Notices are addressed to who wants them, keep their parcel's order, and are leased."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from uuid import uuid4

import pytest

from shipment_tracking.channels.port import Destination
from shipment_tracking.errors import ChannelDownError, ConnectionFieldError, MessageError
from shipment_tracking.warehouse.outbox import Claim, Message
from tests.factories import NOW, insert, notification

ACCOUNTS = ["platform_1688", "platform_1688_east"]


# Addressing


def test_a_notice_goes_to_every_channel_that_wants_it(
    ship, change, post, told, states, destination
):
    event = change(ship(), "signed")

    counts = post("ops", destination("ops", "phone", statuses=("signed",)), "customers")

    assert counts == {"sent": 3}
    assert [told(name) for name in ("ops", "phone", "customers")] == [[event]] * 3
    assert {(state, attempts) for _, state, _, attempts in states()} == {("sent", 1)}


def test_a_channel_gets_only_the_statuses_it_wants(ship, change, post, told, destination):
    event = change(ship(1), "signed")
    change(ship(2), "in_transit")

    post("ops", destination("ops", "phone", statuses=("signed", "returned")))

    assert told("phone") == [event]
    assert len(told("ops")) == 2


def test_an_accounts_channel_gets_that_accounts_notices_only(ship, change, post, told):
    ours = change(ship(1), "signed")
    theirs = change(ship(2, account="platform_1688_east"), "signed")

    post("platform_1688", "platform_1688_east")

    assert told("platform_1688") == [ours]
    assert told("platform_1688_east") == [theirs]


def test_a_notice_that_nobody_wants_is_suppressed_with_the_reason(ship, change, post, states):
    change(ship(), "signed")

    assert post() == {"suppressed": 1}
    assert states() == [("", "suppressed", "no channel", 0)]


def test_a_held_notice_is_neither_addressed_nor_sent(ship, change, post, states):
    change(ship(), "signed", held=True)

    assert post("ops") == {}
    assert states() == [("", "pending", "signed", 0)]


def test_what_is_due_later_waits(ship, change, post, outbox, at, told):
    event = change(ship(), "signed", hours=1)

    assert post("ops") == {}
    assert post("ops", by=replace(outbox, now=at(hours=1))) == {"sent": 1}
    assert told() == [event]


def test_a_repeated_pass_sends_nothing_again(ship, change, post, told, select):
    change(ship(), "signed")

    post("ops")

    assert post("ops") == {}
    assert len(told()) == 1
    assert select("notices_sent from analytics.runs") == [(1,)]


def test_another_accounts_notices_are_left_alone(ship, change, post, outbox, warehouse, states):
    change(ship(2, account="platform_1688_east"), "signed")
    change(ship(1), "signed")
    only = replace(outbox, this_run=replace(outbox.this_run, only_account="platform_1688"))

    with warehouse.begin() as connection:
        assert only.accounts(connection) == ["platform_1688"]
    post("ops", by=only, accounts=["platform_1688"])

    assert [row[:2] for row in states()] == [("", "pending"), ("ops", "sent")]


def test_what_waits_for_a_channel_that_is_gone_is_suppressed(
    ship, change, post, receiver, states, outbox, at
):
    change(ship(), "signed")
    receiver.go_down("phone")
    with pytest.raises(ChannelDownError):
        post("ops/phone")

    assert post("ops", by=replace(outbox, now=at(hours=1))) == {"suppressed": 1}
    assert states() == [("phone", "suppressed", "no channel", 1)]


def test_what_a_broken_connection_should_get_waits_for_its_mending(
    ship, change, post, told, states, receiver
):
    broken = ConnectionFieldError("connection notify_customers: secret is missing")
    event = change(ship(), "signed")

    with pytest.raises(ConnectionFieldError, match="secret is missing"):
        post("ops", customers=broken)
    assert told("ops") == [event]
    with pytest.raises(ConnectionFieldError):
        post("ops", customers=broken)
    post("ops", "customers")

    assert told("ops") == [event]
    assert told("customers") == [event]
    assert [row[1] for row in states()] == ["sent", "sent"]


def test_a_notice_waits_when_only_a_broken_connection_could_want_it(ship, change, post, states):
    change(ship(), "signed")

    with pytest.raises(ConnectionFieldError):
        post(ops=ConnectionFieldError("broken"))

    assert states() == [("", "pending", "signed", 0)]


def test_what_waits_for_a_channel_waits_on_when_its_connection_breaks(
    ship, change, post, states, receiver, outbox, at
):
    change(ship(), "signed")
    receiver.go_down("ops")
    with pytest.raises(ChannelDownError):
        post("ops")

    with pytest.raises(ConnectionFieldError):
        post(by=replace(outbox, now=at(hours=1)), ops=ConnectionFieldError("broken"))

    assert ("ops", "pending", "signed", 1) in states()


def test_a_broken_connection_of_another_account_holds_nothing_back(ship, change, post, states):
    change(ship(), "signed")

    with pytest.raises(ConnectionFieldError):
        post("ops", platform_1688_east=ConnectionFieldError("broken"))

    assert states() == [("ops", "sent", "signed", 1)]


# Order


def test_the_newest_notice_of_a_parcel_wins(ship, change, post, told, states):
    parcel = ship()
    change(parcel, "picked_up", hours=-2)
    newest = change(parcel, "in_transit", hours=-1)
    other = change(ship(2), "picked_up", hours=-3)

    assert post("ops") == {"sent": 2, "suppressed": 1}
    assert set(told()) == {newest, other}
    assert ("ops", "suppressed", "superseded", 0) in states()


def test_a_newer_notice_overtakes_one_that_waits_for_its_channel(
    ship, change, post, told, receiver, outbox, at
):
    parcel = ship()
    change(parcel, "out_for_delivery")
    receiver.go_down("ops")
    with pytest.raises(ChannelDownError):
        post("ops")
    newest = change(parcel, "signed")
    receiver.come_back("ops")

    assert post("ops", by=replace(outbox, now=at(hours=1))) == {"sent": 1, "suppressed": 1}
    assert told() == [newest]


def test_a_newer_one_waits_while_an_older_one_is_under_way(
    ship, change, post, told, under_way, outbox, states
):
    parcel = ship()
    older = change(parcel, "out_for_delivery", hours=-1)
    with under_way():
        newer = change(parcel, "signed")

        assert post("ops", by=replace(outbox, owner="second")) == {"suppressed": 1}
        assert told() == [older]

    assert told() == [older, newer]
    # What was superseded on its way was sent all the same.
    assert [row[1:3] for row in states()] == [("sent", "out_for_delivery"), ("sent", "signed")]


# Leases


def test_a_message_sent_before_a_crash_is_repeated_with_its_id(
    ship, change, post, told, under_way, outbox, execute, select
):
    event = change(ship(), "signed")
    second = replace(outbox, owner="second")
    with under_way():
        assert post("ops", by=second) == {}

        execute("update tracking.notification set lease_until = now() - interval '1 second'")
        assert post("ops", by=second) == {"sent": 1}

    assert told() == [event, event]
    # Whoever woke up from the dead counts nothing.
    assert select("notices_sent from analytics.runs") == [(1,)]
    assert select("attempts from tracking.notification") == [(1,)]


def test_a_retry_takes_its_own_leases_back_at_once(ship, change, post, told, outbox, to, warehouse):
    event = change(ship(), "signed")
    with warehouse.begin() as connection:
        outbox.address(connection, to("ops")(()), ACCOUNTS)
    with warehouse.connect() as connection:
        assert outbox.claim(connection, to("ops")(()).destinations[0], ACCOUNTS, [], 10)

    assert post("ops", by=replace(outbox, owner="second")) == {}
    assert post("ops") == {"sent": 1}
    assert told() == [event]


def test_two_runs_at_once_send_each_notice_once(ship, change, post, told, outbox):
    events = {change(ship(number), "signed") for number in range(25)}
    runs_at_once = [replace(outbox, owner=f"owner {number}") for number in range(3)]

    with ThreadPoolExecutor(3) as pool:
        sent = list(pool.map(lambda by: post("ops", "ops/phone", by=by)["sent"], runs_at_once))

    assert sum(sent) == 50
    for name in ("ops", "phone"):
        assert sorted(told(name)) == sorted(events)


def test_a_letter_that_cannot_be_written_frees_what_was_claimed(ship, change, post, select):
    change(ship(), "signed")

    def refuse(destination: Destination, claims: Sequence[Claim]) -> list[Message]:
        raise MessageError("signed.txt, line 1")

    with pytest.raises(MessageError, match=r"signed\.txt"):
        post("ops", compose=refuse)

    assert select("state, attempts, lease_until from tracking.notification") == [
        ("pending", 0, None)
    ]


def test_a_run_whose_time_is_over_claims_nothing_new(ship, change, post, told):
    change(ship(), "signed")

    assert post("ops", budget=timedelta(0)) == {}
    assert told() == []


def test_channels_that_tell_of_the_same_stalls_at_once_do_not_deadlock(
    ship, outbox, destination, warehouse, select
):
    channels = [destination("ops", name) for name in ("ops", "phone")]
    stalled = [(ship(number), uuid4()) for number in range(1, 61)]
    for shipment_id, event_id in stalled:
        row = {"shipment_id": shipment_id, "event_id": event_id, "stage": "in_transit"}
        insert(warehouse, "stall", since=NOW, opened_at=NOW, threshold_hours=72, **row)
    for channel, told in zip(channels, (stalled, stalled[::-1]), strict=True):
        reached = {"audience": "ops", "channel": channel.channel_name}
        for shipment_id, event_id in told:
            notification(warehouse, shipment_id, event_id, "stalled:in_transit", NOW, **reached)
    together = Barrier(2)

    def tell(channel: Destination) -> None:
        with outbox.engine.connect() as connection:
            held = outbox.claim(connection, channel, ACCOUNTS, [], 60)
            together.wait(30)
            outbox.acknowledge(connection, Message(list(held.values()), uuid4(), {}))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(tell, channels))

    assert select("count(*) from tracking.stall where alerted_at is not null") == [(60,)]
    assert select("count(*) from tracking.notification where state = 'sent'") == [(120,)]
