"""What the ERP lists is tracked as it is listed."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from shipment_tracking.erp.sql import SqlErp
from shipment_tracking.errors import (
    ParamError,
    StatementError,
)
from shipment_tracking.steps import extract_orders

from .erp_list import ACCOUNTS, order


def local(day: int, hour: int) -> datetime:
    """A time as the ERP keeps it, without an offset."""
    return datetime(2026, 3, day, hour)  # noqa: DTZ001


def test_shipped_orders_are_tracked_on_every_kind_of_database(
    shop, sold, warehouse, new_run, now, select
):
    sold("shipped", local(1, 10), priority=1)
    sold("signed", local(1, 10), status="SIGNED", signed_at=local(2, 10))
    sold("pending", None, status="PENDING")

    accounts = extract_orders.run(
        shop, warehouse, new_run(), knows_account=ACCOUNTS.__contains__, now=now
    )

    assert accounts == ["platform_1688"]
    (found,) = select(
        "erp_key, platform_order_id, waybill_no, shipped_at, priority from tracking.erp_row"
    )
    assert tuple(found) == (
        "shipped",
        "2938624554509662977",
        None,
        datetime(2026, 3, 1, 2, tzinfo=UTC),
        1,
    )


def test_an_unchanged_list_writes_nothing_on_every_kind_of_database(
    shop, sold, warehouse, new_run, now, versions
):
    for number in range(3):
        sold(f"SO{number}", local(1, 10), platform_order_id=f"29386245545096629{number:02d}")
    for _ in range(2):
        before = versions()
        extract_orders.run(shop, warehouse, new_run(), knows_account=ACCOUNTS.__contains__, now=now)

    assert versions() == before


def test_a_backfill_takes_what_was_shipped_in_its_time_signed_or_not(
    shop, sold, warehouse, new_run, now, select
):
    sold("before", local(1, 9))
    sold("first", local(1, 10))
    sold("signed", local(1, 11), status="SIGNED", signed_at=local(2, 10))
    sold("behind", local(1, 12))
    # 10:00 to 12:00 in Shanghai.
    times = {
        "shipped_from": datetime(2026, 3, 1, 2, tzinfo=UTC),
        "shipped_to": datetime(2026, 3, 1, 4, tzinfo=UTC),
    }

    extract_orders.run(
        shop, warehouse, new_run(**times), knows_account=ACCOUNTS.__contains__, now=now
    )

    assert select("erp_key from tracking.erp_row order by erp_key") == [("first",), ("signed",)]


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("2026-03-01 10:00:00", datetime(2026, 3, 1, 2, tzinfo=UTC)),
        ("2026-03-01T10:00:00+01:00", datetime(2026, 3, 1, 9, tzinfo=UTC)),
        (None, None),
        ("", None),
    ],
)
def test_a_time_without_an_offset_is_the_erps(written, means, listing, extract, rows):
    listing(order(shipped_at=written))

    extract()

    assert rows()["SO1"].shipped_at == means


def test_the_erps_time_zone_is_what_its_connection_says(
    erp, listing, warehouse, new_run, now, rows
):
    listing(order(shipped_at="2026-03-01 10:00:00"))

    extract_orders.run(
        SqlErp(erp.engine, ZoneInfo("Europe/Berlin")),
        warehouse,
        new_run(),
        knows_account=ACCOUNTS.__contains__,
        now=now,
    )

    assert rows()["SO1"].shipped_at == datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_two_rows_on_one_order_are_polled_as_one(listing, extract, select, rows):
    listing(
        order(1, platform_order_id="29", waybill_no="YT1", priority=0),
        order(2, platform_order_id="29", waybill_no="YT2", priority=1),
    )

    extract()

    assert select("platform_order_id, priority from tracking.tracked_order") == [("29", 1)]
    assert set(rows()) == {"SO1", "SO2"}


def test_a_priority_that_changes_is_taken_over(listing, extract, select):
    for priority in (0, 1, 0):
        listing(order(priority=priority))
        extract()
        assert select("priority from tracking.tracked_order") == [(priority,)]


@pytest.mark.parametrize(
    ("written", "priority"),
    [("0", 0), ("1", 1), (b"\x00", 0), (b"\x01", 1), (1.0, 1), (None, 0)],
)
def test_a_priority_is_read_however_the_erp_keeps_it(written, priority, listing, extract, select):
    listing(order(priority=written))

    extract()

    assert select("priority from tracking.tracked_order") == [(priority,)]


def test_a_row_that_changes_is_taken_over(listing, extract, select):
    listing(order())
    extract()
    listing(order(waybill_no="YT1", shipped_at="2026-03-01 11:00:00", erp_stamp="stamp-2"))
    extract()

    assert select("waybill_no, shipped_at, erp_stamp from tracking.erp_row") == [
        ("YT1", datetime(2026, 3, 1, 3, tzinfo=UTC), "stamp-2")
    ]


SIGN = """
    update tracking.erp_row
    set
        status = 'signed', parcels = 1, parcels_signed = 1, signed_at = :at, sign_kind = 'self',
        sign_event = gen_random_uuid(), latest_trace = '已签收', latest_trace_at = :at,
        waybill_nos = 'YT1', trace_changed = false, closed_at = :at, close_reason = 'signed'
