"""One real-world scan becomes one row, one change and at most one notice, whatever happens."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from shipment_tracking.platforms.ali1688 import PARCEL_STATUSES, read_traces
from shipment_tracking.steps import load_traces
from shipment_tracking.warehouse import parcels

ACCOUNT = "platform_1688"
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
HOUR = timedelta(hours=1)

COLLECTED = "已揽收"
MOVING = "快件已到达测试转运中心"
LEFT = "快件离开测试转运中心，发往测试网点"
OUT = "派件中"
STORED = "快件已暂存至测试驿站，请及时取件"
SIGNED = "快件已签收，签收人：本人"
FAILED = "派送不成功，改日派送"
REFUSED = "客户拒收，快件退回中"
NONSENSE = "客服已受理您的咨询"

Scan = tuple[float, str]


def parcel(consignment_id: str, *scans: Scan, waybill_no: str = "") -> dict[str, Any]:
    """A parcel's part of a reply; a scan is hours from noon and a text."""
    return {
        "logisticsId": consignment_id,
        "logisticsBillNo": waybill_no or consignment_id.replace("LP", "YT"),
        "logisticsSteps": [
            {
                "acceptTime": f"{(NOON + timedelta(hours=hours)).astimezone(SHANGHAI):%F %T}",
                "remark": said,
            }
            for hours, said in scans
        ],
    }


@pytest.fixture
def track(warehouse) -> Callable[..., int]:
    """Track an order that was asked for its parcels and polled just now; returns its id."""

    def add(number: int = 1, *, waybills: tuple[str | None, ...] = (None,), **changes: Any) -> int:
        fields = {
            "platform": "1688",
            "account": ACCOUNT,
            "platform_order_id": f"29{number}",
            "first_seen_at": NOON - timedelta(days=1),
            "parcels_asked_at": NOON,
            "ask_parcels_at": NOON + timedelta(days=1),
            "last_polled_at": NOON,
            "traces_seen_at": NOON,
            "next_poll_at": NOON + timedelta(minutes=15),
            "has_unshipped_lines": False,
        } | changes
        names = ", ".join(fields)
        values = ", ".join(f":{name}" for name in fields)
        with warehouse.begin() as connection:
            order_id = connection.execute(
                text(
                    f"insert into tracking.tracked_order ({names}) values ({values})"  # noqa: S608
                    " returning order_id"
                ),
                fields,
            ).scalar_one()
            for suffix, waybill_no in enumerate(waybills):
                connection.execute(
                    text(
                        "insert into tracking.erp_row (erp_key, order_id, platform, account,"
                        " platform_order_id, waybill_no, listed, first_seen_at)"
                        " values (:key, :order_id, '1688', :account, :id, :waybill_no, true, now())"
                    ),
                    {
                        "key": f"SO{number}" + (f"-{suffix}" if suffix else ""),
                        "order_id": order_id,
                        "account": ACCOUNT,
                        "id": fields["platform_order_id"],
                        "waybill_no": waybill_no,
                    },
                )
        return order_id

    return add


@pytest.fixture
def lists(warehouse) -> Callable[..., None]:
    """Let the platform list an order's parcels: ``lists(order, LP1="SIGN")``."""

    def keep(order: int, *, hours: float = 0, announce: bool = True, **codes: str) -> None:
        rows = [
            parcels.ParcelRow(
                order_id=order,
                account=ACCOUNT,
                consignment_id=consignment_id,
                waybill_no=consignment_id.replace("LP", "YT"),
                carrier_code="YTO",
                carrier_name="圆通速递",
                platform_code=code,
                platform_status=str(PARCEL_STATUSES[code]),
                listed=True,
                seen_at=NOON + timedelta(hours=hours),
                announce=announce,
            )
            for consignment_id, code in codes.items()
        ]
        with warehouse.begin() as connection:
            parcels.keep(connection, rows)

    return keep


