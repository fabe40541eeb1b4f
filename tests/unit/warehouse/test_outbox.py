"""Each notice reaches each channel once, in its parcel's order, whatever fails meanwhile."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from threading import Event
from typing import Any
from uuid import UUID

import pytest

from shipment_tracking.channels.destination import Channel, Channels, Destination
from shipment_tracking.errors import (
    ChannelDownError,
    ConnectionFieldError,
    DeliveryError,
    MessageError,
)
from shipment_tracking.warehouse import runs
from shipment_tracking.warehouse.outbox import FIRST_PAUSE, TRIES, Claim, Message, Outbox

ACCOUNTS = ["platform_1688", "platform_1688_east"]


def plain(destination: Destination, claims: Sequence[Claim]) -> list[Message]:
    """Messages that say as little as possible."""
    return [
        Message([claim], claim.event_id, {"event_id": str(claim.event_id), "reason": claim.reason})
        for claim in claims
    ]


@dataclass
class Halting:
    """A channel that stands still once it has sent, as a process does that is about to die."""

    inner: Channel
    sent: Event = field(default_factory=Event)
    go_on: Event = field(default_factory=Event)

    def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
        self.inner.send(event_id, body)
        self.sent.set()
        assert self.go_on.wait(30)


@pytest.fixture
def outbox(warehouse, new_run, now) -> Outbox:
    this_run = new_run(now)
    with warehouse.begin() as connection:
        runs.begin(connection, this_run)
    return Outbox(warehouse, this_run, "first", now)


@pytest.fixture
def post(outbox, to) -> Callable[..., Counter[str]]:
    """Address and deliver to these destinations."""

    def send(*wanted: str | Destination, by: Outbox = outbox, **broken: Exception) -> Counter[str]:
        found = to(*wanted, **broken)(())
        with by.engine.begin() as connection:
            addressed = by.address(connection, found, ACCOUNTS)
        return addressed + by.deliver(found, ACCOUNTS, plain)

    return send


@pytest.fixture
def told(receiver) -> Callable[[str], list[UUID]]:
    """The event ids that an endpoint took, in order."""
    return lambda name="ops": [UUID(each.event_id) for each in receiver.deliveries(name)]


@pytest.fixture
def states(select) -> Callable[..., list[tuple[Any, ...]]]:
    """Channel, state, reason and attempts of each notice, oldest first."""
    return lambda: list(
        map(
            tuple,
            select(
                "channel, state, reason, attempts from tracking.notification order by 1, created_at"
            ),
        )
    )


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


def test_another_accounts_notices_are_left_alone(ship, change, outbox, to, warehouse, states):
    change(ship(2, account="platform_1688_east"), "signed")
    change(ship(1), "signed")
    only = replace(outbox, this_run=replace(outbox.this_run, only_account="platform_1688"))

    with warehouse.begin() as connection:
        assert only.accounts(connection) == ["platform_1688"]
        only.address(connection, to("ops")(()), ["platform_1688"])
    only.deliver(to("ops")(()), ["platform_1688"], plain)

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
    ship, change, post, told, destination, outbox, states, to
):
    parcel = ship()
    older = change(parcel, "out_for_delivery", hours=-1)
    usual = destination("ops")
    halting = Halting(usual.channel)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(post, replace(usual, channel=halting))
        assert halting.sent.wait(30)
        newer = change(parcel, "signed")

        assert post("ops", by=replace(outbox, owner="second")) == {"suppressed": 1}
        assert told() == [older]

        halting.go_on.set()
        first.result()

    assert told() == [older, newer]
    # What was superseded on its way was sent all the same.
    assert [row[1:3] for row in states()] == [("sent", "out_for_delivery"), ("sent", "signed")]


# Leases


def test_a_process_that_died_before_it_acknowledged_is_made_up_for_with_the_same_event(
    ship, change, post, told, destination, outbox, execute, select
):
    event = change(ship(), "signed")
    usual, second = destination("ops"), replace(outbox, owner="second")
    halting = Halting(usual.channel)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(post, replace(usual, channel=halting))
        assert halting.sent.wait(30)
        assert post("ops", by=second) == {}

        execute("update tracking.notification set lease_until = now() - interval '1 second'")
        assert post("ops", by=second) == {"sent": 1}

        halting.go_on.set()
        first.result()

    assert told() == [event, event]
    # Whoever woke up from the dead counts nothing.
    assert select("notices_sent from analytics.runs") == [(1,)]
    assert select("attempts from tracking.notification") == [(1,)]


def test_a_retry_takes_its_own_leases_back_at_once(ship, change, post, told, outbox, to, warehouse):
    event = change(ship(), "signed")
    with warehouse.begin() as connection:
        outbox.address(connection, to("ops")(()), ACCOUNTS)
    with warehouse.connect() as connection:
        assert outbox._claim(connection, to("ops")(()).destinations[0], ACCOUNTS, 10)

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


def test_a_letter_that_cannot_be_written_frees_what_was_claimed(
    ship, change, outbox, to, warehouse, select
):
    change(ship(), "signed")
    found = to("ops")(())

    def refuse(destination: Destination, claims: Sequence[Claim]) -> list[Message]:
        raise MessageError("signed.txt, line 1")

    with warehouse.begin() as connection:
        outbox.address(connection, found, ACCOUNTS)
    with pytest.raises(MessageError, match=r"signed\.txt"):
        outbox.deliver(found, ACCOUNTS, refuse)

    assert select("state, attempts, lease_until from tracking.notification") == [
        ("pending", 0, None)
    ]


def test_a_run_whose_time_is_over_claims_nothing_new(ship, change, outbox, to, warehouse, told):
    change(ship(), "signed")
    with warehouse.begin() as connection:
        outbox.address(connection, to("ops")(()), ACCOUNTS)

    assert outbox.deliver(to("ops")(()), ACCOUNTS, plain, budget=timedelta(0)) == {}
    assert told() == []


# Failure


def test_a_failing_channel_is_named_with_what_waits_and_why(ship, change, post, receiver):
    for number in range(2):
        change(ship(number), "signed")
    receiver.go_down("ops", status=502)

    with pytest.raises(ChannelDownError) as caught:
        post("ops")

    assert (
        str(caught.value) == "connection notify_ops, channel ops: 2 notices are pending: HTTP 502"
    )


def test_after_three_failures_in_a_row_a_channel_is_left_alone(
    ship, change, post, receiver, states, select, told
):
    for number in range(12):
        change(ship(number), "signed")
    receiver.go_down("ops", "reset")

    with pytest.raises(ChannelDownError, match="12 notices are pending"):
        post("ops", "ops/phone")

    assert len(receiver.refusals("ops")) == 3
    assert len(told("phone")) == 12
    assert Counter(row[3] for row in states() if row[0] == "ops") == {1: 3, 0: 9}
    assert select("count(*) from tracking.notification where lease_owner is not null") == [(0,)]


def test_one_failure_among_others_stops_nothing(ship, change, outbox, to, destination, warehouse):
    events = [change(ship(number), "signed", hours=-number) for number in range(8)]
    usual = destination("ops")

    class Choosy:
        """Refuses every other one."""

        def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
            if events.index(event_id) % 2:
                raise DeliveryError("HTTP 400")
            usual.channel.send(event_id, body)

    found = to(replace(usual, channel=Choosy()))(())
    with warehouse.begin() as connection:
        outbox.address(connection, found, ACCOUNTS)
    with pytest.raises(ChannelDownError, match="4 notices are pending: HTTP 400"):
        outbox.deliver(found, ACCOUNTS, plain)


def test_a_receiver_that_asks_for_time_is_given_it(
    ship, change, post, receiver, outbox, at, select, now
):
    for number in range(3):
        change(ship(number), "signed")
    receiver.go_down("ops", status=429, headers={"Retry-After": "7200"})
    with pytest.raises(ChannelDownError):
        post("ops")

    assert len(receiver.refusals()) == 1
    assert select("max(due_at) from tracking.notification") == [(at(hours=2),)]


def test_each_failure_doubles_the_wait_and_the_last_try_comes_after_68_hours(
    ship, change, post, receiver, outbox, select, now
):
    change(ship(), "signed")
    receiver.go_down("ops")
    times = [now]
    while True:
        with pytest.raises(ChannelDownError):
            post("ops", by=replace(outbox, now=times[-1]))
        (row,) = select("state, due_at, attempts, last_error from tracking.notification")
        if row.state == "dead":
            break
        times.append(row.due_at)

    waits = [later - earlier for earlier, later in pairwise(times)]
    assert waits == [FIRST_PAUSE * 2**number for number in range(TRIES - 1)]
    assert timedelta(hours=68) < times[-1] - now < timedelta(hours=69)
    assert (row.attempts, row.last_error) == (TRIES, "HTTP 503")
    receiver.come_back("ops")
    assert post("ops", by=replace(outbox, now=times[-1] + timedelta(days=9))) == {}


def test_what_a_channel_refused_while_it_was_away_is_sent_once_it_takes_one(
    ship, change, post, receiver, outbox, at, told
):
    refused = [change(ship(number), "signed") for number in range(2)]
    receiver.go_down("ops")
    for hours in (0, 1, 2):
        with pytest.raises(ChannelDownError):
            post("ops", by=replace(outbox, now=at(hours=hours)))
    # Each waits two minutes more now, so that only what is new is due.
    newest = change(ship(3), "signed", hours=2)
    receiver.come_back("ops")

    assert post("ops", by=replace(outbox, now=at(hours=2, minutes=1))) == {"sent": 3}
    assert told()[0] == newest
    assert set(told()[1:]) == set(refused)


def test_what_a_channel_refuses_beside_others_keeps_its_pauses(
    ship, change, outbox, to, destination, warehouse, at, select
):
    usual = destination("ops")
    bad = change(ship(), "signed")

    class Choosy:
        """Refuses this one alone."""

        def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
            if event_id == bad:
                raise DeliveryError("HTTP 400")
            usual.channel.send(event_id, body)

    found = to(replace(usual, channel=Choosy()))(())

    def deliver(number: int, minutes: float) -> None:
        change(ship(number), "signed", hours=minutes / 60)
        by = replace(outbox, now=at(minutes=minutes))
        with warehouse.begin() as connection:
            by.address(connection, found, ACCOUNTS)
        by.deliver(found, ACCOUNTS, plain)

    for number, minutes in enumerate((0, 2), 2):
        with pytest.raises(ChannelDownError):
            deliver(number, minutes)
    deliver(4, 2.5)

    assert select("attempts, due_at from tracking.notification where state = 'pending'") == [
        (2, at(minutes=3))
    ]


def test_what_failed_and_was_sent_in_the_end_shows_no_error(
    ship, change, post, receiver, outbox, at, select
):
    change(ship(), "signed")
    receiver.go_down("ops")
    with pytest.raises(ChannelDownError):
        post("ops")
    receiver.come_back("ops")
    post("ops", by=replace(outbox, now=at(hours=1)))

    assert select("state, attempts, last_error, sent_at from analytics.notifications") == [
        ("sent", 2, None, at(hours=1))
    ]


def test_a_letter_to_nobody_is_suppressed_with_its_reason(
    ship, change, outbox, to, warehouse, states
):
    change(ship(), "signed")
    found = to("ops")(())
    with warehouse.begin() as connection:
        outbox.address(connection, found, ACCOUNTS)

    counts = outbox.deliver(
        found,
        ACCOUNTS,
        lambda destination, claims: [Message(claims, claims[0].event_id, None, "opted out")],
    )

    assert counts == {"suppressed": 1}
    assert states() == [("ops", "suppressed", "opted out", 0)]


def test_an_order_that_was_closed_meanwhile_is_told_of_no_more(ship, change, post, execute, told):
    change(ship(), "signed")
    execute("update tracking.notification set state = 'suppressed', reason = 'closed'")

    assert post("ops") == {}
    assert told() == []


def test_a_parcel_that_is_being_loaded_is_addressed_next_time(
    ship, change, post, warehouse, told, states
):
    from sqlalchemy import text

    change(ship(), "signed")
    with warehouse.begin() as connection:
        connection.execute(text("select 1 from tracking.shipment for update"))

        assert post("ops") == {}

    assert post("ops") == {"sent": 1}


def test_unexpected_trouble_with_one_channel_is_raised_after_the_others_were_served(
    ship, change, outbox, to, destination, warehouse, told
):
    change(ship(), "signed")

    class Odd:
        def send(self, event_id: UUID, body: Mapping[str, Any]) -> None:
            raise RuntimeError("odd")

    found = Channels([replace(destination("ops"), channel=Odd()), destination("ops", "phone")], {})
    with warehouse.begin() as connection:
        outbox.address(connection, found, ACCOUNTS)
    with pytest.raises(RuntimeError, match="odd"):
        outbox.deliver(found, ACCOUNTS, plain)

    assert len(told("phone")) == 1
