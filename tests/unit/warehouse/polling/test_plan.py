"""When an order is polled next."""

import pytest

from shipment_tracking.domain.statuses import Status
from shipment_tracking.warehouse import polling
from tests import factories

from .spans import DAY, HOUR, MINUTE


@pytest.mark.parametrize(
    ("parcel", "priority", "spacing"),
    [
        ({"status": "out_for_delivery"}, 0, 15 * MINUTE),
        ({"status": "signed"}, 0, 15 * MINUTE),
        ({"status": "pending"}, 1, 4 * MINUTE),
    ],
    ids=["out for delivery", "a sign that is not confirmed", "high priority"],
)
@pytest.mark.parametrize("quiet", [HOUR, 59 * DAY])
def test_what_is_urgent_is_polled_in_every_run(quiet, parcel, priority, spacing, polled):
    assert polled(quiet=quiet, priority=priority, **parcel) == spacing


@pytest.mark.parametrize("status", [str(status) for status in Status])
def test_a_line_is_about_one_status(status, polled, table, now):
    table(f"{status},0,0\nany,0,120\n")

    assert polled(status=status, sign_confirmed_at=now) == 15 * MINUTE
    table("any,0,120\n")
    assert polled.again() != 15 * MINUTE


def test_a_confirmed_sign_is_no_longer_urgent(polled, now):
    assert polled(status="signed", sign_confirmed_at=now) != 15 * MINUTE


@pytest.mark.parametrize(("quiet", "fits"), [(7 * DAY - MINUTE, False), (7 * DAY, True)])
def test_a_line_holds_from_its_quiet_hours_on(quiet, fits, polled, table):
    table("any,168,0\nany,0,120\n")

    assert (polled(quiet=quiet) == 15 * MINUTE) is fits


def test_of_the_lines_that_fit_the_first_one_counts(polled, table):
    table("any,24,0\nin_transit,12,60\nany,0,120\n")

    assert polled(quiet=2 * DAY) == 15 * MINUTE


@pytest.mark.parametrize(("quiet", "given_up"), [(60 * DAY - MINUTE, False), (60 * DAY, True)])
def test_what_is_quiet_for_sixty_days_is_polled_never_again(quiet, given_up, polled, select, now):
    assert (polled(quiet=quiet, status="out_for_delivery") is None) is given_up

    assert select("quiet_since from tracking.tracked_order") == [
        (now - quiet if given_up else None,)
    ]


@pytest.mark.parametrize("column", ["first_seen_at", "reopened_at"], ids=["seen first", "reopened"])
def test_nobody_is_given_up_for_what_was_before_it_was(column, polled, execute, now):
    polled(quiet=90 * DAY)
    execute(f"update tracking.tracked_order set {column} = :now", now=now - HOUR)  # noqa: S608

    assert polled.again() is not None


def test_nobody_is_given_up_because_a_clock_was_set_back(polled):
    assert polled(quiet=-DAY) is not None


def test_a_platforms_new_word_is_news(polled, now):
    assert polled(quiet=90 * DAY, platform_status_since=now - HOUR) is not None


def test_an_order_goes_by_its_most_urgent_parcel(polled, warehouse, select, now):
    polled(quiet=90 * DAY)
    ((order_id,),) = select("order_id from tracking.tracked_order")
    factories.shipment(warehouse, order_id, 2, status="out_for_delivery", last_event_at=now)

    assert polled.again() == 15 * MINUTE


def test_a_superseded_parcel_makes_nobody_urgent(polled, execute, now):
    polled(status="out_for_delivery")
    execute("update tracking.order_shipment set superseded_at = :now", now=now)

    assert polled.again() != 15 * MINUTE


def test_an_order_that_fails_keeps_its_own_waiting_time(polled, execute, now):
    polled(status="out_for_delivery")
    execute("update tracking.tracked_order set failures = 3, next_poll_at = :at", at=now + 2 * HOUR)

    assert polled.again() == 2 * HOUR


def test_an_order_that_is_signed_is_not_touched(polled, execute, now):
    polled()
    execute("update tracking.erp_row set signed_at = :now", now=now)
    execute("update tracking.tracked_order set next_poll_at = null")

    assert polled.again() is None


def test_orders_of_one_day_come_due_evenly_over_their_period(
    ship, execute, select, warehouse, now, table
):
    table("any,0,120\n")
    for number in range(80):
        ship(number, status="in_transit", last_event_at=now)
    execute("update tracking.tracked_order set last_polled_at = :now", now=now)
    orders = [row.order_id for row in select("order_id from tracking.tracked_order")]
    with warehouse.begin() as connection:
        polling.plan(connection, orders, now=now)

    runs = [
        row.orders
        for row in select(
            "ceil(extract(epoch from next_poll_at - :now) / 1800) as run, count(*) as orders"
            " from tracking.tracked_order group by 1 order by 1",
            now=now,
        )
    ]
    assert len(runs) == 4
    assert min(runs) >= 18


def test_an_order_is_polled_once_a_period_at_its_own_place(polled, execute, select, now, table):
    table("any,0,120\n")
    first = polled()
    execute("update tracking.tracked_order set last_polled_at = next_poll_at")

    assert polled.again() == first + 120 * MINUTE
    execute(
        "update tracking.tracked_order set last_polled_at = last_polled_at + interval '110 minutes'"
    )
    assert polled.again() == first + 120 * MINUTE