@pytest.fixture
def reply(warehouse) -> Callable[..., int]:
    """Store a gathered reply; returns its id."""

    def store(
        order: int,
        *parts: dict[str, Any],
        hours: float = 0,
        announce: bool = True,
        dialect: str = "param2",
        body: dict[str, Any] | None = None,
    ) -> int:
        with warehouse.begin() as connection:
            return connection.execute(
                text(
                    "insert into tracking.trace_reply"
                    " (order_id, dialect, fetched_at, fingerprint, body, announce, run_id)"
                    " values (:order, :dialect, :at, '', cast(:body as jsonb), :announce, 'g')"
                    " returning reply_id"
                ),
                {
                    "order": order,
                    "dialect": dialect,
                    "at": NOON + timedelta(hours=hours),
                    "body": json.dumps(body or {"logisticsTrace": parts}),
                    "announce": announce,
                },
            ).scalar_one()

    return store


@pytest.fixture
def load(warehouse, new_run) -> Callable[..., dict[str, int]]:
    """Load what waits, so many hours from noon."""

    def run(hours: float = 0, *, readers: Any = None, chunk: int = 500) -> dict[str, int]:
        options = {"readers": readers} if readers else {}
        return load_traces.run(
            warehouse, new_run(), now=NOON + timedelta(hours=hours), chunk=chunk, **options
        )

    return run


@pytest.fixture
def statuses(select) -> Callable[[], dict[str, str]]:
    """Each parcel's status."""
    return lambda: dict(map(tuple, select("consignment_id, status from tracking.shipment")))


@pytest.fixture
def notices(select) -> Callable[[], list[tuple[Any, ...]]]:
    """Each change's status, its notice's state and reason, and whether it may be sent."""
    return lambda: list(
        map(
            tuple,
            select(
                "to_status, state, reason, due_at is not null from tracking.notification"
                " inner join tracking.status_change using (event_id)"
                " order by notification_id, occurred_at"
            ),
        )
    )


@pytest.fixture
def erp_row(select) -> Callable[..., Any]:
    """An ERP row as analysts see it."""
    return lambda key="SO1": select("* from analytics.orders where erp_key = :key", key=key)[0]


# Scans


def test_a_scan_sent_twice_in_one_reply_is_stored_once(track, reply, load, select):
    reply(track(), parcel("LP1", (-2, MOVING), (-2, MOVING)))

    counts = load()

    assert (counts["events_new"], counts["events_duplicate"]) == (1, 1)
    assert select("count(*) from tracking.trace_event") == [(1,)]


def test_a_scan_sent_in_two_replies_is_stored_once(track, reply, load, select):
    order = track()
    for _ in range(2):
        reply(order, parcel("LP1", (-2, MOVING)))

    counts = load()

    assert (counts["events_new"], counts["events_duplicate"]) == (1, 1)


def test_loading_the_same_again_adds_nothing(track, reply, load, notices, select):
    order = track()
    for _ in range(2):
        reply(order, parcel("LP1", (-2, MOVING), (-1, OUT)))
        counts = load()

    assert counts == {
        "events_new": 0,
        "events_duplicate": 2,
        "changes": 0,
        "signed": 0,
        "unreadable": 0,
        "rejected": 0,
    }
    assert len(notices()) == 2


def test_nothing_waiting_is_nothing_done(load, select):
    assert set(load().values()) == {0}


def test_a_loaded_reply_waits_no_more(track, reply, load, select):
    reply(track(), parcel("LP1", (-2, MOVING)))
    load()

    assert select("count(*) from tracking.trace_reply where loaded_at is null") == [(0,)]
    assert load()["events_duplicate"] == 0


def test_two_scans_in_the_same_second_are_both_kept_and_the_later_place_leads(
    track, reply, load, statuses, select
):
    reply(track(), parcel("LP1", (-2, OUT), (-1, OUT), (-1, MOVING)))

    load()

    assert select("count(*) from tracking.trace_event") == [(3,)]
    assert statuses() == {"LP1": "in_transit"}
    assert select("last_event from tracking.shipment") == [(MOVING,)]


