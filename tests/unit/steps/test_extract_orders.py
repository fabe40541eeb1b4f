"""The warehouse tracks what the ERP lists; what leaves the list is closed only on good proof."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, event, text

from shipment_tracking.erp.database import ErpDatabase
from shipment_tracking.errors import (
    ClosureRefusedError,
    ParamError,
    PollingTableError,
    StatementError,
)
from shipment_tracking.statements import OWNER_FOLDER, query
from shipment_tracking.steps import extract_orders

SHANGHAI = ZoneInfo("Asia/Shanghai")
MARIADB = os.environ.get("TEST_MYSQL_URL", "mysql+pymysql://root@127.0.0.1:3306/test")
ACCOUNTS = {"platform_1688", "platform_1688_east"}


def order(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A row as the ERP lists it."""
    return {
        "erp_key": f"SO{number}",
        "platform": "1688",
        "account": "platform_1688",
        "platform_order_id": f"29386245545096629{number:02d}",
        "waybill_no": None,
        "shipped_at": "2026-03-01 10:00:00",
        "priority": 0,
        "erp_stamp": "stamp-1",
    } | changes


@pytest.fixture
def listing(erp, tmp_path, monkeypatch) -> Callable[..., None]:
    """Let the ERP list just these rows, by statements of its owner on a table without rules."""
    owner = tmp_path / "owner"
    (owner / "sql" / "erp").mkdir(parents=True)
    (owner / "sql" / "erp" / "extract_orders.sql").write_text("-- All.\nselect * from wanted")
    (owner / "sql" / "erp" / "backfill_orders.sql").write_text(
        "-- Of a time.\nselect * from wanted"
        " where shipped_at >= :shipped_from and shipped_at < :shipped_to"
    )
    monkeypatch.setenv(OWNER_FOLDER, str(owner))
    names = ", ".join(order())
    with erp.engine.begin() as connection:
        connection.execute(text(f"create table wanted ({names})"))

    def replace(*rows: dict[str, Any]) -> None:
        values = ", ".join(f":{name}" for name in order())
        with erp.engine.begin() as connection:
            connection.execute(text("delete from wanted"))
            if rows:
                connection.execute(text(f"insert into wanted values ({values})"), list(rows))  # noqa: S608

    return replace


@pytest.fixture
def extract(erp, warehouse, new_run, now) -> Callable[..., list[str]]:
    """Take over what the ERP lists."""

    def run(at: datetime = now, **of_run: Any) -> list[str]:
        return extract_orders.run(
            erp, warehouse, new_run(**of_run), knows_account=ACCOUNTS.__contains__, now=at
        )

    return run


@pytest.fixture
def rows(select) -> Callable[[], dict[str, Any]]:
    """The ERP rows as analysts see them, by their keys."""
    return lambda: {row.erp_key: row for row in select("* from analytics.orders")}


@pytest.fixture
def open_keys(rows) -> Callable[[], set[str]]:
    return lambda: {key for key, row in rows().items() if row.closed_at is None}


# What is taken over


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
        ErpDatabase(erp.engine, ZoneInfo("Europe/Berlin")),
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


@pytest.fixture
def versions(select) -> Callable[[], list[Any]]:
    """Which version each row has; a row that is written gets another one."""
    return lambda: [
        select(f"ctid, xmin from tracking.{table} order by ctid")
        for table in ("erp_row", "tracked_order", "shipment")
    ]


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


# What cannot be used


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"platform": "amazon"}, "platform is 'amazon', not one of '1688', 'taobao', 'tmall'"),
        ({"platform": 1688}, "platform is 1688, not one of '1688', 'taobao', 'tmall' as text"),
        ({"platform": None}, "platform is None, not one of"),
        ({"platform_order_id": None}, "platform_order_id is None, not text"),
        ({"platform_order_id": 2938624554509662977}, "cast it in extract_orders.sql"),
        ({"platform_order_id": ""}, "platform_order_id is '', not text"),
        ({"platform_order_id": "29\x0038"}, "platform_order_id is '29\\x0038', not text"),
        ({"account": None}, "account is None, not the id of an Airflow connection"),
        ({"account": "platform_nobody"}, "account 'platform_nobody' is not an Airflow connection"),
        ({"shipped_at": "yesterday"}, "shipped_at: Invalid isoformat string: 'yesterday'"),
        ({"shipped_at": 20260301}, "shipped_at: 20260301 is no time"),
        ({"priority": "N"}, "priority: 'N' is neither 0 nor 1"),
        ({"priority": 2}, "priority: 2 is neither 0 nor 1"),
        (
            {"erp_stamp": b"\x07\xd1"},
            "erp_stamp is binary, not text; cast it in extract_ord",
        ),
    ],
)
def test_a_bad_row_is_told_and_stops_nobody(bad, told, listing, extract, rows, caplog):
    caplog.set_level("WARNING")
    listing(order(1, **bad), order(2))

    assert extract() == ["platform_1688"]

    assert told in rows()["SO1"].last_error
    assert rows()["SO2"].last_error is None
    assert "1 of 2 rows are not tracked: row SO1" in caplog.text


