"""An order at the ERP shows where its parcels are, and nothing that people edit is touched."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event

from shipment_tracking.errors import StatementError, WritebackError
from shipment_tracking.steps import mark_signed, show_trace
from tests import factories

SHIPPED = datetime(2026, 3, 1, 10)  # noqa: DTZ001
SEEN = datetime(2026, 3, 2, 3, 15, 20, tzinfo=UTC)
SEEN_THERE = datetime(2026, 3, 2, 11, 15, 20)  # noqa: DTZ001
ARRIVED = "快件已到达测试转运中心"


@pytest.fixture
def moves(execute) -> Callable[..., None]:
    """Let the parcels of an order have moved on, as loading leaves it."""

    def run(order_no: str = "SO1", **changes: Any) -> None:
        values = {
            "status": "in_transit",
            "latest_trace": ARRIVED,
            "latest_trace_at": SEEN,
            "waybill_nos": "YT880000000001,YT880000000002",
            "trace_changed": True,
        } | changes
        fields = ", ".join(f"{name} = :{name}" for name in values)
        command = f"update tracking.erp_row set {fields} where erp_key = :key"  # noqa: S608
        execute(command, key=order_no, **values)

    return run


@pytest.fixture
def show(warehouse, writer, new_run) -> Callable[..., dict[str, int]]:
    """Run the step; returns the counts that are not zero."""

    def run(*, chunk: int = 200, **of_run: Any) -> dict[str, int]:
        counts = show_trace.run(warehouse, writer, new_run(**of_run), chunk=chunk)
        return {name: count for name, count in counts.items() if count}

    return run


@pytest.fixture
def tracked(sold, take_over) -> Callable[..., None]:
    """Let orders be shipped at the ERP and taken over."""

    def run(*order_nos: str) -> None:
        for order_no in order_nos:
            sold(order_no, SHIPPED)
        take_over()

    return run


def test_an_order_shows_its_status_its_latest_trace_and_its_waybill_numbers(
    tracked, moves, show, order
):
    tracked("SO1")
    before = order()
    moves()

    assert show() == {"shown": 1}

    found = order()
    assert found.logistics_status == "in_transit"
    assert (found.latest_trace, found.latest_trace_at) == (ARRIVED, SEEN_THERE)
    assert found.waybill_nos == "YT880000000001,YT880000000002"
    assert (found.status, found.updated_at) == (before.status, before.updated_at)


def test_an_order_whose_trace_is_as_shown_is_not_written(tracked, moves, show, edit, order):
    tracked("SO1")
    moves()
    show()
    edit(latest_trace="changed by a person")

    assert show() == {}
    assert order().latest_trace == "changed by a person"


def test_a_parcel_without_a_trace_shows_its_status(tracked, moves, show, order):
    tracked("SO1")
    moves(status="info_received", latest_trace=None, latest_trace_at=None, waybill_nos=None)

    assert show() == {"shown": 1}
    assert (order().logistics_status, order().latest_trace) == ("info_received", None)


def test_a_long_trace_is_shown_as_far_as_it_fits(tracked, moves, show, order):
    tracked("SO1")
    moves(latest_trace="运" * 600, waybill_nos=",".join(["YT880000000001"] * 30))

    assert show() == {"shown": 1}
    assert order().latest_trace == "运" * 500
    assert len(order().waybill_nos) == 255


def test_an_order_signed_by_us_shows_its_last_trace(
    tracked, moves, show, order, execute, warehouse, writer, new_run, now
):
    tracked("SO1")
    execute(
        "update tracking.erp_row set signed_at = :at, sign_event = :event", at=SEEN, event=uuid4()
    )
    moves(status="signed")
    mark_signed.run(warehouse, writer, new_run(), now=now)

    assert show() == {"shown": 1}
    assert (order().status, order().logistics_status) == ("SIGNED", "signed")


def test_a_signed_order_that_was_pruned_is_not_shown_again(
    tracked, moves, show, order, execute, warehouse, writer, new_run, now
):
    tracked("SO1")
    execute(
        "update tracking.erp_row set signed_at = :at, sign_event = :event", at=SEEN, event=uuid4()
    )
    moves(status="signed")
    mark_signed.run(warehouse, writer, new_run(), now=now)
    show()
    execute("update tracking.tracked_order set pruned_at = :now", now=now)
    moves(status="info_received", latest_trace=None, latest_trace_at=None)

    assert show() == {"skipped": 1}
    assert (order().status, order().logistics_status) == ("SIGNED", "signed")


def test_an_order_that_left_the_list_is_not_written_any_more(
    tracked, moves, show, edit, take_over, order
):
    tracked("SO1", "SO2")
    moves()
    edit(status="CLOSED")
    take_over()

    assert show() == {"skipped": 1}
    assert order().latest_trace is None
    assert show() == {}


def test_an_order_that_was_closed_just_now_is_left_alone(tracked, moves, show, edit, order):
    tracked("SO1")
    moves()
    edit(status="CLOSED")

    assert show() == {"skipped": 1}
    assert order().latest_trace is None


def test_an_order_that_comes_back_to_the_list_shows_its_trace(
    tracked, moves, show, edit, take_over, order
):
    tracked("SO1", "SO2")
    moves()
    edit(status="CLOSED")
    take_over()
    show()
    edit(status="SHIPPED")
    take_over()

    assert show() == {"shown": 1}
    assert order().latest_trace == ARRIVED


def test_more_orders_than_a_commit_holds_are_all_shown(tracked, moves, show, order):
    names = [f"SO{number}" for number in range(5)]
    tracked(*names)
    for name in names:
        moves(name)

    assert show(chunk=2) == {"shown": 5}
    assert {order(name).latest_trace for name in names} == {ARRIVED}


def test_a_run_for_one_account_shows_no_other(tracked, moves, show):
    tracked("SO1")
    moves()

    assert show(only_account="platform_tmall") == {}
    assert show(only_account="platform_1688") == {"shown": 1}


def test_a_dry_run_says_what_it_would_show(tracked, moves, show, order, caplog):
    caplog.set_level(logging.INFO)
    tracked("SO1")
    moves()

    assert show(dry_run=True) == {"would_show": 1}

    assert order().latest_trace is None
    assert "order SO1 would show in_transit" in caplog.text
    assert show() == {"shown": 1}


def test_n1_shadow_mode_shows_nothing_until_writing_is_allowed(
    tracked, moves, show, order, owners, caplog
):
    caplog.set_level(logging.INFO)
    tracked("SO1")
    moves()

    assert show(shadow=True) == {"would_show": 1}

    assert order().latest_trace is None
    assert caplog.messages[-1].startswith("shadow mode: 1 orders would show another trace")
    assert show() == {"shown": 1}


def test_n8_a_dry_run_shows_a_mistake_in_the_statement(tracked, moves, show, owners, order):
    tracked("SO1")
    moves()
    owners("show_trace", "update erp_order set no_such_column = 1 where order_no = :erp_key")

    with pytest.raises(StatementError, match=r"show_trace.sql.*no_such_column"):
        show(dry_run=True)


def test_what_changes_while_it_is_written_is_written_again(tracked, moves, show, shop, order):
    tracked("SO1")
    moves()

    @event.listens_for(shop.engine, "commit")
    def move_on(connection):
        moves(latest_trace="快件派送中", latest_trace_at=SEEN + timedelta(hours=1))

    show()
    event.remove(shop.engine, "commit", move_on)

    assert order().latest_trace == ARRIVED
    assert show() == {"shown": 1}
    assert order().latest_trace == "快件派送中"


def test_rows_are_shown_beside_nobody_who_changes_them_too(
    tracked, moves, show, while_another_holds
):
    tracked("SO1")
    moves()

    with while_another_holds("erp_rows.lock", show) as showing:
        assert not showing.done()

    assert showing.result() == {"shown": 1}


def test_a_trace_that_the_erp_rejects_stops_no_other_and_is_tried_again(
    tracked, moves, show, owners, order, caplog
):
    caplog.set_level(logging.WARNING)
    owners(
        "show_trace",
        "-- One fails: a shop must be.\nupdate erp_order set logistics_status = :status,"
        " shop = case when :erp_key = 'SO2' then null else shop end where order_no = :erp_key",
    )
    tracked("SO1", "SO2", "SO3")
    for name in ("SO1", "SO2", "SO3"):
        moves(name)

    assert show() == {"shown": 2, "failed": 1}
    assert "order SO2: trace not shown at the ERP" in caplog.text
    assert show() == {"failed": 1}
    assert show(started_at=datetime.now(UTC) + timedelta(days=2)) == {"failed": 1}


def test_an_erp_that_rejects_most_traces_of_a_day_fails_the_step(
    tracked, moves, show, owners, now, caplog
):
    caplog.set_level(logging.WARNING)
    owners(
        "show_trace",
        "-- Some fail: a shop must be.\nupdate erp_order set logistics_status = :status,"
        " shop = case when :erp_key like 'BAD%' then null else shop end where order_no = :erp_key",
    )
    names = ("A1", "A2", "A3", "A4", "BAD1", "BAD2", "BAD3")
    tracked(*names)
    for name in names:
        moves(name)

    assert show(started_at=now) == {"shown": 4, "failed": 3}
    (warning,) = caplog.messages
    assert warning.startswith("order BAD1 and 2 more: trace not shown at the ERP: ")
    assert show(started_at=now + timedelta(hours=23)) == {"failed": 3}
    with pytest.raises(WritebackError, match=r"3 of 3 traces of a day.*order BAD1"):
        show(started_at=now + timedelta(hours=25))


def test_a_key_that_stands_for_two_orders_stops_no_other_and_is_not_written(
    tracked, moves, show, owners, order
):
    owners(
        "show_trace",
        "-- One too many.\nupdate erp_order set logistics_status = :status"
        " where order_no = :erp_key or (:erp_key = 'SO2' and order_no = 'SO3')",
    )
    tracked("SO1", "SO2", "SO3", "SO4")
    for name in ("SO1", "SO2", "SO4"):
        moves(name)

    assert show() == {"shown": 2, "failed": 1}
    assert (order("SO1").logistics_status, order("SO4").logistics_status) == ("in_transit",) * 2
    assert (order("SO2").logistics_status, order("SO3").logistics_status) == (None, None)


def test_an_owners_statement_may_show_by_when_the_order_is_expected(
    tracked, moves, show, order, owners, warehouse, select
):
    owners(
        "show_trace",
        "update erp_order set latest_trace = :status, latest_trace_at = :eta"
        " where order_no = :erp_key",
    )
    tracked("SO1")
    ((order_id,),) = select("order_id from tracking.erp_row")
    parcel = factories.shipment(warehouse, order_id, status="in_transit")
    factories.insert(
        warehouse,
        "shipment_eta",
        shipment_id=parcel,
        status="in_transit",
        estimated_at=SEEN,
        eta_p90=SEEN,
    )
    moves(latest_trace_at=None)

    assert show() == {"shown": 1}
    assert order().latest_trace_at == SEEN_THERE


@pytest.mark.parametrize("shop", ["mariadb"], indirect=True)
@pytest.mark.parametrize(
    "write",
    [
        "insert into inbox values (:erp_key, :latest_trace)"
        " on duplicate key update news = :latest_trace",
        "replace into inbox values (:erp_key, :latest_trace)",
    ],
)
def test_an_inbox_at_mysql_is_written_again_and_again(write, shop, tracked, moves, show, owners):
    owners("show_trace", f"-- The inbox holds the newest trace.\n{write}")
    tracked("SO1")
    with shop.engine.begin() as connection:
        connection.exec_driver_sql("create table inbox (so_no varchar(64) primary key, news text)")
    try:
        for news in (ARRIVED, "派件中", "已签收"):
            moves(latest_trace=news)
            assert show() == {"shown": 1}
            with shop.engine.connect() as connection:
                stored = connection.exec_driver_sql("select so_no, news from inbox").all()
            assert stored == [("SO1", news)]
    finally:
        with shop.engine.begin() as connection:
            connection.exec_driver_sql("drop table inbox")
