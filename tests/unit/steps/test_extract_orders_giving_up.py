"""Orders that no rule polls any more are given up; urgent ones come first."""

import pytest

from shipment_tracking.errors import (
    PollingTableError,
)

from .erp_list import order, parcel_of


@pytest.fixture
def quiet(listing, extract, execute, now) -> None:
    """SO1, with a stalled parcel and a notice waiting, is polled no more; SO2 is."""
    listing(order(1), order(2))
    extract()
    parcel_of(execute, "SO1", "LP1")
    execute("update tracking.shipment set unsettled = false")
    execute(
        "update tracking.tracked_order set quiet_since = :at, next_poll_at = null,"
        " ask_parcels_at = null where platform_order_id = :id",
        at=now,
        id=order(1)["platform_order_id"],
    )


@pytest.mark.usefixtures("quiet")
def test_what_is_polled_no_more_is_closed_and_says_why(extract, rows, select, at):
    extract(at(minutes=30))

    closed = rows()["SO1"]
    assert (closed.closed_at, closed.close_reason) == (at(minutes=30), "gave_up")
    assert closed.last_error == "gave up: nothing new since 2026-03-02 04:00 UTC"
    assert rows()["SO2"].closed_at is None
    assert select("cleared_at from tracking.stall") == [(at(minutes=30),)]
    assert select("state, reason from tracking.notification") == [("suppressed", "closed")]
    assert select("count(*) from tracking.tracked_order where closed_at is null") == [(1,)]


@pytest.mark.usefixtures("quiet")
def test_what_was_given_up_stays_closed_while_its_row_stays_as_it_is(extract, rows, at):
    extract(at(minutes=30))
    extract(at(minutes=60))

    assert rows()["SO1"].closed_at == at(minutes=30)


@pytest.mark.usefixtures("quiet")
def test_what_was_given_up_is_open_again_when_its_row_changes(listing, extract, rows, select, at):
    extract(at(minutes=30))
    listing(order(1, erp_stamp="stamp-2"), order(2))

    extract(at(minutes=60))
    extract(at(minutes=90))

    assert (rows()["SO1"].closed_at, rows()["SO1"].close_reason) == (None, None)
    assert select(
        "reopened_at, quiet_since, next_poll_at from tracking.tracked_order"
        " where reopened_at is not null"
    ) == [(at(minutes=60), None, at(minutes=60))]


@pytest.mark.usefixtures("quiet")
def test_what_was_given_up_is_open_again_when_its_row_comes_back(listing, extract, rows, at):
    extract(at(minutes=30))
    listing(order(2))
    extract(at(minutes=60))
    listing(order(1), order(2))
    extract(at(minutes=90))

    assert rows()["SO1"].closed_at is None


@pytest.mark.parametrize(
    "waits",
    [
        "insert into tracking.trace_reply"
        " (order_id, dialect, fetched_at, fingerprint, body, announce, run_id)"
        " select order_id, 'param2', now(), '', '{}', true, 'r' from tracking.tracked_order",
        "update tracking.shipment set unsettled = true",
    ],
    ids=["a reply to load", "a parcel to judge"],
)
@pytest.mark.usefixtures("quiet")
def test_nothing_is_given_up_while_something_new_of_it_waits(waits, extract, execute, rows):
    execute(waits)

    extract()

    assert rows()["SO1"].closed_at is None


@pytest.mark.usefixtures("quiet")
def test_a_row_that_is_signed_is_not_given_up(extract, execute, rows):
    execute("update tracking.erp_row set signed_at = now(), sign_event = gen_random_uuid()")

    extract()

    assert rows()["SO1"].close_reason is None


def test_a_mistake_in_the_polling_table_stops_the_run_before_anything_is_asked(
    listing, extract, tmp_path, rows
):
    listing(order())
    (tmp_path / "owner" / "polling.csv").write_text("stage,quiet_hours,minutes\nany,0,soon\n")

    with pytest.raises(PollingTableError, match=r"owner/polling.csv, line 2: minutes is 'soon'"):
        extract()
    assert rows() == {}


def test_how_long_parcels_usually_take_is_learnt(listing, extract, select, now):
    listing(order())

    extract()

    assert select("carrier_code, learnt_at from tracking.transit_time") == [("", now)]


# High priority


def test_a_run_of_high_priority_takes_everything_over_and_closes_nothing(
    listing, extract, open_keys, execute, now
):
    listing(order(1), order(2))
    extract()
    execute("update tracking.tracked_order set quiet_since = :now", now=now)
    listing(order(2, priority=1), order(3))

    assert extract(only_high_priority=True) == ["platform_1688"]

    assert open_keys() == {"SO1", "SO2", "SO3"}


def test_without_an_order_of_high_priority_such_a_run_has_no_work(listing, extract, select):
    listing(order(1))

    assert extract(only_high_priority=True) == []
    assert select("due from analytics.runs") == [(0,)]


@pytest.mark.parametrize("asked", [True, False], ids=["with parcels", "without"])
def test_an_order_that_becomes_urgent_is_due_at_once(asked, listing, extract, execute, select, at):
    listing(order())
    extract()
    execute(
        "update tracking.tracked_order set next_poll_at = :later, ask_parcels_at = :later,"
        " parcels_asked_at = :asked",
        later=at(hours=12),
        asked=at(hours=-1) if asked else None,
    )
    listing(order(priority=1))

    extract(at(minutes=30))

    ((next_poll_at, ask_parcels_at),) = select(
        "next_poll_at, ask_parcels_at from tracking.tracked_order"
    )
    assert next_poll_at == at(minutes=30)
    assert ask_parcels_at == (at(hours=12) if asked else at(minutes=30))
