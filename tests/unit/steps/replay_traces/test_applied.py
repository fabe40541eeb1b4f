"""After a replay everything stands as if the same replies were polled now."""

import random
from datetime import timedelta
from functools import partial

import pytest

from shipment_tracking.platforms.dialects import READERS

from ..load_traces.words import (
    COLLECTED,
    FAILED,
    LEFT,
    MOVING,
    NONSENSE,
    NOON,
    OUT,
    REFUSED,
    SIGNED,
    STORED,
    broken,
    parcel,
)

TEXTS = (COLLECTED, FAILED, LEFT, MOVING, NONSENSE, OUT, REFUSED, SIGNED, STORED)
SHELF = "包裹已放至测试货架"


def test_a_line_of_the_owner_reads_stored_scans_anew(
    track, reply, load, rule, replay, statuses, select
):
    reply(track(), parcel("LP1", (-3, MOVING), (-1, NONSENSE)))
    load()
    rule(NONSENSE, "ready_for_pickup")

    assert replay() == {
        "events_changed": 1,
        "parcels_changed": 1,
        "announcements_withheld": 1,
        "orders": 1,
        "replies": 1,
        "events": 2,
    }

    assert statuses() == {"LP1": "ready_for_pickup"}
    assert select("status from analytics.orders") == [("ready_for_pickup",)]
    assert select(
        "decided_by from analytics.trace_events where description = :it", it=NONSENSE
    ) == [("owner",)]


def test_nothing_is_announced(track, reply, load, rule, replay, notices, execute):
    reply(track(), parcel("LP1", (-3, MOVING), (-1, NONSENSE)))
    load()
    execute("update tracking.notification set state = 'sent'")
    rule(NONSENSE, "ready_for_pickup")

    replay()

    assert notices() == [
        ("in_transit", "sent", "in_transit", True),
        ("ready_for_pickup", "suppressed", "replay", False),
    ]


def test_what_happens_after_a_replay_is_announced(track, reply, load, rule, replay, notices):
    order = track()
    reply(order, parcel("LP1", (-3, MOVING), (-1, NONSENSE)))
    load()
    rule(NONSENSE, "ready_for_pickup")
    replay()
    reply(order, parcel("LP1", (-3, MOVING), (-1, NONSENSE), (2, FAILED)), hours=2)

    load(2)

    assert notices()[-1] == ("delivery_failed", "pending", "delivery_failed", True)


def test_a_second_replay_finds_nothing(track, lists, reply, load, rule, replay, everything):
    order = track()
    lists(order, LP1="TRANSPORT", hours=-3)
    reply(order, parcel("LP1", (-3, MOVING), (-1, SIGNED)))
    load()
    rule(SIGNED, "out_for_delivery")
    replay()
    before = everything()

    assert replay(2) == {"orders": 1, "replies": 1, "events": 2}

    assert everything() == before


def test_polling_the_same_reply_afterwards_changes_nothing(
    track, reply, load, rule, replay, state, select
):
    order = track()
    body = parcel("LP1", (-3, MOVING), (-1, NONSENSE))
    reply(order, body)
    load()
    rule(NONSENSE, "ready_for_pickup")
    replay()
    reply(order, body)

    counts = load(1)

    assert (counts["events_new"], counts["changes"]) == (0, 0)
    assert select("count(*) from tracking.status_change") == [(2,)]


def test_a_scan_that_only_an_older_reply_holds_is_read_anew(
    track, reply, load, rule, replay, select
):
    order = track()
    reply(order, parcel("LP1", (-3, MOVING), (-2, SHELF)))
    reply(order, parcel("LP1", (-3, MOVING), (-1, OUT)), hours=0.5)
    load(0.5)
    rule(SHELF, "ready_for_pickup")

    replay()

    assert select(
        "status, withdrawn_at is not null from analytics.trace_events where description = :it",
        it=SHELF,
    ) == [("ready_for_pickup", True)]


def test_a_number_that_was_corrected_since_stays(track, reply, lists, load, rule, replay, select):
    order = track()
    reply(order, parcel("LP1", (-3, MOVING), waybill_no="YT7"))
    load()
    lists(order, LP1="TRANSPORT", hours=1)
    load(1)
    rule(MOVING, "out_for_delivery")

    replay(2)

    assert select("waybill_no, status from analytics.shipments") == [("YT1", "out_for_delivery")]


def test_a_rejected_step_that_is_readable_now_is_an_event(
    track, reply, load, replay, select, statuses, differences
):
    reply(track(), parcel("LP1", (-3, MOVING), (-1, OUT)))
    load(readers={"param2": partial(without, OUT)})
    assert select("description from analytics.rejected_events") == [(OUT,)]

    counts = replay()

    assert (counts["events_added"], counts["rejected_readable"]) == (1, 1)
    assert select("description from analytics.rejected_events") == []
    assert statuses() == {"LP1": "out_for_delivery"}
    assert differences("rejected_readable") == [("YT1", "rejected: no time", "an event")]
    assert replay(2) == {"orders": 1, "replies": 1, "events": 2}


def without(text, body):
    """A reader of yesterday that finds no time at a text."""
    from dataclasses import replace

    from shipment_tracking.domain.models import RejectedStep

    return [
        replace(
            trace,
            events=tuple(event for event in trace.events if event.description != text),
            rejected=tuple(
                RejectedStep("", event.description, "no time")
                for event in trace.events
                if event.description == text
            ),
        )
        for trace in READERS["param2"](body)
    ]


