"""What the warehouse says of a day: its bounds in Shanghai, and each parcel once."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from shipment_tracking.reports.frames import NUMBERS, build
from shipment_tracking.warehouse import report
from tests import factories
from tests.factories import ACCOUNT

DAY = date(2026, 3, 1)
BEGIN = datetime(2026, 2, 28, 16, 0, tzinfo=UTC)
END = datetime(2026, 3, 1, 16, 0, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


@pytest.fixture
def read(warehouse):
    return lambda day=DAY: report.read(warehouse, day)


@pytest.fixture
def signed(ship):
    """A parcel that was picked up so many hours before it was signed."""

    def add(number, at, hours=24.0, **changes):
        row = {
            "carrier_code": "YTO",
            "status": "signed",
            "picked_up_at": at - hours * HOUR,
            "signed_at": at,
            "sign_seen_at": at,
            "sign_confirmed_at": at,
        }
        return ship(number, shipped_at=at - hours * HOUR - HOUR, **row | changes)

    return add


def test_a_warehouse_with_nothing_gives_a_report(read):
    built = build(read())

    assert set(built.totals.values()) == {0}
    assert len(built.tables["trend"]) == report.TREND_DAYS


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (BEGIN, DAY),
        (BEGIN - SECOND, DAY - timedelta(days=1)),
        (END - SECOND, DAY),
        (END, DAY + timedelta(days=1)),
    ],
)
def test_a_day_is_shanghais_from_midnight_to_midnight(at, day, ship, signed, read, warehouse):
    signed(1, at)
    parcel = ship(2, shipped_at=at)
    factories.status_change(warehouse, parcel, "exception", at)
    names = ("shipped", "signed", "exceptions")

    found = read(day)
    assert [build(found).totals[name] for name in names] == [1, 1, 1]
    assert len(found.exceptions) == 1
    for other in (day - timedelta(days=1), day + timedelta(days=1)):
        assert build(read(other)).totals["signed"] == 0
        assert read(other).exceptions == []


def test_the_list_of_exceptions_has_the_parcels_that_are_counted(ship, read, warehouse):
    for number, status in enumerate(("exception", "delivery_failed", "returned"), 1):
        parcel = ship(number)
        for hours in (2, 4):
            factories.status_change(warehouse, parcel, status, BEGIN + hours * HOUR)
    lost = ship(4, status="cancelled")
    factories.status_change(warehouse, lost, "exception", BEGIN)
    fine = ship(5)
    factories.status_change(warehouse, fine, "signed", BEGIN)

    found = read()
    assert [row.became for row in found.exceptions] == ["exception", "delivery_failed", "returned"]
    assert {row.occurred_at for row in found.exceptions} == {BEGIN + 4 * HOUR}
    totals = build(found).totals
    assert [totals[name] for name in ("exceptions", "failed", "returned")] == [1, 1, 1]
    assert (found.exceptions[0].erp_keys, found.exceptions[0].platform_order_ids) == ("SO1", "291")


def test_a_parcel_of_two_orders_is_listed_once_with_both(ship, read, warehouse):
    parcel = ship(1)
    other = factories.order(warehouse, 2)
    factories.erp_row(warehouse, other, 2)
    factories.link(warehouse, other, parcel)
    factories.status_change(warehouse, parcel, "exception", BEGIN)

    (row,) = read().exceptions
    assert (row.erp_keys, row.platform_order_ids) == ("SO1, SO2", "291, 292")


def test_the_slowest_carrier_comes_first_and_few_parcels_say_nothing(signed, read):
    for number in range(5):
        signed(number, END - HOUR, hours=10 + number)
        signed(10 + number, END - HOUR, hours=50 + number, carrier_code="ZTO", carrier_name="中通")
        signed(20 + number, END + HOUR, hours=99, carrier_code="SF")
        signed(30 + number, END - 31 * 24 * HOUR, hours=99, carrier_code="EMS")
    for number in range(4):
        signed(40 + number, END - HOUR, hours=99, carrier_code="JD")

    assert [
        (row.carrier_code, row.parcels, row.hours_p50, row.hours_p90)
        for row in read().slowest_carriers
    ] == [("ZTO", 5, 52.0, 54.0), ("YTO", 5, 12.0, 14.0)]


def test_stalls_are_those_of_the_end_of_the_day(ship, read, insert):
    spans = [
        ("in_transit", BEGIN - HOUR, None),
        ("in_transit", BEGIN + HOUR, END + HOUR),
        ("in_transit", BEGIN + HOUR, END - SECOND),
        ("in_transit", BEGIN - 9 * HOUR, BEGIN - HOUR),
        ("in_transit", END, None),
        ("pickup", BEGIN - HOUR, BEGIN + HOUR),
    ]
    for number, (stage, opened_at, cleared_at) in enumerate(spans):
        insert(
            "stall",
            shipment_id=ship(number),
            stage=stage,
            since=opened_at - 72 * HOUR,
            threshold_hours=72,
            opened_at=opened_at,
            cleared_at=cleared_at,
        )

    found = read()
    assert [(row.stage, row.still_open, row.opened, row.cleared) for row in found.stages] == [
        ("in_transit", 2, 2, 1),
        ("pickup", 0, 0, 1),
    ]
    assert found.stages[0].oldest_since == BEGIN - 73 * HOUR
    assert [row.erp_keys for row in found.stalls] == ["SO0", "SO1"]


def test_alerts_are_those_that_lasted_on_the_day(insert, read):
    spans = [
        ("lasts", BEGIN - HOUR, None),
        ("ended later", BEGIN + HOUR, END + HOUR),
        ("ended", BEGIN - HOUR, BEGIN + HOUR),
        ("before", BEGIN - 2 * HOUR, BEGIN - HOUR),
        ("after", END, None),
    ]
    for subject, opened_at, cleared_at in spans:
        insert(
            "alert",
            kind="backlog",
            subject=subject,
            severity="warning",
            opened_at=opened_at,
            cleared_at=cleared_at,
            detail="",
            event_id=uuid4(),
            cleared_event_id=uuid4(),
        )

    assert [(row.subject, row.cleared_at is None) for row in read().alerts] == [
        ("lasts", True),
        ("ended", False),
        ("ended later", True),
    ]


def test_runs_are_summed_and_what_is_left_is_the_last_runs(insert, read):
    for hours, left in ((-1, 9), (1, 7), (23, 3), (24, 8)):
        at = BEGIN + hours * HOUR
        insert(
            "run",
            run_id=f"run_{hours}",
            run_type="manual",
            started_at=at,
            polled=10,
            left_over=left,
        )

    (row,) = read().runs
    assert (row.runs, row.polled, row.left_over) == (2, 20, 3)


def test_what_differs_from_the_erp_is_counted_and_listed(ship, execute, read):
    ship(1)
    ship(2)
    execute("update tracking.erp_row set last_error = 'no such order' where erp_key = 'SO2'")

    found = read()
    assert [(row.difference, row.erp_rows) for row in found.differences] == [("not tracked", 1)]
    assert [(row.erp_key, row.account) for row in found.reconciliation] == [("SO2", ACCOUNT)]


def test_a_report_changes_nothing_and_sees_one_moment(ship, read, select):
    ship(1)
    before = select("sum(xmin::text::bigint) from tracking.shipment")
    read()

    assert select("sum(xmin::text::bigint) from tracking.shipment") == before
    assert set(NUMBERS) <= set(build(read()).totals)


def test_a_report_may_be_sent_for_six_days():
    days = set(report.days_sent(END + 8 * HOUR).values())

    assert days == {DAY - timedelta(days=n) for n in range(6)}
    assert report.event_id(DAY) == report.event_id(date(2026, 3, 1))