def test_the_same_words_some_minutes_apart_are_two_scans(track, reply, load, select):
    reply(track(), parcel("LP1", (-2, MOVING), (-1.9, MOVING)))

    assert load()["events_new"] == 2


def test_scans_may_come_in_any_order(track, reply, load, statuses, select):
    order = track()
    reply(order, parcel("LP1", (-1, OUT), (-5, COLLECTED), (-3, MOVING)))
    load()
    reply(order, parcel("LP1", (-2, LEFT), (-1, OUT), (-5, COLLECTED), (-3, MOVING)))
    load()

    assert statuses() == {"LP1": "out_for_delivery"}
    assert select(
        "first_event_at, last_event_at, last_event, event_count from analytics.shipments"
    ) == [(NOON - timedelta(hours=5), NOON - timedelta(hours=1), OUT, 4)]


def test_a_scan_from_the_future_is_kept_and_does_not_lead(track, reply, load, statuses, select):
    reply(track(), parcel("LP1", (-1, MOVING), (0.5, SIGNED)))

    assert load()["events_new"] == 2

    assert statuses() == {"LP1": "in_transit"}
    assert select("future_dated from tracking.trace_event order by occurred_at") == [
        (False,),
        (True,),
    ]
    assert select("last_event, event_count from tracking.shipment") == [(MOVING, 2)]


def test_a_clock_that_is_a_little_fast_does_not_make_the_future(track, reply, load, statuses):
    reply(track(), parcel("LP1", (0.1, OUT)))

    load()

    assert statuses() == {"LP1": "out_for_delivery"}


def test_what_says_nothing_is_stored_as_unknown(track, reply, load, statuses, select):
    reply(track(), parcel("LP1", (-2, MOVING), (-1, NONSENSE)))

    load()

    assert statuses() == {"LP1": "in_transit"}
    assert select("status from analytics.trace_events order by occurred_at desc limit 1") == [
        ("unknown",)
    ]


def test_a_parcel_keeps_its_scans_when_its_waybill_number_changes(track, reply, load, select):
    order = track()
    reply(order, parcel("LP1", (-2, MOVING), waybill_no="YT1"))
    load()
    reply(order, parcel("LP1", (-2, MOVING), (-1, OUT), waybill_no="YT2"))

    assert load()["events_new"] == 1

    assert select("waybill_no, event_count from analytics.shipments") == [("YT2", 2)]
    assert select("waybill_no from tracking.shipment_waybill order by waybill_no") == [
        ("YT1",),
        ("YT2",),
    ]


# Changes and notices


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


