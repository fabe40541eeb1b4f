"""Times that are not set, and clocks that change; situations that were reported in public."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, strategies as st
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from shipment_tracking.erp.sql import SqlErp

from .shop import SHANGHAI, SIGNED

NEW_YORK = ZoneInfo("America/New_York")
SIGNED_THERE = datetime(2026, 3, 2, 11, 15, 20)  # noqa: DTZ001
HOUR = timedelta(hours=1)


# E1: times that are not set

ZERO = "datetime not null default '0000-00-00 00:00:00'"


def test_e1_an_order_with_a_zero_date_is_signed(open_shop, mariadb):
    shop = open_shop(mariadb)
    shop.create(shipped_at=ZERO, signed_at=ZERO)
    shop.sell("SO1")
    shop.read()
    shop.signed("SO1")

    assert shop.known("erp_key, shipped_at, last_error from analytics.orders") == [
        ("SO1", None, None)
    ]
    assert shop.sign() == {"signed": 1}
    assert shop.see("status, signed_at from erp_order") == [("SIGNED", SIGNED_THERE)]
    ((before,),) = shop.known("before from tracking.erp_writeback")
    assert before["signed_at"] is None


ZERO_GUARD = """-- As docs/erp.md says for zero dates.
    update erp_order
    set status = 'SIGNED', signed_at = :signed_at, updated_at = :now
    where order_no = :erp_key and status = 'SHIPPED' and updated_at = :erp_stamp
        and (signed_at is null or signed_at = 0)
"""
ZERO_LIST = """-- As docs/erp.md says for zero dates.
    select order_no as erp_key, platform, 'platform_1688' as account, platform_order_id,
        null as waybill_no, nullif(shipped_at, 0) as shipped_at, priority, updated_at as erp_stamp
    from erp_order where status = 'SHIPPED' and (signed_at is null or signed_at = 0)
