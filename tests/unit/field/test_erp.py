"""Reported situations at the edge of the ERP: contacts, characters, times and typed numbers."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import URL, create_engine, event, text
from sqlalchemy.pool import NullPool

from shipment_tracking import runs
from shipment_tracking.erp.database import ErpDatabase, is_set
from shipment_tracking.erp.sql import SqlWriter
from shipment_tracking.sql import OWNER_FOLDER
from shipment_tracking.steps import extract_orders, mark_signed, notify_changes, show_trace


@pytest.fixture
def owners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Replace a statement of the ERP by its owner's own."""
    folder = tmp_path / "include" / "sql" / "erp"
    folder.mkdir(parents=True)
    monkeypatch.setenv(OWNER_FOLDER, str(folder.parents[1]))
    return lambda name, body: (folder / f"{name}.sql").write_text(body, encoding="utf-8")


@pytest.fixture
def run_sql() -> Callable[..., None]:
    """Run a command at an ERP."""

    def run(erp: ErpDatabase, command: str, **binds: Any) -> None:
        with erp.engine.begin() as connection:
            connection.execute(text(command), binds)

    return run


# B4: contacts

CONTACT = """-- The contact book of an ERP.
select phone, name, 'zh' as language, opted_out from contact where order_no = :erp_key
"""


@pytest.fixture
def contact(shop, owners, run_sql) -> Callable[..., None]:
    """Add a row to an ERP's table of contacts, which has no rules."""
    owners("find_contact", CONTACT)
    run_sql(shop, "drop table if exists contact")
    run_sql(
        shop,
        "create table contact"
        " (order_no varchar(16), phone varchar(32), name varchar(32), opted_out varchar(32))",
    )

    def add(order_no: str, phone: str | None = "19900000001", opted_out: str | None = "0") -> None:
        run_sql(
            shop,
            "insert into contact values (:order_no, :phone, '赵小满', :opted_out)",
            order_no=order_no,
            phone=phone,
            opted_out=opted_out,
        )

    return add


@pytest.fixture
def notify(warehouse, shop, to, new_run, now) -> Callable[..., dict[str, int]]:
    """Tell these destinations what changed."""

    def run(*wanted: Any) -> dict[str, int]:
        this_run = new_run(now)
        with warehouse.begin() as connection:
            runs.begin(connection, this_run)
        return notify_changes.run(
            warehouse,
            this_run,
            open_erp=lambda: shop,
            channels=to(*wanted),
            owner="run",
            now=now,
        )

    return run


@pytest.fixture
def told(receiver) -> Callable[[], list[list[str]]]:
    """The orders that each message to customers names, with one contact each."""

    def read() -> list[list[str]]:
        bodies = [delivery.body for delivery in receiver.deliveries("customers")]
        assert [len(body["contacts"]) for body in bodies] == [1] * len(bodies)
        return sorted([order["erp_key"] for order in body["orders"]] for body in bodies)

    return read


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([{"opted_out": None}], "opted_out is null"),
        ([{"opted_out": "N"}], "opted_out is neither 0 nor 1"),
        ([{"opted_out": "19900000001"}], "opted_out is neither 0 nor 1"),
        ([{"phone": None}], "phone is empty"),
        ([{"phone": " "}], "phone is empty"),
        ([], "no row is found"),
        ([{}, {"phone": "19900000002"}], "2 different rows are found"),
        ([{}, {"opted_out": "1"}], "2 different rows are found"),
    ],
)
def test_b4_contact_that_is_unusable_costs_itself_only(
    rows, problem, ship, change, contact, notify, told, select, caplog
):
    caplog.set_level(logging.WARNING)
    for number in (1, 2, 3):
        change(ship(number), "signed")
    contact("SO1")
    for row in rows:
        contact("SO2", **row)
    contact("SO3")

    assert notify("customers") == {"sent": 2, "failed": 0, "dead": 0, "suppressed": 1}

    assert told() == [["SO1"], ["SO3"]]
    ((reason,),) = select("reason from analytics.notifications where state = 'suppressed'")
    assert reason == (
        f"the customer of order SO2 is not notified: {problem}; correct the contact in the ERP or "
        "find_contact.sql"
    )
    assert reason in caplog.messages
    assert "1990000000" not in caplog.text + reason


def test_b4_contact_that_stands_twice_alike_is_told_once(ship, change, contact, notify, told):
    change(ship(), "signed")
    contact("SO1")
    contact("SO1")

    assert notify("customers")["sent"] == 1
    assert told() == [["SO1"]]