@pytest.mark.parametrize("key", [None, 1001, "", "SO\x001"])
def test_a_row_without_a_usable_key_is_told_in_the_log(key, listing, extract, rows, caplog):
    caplog.set_level("WARNING")
    listing(order(1, erp_key=key), order(2))

    extract()

    assert set(rows()) == {"SO2"}
    assert f"row 1: erp_key is {key!r}, not text" in caplog.text


def test_a_nul_in_a_note_of_the_erp_loses_no_row(listing, extract, select):
    listing(order(waybill_no="YT\x001", erp_stamp="stamp\x00"))

    extract()

    assert select("waybill_no, erp_stamp from tracking.erp_row") == [("YT1", "stamp")]


def test_a_key_that_comes_twice_is_refused_and_stops_nobody(listing, extract, rows, select):
    listing(order(1), order(1, platform_order_id="30"), order(2))

    extract()

    assert rows()["SO1"].last_error == "erp_key SO1 came 2 times; it must be unique"
    assert select("platform_order_id from tracking.tracked_order") == [
        (order(2)["platform_order_id"],)
    ]


def test_a_row_that_was_mended_is_tracked(listing, extract, rows, select):
    listing(order(1, account="platform_nobody"), order(2))
    extract()
    listing(order(1), order(2))
    extract()

    assert rows()["SO1"].last_error is None
    assert select("count(*) from tracking.tracked_order") == [(2,)]


def test_a_tracked_row_that_breaks_keeps_its_order(listing, extract, rows, select):
    listing(order(1), order(2))
    extract()
    listing(order(1, account="platform_nobody"), order(2))
    extract()

    assert "is not an Airflow connection" in rows()["SO1"].last_error
    assert select("count(*) from tracking.tracked_order where closed_at is null") == [(2,)]


def test_when_no_row_can_be_used_the_statement_is_at_fault(listing, extract, rows):
    listing(order(1, platform="amazon"), order(2, platform_order_id=2938624554509662977))

    with pytest.raises(StatementError, match=r"none of its 2 rows can be tracked: row SO1: plat"):
        extract()
    assert rows() == {}


def test_a_statement_without_a_column_is_told(erp, listing, extract, tmp_path):
    file = tmp_path / "owner" / "sql" / "erp" / "extract_orders.sql"
    file.write_text("-- Too few.\nselect erp_key, platform, account from wanted")

    with pytest.raises(StatementError, match="does not return platform_order_id, waybill_no, ship"):
        extract()


def test_a_statement_that_binds_what_nobody_gives_is_told(erp, listing, extract, tmp_path):
    file = tmp_path / "owner" / "sql" / "erp" / "extract_orders.sql"
    file.write_text("-- Of a time.\nselect * from wanted where shipped_at >= :shipped_from")

    with pytest.raises(StatementError, match="binds shipped_from, which is not given"):
        extract()


# What leaves the list


def test_a_row_that_leaves_the_list_is_closed_and_its_order_polled_no_more(
    listing, extract, rows, select, at
):
    listing(order(1), order(2))
    extract()
    listing(order(2))
    extract(at(minutes=30))

    assert (rows()["SO1"].closed_at, rows()["SO1"].close_reason) == (at(minutes=30), "left_erp")
    assert select("platform_order_id from tracking.tracked_order where closed_at is null") == [
        (order(2)["platform_order_id"],)
    ]
    assert rows()["SO2"].closed_at is None


def test_an_order_with_another_open_row_stays_open(listing, extract, select):
    listing(order(1, platform_order_id="29"), order(2, platform_order_id="29"))
    extract()
    listing(order(2, platform_order_id="29"))
    extract()

    assert select("closed_at from tracking.tracked_order") == [(None,)]


