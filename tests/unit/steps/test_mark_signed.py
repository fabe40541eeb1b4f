"""A signed order is signed at the ERP once, and what people decide there stands."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import OperationalError

from shipment_tracking.erp.sql import SqlWriter
from shipment_tracking.errors import StatementError, WritebackError
from shipment_tracking.statements import query
from shipment_tracking.steps import mark_signed

SHIPPED = datetime(2026, 3, 1, 10)  # noqa: DTZ001
SIGNED = datetime(2026, 3, 2, 3, 15, 20, tzinfo=UTC)
SIGNED_THERE = datetime(2026, 3, 2, 11, 15, 20)  # noqa: DTZ001
ON_SERVERS = pytest.mark.parametrize("shop", ["postgresql", "mariadb"], indirect=True)
"""SQLite locks its whole file, and has no dates."""
BY_HAND = datetime(2026, 3, 2, 9, 0)  # noqa: DTZ001


@pytest.fixture
def sign(sold, take_over, execute, select) -> Callable[..., None]:
    """Let orders be shipped at the ERP, taken over, and signed by their parcels."""

    def run(*order_nos: str, at: datetime = SIGNED, **changes: Any) -> None:
        for order_no in order_nos:
            sold(order_no, SHIPPED, **changes)
        take_over()
        for order_no in order_nos:
            execute(
                "update tracking.erp_row set status = 'signed', signed_at = :at,"
                " sign_kind = 'station', sign_event = :event where erp_key = :key",
                at=at,
                event=uuid4(),
                key=order_no,
            )

    return run


@pytest.fixture
def write(warehouse, writer, new_run, now) -> Callable[..., dict[str, int]]:
    """Run the step; returns the outcomes that came about."""

    def run(at: datetime = now, *, chunk: int = 200, **of_run: Any) -> dict[str, int]:
        counts = mark_signed.run(warehouse, writer, new_run(**of_run), now=at, chunk=chunk)
        return {outcome: count for outcome, count in counts.items() if count}

    return run


@pytest.fixture
def audit(select) -> Callable[..., list[tuple[Any, ...]]]:
    """Outcome and detail of each write."""
    every = "outcome, detail from analytics.erp_writebacks order by erp_key"
    return lambda: [tuple(row) for row in select(every)]


@pytest.fixture
def close_reason(select) -> Callable[..., str | None]:
    return lambda key="SO1": select(
        "close_reason from tracking.erp_row where erp_key = :key", key=key
    )[0][0]


# What is written


def test_a_signed_order_is_signed_at_the_erp_with_its_time_and_kind(
    sign, write, order, close_reason
):
    sign("SO1")
    before = order()

    assert write() == {"signed": 1}

    found = order()
    assert (found.status, found.signed_at, found.sign_kind) == ("SIGNED", SIGNED_THERE, "station")
    assert found.updated_at != before.updated_at
    assert close_reason() == "signed"


def test_the_audit_keeps_what_stood_there_before(sign, write, now, select):
    sign("SO1")

    write(run_id="scheduled_1")

    (row,) = select("* from analytics.erp_writebacks")
    assert (row.outcome, row.signed_at, row.written_at) == ("signed", SIGNED, now)
    assert row.run_id == "scheduled_1"
    assert (row.before["status"], row.before["signed_at"]) == ("SHIPPED", None)
    assert row.before["erp_stamp"].startswith("2026-03-01 09:30:00")


def test_what_was_written_is_not_written_again(sign, write, audit):
    sign("SO1")
    write()

    assert write() == {}
    assert audit() == [("signed", None)]


def test_more_orders_than_a_commit_holds_are_all_written(sign, write, order):
    names = [f"SO{number}" for number in range(5)]
    sign(*names)

    assert write(chunk=2) == {"signed": 5}
    assert {order(name).status for name in names} == {"SIGNED"}


def test_an_order_that_is_not_signed_is_left_alone(sold, take_over, write, order):
    sold("SO1", SHIPPED)
    take_over()

    assert write() == {}
    assert order().status == "SHIPPED"


def test_a_run_for_one_account_writes_no_other(sign, write, order):
    sign("SO1")

    assert write(only_account="platform_tmall") == {}
    assert order().status == "SHIPPED"
    assert write(only_account="platform_1688") == {"signed": 1}


def test_a_dry_run_says_what_it_would_write_and_writes_it_not(sign, write, order, audit, caplog):
    caplog.set_level(logging.INFO)
    sign("SO1", "SO2")

    assert write(dry_run=True) == {"would_sign": 2}

    assert order().status == "SHIPPED"
    assert audit() == []
    assert "order SO1 would be signed at 2026-03-02" in caplog.text
    assert write() == {"signed": 2}


def test_n1_shadow_mode_signs_nothing_until_writing_is_allowed(
    sign, write, order, audit, writer, caplog
):
    caplog.set_level(logging.INFO)
    sign("SO1", "SO2")

    assert write(shadow=True) == {"would_sign": 2}

    assert (order().status, audit()) == ("SHIPPED", [])
    assert caplog.messages[-1].startswith("shadow mode: 2 orders would be signed at the ERP")
    assert write() == {"signed": 2}


def test_n8_a_dry_run_executes_the_statement_and_shows_its_mistake(sign, write, owners, order):
    sign("SO1")
    owners("mark_signed", "update erp_order set no_such_column = 1 where order_no = :erp_key")

    with pytest.raises(WritebackError, match="no_such_column"):
        write(dry_run=True)
    assert write(shadow=True) == {"would_sign": 1}


def test_n8_a_dry_run_counts_a_row_that_was_edited_meanwhile(sign, write, edit, order):
    sign("SO1", "SO2")
    edit(buyer_name="another")

    assert write(dry_run=True) == {"would_sign": 1, "changed": 1}
    assert order("SO2").status == "SHIPPED"


# What people decide


def test_an_order_that_a_person_signed_keeps_its_time(sign, write, edit, order, close_reason):
    sign("SO1")
    edit(status="SIGNED", signed_at=BY_HAND, sign_kind="self")

    assert write() == {"already": 1}

    assert (order().signed_at, order().sign_kind) == (BY_HAND, "self")
    assert close_reason() == "signed"


@ON_SERVERS
def test_a_sign_that_comes_between_reading_and_writing_is_not_moved(sign, write, edit, order, shop):
    sign("SO1")

    @event.listens_for(shop.engine, "savepoint")
    def sign_first(connection, name):
        if order().status == "SHIPPED":
            edit(status="SIGNED", signed_at=BY_HAND)

    assert write() == {"already": 1}
    event.remove(shop.engine, "savepoint", sign_first)
    assert order().signed_at == BY_HAND


def test_an_order_that_was_closed_stays_closed(sign, write, edit, order, audit):
    sign("SO1")
    edit(status="CLOSED")

    assert write() == {"changed": 1}

    assert (order().status, order().signed_at) == ("CLOSED", None)
    assert audit() == [("changed", "edited since it was read; its status is CLOSED")]
    assert write() == {}


def test_an_order_that_was_edited_is_signed_once_it_was_read_again(
    sign, write, edit, order, take_over
):
    sign("SO1")
    edit(buyer_name="another")

    assert write() == {"changed": 1}
    assert write() == {}
    take_over()
    assert write() == {"signed": 1}
    assert order().buyer_name == "another"


def test_an_order_that_is_gone_is_said_to_be(sign, write, shop, audit):
    sign("SO1")
    with shop.engine.begin() as connection:
        connection.execute(text("delete from erp_order"))

    assert write() == {"gone": 1}
    assert audit() == [("gone", "the ERP has no such row")]


def test_a_sign_that_a_person_took_back_is_never_written_again(sign, write, edit, order, take_over):
    sign("SO1")
    write()
    edit(status="SHIPPED", signed_at=None)

    take_over()
    assert write() == {}
    take_over()
    assert write() == {}

    assert (order().status, order().signed_at) == ("SHIPPED", None)


def test_a_new_sign_after_one_was_taken_back_is_written(
    sign, write, edit, order, take_over, execute
):
    sign("SO1")
    write()
    edit(status="SHIPPED", signed_at=None)
    take_over()
    execute("update tracking.erp_row set sign_event = :event", event=uuid4())

    assert write() == {"signed": 1}
    assert order().status == "SIGNED"


def test_the_sign_of_an_order_is_not_written_to_a_row_that_now_stands_for_another(
    sign, write, edit, order, take_over
):
    sign("SO1")
    edit(platform_order_id="3000000000000000001")
    take_over()

    assert write() == {}
    assert order().status == "SHIPPED"


def test_a_row_that_cannot_be_tracked_is_not_signed_until_it_is_mended(
    sign, write, edit, order, take_over
):
    sign("SO1", "SO2")
    edit(platform_order_id="")
    take_over()

    assert write() == {"signed": 1}
    assert order().status == "SHIPPED"
    edit(platform_order_id=order("SO2").platform_order_id)
    take_over()
    assert write() == {"signed": 1}
    assert order().status == "SIGNED"


def test_a_sign_that_a_person_took_back_is_not_written_to_the_row_with_a_waybill_number(
    sign, write, edit, order, owners, take_over, execute, select
):
    """The same parcel's sign is meant, whatever tells which parcel it is."""
    sign("SO1")
    write()
    ((known,),) = select("sign_event from tracking.erp_row")
    edit(status="SHIPPED", signed_at=None)
    owners(
        "extract_orders",
        "-- One by one.\nselect order_no as erp_key, platform, 'platform_1688' as account,"
        " platform_order_id, 'YT1' as waybill_no, shipped_at, priority, updated_at as erp_stamp"
        " from erp_order where status = 'SHIPPED'",
    )
    take_over()
    execute(
        "update tracking.erp_row set signed_at = :at, sign_event = :event",
        at=SIGNED,
        event=known,
    )

    assert write() == {}
    assert order().status == "SHIPPED"


