"""A signed order is signed at the ERP once, whatever dies, is away or runs beside."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.exc import OperationalError

from shipment_tracking.statements import query
from shipment_tracking.steps import mark_signed

from .erp_list import SIGNED_THERE


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


def test_an_edited_order_is_signed_once_it_was_read_again(sign, write, beside, edit, take_over):
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
    nobody = replace(shop, engine=create_engine(away))

    with pytest.raises(OperationalError):
        mark_signed.run(warehouse, nobody, new_run(), now=now)

    assert write() == {"signed": 1}
