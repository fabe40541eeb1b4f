"""A signed order is signed at the ERP once, and what people decide there stands."""

import logging
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import event, text

from shipment_tracking.errors import StatementError

from .erp_list import ON_SERVERS, SHIPPED, SIGNED, SIGNED_THERE

BY_HAND = datetime(2026, 3, 2, 9, 0)  # noqa: DTZ001


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

    with pytest.raises(StatementError, match=r"mark_signed.sql.*no_such_column"):
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


def test_a_sign_that_was_taken_back_counts_as_already_there(
    sign, write, edit, order, take_over, execute, audit
):
    sign("SO1")
    write()
    edit(status="SHIPPED", signed_at=None)
    take_over()
    execute("update tracking.erp_row set settled_event = null")

    assert write() == {"already": 1}
    assert audit() == [("signed", None)]
    assert order().status == "SHIPPED"


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


def test_a_signature_is_not_written_to_a_row_that_now_names_another_order(
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


def test_a_signature_taken_back_is_not_written_to_a_waybill_row(
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
