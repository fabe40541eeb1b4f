"""A mistake in an owner's statement is one error with file and line, on every database."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from shipment_tracking.erp.port import Erp, Outcome, Sign, Trace, Unreadable
from shipment_tracking.erp.sql import LIST_COLUMNS, SqlErp
from shipment_tracking.errors import StatementError

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
Owners = Callable[[str, str], Path]
LIST = """-- All.
select order_no as erp_key, platform, 'a' as account, platform_order_id, null as waybill_no,
shipped_at, priority, '1' as erp_stamp, 1 as id, 2 as id from erp_order
"""


def ask(erp: Erp, name: str) -> Any:
    """Let one statement run."""
    if name in ("extract_orders", "backfill_orders"):
        interval = (NOW - timedelta(days=1), NOW) if name == "backfill_orders" else None
        with closing(erp.orders(interval).rows) as rows:
            return list(rows)
    if name == "mark_signed":
        return erp.mark_signed([Sign(f"{n}", NOW, "self", None, None) for n in (1, 2)], now=NOW)
    if name == "show_trace":
        return erp.show_trace([Trace(f"{n}", "in_transit", "", NOW, "") for n in (1, 2)])
    return erp.states({"1": NOW}) if name == "order_state" else erp.contacts(["1"])


READ = "-- All.\n\nselect something\nfrom nowhere where 1 = 1"
WRITE = "-- One.\n\nupdate nowhere\nset a = 1 where 1 = 1"
STATEMENTS = {
    "extract_orders": READ,
    "backfill_orders": READ,
    "order_state": f"{READ} and id = :erp_key",
    "find_contact": f"{READ} and id = :erp_key",
    "mark_signed": f"{WRITE} and id = :erp_key",
    "show_trace": f"{WRITE} and id = :erp_key",
}
TYPO = {"select something": "selec something", "update nowhere": "updat nowhere"}


def with_typo(body: str) -> str:
    for right, wrong in TYPO.items():
        body = body.replace(right, wrong)
    return body


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_table_that_is_missing_is_an_error_with_its_file(
    name: str, demo: SqlErp, owners: Owners
) -> None:
    file = owners(name, STATEMENTS[name])

    with pytest.raises(StatementError, match=r"nowhere.*; correct it, then run") as caught:
        ask(demo, name)

    assert str(caught.value).startswith(str(file))


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_typo_is_an_error_with_file_and_line(name: str, demo: SqlErp, owners: Owners) -> None:
    file = owners(name, with_typo(STATEMENTS[name]))

    with pytest.raises(StatementError) as caught:
        ask(demo, name)

    place = str(file) if demo.engine.dialect.name == "sqlite" else f"{file}, line 3"
    assert str(caught.value).startswith(f"{place}: the ERP cannot run it: ")


@pytest.mark.parametrize("name", ["mark_signed", "order_state"])
def test_a_column_that_is_missing_is_an_error_with_its_file(
    name: str, demo: SqlErp, owners: Owners
) -> None:
    file = owners(
        name,
        "-- One.\nupdate erp_order set no_such = 1 where order_no = :erp_key"
        if name == "mark_signed"
        else "-- One.\nselect no_such from erp_order where order_no = :erp_key",
    )

    with pytest.raises(StatementError, match="no_such") as caught:
        ask(demo, name)

    assert str(caught.value).startswith(str(file))


@pytest.mark.parametrize("name", STATEMENTS)
@pytest.mark.parametrize(
    ("added", "problem"),
    [
        ("\n;\nselect ';' as x;", "line 6: a second statement begins here"),
        (" -- ;\n;\ncommit", "line 6: a second statement begins here"),
    ],
)
def test_a_second_statement_is_refused_before_anything_runs(
    name: str, added: str, problem: str, owners: Owners
) -> None:
    owners(name, STATEMENTS[name] + added)

    with pytest.raises(StatementError, match=problem):
        ask(SqlErp(create_engine("sqlite://"), NOW.tzinfo), name)  # type: ignore[arg-type]


@pytest.mark.parametrize("word", ["commit", "ROLLBACK", "begin transaction"])
def test_a_statement_that_ends_a_transaction_is_refused(word: str, owners: Owners) -> None:
    owners("extract_orders", f"-- ?\n{word}")

    with pytest.raises(StatementError, match=r"extract_orders.sql, line 2: \w+ is not a statement"):
        ask(SqlErp(create_engine("sqlite://"), NOW.tzinfo), "extract_orders")  # type: ignore[arg-type]


def test_a_list_that_reads_nothing_is_refused(demo: SqlErp, owners: Owners) -> None:
    owners("order_state", "-- ?\nupdate erp_order set priority = 1 where order_no = :erp_key")

    with pytest.raises(StatementError, match=r"order_state.sql reads nothing; it must be a select"):
        ask(demo, "order_state")


@pytest.mark.parametrize(
    ("name", "body", "twice"),
    [
        (
            "extract_orders",
            LIST.replace("1 as id", "'2' as erp_stamp"),
            "erp_stamp",
        ),
        (
            "order_state",
            "select status, signed_at, '' as erp_stamp, 'x' as status from erp_order"
            " where order_no = :erp_key",
            "status",
        ),
    ],
)
def test_a_column_that_is_returned_twice_is_refused(
    name: str, body: str, twice: str, demo: SqlErp, owners: Owners
) -> None:
    owners(name, body)

    with pytest.raises(StatementError, match=rf"{name}.sql returns {twice} twice"):
        ask(demo, name)


def test_a_column_that_nobody_reads_may_come_twice(demo: SqlErp, owners: Owners) -> None:
    owners("extract_orders", LIST)

    assert ask(demo, "extract_orders") == []


@pytest.mark.parametrize("body", ["'{\"a\":1}'", "'see :note'"])
def test_a_plain_colon_is_named_and_can_be_written(body: str, demo: SqlErp, owners: Owners) -> None:
    statement = f"-- One.\nselect status, signed_at,\n{{}} as erp_stamp from erp_order {WHERE}"
    owners("order_state", statement.format(body))

    with pytest.raises(StatementError, match=r"line 3: it binds \w+, which .* JSON is written \\:"):
        ask(demo, "order_state")

    owners("order_state", statement.format(body.replace(":", "\\:")))
    with demo.engine.begin() as connection:
        connection.execute(
            text(
                "insert into erp_order (order_no, platform, shop, "
                "platform_order_id, status, updated_at) values ('1', '1688', 'a', '2', 'SHIPPED',"
                " '2026-03-01 10:00:00')"
            )
        )
    assert ask(demo, "order_state")["1"].erp_stamp == body.strip("'")


WHERE = "where order_no = :erp_key"


@pytest.fixture
def postgres_erp(postgresql_shop: Any) -> Iterator[SqlErp]:
    erp = SqlErp(postgresql_shop, NOW.tzinfo)  # type: ignore[arg-type]
    yield erp
    with erp.engine.begin() as connection:
        connection.execute(text("drop table if exists sale cascade"))


def run(erp: SqlErp, *commands: str) -> None:
    with erp.engine.begin() as connection:
        for command in commands:
            connection.execute(text(command))


@pytest.mark.parametrize(
    ("condition", "cast"),
    [
        ("id =\n :erp_key || ''", "cast(:erp_key as bigint)"),
        (
            "id = cast(:erp_key as bigint)\nand at = :erp_stamp || ''",
            "cast(:erp_stamp as timestamp",
        ),
    ],
)
def test_a_text_that_is_compared_with_another_type_gets_its_cast(
    condition: str, cast: str, postgres_erp: SqlErp, owners: Owners
) -> None:
    run(postgres_erp, "create table sale (id bigint primary key, at timestamp, done int)")
    owners("mark_signed", "\n".join(["update sale set done = 1", "where", condition]))

    with pytest.raises(StatementError) as caught:
        ask(postgres_erp, "mark_signed")

    assert f"(values are bound as text: write {cast}" in str(caught.value)


def test_other_trouble_of_the_database_names_the_file_too(
    postgres_erp: SqlErp, owners: Owners
) -> None:
    columns = ", ".join(f"'1' as {name}" for name in LIST_COLUMNS)
    file = owners("extract_orders", f"select {columns}, pg_sleep(60)")
    url = postgres_erp.engine.url.update_query_dict({"options": "-c statement_timeout=500"})

    with pytest.raises(OperationalError) as caught:
        ask(replace(postgres_erp, engine=create_engine(url, poolclass=NullPool)), "extract_orders")

    assert caught.value.detail == [str(file)]


@pytest.fixture
def maria_reader(mariadb_shop: Any) -> Iterator[SqlErp]:
    """A user of a MariaDB who may only read."""
    owner = SqlErp(mariadb_shop, NOW.tzinfo)  # type: ignore[arg-type]
    name = f"reader_{uuid4().hex[:8]}"
    user = f"'{name}'@'%'"
    run(owner, "create table sale (id varchar(9) primary key, done int)")
    run(owner, f"create user {user} identified by '{name}'", f"grant select on sale to {user}")
    url = owner.engine.url.set(username=name, password=name)
    yield replace(owner, engine=create_engine(url, poolclass=NullPool))
    run(owner, "drop table sale", f"drop user {user}")


def test_a_right_that_is_missing_is_named_on_mariadb_too(
    maria_reader: SqlErp, owners: Owners
) -> None:
    file = owners("mark_signed", "update sale set done = 1 where id = :erp_key")

    with pytest.raises(StatementError, match=r"does not let us: .*UPDATE command denied") as caught:
        ask(maria_reader, "mark_signed")

    assert str(caught.value).startswith(str(file))


@pytest.fixture
def reader(postgres_erp: SqlErp) -> Iterator[SqlErp]:
    """A user of a PostgreSQL who may only read."""
    name = f"reader_{uuid4().hex[:8]}"
    run(
        postgres_erp,
        "create table sale (id text primary key, done int)",
        f"create role {name} login password '{name}'",
    )
    run(postgres_erp, f"grant select on sale to {name}", "insert into sale values ('1'), ('2')")
    url = postgres_erp.engine.url.set(username=name, password=name)
    yield replace(postgres_erp, engine=create_engine(url, poolclass=NullPool))
    run(postgres_erp, f"drop owned by {name}", f"drop role {name}")


def test_a_right_that_is_missing_is_named_with_the_file(reader: SqlErp, owners: Owners) -> None:
    file = owners("mark_signed", "update sale set done = 1 where id = :erp_key")

    with pytest.raises(StatementError) as caught:
        ask(reader, "mark_signed")

    assert str(caught.value) == (
        f"{file}: the ERP does not let us: permission denied for table sale; "
        "give the user of connection erp_db that right"
    )


def test_a_row_that_a_policy_refuses_costs_itself(
    postgres_erp: SqlErp, reader: SqlErp, owners: Owners
) -> None:
    owners("mark_signed", "update sale set done = 1 where id = :erp_key")
    run(
        postgres_erp,
        f"grant update on sale to {reader.engine.url.username}",
        "alter table sale enable row level security",
        "create policy mine on sale using (true) with check (id <> '1')",
    )

    written = ask(reader, "mark_signed")

    assert [each.outcome for each in written.values()] == [Outcome.FAILED, Outcome.WRITTEN]


FUNCTION = """
    create function refuse() returns trigger language plpgsql as $$
    begin
        if new.id = '1' then perform no_such_function(); end if;
        return new;
    end $$
