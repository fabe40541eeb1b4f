"""Situations at the ERP's edge that were reported in public, on real databases."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, strategies as st
from sqlalchemy import URL, Engine, Row, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from shipment_tracking.domain.models import Run
from shipment_tracking.domain.waybills import fold
from shipment_tracking.erp.database import ErpDatabase
from shipment_tracking.erp.sql import SqlWriter
from shipment_tracking.statements import OWNER_FOLDER
from shipment_tracking.steps import extract_orders, mark_signed, notify_changes, show_trace
from shipment_tracking.warehouse import runs

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
SIGNED = datetime(2026, 3, 2, 3, 15, 20, tzinfo=UTC)
SIGNED_THERE = datetime(2026, 3, 2, 11, 15, 20)  # noqa: DTZ001
HOUR = timedelta(hours=1)

COLUMNS = {
    "order_no": "varchar(64) primary key",
    "platform": "varchar(16)",
    "platform_order_id": "varchar(64)",
    "status": "varchar(16) default 'SHIPPED'",
    "priority": "int default 0",
    "shipped_at": "{time}",
    "signed_at": "{time}",
    "sign_kind": "varchar(16)",
    "logistics_status": "varchar(32)",
    "waybill_nos": "varchar(255)",
    "latest_trace": "varchar(500)",
    "latest_trace_at": "{time}",
    "updated_at": "{time}",
}
"""The demo's table without the buyer, as the shipped statements expect it."""


@dataclass
class Shop:
    """An ERP with a table of its own, and the steps that read and write it."""

    erp: ErpDatabase
    warehouse: Engine
    new_run: Callable[..., Run]
    now: datetime
    folder: Path

    def create(self, **columns: str) -> None:
        """The table; keywords give columns other types."""
        time = {"sqlite": "text", "postgresql": "timestamp"}.get(self._kind, "datetime")
        wanted = COLUMNS | columns
        body = ", ".join(f"{name} {kind.format(time=time)}" for name, kind in wanted.items())
        self.do(f"create table erp_order ({body})")

    def sell(self, *keys: str, **values: str) -> None:
        """Add shipped orders; values are SQL."""
        for key in keys:
            row = {
                "order_no": f"'{key}'",
                "platform": "'1688'",
                "platform_order_id": f"'29{abs(hash(key)) % 10**8}'",
                "updated_at": "'2026-03-01 09:30:00'",
            } | values
            self.do(
                f"insert into erp_order ({', '.join(row)}) values ({', '.join(row.values())})"  # noqa: S608
            )

    def do(self, command: str, **binds: Any) -> None:
        with self.erp.engine.begin() as connection:
            connection.execute(text(command), binds)

    def see(self, what: str) -> list[Row[Any]]:
        with self.erp.engine.connect() as connection:
            return list(connection.execute(text(f"select {what}")))

    def owner(self, name: str, body: str) -> None:
        """Replace a statement."""
        (self.folder / f"{name}.sql").write_text(body, encoding="utf-8")

    def read(self, **of_run: Any) -> None:
        extract_orders.run(
            self.erp,
            self.warehouse,
            self.new_run(**of_run),
            knows_account="platform_1688".__eq__,
            now=self.now,
        )

    def known(self, what: str) -> list[Row[Any]]:
        with self.warehouse.connect() as connection:
            return list(connection.execute(text(f"select {what}")))

    def parcels_say(self, key: str, command: str, **binds: Any) -> None:
        """Let loading have found something of an order."""
        with self.warehouse.begin() as connection:
            found = connection.execute(
                text(f"update tracking.erp_row set {command} where erp_key = :key"),  # noqa: S608
                binds | {"key": key},
            )
        assert found.rowcount == 1

    def signed(self, *keys: str, at: datetime = SIGNED) -> None:
        for key in keys:
            self.parcels_say(
                key,
                "status = 'signed', signed_at = :at, sign_kind = 'self', sign_event = :event",
                at=at,
                event=uuid4(),
            )

    def moved(self, *keys: str, trace: str) -> None:
        for key in keys:
            self.parcels_say(
                key,
                "status = 'in_transit', latest_trace = :trace, latest_trace_at = :at,"
                " waybill_nos = 'YT1', trace_changed = true",
                trace=trace,
                at=SIGNED,
            )

    def sign(self, at: datetime | None = None) -> dict[str, int]:
        counts = mark_signed.run(
            self.warehouse, SqlWriter(self.erp, lock_wait=1), self.new_run(), now=at or self.now
        )
        return {name: count for name, count in counts.items() if count}

    def show(self, **of_run: Any) -> dict[str, int]:
        counts = show_trace.run(
            self.warehouse, SqlWriter(self.erp, lock_wait=1), self.new_run(**of_run)
        )
        return {name: count for name, count in counts.items() if count}

    def crash_before_its_outcome(self) -> None:
        """As if the process had died between its write and what came of it."""
        with self.warehouse.begin() as connection:
            connection.execute(text("update tracking.erp_writeback set outcome = null"))
            connection.execute(text("update tracking.erp_row set settled_event = null"))

    @property
    def _kind(self) -> str:
        return self.erp.engine.dialect.name


