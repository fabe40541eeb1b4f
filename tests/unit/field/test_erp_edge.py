"""The ERP's edge where one key, contact, character or filler is bad: it costs itself only."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import URL, create_engine, event, text
from sqlalchemy.pool import NullPool

from shipment_tracking.erp.database import is_set
from shipment_tracking.erp.sql import SqlErp
from shipment_tracking.errors import ChannelDownError
from shipment_tracking.statements import OWNER_FOLDER
from shipment_tracking.steps import extract_orders, mark_signed, notify_changes, show_trace
from shipment_tracking.warehouse import runs


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

    def run(erp: SqlErp, command: str, **binds: Any) -> None:
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

    def run(*wanted: Any, at: datetime = now) -> dict[str, int]:
        this_run = new_run(at)
        with warehouse.begin() as connection:
            runs.begin(connection, this_run)
        return notify_changes.run(
            warehouse,
            this_run,
            open_erp=lambda: shop,
            channels=to(*wanted),
            owner="run",
            now=at,
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


RAISING = {
    "postgresql": "create or replace function as_flag(word text) returns int language plpgsql as"
    " $$ begin if word = 'maybe' then raise exception 'nobody knows'; end if; return 0; end $$",
    "mysql": "create or replace function as_flag(word text) returns int begin"
    " if word = 'maybe' then signal sqlstate '45000'; end if; return 0; end",
}
SEVERAL = (
    "(select 0 from contact as any_row"
    " where any_row.order_no = :erp_key or contact.opted_out = 'maybe')"
)


@pytest.mark.parametrize(
    ("flag", "known_to"),
    [
        ("cast(opted_out as int)", ["postgresql"]),
        ("as_flag(opted_out)", ["postgresql", "mysql"]),
        (SEVERAL, ["postgresql", "mysql"]),
        ("array[array[opted_out]]", ["postgresql"]),
    ],
    ids=["cast", "raised", "several", "list"],
)
def test_b4_contact_that_the_erp_cannot_compute_costs_itself_only(
    flag, known_to, shop, ship, change, contact, notify, told, owners, select, run_sql
):
    kind = shop.engine.dialect.name
    if kind not in known_to:
        pytest.skip("this ERP refuses nothing here")
    run_sql(shop, RAISING[kind])
    if flag.startswith("array"):
        flag = f"case when opted_out = 'maybe' then to_jsonb({flag}) else '0' end"
    owners("find_contact", CONTACT.replace(" opted_out from", f" {flag} as opted_out from"))
    change(ship(1), "signed")
    change(ship(2), "signed")
    contact("SO1", opted_out="maybe")
    contact("SO2")

    assert notify("customers")["sent"] == 1

    assert told() == [["SO2"]]
    ((error,),) = select("last_error from analytics.notifications where state <> 'sent'")
    assert "contact of order SO1" in error or "opted_out of order SO1" in error


@pytest.mark.parametrize("orders", [1, 6])
def test_contacts_that_the_erp_fails_to_find_for_now_are_asked_for_again(
    orders, shop, ship, change, contact, notify, told, owners, select, run_sql, now
):
    kind = shop.engine.dialect.name
    if kind not in RAISING:
        pytest.skip("this ERP refuses nothing here")
    run_sql(shop, RAISING[kind])
    owners(
        "find_contact",
        CONTACT.replace(" opted_out from", " as_flag(opted_out) as opted_out from"),
    )
    for number in range(1, orders + 1):
        change(ship(number), "signed")
        contact(f"SO{number}", opted_out="maybe")

    with pytest.raises(ChannelDownError, match="contact of order SO"):
        notify("customers")
    states = "distinct state from analytics.notifications where audience = 'customers'"
    assert select(states) == [("pending",)]
    run_sql(shop, "update contact set opted_out = 'no'")
    notify("customers", at=now + timedelta(minutes=30))

    assert told() == sorted([f"SO{number}"] for number in range(1, orders + 1))


def test_row_whose_state_the_erp_refuses_costs_itself_only(
    outbound, statements, owners, run_sql, take_over, write, postgresql_shop, erp
):
    shop = outbound(replace(erp, engine=postgresql_shop))
    run_sql(shop, RAISING["postgresql"])
    owners("order_state", STATE.replace("null as", "as_flag(waybill_no) as"))
    run_sql(shop, "insert into outbound values ('SO1', '1', 'maybe'), ('SO2', '2', null)")
    take_over(shop)

    assert write(shop) == {"failed": 1, "signed": 1}


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
def outbound(erp, run_sql) -> Callable[..., SqlErp]:
    """An outbound table in an ERP; returns the ERP."""

    def create(shop: SqlErp = erp, time: str = "timestamp", rule: str = "") -> SqlErp:
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

    def run(shop: SqlErp, at: datetime = SIGNED) -> dict[str, int]:
        execute(
            "update tracking.erp_row set status = 'signed', signed_at = :at,"
            " sign_event = coalesce(sign_event, :event)",
            at=at,
            event=uuid4(),
        )
        counts = mark_signed.run(warehouse, shop, new_run(), now=now)
        return {outcome: count for outcome, count in counts.items() if count}

    return run


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
def narrow(request, erp, run_sql) -> Iterator[tuple[SqlErp, str]]:
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

    def run(shop: SqlErp, traces: dict[str, str]) -> dict[str, int]:
        for erp_key, trace in traces.items():
            execute(
                "update tracking.erp_row set latest_trace = :trace, waybill_nos = 'YT1',"
                " trace_changed = true where erp_key = :key",
                trace=trace,
                key=erp_key,
            )
        counts = show_trace.run(warehouse, shop, new_run(now))
        return {outcome: count for outcome, count in counts.items() if count}

    return run


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
    owners(
        "show_trace",
        "-- Any column.\nupdate outbound set waybill_no = :status where order_no = :erp_key",
    )
    for number in range(failing):
        run_sql(shop, "insert into outbound (order_no) values (:key)", key=f"SO{number}")
    take_over(shop)

    assert write(shop) == {"failed": failing}
    assert show(shop, {f"SO{number}": "x" for number in range(failing)}) == {"failed": failing}