# What is not true yet, or cannot be


@pytest.mark.parametrize(
    ("distance", "outcomes"),
    [
        (timedelta(minutes=5), {"signed": 1}),
        (timedelta(minutes=5, seconds=1), {}),
    ],
)
def test_a_sign_that_lies_ahead_waits_until_its_time_has_come(
    distance, outcomes, sign, write, now, order, audit
):
    sign("SO1", at=now + distance)

    assert write() == outcomes
    assert len(audit()) == len(outcomes)
    write(now + distance)
    assert order().status == "SIGNED"


def test_a_sign_that_lies_ahead_keeps_no_other_waiting(sign, write, now, order):
    sign("SO1", at=now + timedelta(hours=1))
    sign("SO2", "SO3")

    assert write(chunk=1) == {"signed": 2}


# What dies or is away


def test_our_own_write_is_known_again_after_a_crash(
    sign, write, warehouse, writer, new_run, now, order, audit
):
    """The ERP had committed, the warehouse had not."""
    sign("SO1")

    class Crash(Exception):
        pass

    @event.listens_for(warehouse, "before_cursor_execute")
    def die(connection, cursor, statement, *rest):
        if "erp_writeback.outcome, 'failed'" in statement:
            raise Crash

    with pytest.raises(Crash):
        mark_signed.run(warehouse, writer, new_run(), now=now)
    event.remove(warehouse, "before_cursor_execute", die)
    assert (order().status, audit()) == ("SIGNED", [(None, None)])

    assert write() == {"signed": 1}
    assert audit() == [("signed", None)]