@pytest.fixture
def open_shop(
    warehouse: Engine,
    new_run: Callable[..., Run],
    now: datetime,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Shop]:
    folder = tmp_path / "owner" / "sql" / "erp"
    folder.mkdir(parents=True)
    monkeypatch.setenv(OWNER_FOLDER, str(folder.parents[1]))

    def make(engine: Engine, zone: ZoneInfo = SHANGHAI) -> Shop:
        return Shop(ErpDatabase(engine, zone), warehouse, new_run, now, folder)

    return make


@pytest.fixture
def mariadb(mariadb_shop: Engine) -> Iterator[Engine]:
    yield mariadb_shop
    with mariadb_shop.begin() as connection:
        connection.execute(text("drop table if exists erp_order"))


@pytest.fixture
def postgresql(new_database: Callable[..., URL]) -> Engine:
    return create_engine(new_database(), poolclass=NullPool)


@pytest.fixture(scope="session")
def encoded(postgres: str) -> Callable[[str], URL]:
    """The URL of a new database in an encoding of its own."""

    def make(encoding: str) -> URL:
        name = f"test_{encoding.lower()}_{uuid4().hex[:8]}"
        admin = create_engine(postgres, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(
                text(
                    f"create database {name} encoding '{encoding}' template template0"
                    " lc_collate 'C' lc_ctype 'C'"
                    + (" locale_provider libc" if _has_providers(connection) else "")
                )
            )
        return make_url(postgres).set(database=name)

    return make


def _has_providers(connection: Any) -> bool:
    return int(connection.scalar(text("show server_version_num"))) >= 150000


# B4: one contact that cannot be used


@pytest.fixture
def notify(
    warehouse: Engine, erp: ErpDatabase, to: Any, new_run: Callable[..., Run], now: datetime
) -> Callable[..., dict[str, int]]:
    def run() -> dict[str, int]:
        this_run = new_run(now)
        with warehouse.begin() as connection:
            runs.begin(connection, this_run)
        return notify_changes.run(
            warehouse,
            this_run,
            open_erp=lambda: erp,
            channels=to("customers"),
            owner="run",
            now=now,
        )

    return run


CONTACTS = "select phone, name, language, opted_out from contact where order_no = :erp_key"


@pytest.fixture
def contact(
    erp: ErpDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Let the ERP know who waits for an order; columns without types hold whatever is given."""
    file = tmp_path / "owner" / "sql" / "erp" / "find_contact.sql"
    file.parent.mkdir(parents=True)
    file.write_text(f"-- Who waits.\n{CONTACTS}")
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path / "owner"))
    with erp.engine.begin() as connection:
        connection.execute(
            text("create table contact (order_no, phone, name, language, opted_out)")
        )

    def add(number: int, **values: Any) -> None:
        row = {
            "order_no": f"SO{number}",
            "phone": f"1990000000{number}",
            "name": "赵小满",
            "language": "zh",
            "opted_out": 0,
        } | values
        with erp.engine.begin() as connection:
            connection.execute(
                text(
                    "insert into contact values (:order_no, :phone, :name, :language, :opted_out)"
                ),
                row,
            )

    return add


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"opted_out": None}, "opted_out of order SO2 is null; correct it at the ERP"),
        ({"opted_out": "maybe"}, "opted_out of order SO2 is neither 0 nor 1; correct it"),
        ({"phone": None}, "order SO2 has no phone; correct it at the ERP"),
        ({"phone": " "}, "order SO2 has no phone"),
        ({"phone": 1.9900000002e10}, "order SO2 has an unreadable phone"),
        ({"phone": b"19900000002"}, "order SO2 has no phone"),
    ],
    ids=["null", "word", "no phone", "blank phone", "float", "binary"],
)
def test_b4_a_contact_that_cannot_be_used_costs_itself(
    values, told, contact, ship, change, notify, receiver, select, caplog
):
    caplog.set_level(logging.WARNING)
    for number in (1, 2, 3):
        contact(number, **(values if number == 2 else {}))
        change(ship(number), "signed")

    assert notify() == {"sent": 2, "failed": 0, "dead": 0, "suppressed": 1}

    phones = {each.body["contacts"][0]["phone"] for each in receiver.deliveries("customers")}
    assert phones == {"19900000001", "19900000003"}
    ((state, reason, error),) = select(
        "state, reason, last_error from analytics.notifications where waybill_no = 'YT2'"
    )
    assert (state, reason) == ("suppressed", "no contact")
    assert error.startswith(told)
    assert f"{error}; that customer is not notified" in caplog.text
    assert "1990000" not in caplog.text


def test_b4_a_contact_that_is_there_twice_is_told_once(contact, ship, change, notify, receiver):
    contact(1)
    contact(1)
    change(ship(1), "signed")

    assert notify()["sent"] == 1


def test_b4_two_different_contacts_of_an_order_are_not_told(contact, ship, change, notify, select):
    contact(1)
    contact(1, phone="19900000009")
    change(ship(1), "signed")

    assert notify()["suppressed"] == 1
    ((error,),) = select("last_error from analytics.notifications")
    assert error == "order SO1 has 2 different contacts; find_contact.sql must find one"


def test_b4_many_bad_contacts_in_a_row_do_not_keep_others_from_being_told(
    contact, ship, change, notify, receiver
):
    for number in range(10, 24):
        contact(number, opted_out=None if number < 23 else 0)
        change(ship(number), "signed", hours=number / 1000 - 1)

    assert notify() == {"sent": 1, "failed": 0, "dead": 0, "suppressed": 13}


@pytest.mark.parametrize("number", [19900000001, "19900000001 "])
def test_b4_a_phone_is_read_however_the_erp_keeps_it(
    number, contact, ship, change, notify, receiver
):
    contact(1, phone=number)
    change(ship(1), "signed")

    notify()

    assert receiver.deliveries("customers")[0].body["contacts"][0]["phone"] == "19900000001"


# B6: characters that the ERP cannot hold

SMILING = "快件已到达【𠮷林网点】😊，镕城"
STRICT = "sql_mode=STRICT_TRANS_TABLES"


def test_b6_a_column_in_utf8mb3_shows_the_rest_of_a_text(open_shop, mariadb):
    shop = open_shop(mariadb)
    shop.create(latest_trace="varchar(500) character set utf8mb3")
    shop.sell("SO1", "SO2")
    shop.read()
    shop.moved("SO1", trace=SMILING)
    shop.moved("SO2", trace="快件已签收")

    assert shop.show() == {"shown": 2}

    assert shop.see("latest_trace from erp_order order by order_no") == [
        ("快件已到达【?林网点】?，镕城",),
        ("快件已签收",),
    ]
    assert shop.show() == {}


def test_b6_a_comparison_with_such_a_text_is_written_too(open_shop, mariadb):
    """MySQL says that collations cannot be mixed."""
    shop = open_shop(mariadb)
    shop.create(latest_trace="varchar(500) character set utf8mb3 default ''")
    shop.owner(
        "show_trace",
        "-- Only what is new.\nupdate erp_order set latest_trace = :latest_trace"
        " where order_no = :erp_key and latest_trace <> :latest_trace",
    )
    shop.sell("SO1")
    shop.read()
    shop.moved("SO1", trace=SMILING)

    assert shop.show() == {"shown": 1}


@pytest.mark.parametrize(
    ("charset", "kept"),
    [
        ("utf8", "快件已到达【?林网点】?，镕城"),
        ("gbk", "快件已到达【?林网点】?，镕城"),
        ("gb2312", "快件已到达【?林网点】?，?城"),
        ("latin1", "?" * len(SMILING)),
    ],
)
def test_b6_a_connection_or_column_in_another_charset_is_written(charset, kept, open_shop, mariadb):
    column = "utf8mb3" if charset == "utf8" else charset
    url = mariadb.url.update_query_dict({"charset": charset})
    narrow = open_shop(create_engine(url, poolclass=NullPool))
    narrow.create(latest_trace=f"varchar(500) character set {column}")
    wide = open_shop(mariadb)
    narrow.sell("SO1", "SO2")
    narrow.read()
    for shop, key in ((narrow, "SO1"), (wide, "SO2")):
        shop.moved(key, trace=SMILING)
        assert shop.show() == {"shown": 1}

    found = [row[0] for row in wide.see("latest_trace from erp_order order by order_no")]
    assert found == [kept] * 2


@pytest.mark.parametrize("client", [None, "utf8"])
def test_b6_a_postgresql_in_euc_cn_is_written(client, encoded, open_shop):
    engine = create_engine(
        encoded("EUC_CN"),
        poolclass=NullPool,
        connect_args={"client_encoding": client} if client else {},
    )
    shop = open_shop(engine)
    shop.create()
    shop.sell("SO1", "SO2", "SO3")
    shop.read()
    shop.moved("SO1", trace=SMILING)
    shop.moved("SO2", trace="快件已签收")
    shop.moved("SO3", trace="大润发·某店——😊")

    assert shop.show() == {"shown": 3}

    assert shop.see("latest_trace from erp_order order by order_no") == [
        ("快件已到达【?林网点】?，?城",),
        ("快件已签收",),
        ("大润发\u30fb某店\u2015\u2015?",),
    ]


def test_b6_a_postgresql_in_sql_ascii_is_read_and_written(encoded, open_shop):
    """As the hook opens it: psycopg would give bytes for text."""
    url = encoded("SQL_ASCII").update_query_dict({"client_encoding": "utf8"})
    shop = open_shop(create_engine(url, poolclass=NullPool))
    shop.create()
    shop.sell("SO1")
    shop.read()
    shop.moved("SO1", trace=SMILING)

    assert shop.show() == {"shown": 1}
    assert shop.see("latest_trace from erp_order") == [(SMILING,)]


def test_b6_a_key_is_never_changed_so_that_it_could_find_another_row(open_shop, mariadb):
    shop = open_shop(mariadb)
    shop.create(latest_trace="varchar(500) character set utf8mb3")
    shop.sell("SO😊", "SO?")
    shop.read()
    shop.moved("SO😊", trace=SMILING)

    shop.show()

    assert shop.see("logistics_status from erp_order where order_no = 'SO?'") == [(None,)]


def test_b6_one_row_that_fails_on_a_quiet_night_is_named_and_not_red(open_shop, mariadb, caplog):
    caplog.set_level(logging.WARNING)
    shop = open_shop(mariadb)
    shop.create(latest_trace="varchar(12)")
    shop.owner(
        "show_trace",
        "-- Nobody cuts it.\nupdate erp_order set latest_trace = :latest_trace"
        " where order_no = :erp_key",
    )
    shop.sell("SO1", "SO2", "SO3")
    shop.read()
    shop.moved("SO1", trace="快件已到达测试转运中心，正在分拣")
    shop.moved("SO2", "SO3", trace="快件已签收")

    assert shop.show() == {"shown": 2, "failed": 1}
    assert shop.show() == {"failed": 1}

    ((error,),) = shop.known("last_error from analytics.orders where erp_key = 'SO1'")
    assert error.startswith("the ERP does not show its trace: ")
    assert "order SO1 does not show its trace" in caplog.text
    assert shop.show(started_at=datetime.now(UTC) + timedelta(days=2)) == {"failed": 1}
    shop.moved("SO1", trace="快件已签收")
    assert shop.show() == {"shown": 1}
    assert shop.known("last_error from analytics.orders where erp_key = 'SO1'") == [(None,)]


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
    shop.erp = ErpDatabase(create_engine(url, poolclass=NullPool), SHANGHAI)
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
    erp = ErpDatabase(LITE, zone)
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
    erp = ErpDatabase(LITE, zone)
    stored = YEAR + timedelta(seconds=seconds)
    read = erp.read_time(stored)
    assert read is not None
    start = read.replace(minute=0, second=0)

    first, last = erp.bind_interval(start, start + HOUR)

    assert first <= stored.isoformat(" ") < last


@given(st.sampled_from(ZONES), st.integers(0, SECONDS), st.integers(1, 60 * 24 * 3))
def test_e2_bounds_of_any_interval_hold_its_times(zone, seconds, minutes):
    erp = ErpDatabase(LITE, zone)
    start = YEAR.replace(tzinfo=UTC) + timedelta(seconds=seconds)
    end = start + timedelta(minutes=minutes)
    first, last = erp.bind_interval(start, end)

    for offset in range(0, minutes, 7):
        local = (start + timedelta(minutes=offset)).astimezone(zone).replace(tzinfo=None)
        assert first <= local.replace(microsecond=0).isoformat(" ") < last


@pytest.mark.parametrize("zone", [SHANGHAI, NEW_YORK])
def test_e2_on_other_days_bounds_are_exact(zone):
    start = datetime(2026, 7, 1, 4, tzinfo=UTC)
    erp = ErpDatabase(LITE, zone)

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


# C1: numbers as people type them

TYPED = [
    "YT880000000001 ",
    "yt880000000001",
    "YT8800 0000 0001",
    "ＹＴ８８０００００００００１",
    "\r\nYT880000000001",
]


@pytest.fixture
def listing(open_shop: Callable[..., Shop], erp: ErpDatabase) -> Shop:
    """An ERP whose columns have no types."""
    shop = open_shop(erp.engine)
    names = "erp_key, platform, account, platform_order_id, waybill_no, shipped_at, priority"
    shop.do(f"create table wanted ({names}, erp_stamp)")
    shop.owner("extract_orders", "-- All.\nselect * from wanted")
    return shop


def add(shop: Shop, key: str, **values: Any) -> None:
    row = {
        "erp_key": key,
        "platform": "1688",
        "account": "platform_1688",
        "platform_order_id": f"29{len(key)}{ord(key[-1])}",
        "waybill_no": None,
        "shipped_at": None,
        "priority": 0,
        "erp_stamp": None,
    } | values
    binds = ", ".join(f":{name}" for name in row)
    shop.do(f"insert into wanted values ({binds})", **row)  # noqa: S608


@pytest.mark.parametrize("typed", TYPED)
def test_c1_a_waybill_number_is_kept_as_it_was_typed(typed, listing):
    add(listing, "SO1", waybill_no=typed)

    listing.read()

    assert listing.known("waybill_no, last_error from tracking.erp_row") == [(typed, None)]
    assert listing.known("tracking.fold_waybill(waybill_no) from tracking.erp_row") == [
        ("YT880000000001",)
    ]


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (" ", None),
        ("\u3000\r\n", None),
        (773000000000001, "773000000000001"),
        (773000000000001.0, "773000000000001"),
        ("773000000000001", "773000000000001"),
    ],
)
def test_c1_a_number_is_read_by_its_digits(typed, read, listing):
    add(listing, "SO1", waybill_no=typed)

    listing.read()

    assert listing.known("waybill_no, last_error from tracking.erp_row") == [(read, None)]


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        ("numeric(20, 3)", "773000000000001", "773000000000001"),
        ("numeric", "1.2e15", "1200000000000000"),
        ("bigint", "773000000000001", "773000000000001"),
        ("double precision", "773000000000001", "773000000000001"),
        ("char(20)", "'YT1'", "YT1" + " " * 17),
    ],
)
def test_c1_a_number_in_a_typed_column_is_read(kind, value, read, open_shop, postgresql):
    shop = open_shop(postgresql)
    shop.create(express_no=kind)
    shop.owner(
        "extract_orders",
        "-- With its number.\nselect order_no as erp_key, platform, 'platform_1688' as account,"
        " platform_order_id, express_no as waybill_no, shipped_at, priority,"
        " updated_at as erp_stamp from erp_order",
    )
    shop.owner(
        "mark_signed",
        "-- By its number.\nupdate erp_order set status = 'SIGNED', signed_at = :signed_at"
        " where order_no = :erp_key and express_no = :waybill_no",
    )
    shop.sell("SO1", express_no=value)
    shop.read()

    assert shop.known("waybill_no from tracking.erp_row") == [(read,)]
    shop.signed("SO1")
    assert shop.sign() == {"signed": 1}


@pytest.mark.parametrize(
    "typed", ["7.73E+14", "7.73e14", 7.73000000000001e18, b"YT1"], ids=["text", "e", "float", "bin"]
)
def test_c1_a_number_whose_digits_are_lost_is_told(typed, listing):
    add(listing, "SO1", waybill_no=typed)
    add(listing, "SO2", waybill_no="YT1")

    listing.read()

    bad, good = listing.known("last_error from analytics.orders order by erp_key")
    assert bad[0].startswith("waybill_no is ")
    assert "correct it or extract_orders.sql" in bad[0]
    assert good[0] is None


def test_c1_a_number_that_is_typed_otherwise_is_the_same_parcel(listing):
    add(listing, "SO1", waybill_no="YT1")
    listing.read()
    listing.signed("SO1")
    listing.do("update wanted set waybill_no = ' yt1'")

    listing.read()

    assert listing.known("status, waybill_no from tracking.erp_row") == [("signed", " yt1")]
    listing.do("update wanted set waybill_no = 'YT2'")
    listing.read()
    assert listing.known("status, waybill_no from tracking.erp_row") == [("pending", "YT2")]


@given(
    st.text(st.sampled_from("aZé9 \t\r\n\u00a0\u3000\u200b\u2028\ufeff\u2060Ａｚ０ﾊ-"), max_size=8)
)
def test_c1_the_warehouse_folds_as_the_rules_do(one_warehouse, number):
    with one_warehouse.connect() as connection:
        query = text("select tracking.fold_waybill(cast(:number as text))")
        assert connection.scalar(query, {"number": number}) == fold(number)


def test_c1_a_notice_names_the_order_of_a_number_typed_otherwise(
    ship, change, receiver, execute, insert, warehouse, new_run, to, now
):
    parcel = ship(1)
    insert("shipment_waybill", shipment_id=parcel, waybill_no="YT1", first_seen_at=now)
    execute("update tracking.erp_row set waybill_no = E'yt1\\r\\n'")
    change(parcel, "in_transit")
    this_run = new_run(now)
    with warehouse.begin() as connection:
        runs.begin(connection, this_run)

    notify_changes.run(
        warehouse, this_run, open_erp=lambda: None, channels=to("ops"), owner="run", now=now
    )

    assert [each["erp_key"] for each in receiver.deliveries()[0].body["orders"]] == ["SO1"]


@pytest.mark.parametrize(
    "typed",
    [
        "2938624554509662977 ",
        "\r\n2938624554509662977",
        "２９３８６２４５５４５０９６６２９７７",
        "2938624554509 662977",
    ],
)
def test_c1_an_order_id_is_asked_for_as_the_platform_writes_it(typed, listing):
    add(listing, "SO1", platform_order_id=typed)

    listing.read()

    assert listing.known("platform_order_id from tracking.tracked_order") == [
        ("2938624554509662977",)
    ]


@pytest.mark.parametrize("typed", ["29,30", "TB-29", "2.9386E+18"])
def test_c1_an_order_id_that_is_none_is_told_before_anybody_asks(typed, listing):
    add(listing, "SO1", platform_order_id=typed)
    add(listing, "SO2")

    listing.read()

    bad, good = listing.known("last_error from analytics.orders order by erp_key")
    assert "which is not an order number" in bad[0]
    assert good[0] is None


def test_c1_ids_of_char_columns_lose_their_padding_and_keys_find_their_rows(open_shop, postgresql):
    shop = open_shop(postgresql)
    shop.create(order_no="char(20)", platform="char(10)", platform_order_id="char(30)")
    shop.sell("SO1")
    shop.read()
    ((key,),) = shop.known("erp_key from tracking.erp_row where last_error is null")
    shop.signed(key)
    shop.moved(key, trace="快件已签收")

    assert shop.sign() == {"signed": 1}
    assert shop.show() == {"shown": 1}
