"""Each notice reaches each channel once, whatever fails meanwhile, as fast as the channel takes."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import time, timedelta
from itertools import pairwise
from time import sleep
from uuid import UUID

import pytest
from sqlalchemy import text

from shipment_tracking.domain.days import SHANGHAI
from shipment_tracking.errors import (
    ChannelDownError,
    ChannelRefusedError,
    DeliveryError,
    RateLimitedError,
    ReceiverClosedError,
)
from shipment_tracking.warehouse.outbox import FIRST_PAUSE, TRIES, Message


def refuse(error: Exception, *events: UUID) -> Callable[[UUID], None]:
    """Refuse these events, or all."""

    def before(event_id: UUID) -> None:
        if not events or event_id in events:
            raise error

    return before


def test_a_channel_gets_nothing_once_its_quiet_hours_begin(ship, change, post, wrap, states, at):
    for number in range(5):
        change(ship(number), "signed", hours=-number)
    slow = wrap(lambda event_id: sleep(0.6), at_once=1)
    begins_at = at(seconds=1).astimezone(SHANGHAI).time()

    counts = post(replace(slow, quiet_hours=(begins_at, time(14))))

    assert 1 <= counts["sent"] <= 3
    assert [row[1] for row in states()].count("pending") == 5 - counts["sent"]


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


def test_one_failure_among_others_stops_nothing(ship, change, post, wrap):
    events = [change(ship(number), "signed", hours=-number) for number in range(8)]
    choosy = wrap(refuse(DeliveryError("HTTP 400"), *events[1::2]))

    with pytest.raises(ChannelDownError, match="4 notices are pending: HTTP 400"):
        post(choosy)


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
    ship, change, post, outbox, wrap, at, select
):
    choosy = wrap(refuse(DeliveryError("HTTP 400"), change(ship(), "signed")))

    def deliver_another(number: int, minutes: float) -> None:
        change(ship(number), "signed", hours=minutes / 60)
        post(choosy, by=replace(outbox, now=at(minutes=minutes)))

    for number, minutes in enumerate((0, 2), 2):
        with pytest.raises(ChannelDownError):
            deliver_another(number, minutes)
    deliver_another(4, 2.5)

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


def test_a_letter_to_nobody_is_suppressed_with_its_reason(ship, change, post, states):
    change(ship(), "signed")

    counts = post(
        "ops",
        compose=lambda _, claims: [Message(claims, claims[0].event_id, None, "opted out")],
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
    change(ship(), "signed")
    with warehouse.begin() as connection:
        connection.execute(text("select 1 from tracking.shipment for update"))

        assert post("ops") == {}

    assert post("ops") == {"sent": 1}


def test_an_unexpected_error_of_a_channel_is_raised_after_the_others_sent(
    ship, change, post, wrap, told, select
):
    change(ship(), "signed")

    with pytest.raises(RuntimeError, match="odd"):
        post(wrap(refuse(RuntimeError("odd"))), "ops/phone")

    assert len(told("phone")) == 1
    assert select("count(*) from tracking.notification where lease_owner is not null") == [(0,)]


# Permanent failure


def test_a_message_that_no_repeat_helps_is_dead_at_once_and_says_why(
    ship, change, post, wrap, select
):
    events = [change(ship(number), "signed") for number in range(3)]
    choosy = wrap(refuse(DeliveryError("the text is refused", permanent=True), events[1]))

    assert post(choosy) == {"sent": 2, "dead": 1}

    assert select(
        "event_id, attempts, last_error from tracking.notification where state = 'dead'"
    ) == [(events[1], 1, "the text is refused")]


def test_a_channel_that_refuses_every_message_for_good_is_left_alone(
    ship, change, post, wrap, states
):
    for number in range(5):
        change(ship(number), "signed")

    with pytest.raises(ChannelDownError, match="2 notices are pending: the text is refused"):
        post(wrap(refuse(DeliveryError("the text is refused", permanent=True))))

    assert Counter(row[1] for row in states()) == {"dead": 3, "pending": 2}


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_closed_receiver_costs_one_notice_and_needs_a_person(
    status, ship, change, post, receiver, states, told
):
    for number in range(12):
        change(ship(number), "signed")
    receiver.go_down("ops", status=status)

    with pytest.raises(ChannelRefusedError) as caught:
        post("ops", "ops/phone")

    assert str(caught.value).startswith(
        f"connection notify_ops, channel ops: 11 notices are pending, 1 are dead: HTTP {status}: "
    )
    assert len(told("phone")) == 12
    receiver.come_back("ops")
    assert post("ops", "ops/phone") == {"sent": 11}
    assert Counter(row[1] for row in states() if row[0] == "ops") == {"sent": 11, "dead": 1}


def test_a_receiver_that_closes_amid_many_messages_costs_one_notice(
    ship, change, post, wrap, states
):
    for number in range(9):
        change(ship(number), "signed")
    together = threading.Barrier(4)
    calls = iter(range(9))

    def before(event_id: UUID) -> None:
        if next(calls):
            together.wait(30)
            raise ReceiverClosedError("the key is revoked")

    with pytest.raises(ChannelRefusedError, match=r"7 notices are pending, 1 are dead: the key is"):
        post(wrap(before, at_once=4))

    assert Counter(row[1:] for row in states()) == {
        ("sent", "signed", 1): 1,
        ("dead", "signed", 1): 1,
        ("pending", "signed", 0): 7,
    }


def test_a_refused_channel_beside_one_that_is_down_is_tried_again(ship, change, post, receiver):
    change(ship(), "signed")
    receiver.go_down("ops", status=401)
    receiver.go_down("phone")

    with pytest.raises(ChannelDownError, match=r"HTTP 401.*HTTP 503"):
        post("ops", "ops/phone")


# How many at once, and how often


def test_a_channel_gets_as_many_at_once_as_it_takes_after_the_first(ship, change, post, wrap, told):
    for number in range(9):
        change(ship(number), "signed")
    together = threading.Barrier(4)
    calls = iter(range(9))

    def before(event_id: UUID) -> None:
        if next(calls):
            together.wait(30)

    assert post(wrap(before, at_once=4)) == {"sent": 9}
    assert len(told()) == 9


def test_a_channel_that_takes_one_at_a_time_gets_them_in_order(ship, change, post, wrap, told):
    events = [change(ship(number), "signed", hours=number - 9) for number in range(9)]
    alone = threading.Lock()

    def before(event_id: UUID) -> None:
        assert alone.acquire(blocking=False)
        alone.release()

    assert post(wrap(before, at_once=1)) == {"sent": 9}
    assert told() == events


def test_what_meets_a_rate_waits_without_having_failed(
    ship, change, post, wrap, states, select, caplog
):
    caplog.set_level("WARNING")
    for number in range(3):
        change(ship(number), "signed")
    asked: list[UUID] = []

    def before(event_id: UUID) -> None:
        asked.append(event_id)
        raise RateLimitedError("too fast", retry_after=600)

    limited = wrap(before, per_minute=20)

    assert post(limited) == {}
    assert "channel ops: too fast; the rest waits" in caplog.text
    assert states() == [("ops", "pending", "signed", 0)] * 3
    assert select("count(*) from tracking.notification where lease_owner is not null") == [(0,)]
    assert post(limited) == {}
    assert len(asked) == 1, "nobody asks before the wait is over"


def test_of_a_channel_with_a_rate_no_more_is_claimed_than_fits_into_a_lease(
    ship, change, post, wrap, select
):
    for number in range(5):
        change(ship(number), "signed")
    claimed: list[int] = []

    def before(event_id: UUID) -> None:
        held = select("count(*) from tracking.notification where lease_owner is not null")
        claimed.append(held[0][0])

    post(wrap(before, per_minute=1), budget=timedelta(seconds=20))

    assert claimed == [2]


def test_a_rate_that_is_used_up_ends_the_pass(ship, change, post, wrap, states):
    for number in range(3):
        change(ship(number), "signed")

    assert post(wrap(per_minute=1), budget=timedelta(seconds=20)) == {"sent": 1}

    assert Counter(row[1:] for row in states()) == {
        ("sent", "signed", 1): 1,
        ("pending", "signed", 0): 2,
    }
