"""Every change of status is kept, and the newest is announced once."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest

from .words import (
    COLLECTED,
    FAILED,
    LEFT,
    MOVING,
    NONSENSE,
    NOON,
    OUT,
    SIGNED,
    parcel,
)


def test_every_change_is_kept_and_only_the_newest_is_announced(track, reply, load, notices, select):
    reply(track(), parcel("LP1", (-4, COLLECTED), (-3, MOVING), (-2, LEFT), (-1, OUT)))

    assert load()["changes"] == 3

    assert select(
        "from_status, to_status, occurred_at, detected_at, announced"
        " from analytics.status_changes order by occurred_at"
    ) == [
        ("pending", "picked_up", NOON - timedelta(hours=4), NOON, False),
        ("picked_up", "in_transit", NOON - timedelta(hours=3), NOON, False),
        ("in_transit", "out_for_delivery", NOON - timedelta(hours=1), NOON, True),
    ]
    assert sorted(notices()) == [
        ("in_transit", "suppressed", "superseded", False),
        ("out_for_delivery", "pending", "out_for_delivery", True),
        ("picked_up", "suppressed", "superseded", False),
    ]


def test_each_load_announces_its_own_newest_change(track, reply, load, notices):
    order = track()
    reply(order, parcel("LP1", (-4, COLLECTED)))
    load()
    reply(order, parcel("LP1", (-4, COLLECTED), (-1, OUT)))
    load()

    assert [state for _, state, _, _ in notices()] == ["pending", "pending"]


def test_a_scan_that_comes_late_changes_nothing(track, reply, load, notices, select):
    order = track()
    reply(order, parcel("LP1", (-1, OUT)))
    load()
    reply(order, parcel("LP1", (-3, MOVING), (-1, OUT)))

    assert load()["changes"] == 0

    assert len(notices()) == 1
    assert select("event_count from tracking.shipment") == [(2,)]


@pytest.mark.parametrize(
    ("hours", "state", "reason"),
    [(-23, "pending", "in_transit"), (-25, "suppressed", "first sight")],
)
def test_what_is_older_than_a_day_at_first_sight_is_not_announced(
    hours, state, reason, track, reply, load, notices
):
    reply(track(), parcel("LP1", (hours, MOVING)))

    load()

    assert notices() == [("in_transit", state, reason, state == "pending")]


def test_what_comes_in_late_for_a_known_parcel_is_announced_whatever_its_age(
    track, reply, load, notices
):
    order = track()
    reply(order, parcel("LP1", (-50, MOVING)))
    load()
    reply(order, parcel("LP1", (-50, MOVING), (-25, OUT)))
    load()

    assert notices()[-1] == ("out_for_delivery", "pending", "out_for_delivery", True)


def test_what_a_backfill_gathered_is_announced_to_nobody(track, reply, load, notices):
    reply(track(), parcel("LP1", (-2, MOVING), (-1, OUT)), announce=False)

    load()

    assert sorted(notices()) == [
        ("in_transit", "suppressed", "backfill", False),
        ("out_for_delivery", "suppressed", "backfill", False),
    ]


def test_what_a_backfill_and_a_usual_run_gathered_is_announced(track, reply, load, notices):
    order = track()
    reply(order, parcel("LP1", (-1, OUT)))
    reply(order, parcel("LP1", (-1, OUT)), announce=False)

    load()

    assert notices() == [("out_for_delivery", "pending", "out_for_delivery", True)]


@pytest.fixture
def close(execute) -> Callable[..., None]:
    """Close an order with all its rows."""

    def end(order: int, reason: str) -> None:
        ours = "closed_at = :at where order_id = :order"
        execute(f"update tracking.tracked_order set {ours}", at=NOON, order=order)  # noqa: S608
        execute(
            f"update tracking.erp_row set close_reason = :reason, {ours}",  # noqa: S608
            reason=reason,
            at=NOON,
            order=order,
        )

    return end


@pytest.mark.parametrize(
    ("reason", "state"),
    [("signed", "pending"), ("left_erp", "suppressed"), ("gave_up", "suppressed")],
)
def test_what_is_loaded_after_an_order_was_closed_is_announced_if_it_is_signed(
    reason, state, track, reply, close, load, notices
):
    order = track()
    reply(order, parcel("LP1", (-1, OUT)))
    close(order, reason)

    load()

    told = "out_for_delivery" if state == "pending" else "closed"
    assert notices() == [("out_for_delivery", state, told, state == "pending")]


def test_a_parcel_of_an_open_and_a_closed_order_is_announced(track, reply, close, load, notices):
    orders = track(1), track(2)
    for order in orders:
        reply(order, parcel("LP1", (-1, OUT)))
    close(orders[0], "left_erp")

    load()

    assert notices() == [("out_for_delivery", "pending", "out_for_delivery", True)]


@pytest.mark.parametrize("announce", [True, False])
def test_a_platform_status_is_announced_as_its_gathering_says(
    announce, track, lists, load, notices
):
    lists(track(), LP1="CANCEL", announce=announce)

    load()

    expected = ("pending", "cancelled") if announce else ("suppressed", "backfill")
    assert notices() == [("cancelled", *expected, announce)]


def test_an_event_has_one_id_whenever_it_is_judged(track, reply, load, execute, select):
    found = []
    for _ in range(2):
        reply(track(), parcel("LP1", (-2, MOVING), (-1, FAILED)))
        load()
        found.append(select("event_id from tracking.status_change order by event_id"))
        for table in (
            *("notification", "status_change", "order_shipment", "shipment_waybill"),
            *("trace_event", "trace_reply", "erp_row", "shipment", "tracked_order"),
        ):
            execute(f"delete from tracking.{table}")  # noqa: S608

    assert len(found[0]) == 2
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("said", "codes", "path"),
    [
        (OUT, ("UNSIGN", "TRANSPORT"), ("out_for_delivery", "exception", "out_for_delivery")),
        ("待揽收", ("NOGET", "ACCEPT"), ("info_received", "exception", "info_received")),
    ],
)
def test_a_scan_that_leads_again_is_a_change(
    said, codes, path, track, lists, reply, load, notices, statuses, select
):
    order = track()
    reply(order, parcel("LP1", (-1, said)))
    load()
    for hours, code in enumerate(codes * 2, start=1):
        lists(order, LP1=code, hours=hours)
        load(hours)

    went = [*path, *path[1:]]
    assert statuses() == {"LP1": path[-1]}
    assert notices() == [(status, "pending", status, True) for status in went]
    assert select(
        "from_status, to_status, occurred_at from analytics.status_changes order by detected_at"
    ) == [
        (was, status, NOON + timedelta(hours=hours or -1))
        for hours, (was, status) in enumerate(pairwise(["pending", *went]))
    ]


def test_the_platforms_word_that_leads_again_is_a_change_like_any_other(
    track, lists, reply, load, notices, statuses
):
    order = track()
    lists(order, LP1="UNSIGN", hours=-2)
    load(-2)
    for scans in ([(-1, NONSENSE)], [(-1, NONSENSE), (-3, MOVING)]):
        reply(order, parcel("LP1", *scans))
        load()

    assert statuses() == {"LP1": "exception"}
    assert [status for status, state, *_ in notices() if state == "pending"] == [
        "exception",
        "unknown",
        "exception",
    ]


def test_a_sign_that_is_withdrawn_is_told_and_the_order_is_open_again(
    track, lists, reply, load, notices, statuses, erp_row
):
    order = track()
    lists(order, LP1="SIGN", hours=-1)
    reply(order, parcel("LP1", (-2, SIGNED)))
    load()
    assert erp_row().signed_at is not None
    reply(order, parcel("LP1", (-2, SIGNED), (-0.5, FAILED)))
    load()

    assert statuses() == {"LP1": "delivery_failed"}
    assert notices()[-1] == ("delivery_failed", "pending", "delivery_failed", True)
    assert (erp_row().signed_at, erp_row().parcels_signed) == (None, 0)