"""


def test_what_a_trigger_gets_wrong_costs_its_own_row(postgres_erp: SqlErp, owners: Owners) -> None:
    owners("mark_signed", "update sale set done = 1 where id = :erp_key")
    run(
        postgres_erp,
        "create table sale (id text primary key, done int)",
        "insert into sale values ('1'), ('2')",
        FUNCTION,
        "create trigger refuse before update on sale for each row execute function refuse()",
    )

    written = ask(postgres_erp, "mark_signed")

    run(postgres_erp, "drop table sale", "drop function refuse")
    assert [each.outcome for each in written.values()] == [Outcome.FAILED, Outcome.WRITTEN]


def test_a_key_that_is_no_number_costs_its_own_row(postgres_erp: SqlErp, owners: Owners) -> None:
    run(postgres_erp, "create table sale (id bigint primary key)")
    owners(
        "order_state",
        "select '' as status, null as signed_at, '' as erp_stamp from sale"
        " where id = cast(:erp_key as bigint)",
    )

    found = postgres_erp.states({"SO1": NOW, "1": NOW})

    assert isinstance(found["SO1"], Unreadable)
    assert "1" not in found


def test_a_list_with_a_bad_value_is_an_error_with_its_file(
    postgres_erp: SqlErp, owners: Owners
) -> None:
    run(postgres_erp, "create table sale (id text)", "insert into sale values ('x')")
    file = owners("extract_orders", "select cast(id as bigint) as erp_key from sale")

    with pytest.raises(StatementError, match=f'{file}: the ERP cannot read a value.*"x"'):
        ask(postgres_erp, "extract_orders")


def test_a_server_that_is_away_is_no_mistake(postgres_erp: SqlErp) -> None:
    away = replace(postgres_erp, engine=create_engine(postgres_erp.engine.url.set(port=1)))

    with pytest.raises(OperationalError):
        ask(away, "extract_orders")
