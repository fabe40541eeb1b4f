"""How far an order is, by its parcels."""

from datetime import timedelta

import pytest

from .words import COLLECTED, FAILED, MOVING, NOON, OUT, REFUSED, SIGNED, STORED, parcel

ORDERS = {
    "its only parcel is signed": ({"LP1": "SIGN"}, {}, True),
    "one of two is not signed": ({"LP1": "SIGN", "LP2": "TRANSPORT"}, {}, False),
    "the other one is cancelled": ({"LP1": "SIGN", "LP2": "CANCEL"}, {}, True),
    "all are cancelled": ({"LP1": "CANCEL"}, {}, False),
    "a line is not shipped yet": ({"LP1": "SIGN"}, {"has_unshipped_lines": True}, False),
    "nobody asked for unshipped lines": ({"LP1": "SIGN"}, {"has_unshipped_lines": None}, False),
    "its traces were never seen": ({"LP1": "SIGN"}, {"traces_seen_at": None}, False),
    "its traces were seen before only": (
        {"LP1": "SIGN"},
        {"traces_seen_at": NOON - timedelta(hours=2)},
        False,
    ),
}


@pytest.mark.parametrize(("codes", "changes", "signed"), ORDERS.values(), ids=ORDERS)
def test_when_an_order_is_signed(codes, changes, signed, track, lists, load, erp_row):
    lists(track(**changes), hours=-1, **codes)

    assert load()["signed"] == signed

    assert (erp_row().signed_at is not None) is signed


def test_an_order_is_signed_when_its_last_parcel_is(track, lists, load, erp_row):
    order = track()
    lists(order, LP1="SIGN", LP2="TRANSPORT", hours=-3)
    load(-3)
    lists(order, LP2="SIGN", hours=-1)
    load(-1)

    assert erp_row().signed_at == NOON - timedelta(hours=1)
    assert (erp_row().parcels, erp_row().parcels_signed) == (2, 2)


def test_the_sign_of_the_last_parcel_is_the_one_to_write(track, reply, lists, load, select):
    order = track()
    reply(
        order,
        parcel("LP1", (-4, "快件已签收，签收人：家人")),
        parcel("LP2", (-3, SIGNED)),
        hours=-2,
    )
    lists(order, LP1="SIGN", LP2="SIGN", hours=-2)
    load()

    (row,) = select("* from tracking.erp_row")
    (last,) = select(
        "event_id from tracking.status_change"
        " inner join tracking.shipment using (shipment_id)"
        " where consignment_id = 'LP2' and to_status = 'signed'"
    )

    assert (row.sign_kind, row.signed_at) == ("self", NOON - timedelta(hours=3))
    assert row.sign_event == last.event_id


def test_a_sign_to_write_stays_the_same_whatever_becomes_known_later(
    track, reply, lists, load, select
):
    order = track()
    reply(order, parcel("LP1", (-4, SIGNED)), hours=-2)
    lists(order, LP1="SIGN", hours=-2)
    load()
    (before,) = select("sign_event, sign_kind, signed_at from tracking.erp_row")

    reply(order, parcel("LP1", (-4, SIGNED)), parcel("LP2", (-1, "快件已签收，签收人：家人")))
    lists(order, LP1="SIGN", LP2="SIGN")
    load()

    assert select("sign_event, sign_kind, signed_at from tracking.erp_row") == [before]
    assert select("parcels from tracking.erp_row") == [(2,)]


def test_an_order_has_a_trace_to_show_when_its_own_has_changed(
    track, reply, lists, load, select, execute
):
    order = track()
    shown = "latest_trace, latest_trace_at, waybill_nos, trace_changed from tracking.erp_row"
    reply(order, parcel("LP1", (-4, COLLECTED)), parcel("LP2", (-3, MOVING)), hours=-2)
    load()

    assert select(shown) == [(MOVING, NOON - timedelta(hours=3), "YT1,YT2", True)]

    execute("update tracking.erp_row set trace_changed = false")
    reply(order, parcel("LP1", (-4, COLLECTED)), parcel("LP2", (-3, MOVING)), hours=-1)
    load()
    assert select(shown) == [(MOVING, NOON - timedelta(hours=3), "YT1,YT2", False)]

    reply(order, parcel("LP1", (-4, COLLECTED), (-1, OUT)), parcel("LP2", (-3, MOVING)))
    load()
    assert select(shown) == [(OUT, NOON - timedelta(hours=1), "YT1,YT2", True)]


def test_a_superseded_parcel_is_waited_for_by_nobody(track, lists, load, execute, erp_row):
    order = track()
    lists(order, LP1="SIGN", LP2="TRANSPORT", hours=-1)
    execute(
        "update tracking.order_shipment set superseded_at = now() from tracking.shipment"
        " where shipment.shipment_id = order_shipment.shipment_id and consignment_id = 'LP2'"
    )

    load()

    assert (erp_row().parcels, erp_row().signed_at) == (1, NOON - timedelta(hours=1))


def test_a_row_whose_parcel_was_superseded_is_not_signed_by_it(
    track, lists, load, execute, erp_row, select
):
    order = track(waybills=("YT1",))
    lists(order, LP1="SIGN", hours=-1)
    load()
    assert erp_row().signed_at
    lists(order, LP2="TRANSPORT")
    execute(
        "update tracking.order_shipment set superseded_at = now() from tracking.shipment"
        " where shipment.shipment_id = order_shipment.shipment_id and consignment_id = 'LP1'"
    )

    load()

    assert (erp_row().status, erp_row().parcels, erp_row().signed_at) == ("pending", 0, None)
    assert select("sign_event, latest_trace, waybill_nos from tracking.erp_row") == [
        (None, None, None)
    ]