def test_b4_contacts_that_are_all_unusable_are_named_a_screen_long(
    ship, change, contact, notify, told, caplog
):
    caplog.set_level(logging.WARNING)
    for number in range(30):
        change(ship(number), "signed")
        contact(f"SO{number}", opted_out=None)

    assert notify("customers")["suppressed"] == 30

    assert told() == []
    assert len([line for line in caplog.messages if "opted_out is null" in line]) == 20


def test_b4_contact_that_the_erp_cannot_compute_costs_itself_only(
    shop, ship, change, contact, notify, told, owners, select
):
    if shop.engine.dialect.name != "postgresql":
        pytest.skip("only PostgreSQL refuses such a cast")
    owners("find_contact", CONTACT.replace(" opted_out from", " cast(opted_out as int) from"))
    change(ship(1), "signed")
    change(ship(2), "signed")
    contact("SO1", opted_out="maybe")
    contact("SO2")

    assert notify("customers")["sent"] == 1

    assert told() == [["SO2"]]
    ((reason,),) = select("reason from analytics.notifications where state = 'suppressed'")
    assert "order SO1 is not notified: the ERP cannot read a value" in reason


# E1: times that are not set

SIGNED = datetime(2026, 3, 2, 3, 15, 20, tzinfo=UTC)
SIGNED_THERE = datetime(2026, 3, 2, 11, 15, 20)  # noqa: DTZ001

ROWS = """-- Rows of an outbound table.
select order_no as erp_key, '1688' as platform, 'platform_1688' as account, platform_order_id,
    waybill_no, shipped_at, 0 as priority, null as erp_stamp
from outbound where {guard}
"""
SIGN = """-- The row is signed once.
update outbound set signed_at = :signed_at where order_no = :erp_key and {guard}
"""
STATE = """-- The row now.
select 'SHIPPED' as status, signed_at, null as erp_stamp from outbound where order_no = :erp_key
"""
UNSIGNED = "(signed_at is null or signed_at < '1971-01-01')"


@pytest.fixture
def statements(owners) -> None:
    """The statements of an owner whose table has fillers for times that are not set."""
    owners("extract_orders", ROWS.format(guard=UNSIGNED))
    owners("mark_signed", SIGN.format(guard=UNSIGNED))
    owners("order_state", STATE)


@pytest.fixture
def outbound(erp, run_sql) -> Callable[..., ErpDatabase]:
    """An outbound table in an ERP; returns the ERP."""

    def create(shop: ErpDatabase = erp, time: str = "timestamp", rule: str = "") -> ErpDatabase:
        run_sql(shop, "drop table if exists outbound")
        run_sql(
            shop,
            "create table outbound (order_no varchar(16) primary key,"
            " platform_order_id varchar(32) default '2938624554509662977', waybill_no varchar(32),"
            f" shipped_at {time} {rule}, signed_at {time} {rule})",
        )
        return shop

    return create


@pytest.fixture
def take_over(warehouse, new_run, now) -> Callable[..., list[str]]:
    """Read an ERP's list."""
    return lambda shop, **of_run: extract_orders.run(
        shop, warehouse, new_run(**of_run), knows_account=lambda account: True, now=now
    )


@pytest.fixture
def write(warehouse, new_run, execute, now) -> Callable[..., dict[str, int]]:
    """Let all orders be signed by their parcels and write that to an ERP."""

    def run(shop: ErpDatabase, at: datetime = SIGNED) -> dict[str, int]:
        execute(
            "update tracking.erp_row set status = 'signed', signed_at = :at,"
            " sign_event = coalesce(sign_event, :event)",
            at=at,
            event=uuid4(),
        )
        counts = mark_signed.run(warehouse, SqlWriter(shop), new_run(), now=now)
        return {outcome: count for outcome, count in counts.items() if count}

    return run


ZERO = "not null default '0000-00-00 00\\:00\\:00'"
MODES = ["", "STRICT_TRANS_TABLES", "STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE"]


@pytest.fixture
def zero_dates(mariadb_shop, erp, outbound, run_sql) -> Iterator[Callable[[str, str], ErpDatabase]]:
    """A table with zero dates on MariaDB, read in a mode of its own."""
    made: list[ErpDatabase] = []

    def create(column: str, mode: str) -> ErpDatabase:
        def engine(sql_mode: str) -> ErpDatabase:
            options = {"connect_args": {"init_command": f"set sql_mode = '{sql_mode}'"}}
            return replace(erp, engine=create_engine(mariadb_shop.url, **options))

        made.extend([engine(""), engine(mode)])
        rule = ZERO.split(" 00")[0] + "'" if column == "date" else ZERO
        outbound(made[0], column, rule)
        run_sql(made[0], "insert into outbound (order_no) values ('SO1')")
        return made[1]

    yield create
    run_sql(made[0], "drop table outbound")
    for each in made:
        each.engine.dispose()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("column", ["datetime", "datetime(6)", "timestamp", "date"])