def test_closing_clears_the_stall_and_takes_waiting_notices_back(
    listing, extract, execute, select, at
):
    listing(order(1), order(2))
    extract()
    parcel_of(execute, "SO1", "LP1")
    parcel_of(execute, "SO2", "LP2")
    listing(order(2))

    extract(at(minutes=30))

    assert select(
        "consignment_id, state, notification.reason, cleared_at from tracking.notification"
        " inner join tracking.stall using (shipment_id)"
        " inner join tracking.shipment using (shipment_id) order by consignment_id"
    ) == [("LP1", "suppressed", "closed", at(minutes=30)), ("LP2", "pending", "in_transit", None)]


def test_a_parcel_that_serves_another_open_order_too_keeps_its_stall_and_notice(
    listing, extract, execute, select
):
    listing(order(1), order(2))
    extract()
    parcel_of(execute, "SO1", "LP1")
    execute(
        "insert into tracking.order_shipment (order_id, shipment_id, first_seen_at)"
        " select order_id, shipment_id, now() from tracking.erp_row, tracking.shipment"
        " where erp_key = 'SO2'"
    )
    listing(order(2))

    extract()

    assert select(
        "state, cleared_at from tracking.notification inner join tracking.stall using (shipment_id)"
    ) == [("pending", None)]


def parcel_of(execute: Callable[..., None], erp_key: str, consignment_id: str) -> None:
    """A parcel of the row's order, stalled, with a notice waiting."""
    execute(
        """
        with parcel as (
            insert into tracking.shipment (account, consignment_id)
            values ('platform_1688', :consignment_id) returning shipment_id
        ),
        link as (
            insert into tracking.order_shipment (order_id, shipment_id, first_seen_at)
            select order_id, shipment_id, now() from tracking.erp_row, parcel
            where erp_key = :erp_key
        ),
        stalled as (
            insert into tracking.stall (shipment_id, stage, since, threshold_hours, opened_at)
            select shipment_id, 'in_transit', now(), 48, now() from parcel
        )
        insert into tracking.notification (event_id, shipment_id, reason, state, created_at, due_at)
        select gen_random_uuid(), shipment_id, 'in_transit', 'pending', now(), now() from parcel
        """,
        erp_key=erp_key,
        consignment_id=consignment_id,
    )


@pytest.fixture
def listed(listing, extract) -> Callable[[int], None]:
    """Let the ERP list so many orders, which are tracked by then."""

    def start(count: int) -> None:
        listing(*(order(number, platform_order_id=f"29{number}") for number in range(count)))
        extract()

    return start


def shorter(count: int, by: int) -> list[dict[str, Any]]:
    return [order(number, platform_order_id=f"29{number}") for number in range(by, count)]


@pytest.mark.parametrize(
    ("count", "leaving", "closes"),
    [
        (60, 50, True),  # most of them, but only 50
        (60, 51, False),
        (255, 51, True),  # 51, but only a fifth
        (254, 51, False),
    ],
)
def test_too_many_leaving_at_once_close_nothing_and_fail(
    count, leaving, closes, listed, listing, extract, open_keys
):
    listed(count)
    listing(*shorter(count, by=leaving))

    if closes:
        extract()
    else:
        with pytest.raises(ClosureRefusedError, match=rf"^{leaving} of {count} open orders are no"):
            extract()

    assert len(open_keys()) == (count - leaving if closes else count)


def test_rows_that_are_closed_already_may_leave_in_any_number(
    listed, listing, extract, execute, open_keys
):
    listed(60)
    execute("update tracking.erp_row set closed_at = now() where erp_key <> 'SO59'")
    listing(*shorter(60, by=59))

    extract()

    assert open_keys() == {"SO59"}


def test_a_refused_closure_takes_over_everything_else(listed, listing, extract, rows):
    listed(60)
    listing(order(99))

    with pytest.raises(ClosureRefusedError, match="accept_closures = true"):
        extract()

    assert "SO99" in rows()


def test_a_closure_that_a_person_accepts_happens(listed, listing, extract, open_keys):
    listed(60)
    listing(order(99))

    extract(accept_closures=True)

    assert open_keys() == {"SO99"}


def test_an_empty_list_closes_nothing_while_rows_are_open(listing, extract, open_keys):
    listing(order())
    extract()
    listing()

    with pytest.raises(ClosureRefusedError, match=r"1 of 1 open orders .*0 rows"):
        extract()
    assert open_keys() == {"SO1"}

    extract(accept_closures=True)
    assert open_keys() == set()


