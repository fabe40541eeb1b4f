"""A backfill closes nothing, and the list is taken over by one run at a time."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, event, text

from shipment_tracking.statements import query

from .erp_list import order, parcel_of

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


@pytest.mark.parametrize("beside", ["orders.lock", "erp_rows.lock"])
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

    with while_another_holds("orders.lock", extract) as taking_over:
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