def test_what_is_loaded_for_a_parcel_of_an_open_and_a_closed_order_is_announced(
    track, reply, close, load, notices
):
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
def test_a_scan_that_leads_again_once_the_platforms_word_gives_way_is_a_change_like_any_other(
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


# Signs


@pytest.fixture
def poll(warehouse):
    """Every order is polled, so many hours after noon, and answers as before."""

    def ask(hours: float) -> None:
        with warehouse.begin() as connection:
            connection.execute(
                text(
                    "update tracking.tracked_order set last_polled_at = :at, traces_seen_at = :at"
                ),
                {"at": NOON + timedelta(hours=hours)},
            )

    return ask


def test_a_sign_by_its_text_alone_shows_and_waits_for_the_platforms_word(
    track, lists, reply, load, notices, erp_row, select
):
    order = track()
    lists(order, LP1="TRANSPORT", hours=-3)
    reply(order, parcel("LP1", (-1, SIGNED)))

    assert load()["signed"] == 0

    assert select("status, sign_kind, signed_at from analytics.shipments") == [
        ("signed", "text", NOON - timedelta(hours=1))
    ]
    assert (erp_row().status, erp_row().signed_at) == ("out_for_delivery", None)
    assert notices()[-1] == ("signed", "pending", "signed", False)
    assert select("ask_parcels_at from tracking.tracked_order") == [(NOON,)]


def test_the_platforms_word_confirms_a_sign_and_lets_its_notice_go(
    track, lists, reply, load, notices, erp_row, select
):
    order = track()
    reply(order, parcel("LP1", (-1, SIGNED)))
    load()
    lists(order, LP1="SIGN", hours=0.5)

    assert load(0.5)["signed"] == 1

    assert select("status, sign_kind, signed_at from analytics.shipments") == [
        ("signed", "self", NOON - timedelta(hours=1))
    ]
    assert (erp_row().signed_at, erp_row().parcels_signed) == (NOON - timedelta(hours=1), 1)
    assert notices() == [("signed", "pending", "signed", True)]


@pytest.mark.parametrize(
    ("polled", "counts"), [(0, False), (23.9, False), (24, True)], ids=["never", "before", "after"]
)
def test_a_sign_by_its_text_counts_once_it_is_still_there_after_a_day(
    polled, counts, track, lists, reply, load, poll, notices, erp_row, select
):
    order = track()
    lists(order, LP1="TRANSPORT", hours=-3)
    reply(order, parcel("LP1", (-1, SIGNED)))
    load()
    poll(polled)

    load(30)

    assert (erp_row().signed_at is not None) is counts
    assert notices() == [("signed", "pending", "signed", counts)]
    assert select("sign_kind from analytics.shipments") == [("text",)]


def test_a_sign_that_waited_its_day_is_not_judged_again_for_ever(track, reply, load, poll, select):
    reply(track(), parcel("LP1", (-1, SIGNED)))
    load()
    poll(24)
    load(24)
    before = select("xmin from tracking.shipment")

    load(48)

    assert select("xmin from tracking.shipment") == before


def test_a_held_notice_is_not_sent_once_the_parcel_has_moved_on(track, reply, load, notices):
    order = track()
    reply(order, parcel("LP1", (-2, SIGNED)))
    load()
    reply(order, parcel("LP1", (-2, SIGNED), (-1, FAILED)))
    load()

    assert notices() == [
        ("signed", "suppressed", "superseded", False),
        ("delivery_failed", "pending", "delivery_failed", True),
    ]


def test_a_sign_that_only_the_platform_knows_is_dated_by_its_detection(
    track, lists, reply, load, erp_row, select
):
    order = track()
    reply(order, parcel("LP1", (-2, OUT)))
    lists(order, LP1="SIGN", hours=-0.5)

    load()

    assert select("sign_kind from analytics.shipments") == [("platform",)]
    assert erp_row().signed_at == NOON - timedelta(hours=0.5)


def test_a_sign_that_only_the_platform_knows_waits_while_traces_are_still_to_be_loaded(
    track, lists, reply, load, erp_row
):
    order = track()
    lists(order, LP1="SIGN", hours=-0.5)
    reply(order, broken("LP1"))

    signed = []
    for hours in range(3):
        load(hours)
        signed.append(erp_row().signed_at is not None)

    assert signed == [False, False, True]


def test_a_confirmed_sign_does_not_move(track, lists, reply, load, select):
    order = track()
    lists(order, LP1="SIGN", hours=-1)
    load()
    reply(order, parcel("LP1", (-2, SIGNED)))
    load()

    assert select("signed_at from tracking.shipment") == [(NOON - timedelta(hours=1),)]


def test_the_platform_repeats_an_old_sign_after_a_return_began(
    track, lists, reply, load, statuses, erp_row
):
    order = track()
    lists(order, LP1="SIGN", hours=-3)
    load(-3)
    reply(order, parcel("LP1", (-1, REFUSED)))
    lists(order, LP1="SIGN")
    load()

    assert statuses() == {"LP1": "returning"}
    assert erp_row().signed_at is None


# Orders

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


# Trouble


def broken(consignment_id: str) -> dict[str, Any]:
    """A part that names no parcel."""
    return parcel(consignment_id, (-1, OUT)) | {"logisticsId": None}


def test_a_reply_that_cannot_be_read_stops_no_other(track, reply, load, erp_row, select):
    for number in range(5):
        part = broken("LP2") if number == 2 else parcel(f"LP{number}", (-1, OUT))
        reply(track(number), part)

    counts = load()

    assert (counts["events_new"], counts["unreadable"]) == (4, 1)
    assert "cannot be loaded: none of the reply's parts names a parcel" in erp_row("SO2").last_error
    assert erp_row("SO3").last_error is None
    assert select("attempts, quarantined_at from tracking.trace_reply where loaded_at is null") == [
        (1, None)
    ]


def test_a_reply_is_set_aside_after_three_tries(track, reply, load, erp_row, select):
    reply(track(), broken("LP1"))

    assert [load(hours)["unreadable"] for hours in range(5)] == [1, 1, 1, 0, 0]

    assert select("attempts, quarantined_at from tracking.trace_reply") == [
        (3, NOON + timedelta(hours=2))
    ]
    assert "cannot be loaded" in erp_row().last_error


def test_a_good_reply_takes_the_complaint_about_an_earlier_one_away(track, reply, load, erp_row):
    order = track()
    reply(order, broken("LP1"))
    for hours in range(3):
        load(hours)
    reply(order, parcel("LP1", (-1, OUT)))
    load(4)

    assert erp_row().last_error is None


def test_a_reply_of_a_dialect_nobody_speaks_is_set_aside(track, reply, load, erp_row):
    reply(track(), parcel("LP1", (-1, OUT)), dialect="esperanto")

    assert load()["unreadable"] == 1
    assert "no dialect esperanto is known" in erp_row().last_error


def test_a_reply_that_the_database_refuses_is_set_aside(track, reply, load, erp_row):
    for number in (1, 2):
        reply(track(number), parcel(f"LP{number}", (-1, OUT)))

    def read(body: Any) -> Any:
        (trace,) = read_traces(body)
        event = replace(trace.events[0], description="\0")  # as a careless dialect might
        return [replace(trace, events=(event,)) if trace.consignment_id == "LP1" else trace]

    assert load(readers={"param2": read})["unreadable"] == 1
    assert "cannot contain NUL" in erp_row("SO1").last_error
    assert erp_row("SO2").status == "out_for_delivery"


class Killed(BaseException):
    """The worker is gone."""


def test_a_load_that_is_killed_leaves_whole_chunks_and_the_next_one_takes_up_the_rest(
    track, reply, load, notices, select
):
    for number in range(6):
        reply(track(number), parcel(f"LP{number}", (-2, MOVING), (-1, OUT)))
    seen: list[Any] = []

    def read(body: Any) -> Any:
        seen.append(body)
        if len(seen) == 4:
            raise Killed
        return read_traces(body)

    with pytest.raises(Killed):
        load(readers={"param2": read}, chunk=2)
    assert select("count(*) from tracking.trace_event") == [(4,)]
    assert select("count(*) from tracking.trace_reply where loaded_at is null") == [(4,)]
    assert len(notices()) == 4

    assert load()["events_new"] == 8
    assert len(notices()) == 12


def test_a_load_whose_connection_dies_in_the_middle_has_stored_nothing_of_its_chunk(
    track, reply, load, select, execute
):
    order = track()
    reply(order, parcel("LP1", (-1, OUT)))

    def read(body: Any) -> Any:
        execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and state = 'idle in transaction'"
        )
        return read_traces(body)

    with pytest.raises(Exception, match="terminat"):
        load(readers={"param2": read})
    assert select("count(*) from tracking.shipment") == [(0,)]

    assert load()["events_new"] == 1