def test_a_write_that_was_only_announced_is_made_up_for(
    sign, write, warehouse, shop, writer, new_run, now, order, audit
):
    sign("SO1")

    @event.listens_for(shop.engine, "before_cursor_execute")
    def die(connection, cursor, statement, *rest):
        if "update erp_order" in statement:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mark_signed.run(warehouse, writer, new_run(), now=now)
    event.remove(shop.engine, "before_cursor_execute", die)
    assert (order().status, audit()) == ("SHIPPED", [(None, None)])

    assert write() == {"signed": 1}
    assert order().status == "SIGNED"


def test_two_at_once_sign_an_order_once(sign, warehouse, writer, new_run, now, order, audit):
    names = [f"SO{number:02d}" for number in range(12)]
    sign(*names)
    both = threading.Barrier(2)
    failures: list[Exception] = []

    def work() -> None:
        both.wait()
        try:
            mark_signed.run(warehouse, writer, new_run(), now=now, chunk=5)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert audit() == [("signed", None)] * 12
    assert {order(name).signed_at for name in names} == {SIGNED_THERE}


@pytest.fixture
def beside(write, shop) -> Iterator[Callable[..., None]]:
    """Run the step with what somebody else does right before its first write."""
    hooks: list[Callable[..., None]] = []

    def run(act: Callable[[], object]) -> None:
        acts = [act]

        def first(connection, cursor, statement, *rest):
            if "update erp_order" in statement and acts:
                acts.pop()()

        event.listen(shop.engine, "before_cursor_execute", first)
        hooks.append(first)
        write()

    yield run
    for hook in hooks:
        event.remove(shop.engine, "before_cursor_execute", hook)


def test_a_sign_is_known_for_ours_though_a_run_beside_it_knew_an_older_row(
    sign, write, beside, execute, edit, order, take_over, audit
):
    sign("SO1")

    def know_an_older_row() -> None:
        execute("update tracking.erp_row set erp_stamp = '2020-01-01 00:00:00'")
        assert write() == {"changed": 1}

    beside(know_an_older_row)

    assert audit() == [("signed", None)]
    edit(status="SHIPPED", signed_at=None)
    take_over()
    assert write() == {}
    assert order().status == "SHIPPED"