"""
KNOWN = """
    status, parcels, parcels_signed, signed_at, sign_kind, sign_event, latest_trace,
    latest_trace_at, waybill_nos, trace_changed, closed_at, close_reason
    from tracking.erp_row
"""


@pytest.mark.parametrize(
    "corrected",
    [{"platform_order_id": "30"}, {"waybill_no": "YT9"}, {"waybill_no": None}],
    ids=["order", "waybill", "whole order"],
)
def test_a_row_that_stands_for_something_else_begins_anew(
    corrected, listing, extract, execute, select, now
):
    listing(order(waybill_no="YT1"))
    extract()
    execute(SIGN, at=now)
    listing(order(**{"waybill_no": "YT1"} | corrected))

    extract()

    assert select(KNOWN) == [("pending", 0, 0, *[None] * 6, True, None, None)]


def test_a_row_that_stands_for_the_same_keeps_what_is_known(listing, extract, execute, select, now):
    listing(order(waybill_no="YT1"))
    extract()
    execute(SIGN, at=now)
    before = select(KNOWN)
    listing(order(waybill_no="YT1", account="platform_1688", erp_stamp=None, priority=1))

    extract()

    assert select("status, sign_event, closed_at from tracking.erp_row") == [
        (row.status, row.sign_event, row.closed_at) for row in before
    ]


def test_a_row_that_breaks_stands_for_the_same_until_it_is_mended(
    listing, extract, execute, select, versions, now
):
    """Else it would begin anew in every run."""
    known = "status, waybill_no from tracking.erp_row where erp_key = 'SO1'"
    listing(order(1, waybill_no="YT1"), order(2))
    extract()
    execute(SIGN, at=now)
    for waybill_no in ("YT1", "YT9"):
        listing(order(1, waybill_no=waybill_no, account="platform_nobody"), order(2))
        extract()
    before = versions()

    extract()

    assert versions() == before
    assert select(known) == [("signed", "YT1")]
    listing(order(1, waybill_no="YT9"), order(2))
    extract()
    assert select(known) == [("pending", "YT9")]


def test_an_unchanged_list_writes_nothing(listing, extract, versions):
    listing(order(0), order(1), order(2, account="nobody"), order(3, erp_stamp=None))
    extract()
    listing(order(1), order(2, account="nobody"), order(3, erp_stamp=None))
    extract()
    before = versions()

    extract()

    assert versions() == before


def test_the_accounts_with_work_are_the_lanes(listing, extract, at):
    listing(order(1, account="platform_1688_east"), order(2))

    assert extract() == ["platform_1688", "platform_1688_east"]
    assert extract(only_account="platform_1688_east") == ["platform_1688_east"]


def test_an_account_without_work_is_no_lane(listing, extract, execute):
    listing(order())
    extract()
    execute("update tracking.tracked_order set ask_parcels_at = now() + interval '10 years'")

    assert extract() == []


def test_the_run_knows_how_many_orders_are_due(listing, extract, select):
    listing(order(1), order(2))

    extract()

    assert select("due from analytics.runs") == [(2,)]


@pytest.mark.parametrize(
    ("of_run", "error"), [({}, StatementError), ({"only_account": "platform_nobody"}, ParamError)]
)
def test_a_run_is_known_even_if_the_list_cannot_be_taken_over(
    of_run, error, listing, extract, select
):
    listing(order(platform="amazon"))

    with pytest.raises(error):
        extract(run_id="scheduled_1", **of_run)

    assert select("run_id, due from analytics.runs") == [("scheduled_1", 0)]