def test_e1_zero_date_of_mysql_is_not_set(
    column, mode, zero_dates, statements, take_over, write, select, run_sql
):
    shop = zero_dates(column, mode)
    take_over(shop)
    assert select("shipped_at, last_error from tracking.erp_row") == [(None, None)]

    assert write(shop) == {"signed": 1}

    with shop.engine.connect() as connection:
        (signed_at,) = connection.execute(text("select signed_at from outbound")).one()
    assert signed_at == (SIGNED_THERE.date() if column == "date" else SIGNED_THERE)
    assert write(shop) == {}


@pytest.mark.parametrize(
    "filler",
    [
        None,
        "",
        " ",
        0,
        "0000-00-00",
        "0000-00-00 00:00:00",
        "0000-00-00 00:00:00.000000",
        "0001-01-01 00:00:00",
        datetime(1, 1, 1),  # noqa: DTZ001
        datetime(1900, 1, 1),  # noqa: DTZ001
        datetime(1970, 1, 1, 8),  # noqa: DTZ001
        datetime(1900, 1, 1).date(),  # noqa: DTZ001
        datetime(9999, 12, 31, 23, 59, 59),  # noqa: DTZ001
        "9999-12-31 00:00:00",
    ],
)
def test_e1_filler_of_an_erp_is_not_set(filler, erp):
    assert not is_set(filler)
    assert erp.read_time(filler) is None
    assert not erp.is_time(filler, SIGNED)


def test_e1_time_that_is_set_badly_costs_its_own_row_only(
    outbound, run_sql, statements, take_over, write, select
):
    shop = outbound(time="varchar(32)")
    run_sql(shop, "insert into outbound (order_no) values ('SO1'), ('SO2')")
    run_sql(shop, "insert into outbound (order_no, shipped_at) values ('SO3', '2026-00-00')")
    take_over(shop)
    run_sql(shop, "update outbound set signed_at = '2026/03/02 11:00' where order_no = 'SO1'")

    assert write(shop) == {"already": 1, "signed": 1}

    ((error,),) = select("last_error from tracking.erp_row where erp_key = 'SO3'")
    assert error.startswith("shipped_at: ")


@pytest.mark.parametrize(
    ("stored", "is_ours"),
    [
        ("2026-03-02 11:15:20", True),
        ("2026-03-02 11:15:20.003", True),
        ("2026-03-02 11:15:00", True),
        ("2026-03-02 11:16:00", True),
        ("2026-03-02 11:15:21", False),
        ("2026-03-02 11:17:00", False),
        ("2026-03-02", True),
        ("2026-03-01", False),
        ("2026-03-02T03:15:20+00:00", True),
        (SIGNED, True),
        (SIGNED_THERE, True),
        (SIGNED_THERE.date(), True),
        (1772421320, False),
        ("signed", False),
        (b"2026", False),
    ],
)
def test_e1_our_own_time_is_recognised_as_far_as_the_column_can_tell(stored, is_ours, erp):
    assert erp.is_time(stored, SIGNED) == is_ours


# B6: characters that an ERP cannot hold

SHOW = """-- Trace columns only.
update outbound set latest_trace = :latest_trace, waybill_nos = :waybill_nos
where order_no = :erp_key
"""
EUC_CN = "encoding 'EUC_CN' lc_collate 'C' lc_ctype 'C' template template0"