def test_an_empty_list_is_fine_while_nothing_is_open(listing, extract):
    listing()

    assert extract() == []


def test_a_run_for_one_account_closes_nothing_and_leaves_the_others_alone(
    listing, extract, open_keys, rows
):
    listing(order(1), order(2, account="platform_1688_east"))
    extract()
    listing(order(3), order(4, account="platform_1688_east"))

    extract(only_account="platform_1688")

    assert open_keys() == {"SO1", "SO2", "SO3"}
    assert "SO4" not in rows()


def test_rows_whose_parcels_are_signed_may_leave_however_many_they_are(
    listing, extract, rows, execute
):
    listing(*(order(number) for number in range(80)))
    extract()
    execute(
        "update tracking.erp_row set sign_event = gen_random_uuid(), signed_at = now()"
        " where erp_key <> 'SO0'"
    )
    listing(order(0))

    extract()

    closed = {key: row.close_reason for key, row in rows().items() if row.closed_at}
    assert closed == {f"SO{number}": "signed" for number in range(1, 80)}


@pytest.mark.parametrize(
    ("signed", "state"),
    [(False, ("suppressed", "closed")), (True, ("pending", "signed"))],
)
def test_only_what_closes_unsigned_takes_its_waiting_notices_along(
    signed, state, listing, extract, execute, select
):
    listing(order(1), order(2))
    extract()
    execute(
        "with parcel as ("
        "    insert into tracking.shipment (account, consignment_id)"
        "    values ('platform_1688', 'LP1')"
        "    returning shipment_id"
        "), link as ("
        "    insert into tracking.order_shipment (order_id, shipment_id, first_seen_at)"
        "    select order_id, shipment_id, now() from tracking.erp_row, parcel"
        "    where erp_key = 'SO1'"
        ") insert into tracking.notification (event_id, shipment_id, reason, state, created_at)"
        " select gen_random_uuid(), shipment_id, 'signed', 'pending', now() from parcel"
    )
    if signed:
        execute("update tracking.erp_row set sign_event = gen_random_uuid() where erp_key = 'SO1'")
    listing(order(2))

    extract()

    assert select("state, reason from tracking.notification") == [state]


def test_a_row_that_comes_back_is_open_and_due_at_once(listing, extract, rows, select, at):
    listing(order(1), order(2))
    extract()
    listing(order(2))
    extract(at(minutes=30))
    listing(order(1), order(2))
    extract(at(minutes=60))

    assert (rows()["SO1"].closed_at, rows()["SO1"].close_reason) == (None, None)
    assert select(
        "closed_at, ask_parcels_at, next_poll_at from tracking.tracked_order"
        " where platform_order_id = :id",
        id=order(1)["platform_order_id"],
    ) == [(None, at(minutes=60), at(minutes=60))]


def test_a_row_we_closed_ourselves_stays_closed_while_it_stays_in_the_list(
    listing, extract, execute, rows, select, at
):
    listing(order(1), order(2))
    extract()
    execute(
        "update tracking.erp_row set closed_at = :now, close_reason = 'too_old'"
        " where erp_key = 'SO1'",
        now=at(minutes=1),
    )

    extract(at(minutes=30))
    listing(order(1, erp_stamp="stamp-2"), order(2))
    extract(at(minutes=60))

    assert (rows()["SO1"].closed_at, rows()["SO1"].close_reason) == (at(minutes=1), "too_old")

    listing(order(2))
    extract(at(minutes=90))
    listing(order(1), order(2))
    extract(at(minutes=120))

    assert rows()["SO1"].closed_at is None


# What is given up


@pytest.fixture
def quiet(listing, extract, execute, now) -> None:
    """SO1, with a stalled parcel and a notice waiting, is polled no more; SO2 is."""
    listing(order(1), order(2))
    extract()
    parcel_of(execute, "SO1", "LP1")
    execute("update tracking.shipment set unsettled = false")
    execute(
        "update tracking.tracked_order set quiet_since = :at, next_poll_at = null,"
        " ask_parcels_at = null where platform_order_id = :id",
        at=now,
        id=order(1)["platform_order_id"],
    )