def test_loads_beside_each_other_store_and_tell_everything_once(
    track, reply, load, notices, select
):
    orders = [track(number) for number in range(12)]
    for order in orders:
        for hours in (-3, -2):
            # Two neighbours share a parcel, so that loads meet.
            reply(order, parcel(f"LP{order // 2}", (hours, MOVING)), parcel("LP-ALL", (-1, OUT)))

    with ThreadPoolExecutor(4) as pool:
        loads = list(pool.map(lambda _: load(chunk=3), range(4)))

    numbers = Counter()
    for counts in loads:
        numbers.update(counts)
    (stored,) = select("count(*), count(distinct shipment_id) from tracking.trace_event")
    assert numbers["events_new"] == stored[0]
    assert numbers["events_new"] + numbers["events_duplicate"] == 12 * 2 * 2
    assert select("count(*) from tracking.trace_reply where loaded_at is null") == [(0,)]
    told = select("event_id, count(*) from tracking.notification group by 1 having count(*) > 1")
    assert told == []
    assert select("count(*) from tracking.shipment where unsettled") == [(0,)]


def test_nothing_is_loaded_while_the_erps_list_is_taken_over(
    track, reply, load, while_another_holds
):
    reply(track(), parcel("LP1", (-1, OUT)))

    with while_another_holds("erp_rows.lock", load) as loading:
        assert not loading.done()

    assert loading.result()["events_new"] == 1