@pytest.fixture(scope="session")
def euc_cn(new_database) -> Iterator[URL]:
    """A database of PostgreSQL whose encoding is GB 2312."""
    like = new_database()
    name = f"{like.database}_euc_cn"
    admin = create_engine(like, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        version = connection.execute(text("show server_version_num")).scalar_one()
        provider = " locale_provider libc" if int(version) >= 150000 else ""
        connection.execute(text(f"create database {name} {EUC_CN}{provider}"))
    yield like.set(database=name)
    with admin.connect() as connection:
        connection.execute(text(f"drop database {name}"))


@pytest.fixture(params=["EUC_CN", "EUC_CN through UTF-8", "utf8mb3", "gbk", "latin1"])
def narrow(request, erp, run_sql) -> Iterator[tuple[ErpDatabase, str]]:
    """An ERP that cannot hold every character, and how it holds "到😊𠮷站"."""
    if request.param.startswith("EUC_CN"):
        url = request.getfixturevalue("euc_cn")
        encoding = {} if request.param == "EUC_CN" else {"client_encoding": "utf8"}
        engine = create_engine(url.update_query_dict(encoding), poolclass=NullPool)
        rule, held = "", "到??站"
    else:
        strict = {"init_command": "set sql_mode = 'STRICT_TRANS_TABLES'"}
        url = request.getfixturevalue("mariadb_shop").url
        engine = create_engine(url, poolclass=NullPool, connect_args=strict)
        rule = f" character set {request.param}"
        held = "????" if request.param == "latin1" else "到??站"
    shop = replace(erp, engine=engine)
    run_sql(
        shop,
        "create table outbound (order_no varchar(16) primary key, platform_order_id varchar(32)"
        " default '2938624554509662977', waybill_no varchar(32), shipped_at timestamp null,"
        f" signed_at timestamp null, latest_trace varchar(99){rule}, waybill_nos varchar(99){rule},"
        f" must_be varchar(9){rule} not null default 'x')",
    )
    yield shop, held
    run_sql(shop, "drop table outbound")


@pytest.fixture
def show(warehouse, new_run, now, execute) -> Callable[..., dict[str, int]]:
    """Let orders have latest traces and show them at an ERP."""

    def run(shop: ErpDatabase, traces: dict[str, str]) -> dict[str, int]:
        for erp_key, trace in traces.items():
            execute(
                "update tracking.erp_row set latest_trace = :trace, waybill_nos = 'YT1',"
                " trace_changed = true where erp_key = :key",
                trace=trace,
                key=erp_key,
            )
        counts = show_trace.run(warehouse, SqlWriter(shop), new_run(now))
        return {outcome: count for outcome, count in counts.items() if count}

    return run


def test_b6_character_that_the_erp_cannot_hold_is_replaced(
    narrow, statements, owners, run_sql, take_over, show
):
    shop, held = narrow
    owners("show_trace", SHOW)
    run_sql(shop, "insert into outbound (order_no) values ('SO1'), ('SO2'), ('SO3')")
    take_over(shop)

    traces = {"SO1": "delivered", "SO2": "到😊𠮷站", "SO3": "signed"}
    assert show(shop, traces) == {"shown": 3}

    with shop.engine.connect() as connection:
        query = "select latest_trace, waybill_nos from outbound order by order_no"
        found = connection.execute(text(query)).all()
    assert found == [("delivered", "YT1"), (held, "YT1"), ("signed", "YT1")]
    assert show(shop, {}) == {}


def test_b6_order_that_the_erp_cannot_name_stops_no_other(
    narrow, statements, owners, run_sql, take_over, show, write, execute
):
    shop, _ = narrow
    owners("show_trace", SHOW)
    run_sql(shop, "insert into outbound (order_no) values ('SO1'), ('SO2'), ('SO3')")
    take_over(shop)
    execute("update tracking.erp_row set erp_key = '😊' where erp_key = 'SO2'")

    outcome = show(shop, {"SO1": "delivered", "😊": "delivered", "SO3": "signed"})
    assert outcome in ({"shown": 2, "failed": 1}, {"shown": 2, "skipped": 1})
    assert write(shop) in ({"signed": 2, "failed": 1}, {"signed": 2, "gone": 1})


def test_b6_row_that_fails_for_another_reason_is_tried_once(
    narrow, statements, owners, run_sql, take_over, show
):
    shop, _ = narrow
    owners("show_trace", SHOW.replace("where", ", must_be = nullif(:status, 'pending') where"))
    run_sql(shop, "insert into outbound (order_no) values ('SO1')")
    take_over(shop)
    tried: list[str] = []

    @event.listens_for(shop.engine, "before_cursor_execute")
    def count(connection, cursor, statement, *rest):
        if "update outbound" in statement:
            tried.append(statement)

    assert show(shop, {"SO1": "delivered"}) == {"failed": 1}
    assert len(tried) == 1


@pytest.mark.parametrize("failing", [1, 2])
def test_b6_quiet_night_with_a_failing_row_is_green(
    failing, outbound, run_sql, statements, owners, take_over, write, show
):
    shop = outbound()
    run_sql(
        shop,
        "create trigger refuse before update on outbound begin"
        " select raise(abort, 'not this one'); end",
    )
    owners("show_trace", "-- Any column.\nupdate outbound set waybill_no = :status where 1 = 1")
    for number in range(failing):
        run_sql(shop, "insert into outbound (order_no) values (:key)", key=f"SO{number}")
    take_over(shop)

    assert write(shop) == {"failed": failing}
    assert show(shop, {f"SO{number}": "x" for number in range(failing)}) == {"failed": failing}


# E2: an ERP in a zone with daylight saving

ZONES = (
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Antarctica/Troll",
    "Asia/Shanghai",
)
NEW_YORK = ZoneInfo("America/New_York")
TWICE = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
"""01:30 in New York, an hour before it is 01:30 again."""


@pytest.mark.parametrize("hours", [0, 1])
def test_e2_our_own_signature_in_the_hour_that_comes_twice_is_recognised(
    hours, outbound, run_sql, statements, take_over, write, execute, monkeypatch, new_run, warehouse
):
    shop = replace(outbound(), timezone=NEW_YORK)
    at = TWICE + timedelta(hours=hours)
    run_sql(shop, "insert into outbound (order_no) values ('SO1')")
    take_over(shop)
    execute("update tracking.erp_row set signed_at = :at, sign_event = :id", at=at, id=uuid4())
    later = at + timedelta(hours=1)
    mark_signed.run(warehouse, SqlWriter(shop), new_run(), now=later)
    execute("update tracking.erp_writeback set outcome = null")
    execute("update tracking.erp_row set settled_event = null")

    counts = mark_signed.run(warehouse, SqlWriter(shop), new_run(), now=later)

    assert counts["signed"] == 1


@pytest.fixture
def found_by_backfill(outbound, run_sql, owners, take_over, execute) -> Callable[..., bool]:
    """Whether a backfill of an interval finds work in a row that was shipped at a local time."""
    owners(
        "backfill_orders",
        ROWS.format(guard="shipped_at >= :shipped_from and shipped_at < :shipped_to"),
    )

    def run(shipped_at: str, start: datetime, length: timedelta) -> bool:
        execute("update tracking.tracked_order set backfill_at = null")
        shop = replace(outbound(time="varchar(32)"), timezone=NEW_YORK)
        run_sql(
            shop,
            "insert into outbound (order_no, shipped_at) values ('SO1', :at)",
            at=shipped_at,
        )
        interval = {"shipped_from": start, "shipped_to": start + length}
        return bool(take_over(shop, run_type="backfill", **interval))

    return run


@pytest.mark.parametrize(
    ("shipped_at", "hours"),
    [
        ("2026-11-01 00:59:59", [4]),
        ("2026-11-01 01:00:00", [5, 6]),
        ("2026-11-01 01:30:00", [5, 6]),
        ("2026-11-01 02:00:00", [7]),
        ("2026-03-08 01:59:59", [6]),
        ("2026-03-08 02:30:00", [6, 7]),
        ("2026-03-08 03:00:00", [7]),
    ],
)
def test_e2_row_is_found_by_an_hourly_backfill(shipped_at, hours, found_by_backfill):
    day = datetime.fromisoformat(shipped_at[:10]).replace(tzinfo=UTC)

    found = [
        hour
        for hour in range(3, 10)
        if found_by_backfill(shipped_at, day + timedelta(hours=hour), timedelta(hours=1))
    ]

    assert found == hours


@given(
    zone=st.sampled_from(ZONES),
    shipped=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)),  # noqa: DTZ001
    before=st.integers(0, 8000),
    length=st.integers(1, 8000),
)
def test_e2_no_time_of_an_interval_is_lost(zone, shipped, before, length):
    shop = ErpDatabase(create_engine("postgresql+psycopg://"), ZoneInfo(zone))
    shipped_at = shipped.replace(tzinfo=UTC, microsecond=0)
    start = shipped_at - timedelta(seconds=before)
    end = start + timedelta(seconds=before + length)
    stored = shop.bind_time(shipped_at)

    lower, upper = shop.bind_interval(start, end)

    assert lower <= stored < upper
    read = shop.read_time(stored, (start, end))
    assert read is not None
    assert start <= read < end
    assert shop.is_time(stored, shipped_at)


@given(
    zone=st.sampled_from(ZONES),
    typed=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)),  # noqa: DTZ001
)
def test_e2_a_local_time_is_found_by_the_hour_it_is_read_as(zone, typed):
    """Also one that does not exist, which a person or a clock without daylight saving writes."""
    shop = ErpDatabase(create_engine("postgresql+psycopg://"), ZoneInfo(zone))
    read = shop.read_time(typed)
    assert read is not None
    start = read.replace(minute=0, second=0, microsecond=0)

    lower, upper = shop.bind_interval(start, start + timedelta(hours=1))

    assert lower <= typed < upper