def test_an_order_that_was_edited_is_signed_once_it_was_read_again_though_a_run_beside_it_failed(
    sign, write, beside, edit, take_over
):
    sign("SO1")

    def find_it_changed_and_fail() -> None:
        edit(buyer_name="another")
        assert write() == {"changed": 1}
        raise OperationalError("", {}, Exception("the row is locked"))

    beside(find_it_changed_and_fail)

    take_over()
    assert write() == {"signed": 1}


def test_rows_are_settled_beside_nobody_who_changes_them_too(sign, write, while_another_holds):
    sign("SO1")

    with while_another_holds("erp_rows.lock", write) as writing:
        assert not writing.done()

    assert writing.result() == {"signed": 1}


def test_what_came_of_writes_is_kept_beside_nobody_who_changes_the_rows(
    sign, beside, warehouse, somebody_waits, audit
):
    sign("SO1")

    with ThreadPoolExecutor(1) as pool, warehouse.connect() as another:
        lock = query("erp_rows.lock")
        writing = pool.submit(beside, lambda: another.execute(lock))
        while not writing.done() and not somebody_waits():
            time.sleep(0.01)
        assert audit() == [(None, None)]
        another.rollback()
        writing.result()

    assert audit() == [("signed", None)]


def test_an_erp_that_is_away_fails_the_step_and_loses_nothing(
    sign, write, warehouse, shop, new_run, now, tmp_path
):
    sign("SO1")
    away = shop.engine.url.set(host="127.0.0.1", port=1)
    if shop.engine.dialect.name == "sqlite":
        away = shop.engine.url.set(database=str(tmp_path / "nowhere" / "erp.db"))
    nobody = SqlWriter(replace(shop, engine=create_engine(away)))

    with pytest.raises(OperationalError):
        mark_signed.run(warehouse, nobody, new_run(), now=now)

    assert write() == {"signed": 1}


# What the ERP or its owner does wrong


TABLE = """
    create table erp_order (
        order_no varchar(64), platform varchar(16), shop varchar(64),
        platform_order_id varchar(32), waybill_no varchar(32), status varchar(16),
        priority int default 0,
        shipped_at {time}, signed_at {time}, sign_kind varchar(16),
        logistics_status varchar(32), waybill_nos varchar(255), latest_trace varchar(500),
        latest_trace_at {time}, buyer_name varchar(64), buyer_phone varchar(32),
        buyer_opted_out int default 0, updated_at {time}
        {rules}
    )
"""


@pytest.fixture
def table(shop) -> Callable[..., None]:
    """The ERP's table with rules of its own."""

    def create(*rules: str) -> None:
        name = shop.engine.dialect.name
        time = {"sqlite": "datetime", "mysql": "datetime(6)"}.get(name, "timestamp")
        added = "".join(f", {rule}" for rule in rules)
        with shop.engine.begin() as connection:
            connection.execute(text(TABLE.format(time=time, rules=added)))

    return create


@pytest.fixture
def strict_erp(table) -> None:
    """An ERP that will not have certain orders signed."""
    table("primary key (order_no)", "check (order_no not like 'BAD%' or status <> 'SIGNED')")


@pytest.fixture
def double(table, shop) -> Callable[[str], None]:
    """An ERP without a unique key; lets an order stand there twice."""
    table()

    def insert(order_no: str) -> None:
        with shop.engine.begin() as connection:
            connection.execute(
                text("insert into erp_order select * from erp_order where order_no = :key"),
                {"key": order_no},
            )

    return insert


def test_an_order_that_the_erp_rejects_stops_no_other_and_is_tried_again(
    strict_erp, sign, write, order, audit, close_reason, at, caplog
):
    caplog.set_level(logging.WARNING)
    sign("A1", "A2", "BAD", "Z1")

    assert write() == {"signed": 3, "failed": 1}

    assert order("Z1").status == "SIGNED"
    assert order("BAD").status == "SHIPPED"
    assert "order BAD was not signed at the ERP" in caplog.text
    assert close_reason("BAD") is None
    assert write() == {"failed": 1}
    assert write(at(days=2)) == {"failed": 1}


def test_an_erp_that_rejects_most_orders_of_a_day_fails_the_step(strict_erp, sign, write, at):
    sign("A1", "A2", "A3", "A4")
    write()
    sign("BAD1", "BAD2", "BAD3")

    assert write() == {"failed": 3}
    with pytest.raises(WritebackError, match=r"3 of 3 signed orders of a day.*order BAD1"):
        write(at(hours=25))