def test_parcels_that_wait_without_a_reply_are_judged_in_chunks(track, lists, load, statuses):
    for number in range(5):
        lists(track(number), **{f"LP{number}": "CANCEL"})

    assert load(chunk=2)["changes"] == 5
    assert set(statuses().values()) == {"cancelled"}


def test_the_run_knows_what_was_loaded(track, lists, reply, warehouse, new_run, execute, select):
    this_run = new_run()
    execute(
        "insert into tracking.run (run_id, run_type, started_at) values (:id, 'manual', now())",
        id=this_run.run_id,
    )
    order = track()
    lists(order, LP1="SIGN", hours=-1)
    reply(order, parcel("LP1", (-3, OUT), (-2, SIGNED), (-2, SIGNED)))

    load_traces.run(warehouse, this_run, now=NOON)

    assert select(
        "events_new, events_duplicate, changes, signed, ended_at from analytics.runs"
    ) == [(2, 1, 2, 1, NOON)]


# Codes beside the texts


@pytest.mark.parametrize("listed", [True, False])
def test_a_sign_with_the_platforms_code_counts_at_once_and_one_by_its_text_waits(
    listed, track, lists, reply, load, erp_row, notices
):
    for number, action in ((1, "SIGNED"), (2, None)):
        order = track(number)
        if listed:
            lists(order, **{f"LP{number}": "ACCEPT"})
        step = {
            "status_time": f"{(NOON - HOUR).astimezone(SHANGHAI):%F %T}",
            "status_desc": SIGNED,
            "action": action,
        }
        part = {"order_code": f"LP{number}", "out_sid": f"YT{number}", "trace_list": [step]}
        reply(order, dialect="top", body={"transit_step_result": [part]})

    load()

    by_code, by_text = erp_row("SO1"), erp_row("SO2")
    assert (by_code.signed_at, by_code.parcels_signed) == (NOON - HOUR, 1)
    assert (by_text.signed_at, by_text.parcels_signed) == (None, 0)
    assert [sendable for to, *_, sendable in notices() if to == "signed"] == [True, False]


def status_code(code: str) -> dict[str, Any]:
    """What a router says of a whole order of Taobao, as it is stored."""
    return {"orders": [{"order_id": "291", "status": code}]}


def router_trace(**told: Any) -> dict[str, Any]:
    """What a router says of a waybill, as it is stored."""
    part = {"consignment_id": "YTO:YT1", "billNo": "YT1", "signStatus": "UNSIGN", "signTime": None}
    return {"traces": [part | {"traceList": []} | told]}