@pytest.mark.usefixtures("quiet")
def test_what_is_polled_no_more_is_closed_and_says_why(extract, rows, select, at):
    extract(at(minutes=30))

    closed = rows()["SO1"]
    assert (closed.closed_at, closed.close_reason) == (at(minutes=30), "gave_up")
    assert closed.last_error == "gave up: nothing new since 2026-03-02 04:00 UTC"
    assert rows()["SO2"].closed_at is None
    assert select("cleared_at from tracking.stall") == [(at(minutes=30),)]
    assert select("state, reason from tracking.notification") == [("suppressed", "closed")]
    assert select("count(*) from tracking.tracked_order where closed_at is null") == [(1,)]


@pytest.mark.usefixtures("quiet")
def test_what_was_given_up_stays_closed_while_its_row_stays_as_it_is(extract, rows, at):
    extract(at(minutes=30))
    extract(at(minutes=60))

    assert rows()["SO1"].closed_at == at(minutes=30)


@pytest.mark.usefixtures("quiet")
def test_what_was_given_up_is_open_again_when_its_row_changes(listing, extract, rows, select, at):
    extract(at(minutes=30))
    listing(order(1, erp_stamp="stamp-2"), order(2))

    extract(at(minutes=60))
    extract(at(minutes=90))

    assert (rows()["SO1"].closed_at, rows()["SO1"].close_reason) == (None, None)
    assert select(
        "reopened_at, quiet_since, next_poll_at from tracking.tracked_order"
        " where reopened_at is not null"
    ) == [(at(minutes=60), None, at(minutes=60))]


@pytest.mark.usefixtures("quiet")
def test_what_was_given_up_is_open_again_when_its_row_comes_back(listing, extract, rows, at):
    extract(at(minutes=30))
    listing(order(2))
    extract(at(minutes=60))
    listing(order(1), order(2))
    extract(at(minutes=90))

    assert rows()["SO1"].closed_at is None


@pytest.mark.parametrize(
    "waits",
    [
        "insert into tracking.trace_reply"
        " (order_id, dialect, fetched_at, fingerprint, body, announce, run_id)"
        " select order_id, 'param2', now(), '', '{}', true, 'r' from tracking.tracked_order",
        "update tracking.shipment set unsettled = true",
    ],
    ids=["a reply to load", "a parcel to judge"],
)
@pytest.mark.usefixtures("quiet")
def test_nothing_is_given_up_while_something_new_of_it_waits(waits, extract, execute, rows):
    execute(waits)

    extract()

    assert rows()["SO1"].closed_at is None


@pytest.mark.usefixtures("quiet")
def test_a_row_that_is_signed_is_not_given_up(extract, execute, rows):
    execute("update tracking.erp_row set signed_at = now(), sign_event = gen_random_uuid()")

    extract()

    assert rows()["SO1"].close_reason is None


def test_a_mistake_in_the_polling_table_stops_the_run_before_anything_is_asked(
    listing, extract, tmp_path, rows
):
    listing(order())
    (tmp_path / "owner" / "polling.csv").write_text("stage,quiet_hours,minutes\nany,0,soon\n")

    with pytest.raises(PollingTableError, match=r"owner/polling.csv, line 2: minutes is 'soon'"):
        extract()
    assert rows() == {}


def test_how_long_parcels_usually_take_is_learnt(listing, extract, select, now):
    listing(order())

    extract()

    assert select("carrier_code, learnt_at from tracking.transit_time") == [("", now)]


# High priority


def test_a_run_of_high_priority_takes_everything_over_and_closes_nothing(
    listing, extract, open_keys, execute, now
):
    listing(order(1), order(2))
    extract()
    execute("update tracking.tracked_order set quiet_since = :now", now=now)
    listing(order(2, priority=1), order(3))

    assert extract(only_high_priority=True) == ["platform_1688"]

    assert open_keys() == {"SO1", "SO2", "SO3"}


def test_without_an_order_of_high_priority_such_a_run_has_no_work(listing, extract, select):
    listing(order(1))

    assert extract(only_high_priority=True) == []
    assert select("due from analytics.runs") == [(0,)]


@pytest.mark.parametrize("asked", [True, False], ids=["with parcels", "without"])
def test_an_order_that_becomes_urgent_is_due_at_once(asked, listing, extract, execute, select, at):
    listing(order())
    extract()
    execute(
        "update tracking.tracked_order set next_poll_at = :later, ask_parcels_at = :later,"
        " parcels_asked_at = :asked",
        later=at(hours=12),
        asked=at(hours=-1) if asked else None,
    )
    listing(order(priority=1))

    extract(at(minutes=30))

    ((next_poll_at, ask_parcels_at),) = select(
        "next_poll_at, ask_parcels_at from tracking.tracked_order"
    )
    assert next_poll_at == at(minutes=30)
    assert ask_parcels_at == (at(hours=12) if asked else at(minutes=30))


