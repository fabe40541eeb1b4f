"""The views that add up: each parcel and order once, on its day in Shanghai, with no bias."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import text

from shipment_tracking.domain.models import ApiUsage
from shipment_tracking.warehouse import runs
from tests import factories
from tests.factories import ACCOUNT, NOW

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TODAY = date(2026, 3, 2)
LATE_EVENING = datetime(2026, 3, 2, 16, 30, tzinfo=UTC)  # half past midnight of March 3 in Shanghai


@pytest.fixture
def picked_up(ship):
    """A parcel that YTO picked up in Hangzhou; signed after so many hours, if at all."""

    def make(number, hours=None, at=NOW, **changes):
        signed_at = None if hours is None else at + hours * HOUR
        row = {
            "carrier_code": "YTO",
            "origin_city": "杭州市",
            "picked_up_at": at,
            "out_for_delivery_at": signed_at and signed_at - 2 * HOUR,
            "status": "signed" if signed_at else "in_transit",
            "signed_at": signed_at,
            "sign_seen_at": signed_at,
            "sign_confirmed_at": signed_at,
        }
        return ship(number, **row | changes)

    return make


def test_a_day_is_shanghais(picked_up, select):
    picked_up(1, at=LATE_EVENING)

    assert select("day from analytics.delivery_daily where picked_up > 0") == [(date(2026, 3, 3),)]


def test_a_parcel_of_two_orders_counts_once(picked_up, warehouse, select):
    parcel = picked_up(1, 20)
    other = factories.order(warehouse, 2)
    factories.erp_row(warehouse, other, 2)
    factories.link(warehouse, other, parcel)

    sums = "sum(shipped), sum(picked_up), sum(signed) from analytics.delivery_daily"
    assert select(sums) == [(1, 1, 1)]
    assert select("n from analytics.transit_times") == [(1,)]


def test_an_order_of_two_parcels_counts_both(picked_up, warehouse, select):
    picked_up(1)
    factories.shipment(
        warehouse,
        select("order_id from tracking.tracked_order")[0][0],
        2,
        carrier_code="ZTO",
        picked_up_at=NOW,
    )

    daily = "carrier_code, shipped, picked_up from analytics.delivery_daily where day = :day"
    assert select(f"{daily} order by 1", day=TODAY - DAY) == [("YTO", 1, 0), ("ZTO", 1, 0)]
    assert select(f"{daily} order by 1", day=TODAY) == [("YTO", 0, 1), ("ZTO", 0, 1)]


def test_a_carrier_that_is_not_known_has_its_row(picked_up, select):
    now = datetime.now(UTC)
    picked_up(1, at=now, carrier_code=None, carrier_name=None)
    picked_up(2, at=now, carrier_code=None, carrier_name="某某速运")

    names = [(None,), ("某某速运",)]
    for view in ("delivery_daily", "transit_times", "carrier_scorecard"):
        rows = select(f"distinct carrier_name from analytics.{view} order by 1 nulls first")
        assert rows == names, view
    assert select("sum(picked_up) from analytics.delivery_daily") == [(2,)]


def test_one_code_with_two_names_is_one_carrier(picked_up, select):
    picked_up(1, 10, carrier_name="圆通")
    picked_up(2, 10, carrier_name="圆通速递")

    assert select("carrier_code, n from analytics.transit_times") == [("YTO", 2)]


def test_a_signature_by_text_only_is_not_counted(picked_up, select):
    picked_up(1, 20, sign_confirmed_at=None)

    assert select("sum(signed) from analytics.delivery_daily") == [(0,)]
    assert select("signed from analytics.transit_times") == [(0,)]


def test_two_failed_attempts_of_a_day_are_one_parcel(picked_up, warehouse, select):
    parcel = picked_up(1)
    for hours in (1, 3, 30):
        factories.status_change(warehouse, parcel, "delivery_failed", NOW + hours * HOUR)

    failed = "day, failed from analytics.delivery_daily where failed > 0 order by day"
    assert select(failed) == [(TODAY, 1), (TODAY + DAY, 1)]


def test_a_cancelled_parcel_is_left_out(picked_up, select):
    picked_up(1, status="cancelled")

    assert select("count(*) from analytics.delivery_daily") == [(0,)]


def test_parcels_on_their_way_count_as_slower(picked_up, select):
    for number, hours in enumerate([10, 20, 30, 40, 50, 60], 1):
        picked_up(number, hours)
    for number in (7, 8):
        picked_up(number)

    (row,) = select("n, signed, to_delivery_p50, p50, p80, p95 from analytics.transit_times")
    assert row == (8, 6, Decimal("38.0"), Decimal("40.0"), None, None)


def test_parcels_that_came_back_or_contradict_are_left_out(picked_up, execute, select):
    picked_up(1, 20)
    picked_up(2, status="returned")
    picked_up(3, -5)
    picked_up(4)
    execute("update tracking.tracked_order set closed_at = now() where platform_order_id = '294'")

    assert select("n, p95 from analytics.transit_times") == [(1, Decimal("20.0"))]


def test_a_month_is_that_of_the_pick_up_in_shanghai(picked_up, select):
    picked_up(1, 90, at=datetime(2026, 2, 28, 15, 59, tzinfo=UTC))
    picked_up(2, 90, at=datetime(2026, 2, 28, 16, 0, tzinfo=UTC))

    months = [(date(2026, 2, 1),), (date(2026, 3, 1),)]
    assert select("month from analytics.transit_times order by 1") == months


def test_the_scorecard_divides_by_what_was_promised(picked_up, execute, select):
    now = datetime.now(UTC)
    for number, hours in ((1, 10), (2, 30), (3, None), (4, 20)):
        picked_up(number, hours, at=now - 3 * DAY)
    promised = "update tracking.erp_row set promised_at = :at where erp_key = :key"
    for key, at in (("SO1", -2), ("SO2", -2), ("SO3", -1), ("SO4", None)):
        execute(promised, at=at and now + at * DAY, key=key)

    card = "parcels, signed, promised, on_time, on_time_share, signed_p90"
    (row,) = select(f"{card} from analytics.carrier_scorecard")
    assert row == (4, 3, 3, 1, Decimal("0.333"), Decimal("30.0"))


def test_a_carrier_without_promises_has_no_share(picked_up, select):
    picked_up(1, at=datetime.now(UTC))

    assert select("on_time_share from analytics.carrier_scorecard") == [(None,)]


def test_a_promise_that_lies_ahead_is_not_judged(picked_up, execute, select):
    picked_up(1, at=datetime.now(UTC))
    execute("update tracking.erp_row set promised_at = now() + interval '1 day'")

    assert select("promised from analytics.carrier_scorecard") == [(0,)]


def test_delays_leave_out_what_was_there_at_first_sight(ship, warehouse, select):
    parcel = ship()
    history, delayed = factories.YESTERDAY - DAY, NOW - HOUR
    for status, at in (("picked_up", history), ("in_transit", delayed)):
        factories.status_change(warehouse, parcel, status, NOW, occurred_at=at)

    assert select(
        "changes, detection_p50, detection_p95 from analytics.freshness where day = :day", day=TODAY
    ) == [(1, Decimal("60.0"), Decimal("60.0"))]
    assert select("to_status, first_sight from analytics.status_changes order by 1") == [
        ("in_transit", False),
        ("picked_up", True),
    ]


def test_overdue_orders_stand_in_todays_row(ship, execute, select):
    ship(1)
    ship(2)
    execute(
        "update tracking.tracked_order set parcels_asked_at = now(),"
        " next_poll_at = now() - interval '2 hours' where platform_order_id = '291'"
    )

    assert select("overdue_now, changes from analytics.freshness") == [(1, 0)]


def test_the_time_from_sight_to_erp_is_measured(ship, warehouse, execute, select):
    event = factories.status_change(warehouse, ship(), "signed", NOW)
    write_back(warehouse, event, written_at=NOW + 5 * timedelta(minutes=1))
    execute("update tracking.erp_row set sign_event = :event, signed_at = :at", event=event, at=NOW)

    assert select(
        "signatures_written, sign_to_erp_p50 from analytics.freshness where day = :day", day=TODAY
    ) == [(1, Decimal("5.0"))]
    assert select("sign_detected_at, written_at from analytics.orders") == [
        (NOW, NOW + 5 * timedelta(minutes=1))
    ]


def write_back(warehouse, event, **changes):
    row = {
        "erp_key": "SO1",
        "account": ACCOUNT,
        "platform_order_id": "291",
        "source_event": event,
        "signed_at": NOW,
        "before": "{}",
        "outcome": "signed",
        "run_id": "run",
        "created_at": NOW,
    }
    factories.insert(warehouse, "erp_writeback", **row | changes)


def test_an_order_of_two_rows_costs_once(ship, warehouse, new_run, execute, select):
    ship()
    factories.erp_row(warehouse, select("order_id from tracking.tracked_order")[0][0], 2)
    execute("update tracking.erp_row set signed_at = :at", at=NOW)
    with warehouse.begin() as connection:
        runs.begin(connection, this_run := new_run(NOW))
        runs.add_usage(connection, this_run, ACCOUNT, [ApiUsage("traces", "ok", 6, 1.5)])

    cost = (
        "month, calls, signed_orders, calls_per_signed_order from analytics.cost_per_signed_order"
    )
    assert select(cost) == [(date(2026, 3, 1), 6, 1, Decimal("6.00"))]


def test_calls_without_a_signed_order_have_no_price(ship, warehouse, new_run, select):
    ship()
    with warehouse.begin() as connection:
        runs.begin(connection, this_run := new_run(NOW))
        runs.add_usage(connection, this_run, ACCOUNT, [ApiUsage("traces", "ok", 6, 1.5)])

    cost = "calls, signed_orders, calls_per_signed_order from analytics.cost_per_signed_order"
    assert select(cost) == [(6, 0, None)]


@pytest.mark.parametrize(
    ("row", "outcome", "difference"),
    [
        ({"signed_at": NOW, "sign_event": uuid4()}, None, "signed, not written yet"),
        ({"signed_at": NOW, "sign_event": uuid4()}, "failed", "signed, not written yet"),
        ({"signed_at": NOW}, "changed", "not written, a person decides"),
        ({}, "signed", "written, not signed any more"),
        ({"close_reason": "left_erp"}, None, "left the list unsigned"),
        ({"last_error": "platform is None"}, None, "not tracked"),
        ({"signed_at": NOW}, "signed", "written, undone in the ERP"),
        ({"signed_at": NOW, "closed_at": NOW, "close_reason": "signed"}, "signed", None),
        ({"signed_at": NOW, "closed_at": NOW, "close_reason": "signed"}, "already", None),
        ({}, None, None),
    ],
)
def test_what_warehouse_and_erp_disagree_on(row, outcome, difference, warehouse, select):
    order_id = factories.order(warehouse)
    factories.erp_row(warehouse, order_id, platform_order_id="291", **row)
    if outcome:
        write_back(warehouse, uuid4(), outcome=outcome)

    found = [each.difference for each in select("difference from analytics.erp_reconciliation")]
    assert found == [difference] * bool(difference)


def test_a_superseded_parcel_counts_nowhere(picked_up, execute, select):
    picked_up(1, 10, at=datetime.now(UTC) - DAY)
    execute("update tracking.order_shipment set superseded_at = now()")

    for view in ("delivery_daily", "transit_times", "carrier_scorecard"):
        assert select(f"count(*) from analytics.{view}") == [(0,)], view


def test_the_sessions_time_zone_changes_nothing(picked_up, warehouse):
    picked_up(1, 1, at=LATE_EVENING)
    days = text("select day, picked_up, signed from analytics.delivery_daily order by day")
    found = []
    for zone in ("Asia/Shanghai", "America/New_York"):
        with warehouse.connect() as connection:
            connection.execute(text(f"set local time zone '{zone}'"))
            found.append(connection.execute(days).all())

    assert found[0] == found[1]


def test_a_late_scan_counts_on_its_own_day(picked_up, warehouse, select):
    parcel = picked_up(1)
    factories.status_change(
        warehouse, parcel, "exception", NOW + 3 * DAY, occurred_at=NOW, run_id="late"
    )

    assert select("day from analytics.delivery_daily where exceptions > 0") == [(TODAY,)]


def test_what_a_backfill_finds_is_no_delay(ship, warehouse, select):
    factories.run(warehouse, "old", run_type="backfill")
    factories.status_change(warehouse, ship(), "in_transit", NOW, occurred_at=NOW, run_id="old")

    assert select("sum(changes) from analytics.freshness") == [(0,)]


def test_empty_views_are_empty(warehouse, select):
    for view in ("transit_times", "delivery_daily", "carrier_scorecard", "freshness"):
        assert select(f"count(*) from analytics.{view}") == [(0,)], view
    assert select("count(*) from analytics.cost_per_signed_order") == [(0,)]


def test_a_parcel_shows_the_erp_row_with_its_number(ship, warehouse, select):
    ship(2, waybill_no="YT2")
    order_id = select("order_id from tracking.tracked_order")[0][0]
    factories.erp_row(warehouse, order_id, 1, waybill_no="YT1")
    factories.erp_row(warehouse, order_id, 3, waybill_no=" yt2 ")

    assert select("erp_key from analytics.shipments") == [("SO3",)]


def test_a_run_says_in_a_line_what_it_did(warehouse, new_run, select):
    with warehouse.begin() as connection:
        runs.begin(connection, this_run := new_run(NOW))
        runs.add(connection, this_run, now=NOW, due=3, polled=2, events_new=5, left_over=1)

    assert select("summary from analytics.runs") == [
        (
            "2 of 3 due orders polled with 0 calls, 5 new scans, 0 status changes, 0 orders signed,"
            " 0 notices sent; 1 orders left over",
        )
    ]
