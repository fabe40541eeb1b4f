"""What the ERP rejects stops no other order; a wrong statement writes nothing and is named."""

import logging
from collections.abc import Callable

import pytest
from sqlalchemy import text

from shipment_tracking.errors import StatementError, WritebackError

from .erp_list import ON_SERVERS

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
    assert "order BAD: not signed at the ERP" in caplog.text
    assert close_reason("BAD") is None
    assert write() == {"failed": 1}
    assert write(at(days=2)) == {"failed": 1}


def test_an_erp_that_rejects_most_orders_of_a_day_fails_the_step(
    strict_erp, sign, write, at, caplog
):
    caplog.set_level(logging.WARNING)
    sign("A1", "A2", "A3", "A4")
    write()
    sign("BAD1", "BAD2", "BAD3")

    assert write(chunk=1) == {"failed": 3}
    (warning,) = caplog.messages
    assert warning.startswith("order BAD1 and 2 more: not signed at the ERP: ")
    with pytest.raises(WritebackError, match=r"3 of 3 signed orders of a day.*order BAD1 and 2 mo"):
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