"""


@pytest.mark.parametrize("mode", ["", "STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE"])
@pytest.mark.parametrize("kind", ["datetime", "datetime(6)", "date", "timestamp"])
def test_e1_an_owners_guard_for_zero_dates_signs_once(kind, mode, open_shop, mariadb):
    default = "0000-00-00" if kind == "date" else "0000-00-00 00:00:00"
    url = mariadb.url.update_query_dict({"init_command": f"set sql_mode = '{mode}'"})
    shop = open_shop(mariadb)
    shop.create(shipped_at=ZERO, signed_at=f"{kind} null default '{default}'")
    shop.sell("SO1", "SO2", "SO3")
    shop.do("update erp_order set signed_at = '2026-03-02 09:00:00' where order_no = 'SO2'")
    shop.do("update erp_order set signed_at = null where order_no = 'SO3'")
    shop.erp = SqlErp(create_engine(url, poolclass=NullPool), SHANGHAI)
    shop.owner("mark_signed", ZERO_GUARD)
    shop.owner("extract_orders", ZERO_LIST)

    shop.read()

    assert shop.known("erp_key from tracking.erp_row order by erp_key") == [("SO1",), ("SO3",)]
    shop.signed("SO1", "SO3")
    assert shop.sign() == {"signed": 2}
    signed = shop.see("date(signed_at) from erp_order order by order_no")
    assert [str(row[0]) for row in signed] == ["2026-03-02"] * 3


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " ",
        "0000-00-00",
        "0000-00-00 00:00:00.000000",
        0,
        Decimal(0),
        datetime(1900, 1, 1),  # noqa: DTZ001
        datetime(1970, 1, 1, 8),  # noqa: DTZ001
        "1970-01-01T08:00:00",
        "0001-01-01 00:00:00",
        datetime(1753, 1, 1).date(),  # noqa: DTZ001
    ],
)
def test_e1_what_stands_for_no_time_is_none(value, erp):
    assert erp.read_time(value) is None
    assert not erp.is_time(value, SIGNED)


def test_e1_a_day_counts_from_its_beginning(erp):
    day = datetime(2026, 3, 1, 16, tzinfo=UTC)
    assert erp.read_time(datetime(2026, 3, 2).date()) == day  # noqa: DTZ001
    assert erp.read_time("2026-03-02") == day


@pytest.mark.parametrize("time", ["'infinity'", "'-infinity'", "'0044-03-15 BC'", "'20260-01-01'"])
@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "date"])
def test_e1_a_time_that_python_cannot_hold_costs_its_own_row(kind, time, open_shop, postgresql):
    shop = open_shop(postgresql)
    shop.create(shipped_at=kind, signed_at=kind)
    shop.sell("SO1", shipped_at=time)
    shop.sell("SO2", shipped_at="'2026-03-01 10:00:00'")

    shop.read()

    (bad, good) = shop.known("last_error from analytics.orders order by erp_key")
    assert bad[0].startswith("shipped_at: ")
    assert good[0] is None
    shop.signed("SO2")
    shop.do("update erp_order set signed_at = 'infinity' where order_no = 'SO2'")
    assert shop.sign() == {"already": 1}


# E2: clocks that change

ZONES = [
    ZoneInfo(name)
    for name in (
        "America/New_York",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "Asia/Shanghai",
        "America/St_Johns",
        "Africa/Casablanca",
        "Antarctica/Troll",
        "Asia/Kathmandu",
    )
]
YEAR = datetime(2026, 1, 1)  # noqa: DTZ001
SECONDS = 366 * 24 * 3600
LITE = create_engine("sqlite://")
LATE = (datetime(2026, 11, 1, 1, 30) - YEAR).total_seconds()  # noqa: DTZ001
NEVER = (datetime(2026, 3, 8, 2, 30) - YEAR).total_seconds()  # noqa: DTZ001


@given(st.sampled_from(ZONES), st.integers(0, SECONDS))
@example(NEW_YORK, int(LATE))
@example(NEW_YORK, int(LATE + 3600 * 4.5))
def test_e2_a_time_that_we_wrote_is_known_to_be_ours(zone, seconds):
    erp = SqlErp(LITE, zone)
    time = YEAR.replace(tzinfo=UTC) + timedelta(seconds=seconds)

    stored = erp.bind_time(time)

    assert erp.is_time(stored, time)
    assert erp.is_time(datetime.fromisoformat(stored), time)
    assert not erp.is_time(stored, time + timedelta(days=2))
    read = erp.read_time(stored)
    assert read == time or abs(read - time) <= timedelta(hours=2)


@given(st.sampled_from(ZONES), st.integers(0, SECONDS))
@example(NEW_YORK, int(LATE))
@example(NEW_YORK, int(NEVER))
def test_e2_every_time_of_a_year_is_in_one_hourly_backfill(zone, seconds):
    """Within the bounds of the hour that it is read as, so that no backfill loses it."""
    erp = SqlErp(LITE, zone)
    stored = YEAR + timedelta(seconds=seconds)
    read = erp.read_time(stored)
    assert read is not None
    start = read.replace(minute=0, second=0)

    first, last = erp.bind_interval(start, start + HOUR)

    assert first <= stored.isoformat(" ") < last


@given(st.sampled_from(ZONES), st.integers(0, SECONDS), st.integers(1, 60 * 24 * 3))
def test_e2_bounds_of_any_interval_hold_its_times(zone, seconds, minutes):
    erp = SqlErp(LITE, zone)
    start = YEAR.replace(tzinfo=UTC) + timedelta(seconds=seconds)
    end = start + timedelta(minutes=minutes)
    first, last = erp.bind_interval(start, end)

    for offset in range(0, minutes, 7):
        local = (start + timedelta(minutes=offset)).astimezone(zone).replace(tzinfo=None)
        assert first <= local.replace(microsecond=0).isoformat(" ") < last


@pytest.mark.parametrize("zone", [SHANGHAI, NEW_YORK])
def test_e2_on_other_days_bounds_are_exact(zone):
    start = datetime(2026, 7, 1, 4, tzinfo=UTC)
    erp = SqlErp(LITE, zone)

    assert erp.bind_interval(start, start + HOUR) == (
        erp.bind_time(start),
        erp.bind_time(start + HOUR),
    )


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_e2_each_row_of_a_changing_night_is_in_one_hourly_backfill(kind, request, open_shop, erp):
    engine = erp.engine if kind == "sqlite" else request.getfixturevalue(kind)
    shop = open_shop(engine, NEW_YORK)
    shop.create()
    shop.sell("AUTUMN", shipped_at="'2026-11-01 01:30:00'")
    shop.sell("BEFORE", shipped_at="'2026-11-01 00:59:59'")
    shop.sell("BEHIND", shipped_at="'2026-11-01 02:00:00'")
    shop.sell("SPRING", shipped_at="'2026-03-08 02:30:00'")

    found = {}
    for start in (datetime(2026, 11, 1, 3, tzinfo=UTC), datetime(2026, 3, 8, 5, tzinfo=UTC)):
        for hour in range(6):
            before = {row[0] for row in shop.known("erp_key from tracking.erp_row")}
            begin = start + hour * HOUR
            shop.read(shipped_from=begin, shipped_to=begin + HOUR)
            for (key,) in shop.known("erp_key from tracking.erp_row"):
                if key not in before:
                    found[key] = begin.hour

    assert found == {"AUTUMN": 5, "BEFORE": 4, "BEHIND": 7, "SPRING": 7}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
@pytest.mark.parametrize("hour", [5, 6])
def test_e2_our_own_sign_of_an_hour_that_comes_twice_is_ours_after_a_crash(
    hour, kind, request, open_shop, erp
):
    engine = erp.engine if kind == "sqlite" else request.getfixturevalue(kind)
    shop = open_shop(engine, NEW_YORK)
    shop.create()
    shop.sell("SO1")
    shop.read()
    at = datetime(2026, 11, 1, hour, 30, tzinfo=UTC)
    shop.signed("SO1", at=at)
    assert shop.sign(at + HOUR) == {"signed": 1}
    shop.crash_before_its_outcome()

    assert shop.sign(at + HOUR) == {"signed": 1}


# Columns that know their zone, or less than a time


@pytest.mark.parametrize("zone", [SHANGHAI, ZoneInfo("UTC"), ZoneInfo("Asia/Kathmandu")])
def test_a_mysql_timestamp_holds_the_true_time(zone, open_shop, mariadb):
    shop = open_shop(mariadb, zone)
    shop.create(shipped_at="timestamp null", signed_at="timestamp null")
    shop.sell("SO1")
    shop.do("update erp_order set shipped_at = from_unixtime(1772400000)")
    shop.read()
    shop.signed("SO1")

    assert shop.known("shipped_at from tracking.erp_row") == [
        (datetime.fromtimestamp(1772400000, UTC),)
    ]
    assert shop.sign() == {"signed": 1}
    assert shop.see("unix_timestamp(signed_at) from erp_order") == [(SIGNED.timestamp(),)]


@pytest.mark.parametrize("zone", [SHANGHAI, NEW_YORK])
def test_a_postgresql_timestamptz_holds_the_true_time(zone, open_shop, postgresql):
    shop = open_shop(postgresql, zone)
    shop.create(shipped_at="timestamptz", signed_at="timestamptz", updated_at="timestamptz")
    shop.sell("SO1", shipped_at="'2026-03-01 02:00:00+00'")
    start = datetime(2026, 3, 1, 2, tzinfo=UTC)
    shop.read(shipped_from=start, shipped_to=start + HOUR)
    shop.read()
    shop.signed("SO1")

    assert shop.known("shipped_at from tracking.erp_row") == [(start,)]
    assert shop.sign() == {"signed": 1}
    assert shop.see("signed_at at time zone 'utc' from erp_order") == [
        (SIGNED.replace(tzinfo=None),)
    ]
    shop.crash_before_its_outcome()
    assert shop.sign() == {"signed": 1}


@pytest.mark.parametrize(
    "kept",
    [
        datetime(2026, 3, 2),  # noqa: DTZ001
        datetime(2026, 3, 2).date(),  # noqa: DTZ001
        "2026-03-02",
        datetime(2026, 3, 2, 11, 15),  # noqa: DTZ001
        "2026-03-02 11:15",
        datetime(2026, 3, 2, 11, 15, 20, 3000),  # noqa: DTZ001
    ],
    ids=repr,
)
def test_a_coarse_column_shows_our_own_sign(kept, erp):
    assert erp.is_time(kept, SIGNED)
    assert not erp.is_time(kept, SIGNED + timedelta(days=1))