@ON_SERVERS
def test_an_order_whose_row_somebody_holds_is_left_for_the_next_run(sign, write, shop):
    sign("SO1", "SO2", "SO3")

    with shop.engine.begin() as person:
        person.execute(text("update erp_order set priority = 1 where order_no = 'SO2'"))
        assert write() == {"signed": 2, "failed": 1}

    assert write() == {"signed": 1}


ONE_STATE = """-- Whichever.
    select max(status) as status, max(signed_at) as signed_at, max(updated_at) as erp_stamp
    from erp_order where order_no = :erp_key
"""


@pytest.mark.parametrize("is_told", [True, False], ids=["by its state", "by the write"])
def test_a_key_that_stands_twice_stops_no_other_and_is_not_written(
    is_told, double, sign, write, owners, shop, order, audit
):
    sign("SO1", "SO2", "SO3")
    double("SO2")
    if not is_told:
        owners("order_state", ONE_STATE)

    assert write() == {"signed": 2, "failed": 1}

    assert (order("SO1").status, order("SO3").status) == ("SIGNED", "SIGNED")
    with shop.engine.connect() as connection:
        twice = text("select status, signed_at from erp_order where order_no = 'SO2'")
        assert connection.execute(twice).all() == [("SHIPPED", None)] * 2
    (_, (outcome, detail), _) = audit()
    assert outcome == "failed"
    assert f"{'finds' if is_told else 'would write'} 2 rows" in detail


def test_keys_that_stand_twice_are_told_from_one_that_is_gone(double, sign, write, shop, audit):
    sign("SO1", "SO2", "SO3")
    double("SO1")
    double("SO2")
    with shop.engine.begin() as connection:
        connection.execute(text("delete from erp_order where order_no = 'SO3'"))

    assert write() == {"failed": 2, "gone": 1}

    assert [outcome for outcome, _ in audit()] == ["failed", "failed", "gone"]


def test_a_state_that_finds_several_rows_of_every_key_is_refused(sign, write, owners):
    owners(
        "order_state",
        "-- All.\nselect status, signed_at, updated_at as erp_stamp from erp_order"
        " where :erp_key <> ''",
    )
    sign("SO1", "SO2")

    with pytest.raises(StatementError, match=r"order_state.sql finds 2 rows of erp_key SO1"):
        write()


def test_a_statement_that_would_write_several_rows_writes_none(sign, write, owners, order):
    owners("mark_signed", "-- All.\nupdate erp_order set status = 'SIGNED' where :erp_key <> ''")
    sign("SO1", "SO2")

    with pytest.raises(StatementError, match=r"mark_signed.sql would write 2 rows for erp_key SO1"):
        write()

    assert order("SO1").status == order("SO2").status == "SHIPPED"


@pytest.mark.parametrize("name", ["mark_signed", "order_state"])
def test_a_statement_that_names_no_order_is_refused(name, sign, write, owners, order):
    owners(name, "-- ?\nupdate erp_order set status = 'SIGNED'")
    sign("SO1")

    with pytest.raises(StatementError, match=rf"{name}.sql does not bind erp_key"):
        write()

    assert order("SO1").status == "SHIPPED"


def test_a_statement_that_writes_nothing_is_refused(sign, write, owners, select):
    owners("mark_signed", "-- ?\nselect order_no from erp_order where order_no = :erp_key")
    sign("SO1")

    with pytest.raises(StatementError, match=r"mark_signed.sql returns rows"):
        write()

    assert select("outcome from tracking.erp_writeback") in ([], [(None,)])


def test_a_statement_that_binds_something_unknown_is_refused(sign, write, owners):
    owners("mark_signed", "-- ?\nupdate erp_order set status = :state where order_no = :erp_key")
    sign("SO1")

    with pytest.raises(StatementError, match="binds state, which is not given to it"):
        write()


def test_a_state_without_its_columns_is_refused(sign, write, owners):
    owners("order_state", "-- ?\nselect status from erp_order where order_no = :erp_key")
    sign("SO1")

    with pytest.raises(
        StatementError, match=r"order_state.sql does not return signed_at, erp_stamp"
    ):
        write()


@ON_SERVERS
def test_an_erp_that_knows_only_the_day_of_a_sign_shows_our_own_write(
    shop, sign, write, owners, audit, execute, order
):
    owners(
        "order_state",
        "-- By the day.\nselect status, date(signed_at) as signed_at, updated_at as erp_stamp"
        " from erp_order where order_no = :erp_key",
    )
    sign("SO1")
    write()
    execute("update tracking.erp_writeback set outcome = null")
    execute("update tracking.erp_row set settled_event = null")

    assert write() == {"signed": 1}