def test_a_step_that_is_rejected_again_is_shown_again(track, reply, load, replay, select):
    reply(track(), parcel("LP1", (-3, MOVING), (-1, OUT)))
    old = {"param2": partial(without, OUT)}
    load(readers=old)
    replay()

    replay(2, readers=old)

    assert select("description from analytics.rejected_events") == [(OUT,)]


def test_a_reply_that_could_not_be_loaded_is_loaded(track, reply, load, replay, select, statuses):
    order = track()
    reply(order, parcel("LP1", (-1, OUT)))
    for hours in range(3):
        load(hours, readers={"top": READERS["top"]})
    assert select("quarantined_at is not null from tracking.trace_reply") == [(True,)]

    assert replay(4)["replies_readable"] == 1

    assert statuses() == {"LP1": "out_for_delivery"}
    assert select("last_error from analytics.orders") == [(None,)]
    assert select("quarantined_at, loaded_at from tracking.trace_reply") == [
        (None, NOON + timedelta(hours=4))
    ]


def test_a_reply_that_cannot_be_read_costs_only_itself(
    track, reply, load, rule, replay, statuses, execute
):
    for number in (1, 2):
        reply(track(number), parcel(f"LP{number}", (-1, NONSENSE)))
    load()
    execute(
        "update tracking.trace_reply set dialect = 'lost' where order_id ="
        " (select order_id from tracking.tracked_order where platform_order_id = '291')"
    )
    rule(NONSENSE, "in_transit")

    counts = replay()

    assert (counts["unreadable"], counts["not_rebuilt"], counts["events_changed"]) == (1, 1, 1)
    assert statuses() == {"LP1": "unknown", "LP2": "in_transit"}


def test_what_lost_its_reply_is_counted_and_stays(
    track, reply, load, rule, replay, statuses, execute
):
    order = track()
    reply(order, parcel("LP1", (-3, NONSENSE)))
    reply(order, parcel("LP1", (-1, OUT)), hours=0.5)
    load(0.5)
    execute("delete from tracking.trace_reply where fetched_at = :at", at=NOON)
    rule(NONSENSE, "picked_up")

    assert replay() == {"orders": 1, "replies": 1, "events": 1, "not_rebuilt": 1}

    assert statuses() == {"LP1": "out_for_delivery"}


def test_news_that_the_next_run_judges_are_left_to_it(
    track, reply, lists, load, rule, replay, notices, statuses
):
    order = track()
    reply(order, parcel("LP1", (-3, MOVING)))
    load()
    lists(order, LP1="CANCEL", hours=0.5)
    rule(MOVING, "out_for_delivery")

    assert replay() == {"waiting": 1}

    load(1)
    assert notices()[-1] == ("cancelled", "pending", "cancelled", True)
    assert replay(2)["events_changed"] == 1
    assert statuses() == {"LP1": "cancelled"}


def test_a_parcel_of_two_orders_is_read_by_the_replies_of_both(
    track, reply, load, rule, replay, select, differences
):
    first, second = track(1), track(2)
    reply(first, parcel("LP1", (-3, MOVING)))
    reply(second, parcel("LP1", (-3, MOVING), (-1, NONSENSE)), parcel("LP2", (-2, NONSENSE)))
    load()
    rule(NONSENSE, "ready_for_pickup")

    counts = replay(account="platform_1688", chunk=1)

    assert counts["events_changed"] == 2
    assert select("erp_key, status from analytics.orders order by erp_key") == [
        ("SO1", "ready_for_pickup"),
        ("SO2", "ready_for_pickup"),
    ]
    assert differences("parcels_changed") == [
        ("YT1", "in_transit", "ready_for_pickup"),
        ("YT2", "unknown", "ready_for_pickup"),
    ]


@pytest.mark.parametrize("seed", range(4))
def test_the_end_is_that_of_a_fresh_poll(
    seed, track, reply, lists, load, rule, replay, state, second_warehouse
):
    # A signature that the platform proved keeps its time.
    signs, but = (("SIGN",), "signed_at,") if seed % 2 else ((), "no column")

    def world() -> None:
        chance = random.Random(seed)
        lives = {f"LP{number}": life(chance) for number in range(8)}
        for number in range(5):
            order = track(number)
            own = [f"LP{each}" for each in chance.sample(range(8), 2)]
            codes = {name: chance.choice(("TRANSPORT", "ACCEPT", *signs)) for name in own}
            lists(order, hours=-70, **codes)
            for hours in chance.sample((-40, -10, 0), 3):
                told = {name: told_of(chance, lives[name], hours) for name in own}
                parts = [parcel(name, *scans) for name, scans in told.items()]
                reply(order, *parts, hours=hours - number / 10)
            if chance.random() < 0.2:
                reply(order, broken("LP1"), hours=0.2)

    world()
    for _ in range(3):
        load(1)
    chance = random.Random(-seed)
    for text in chance.sample(TEXTS, 3):
        rule(text, chance.choice(("in_transit", "signed", "ready_for_pickup", "returning")))
    counts = replay(2, chunk=2)
    replayed = state(but)
    second_warehouse()
    world()
    for _ in range(3):
        load(2)

    assert counts["events_changed"] > 0
    for found, wanted in zip(replayed, state(but), strict=True):
        assert found == wanted


def life(chance):
    return [(-chance.randrange(1, 60), chance.choice(TEXTS)) for _ in range(chance.randint(1, 6))]


def told_of(chance, scans, hours):
    """What a reply holds of a parcel: most of what happened before."""
    return sorted(scan for scan in scans if scan[0] <= hours and chance.random() < 0.8)