# Backfills

BACKFILL = {
    "run_type": "backfill",
    "shipped_from": datetime(2026, 2, 1, tzinfo=UTC),
    "shipped_to": datetime(2026, 3, 2, tzinfo=UTC),
}


def test_a_row_that_only_a_backfill_saw_is_closed_from_birth_and_waits_for_it(
    listing, extract, rows, select, now
):
    listing(order())

    assert extract(**BACKFILL) == ["platform_1688"]

    assert (rows()["SO1"].closed_at, rows()["SO1"].close_reason) == (now, "left_erp")
    assert select("closed_at, backfill_at from tracking.tracked_order") == [(now, now)]
    assert extract(only_account="platform_1688_east") == []


def test_a_backfill_has_no_work_with_what_another_interval_still_wants(
    listing, extract, select, execute
):
    listing(order())
    extract(**BACKFILL)
    execute("update tracking.erp_row set shipped_at = shipped_at - interval '90 days'")
    listing()

    assert extract(**BACKFILL) == []
    assert select("count(backfill_at) from tracking.tracked_order") == [(1,)]


def test_a_backfill_closes_and_reopens_nothing(listing, extract, open_keys):
    listing(order(1), order(2))
    extract()
    listing(order(2))
    extract()
    listing(order(1))

    extract(**BACKFILL)

    assert open_keys() == {"SO2"}


def test_a_listed_row_that_a_backfill_saw_changed_is_closed_when_it_leaves(
    listing, extract, open_keys
):
    listing(order(1), order(2))
    extract()
    listing(order(1, erp_stamp="stamp-2"), order(2))
    extract(**BACKFILL)
    listing(order(2))

    extract()

    assert open_keys() == {"SO2"}


def test_a_row_that_a_backfill_saw_is_opened_when_it_is_listed(listing, extract, open_keys):
    listing(order(1))
    extract(**BACKFILL)

    extract()

    assert open_keys() == {"SO1"}


def test_a_backfill_leaves_alone_what_was_polled_just_now(listing, extract, execute, select, at):
    listing(order(1), order(2))
    extract()
    execute(
        "update tracking.tracked_order set last_polled_at = :polled where platform_order_id = :id",
        polled=at(minutes=-5),
        id=order(1)["platform_order_id"],
    )

    extract(**BACKFILL)

    assert select(
        "platform_order_id from tracking.tracked_order where backfill_at is not null"
    ) == [(order(2)["platform_order_id"],)]


@pytest.mark.parametrize("beside", ["extract_orders.lock", "erp_rows.lock"])
def test_the_list_is_taken_over_by_one_and_beside_no_load(
    beside, while_another_holds, listing, extract
):
    listing(order())

    with while_another_holds(beside, extract) as taking_over:
        assert not taking_over.done()

    assert taking_over.result() == ["platform_1688"]


def test_the_list_is_read_after_the_one_before_it_was_taken_over(
    while_another_holds, listing, extract, open_keys
):
    listing(order(1))

    with while_another_holds("extract_orders.lock", extract) as taking_over:
        listing(order(1), order(2))

    taking_over.result()
    assert open_keys() == {"SO1", "SO2"}


def test_others_load_while_the_list_is_read(erp, listing, extract, warehouse):
    listing(order())

    @event.listens_for(erp.engine, "before_cursor_execute")
    def load(*of_the_erp):
        with warehouse.begin() as connection:
            connection.execute(text("set local lock_timeout = '1s'"))
            connection.execute(query("erp_rows.lock"))

    assert extract() == ["platform_1688"]


def test_what_a_changed_row_means_for_its_parcels_is_judged_anew(listing, extract, execute, select):
    listing(order())
    extract()
    parcel_of(execute, "SO1", "LP1")
    execute("update tracking.shipment set unsettled = false")
    extract()
    assert select("unsettled from tracking.shipment") == [(False,)]

    listing(order(waybill_no="YT1"))
    extract()

    assert select("unsettled from tracking.shipment") == [(True,)]


def test_the_engine_of_an_erp_is_only_read(erp, listing, extract, warehouse: Engine):
    listing(order())
    with erp.engine.connect() as connection:
        before = connection.execute(text("pragma data_version")).scalar()
        extract()
        assert connection.execute(text("pragma data_version")).scalar() == before