def test_a_status_code_is_one_event_when_it_was_detected_however_often_it_is_read(
    track, reply, load, execute, select
):
    order = track("291")
    events = "description, occurred_at - :noon from tracking.trace_event order by occurred_at"
    reply(order, dialect="router", body=status_code("1"), hours=1)
    assert load(2)["events_new"] == 1

    # Once more from what is stored.
    execute("update tracking.trace_reply set loaded_at = null")
    assert load(3)["events_new"] == 0
    reply(order, dialect="router", body=status_code("3"), hours=4)
    assert load(5)["events_new"] == 1

    hour = timedelta(hours=1)
    assert select(events, noon=NOON) == [("已发货", hour), ("已签收", 4 * hour)]


def test_a_status_code_of_three_proves_the_sign(track, reply, load, select):
    order = track("291", traces_seen_at=NOON + timedelta(hours=2))
    reply(order, dialect="router", body=status_code("2"))
    load()
    reply(order, dialect="router", body=status_code("3"), hours=2)
    load(2)

    found = select(
        "status, sign_kind, signed_at - :noon, sign_confirmed_at is not null"
        " from tracking.shipment",
        noon=NOON,
    )
    assert found == [("signed", "platform", timedelta(hours=2), True)]


def test_a_sign_status_beside_a_known_scan_proves_its_sign(track, reply, load, select):
    node = {"time": "2026-03-02 11:00:00", "desc": "快件已签收，签收人：本人", "city": None}
    kinds = "status, sign_kind, signed_at - :noon, sign_confirmed_at is not null"
    order = track("291")
    reply(order, dialect="router", body=router_trace(traceList=[node]))
    load()
    hour = timedelta(hours=1)
    assert select(f"{kinds} from tracking.shipment", noon=NOON) == [
        ("signed", "text", -hour, False)
    ]

    reply(order, dialect="router", body=router_trace(traceList=[node], signStatus="SIGN"), hours=1)
    assert load(1)["events_new"] == 0

    assert select(f"{kinds} from tracking.shipment", noon=NOON) == [("signed", "self", -hour, True)]


def test_a_sign_status_without_any_time_is_a_sign_when_it_was_detected(track, reply, load, select):
    order = track("291", traces_seen_at=NOON + timedelta(hours=1))
    reply(order, dialect="router", body=router_trace(signStatus="SIGN"), hours=1)
    load(1)

    found = select(
        "status, signed_at - :noon, sign_confirmed_at is not null from tracking.shipment", noon=NOON
    )
    assert found == [("signed", timedelta(hours=1), True)]


def test_a_sign_status_that_is_taken_back_leaves_what_the_scans_say(track, reply, load, select):
    node = {"time": "2026-03-02 11:00:00", "desc": "快件正在派送", "city": None}
    order = track("291")
    reply(order, dialect="router", body=router_trace(traceList=[node], signStatus="SIGN"))
    load()
    assert select("status from tracking.shipment") == [("signed",)]

    reply(order, dialect="router", body=router_trace(traceList=[node]), hours=1)
    load(1)

    assert select("status from tracking.shipment") == [("out_for_delivery",)]


def test_a_sign_status_that_comes_and_goes_is_told_each_time(track, reply, load, notices):
    node = {"time": "2026-03-02 11:00:00", "desc": "快件正在派送", "city": None}
    order = track("291")
    for hours, code in enumerate(("UNSIGN", "SIGN", "UNSIGN", "SIGN", "UNSIGN")):
        told = router_trace(traceList=[node], signStatus=code)
        reply(order, dialect="router", body=told, hours=hours)
        load(hours)

    assert [status for status, *_ in notices()] == [
        "out_for_delivery",
        "signed",
        "out_for_delivery",
        "signed",
        "out_for_delivery",
    ]