def test_a_row_with_a_waybill_number_needs_only_that_parcel(track, lists, load, erp_row):
    order = track(waybills=(None, "YT1", "YT2"), has_unshipped_lines=None)
    lists(order, LP1="SIGN", LP2="TRANSPORT", hours=-1)

    load()

    assert [erp_row(key).signed_at is not None for key in ("SO1", "SO1-1", "SO1-2")] == [
        False,
        True,
        False,
    ]
    assert [erp_row(key).status for key in ("SO1-1", "SO1-2")] == ["signed", "in_transit"]


def test_a_row_finds_its_parcel_by_a_number_that_was_replaced(track, reply, lists, load, erp_row):
    order = track(waybills=("YT-OLD",))
    reply(order, parcel("LP1", (-3, OUT), waybill_no="YT-OLD"))
    load()
    lists(order, LP1="SIGN", hours=-1)
    load()

    assert erp_row().signed_at is not None


@pytest.mark.parametrize(
    ("scans", "leads"),
    [
        ((MOVING, OUT), "in_transit"),
        ((SIGNED, OUT), "out_for_delivery"),
        ((COLLECTED, STORED), "picked_up"),
        ((SIGNED, FAILED), "delivery_failed"),
        ((COLLECTED, REFUSED), "returning"),
        ((REFUSED, FAILED), "delivery_failed"),
        ((SIGNED, "包裹破损，正在处理"), "exception"),
    ],
)
def test_an_order_is_as_far_as_its_least_advanced_parcel_and_trouble_leads(
    scans, leads, track, reply, load, erp_row, select
):
    for number, (first, second) in enumerate((scans, scans[::-1])):
        order = track(number)
        reply(
            order,
            parcel(f"LP{number}1", (-1, first)),
            parcel(f"LP{number}2", (-1, second)),
        )

    load()

    assert [erp_row(f"SO{number}").status for number in (0, 1)] == [leads, leads]
    assert select("distinct status from tracking.tracked_order") == [(leads,)]


def test_an_order_whose_rows_are_signed_is_asked_for_no_more(track, lists, load, select):
    lists(track(), LP1="SIGN", hours=-1)

    load()

    assert select("next_poll_at, ask_parcels_at from tracking.tracked_order") == [(None, None)]


def test_an_order_that_has_become_urgent_is_polled_in_the_next_run(track, reply, load, select):
    for number, said in enumerate((OUT, SIGNED, MOVING)):
        order = track(number, next_poll_at=NOON + timedelta(hours=12))
        reply(order, parcel(f"LP{number}", (-1, said)))

    load()

    waits = [
        row.next_poll_at - NOON
        for row in select("next_poll_at from tracking.tracked_order order by platform_order_id")
    ]
    assert waits[:2] == [timedelta(minutes=15)] * 2
    assert waits[2] != timedelta(minutes=15)


def test_an_order_that_moves_after_all_is_not_given_up(track, reply, load, select, execute):
    order = track()
    execute("update tracking.tracked_order set quiet_since = :at, next_poll_at = null", at=NOON)
    reply(order, parcel("LP1", (-1, MOVING)))

    load()

    ((quiet_since, next_poll_at),) = select("quiet_since, next_poll_at from tracking.tracked_order")
    assert quiet_since is None
    assert next_poll_at > NOON


ASKS = {
    "a sign waits for its confirmation": ([(-1, SIGNED)], {}, 0),
    "all are signed and nobody asked for unshipped lines": (
        [(-2, SIGNED)],
        {"has_unshipped_lines": None},
        0,
    ),
    "its last scan was an hour ago": ([(-1, MOVING)], {}, 24),
    "it was asked for long ago": (
        [(-1, MOVING)],
        {"parcels_asked_at": NOON - timedelta(days=9)},
        23,
    ),
}


@pytest.mark.parametrize(("scans", "changes", "hours"), ASKS.values(), ids=ASKS)
def test_when_an_order_is_asked_for_its_parcels_again(
    scans, changes, hours, track, lists, reply, load, select
):
    order = track(**changes)
    lists(order, LP1="TRANSPORT", hours=-3)
    reply(order, parcel("LP1", *scans))

    load()

    assert select("ask_parcels_at from tracking.tracked_order") == [
        (NOON + timedelta(hours=hours),)
    ]


def test_a_parcel_that_only_a_trace_named_is_asked_for_at_once(track, lists, reply, load, select):
    order = track(parcels_asked_at=NOON - timedelta(hours=1))
    lists(order, LP1="TRANSPORT", hours=-1)
    reply(order, parcel("LP1", (-2, MOVING)), parcel("LP2", (-2, MOVING)))

    load()

    assert select("ask_parcels_at from tracking.tracked_order") == [(NOON,)]


def test_a_parcel_that_serves_two_orders_is_stored_once_and_counts_for_both(
    track, lists, reply, load, erp_row, select
):
    orders = track(1), track(2)
    for order in orders:
        lists(order, LP1="SIGN", hours=-1)
        reply(order, parcel("LP1", (-2, SIGNED)))

    assert load()["events_new"] == 1

    assert select("count(*) from tracking.shipment") == [(1,)]
    assert select("platform_order_id, event_count from analytics.shipments order by 1") == [
        ("291", 1),
        ("292", 1),
    ]
    assert erp_row("SO1").signed_at == erp_row("SO2").signed_at == NOON - timedelta(hours=2)


def test_what_is_new_of_a_shared_parcel_is_told_to_both_orders(track, lists, reply, load, erp_row):
    first, second = track(1), track(2)
    for order in (first, second):
        lists(order, LP1="TRANSPORT", hours=-3)
    load()
    reply(first, parcel("LP1", (-1, OUT)))
    load()

    assert (erp_row("SO1").status, erp_row("SO2").status) == ("out_for_delivery",) * 2
