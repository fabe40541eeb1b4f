"""When an order is polled next: the table is read or named, and each of its rules holds."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shipment_tracking.domain.statuses import Status
from shipment_tracking.errors import PollingTableError
from shipment_tracking.statements import OWNER_FOLDER, include_folder
from shipment_tracking.warehouse import polling

HEAD = "stage,quiet_hours,minutes\n"
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture
def table(tmp_path: Path, monkeypatch) -> Callable[[str], Path]:
    """Lets the owner have a table of his own."""
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path))

    def write(lines: str, head: str = HEAD) -> Path:
        path = tmp_path / "polling.csv"
        path.write_text(head + lines, encoding="utf-8")
        return path

    return write


@pytest.fixture
def polled(ship, execute, select, warehouse, now) -> Callable[..., timedelta | None]:
    """
    After how long an order that was polled at noon is polled again, ``None`` for never.

    ``quiet``: since when nothing happened to its parcel, whose columns may be given.
    """

    def plan(
        *, quiet: timedelta = HOUR, priority: int = 0, number: int = 1, **parcel: Any
    ) -> timedelta | None:
        ship(number, **{"status": "in_transit", "last_event_at": now - quiet} | parcel)
        execute(
            "update tracking.tracked_order set last_polled_at = :now, priority = :priority,"
            " first_seen_at = :long_ago where platform_order_id = :id",
            now=now,
            priority=priority,
            long_ago=now - 400 * DAY,
            id=f"29{number}",
        )
        return again()

    def again() -> timedelta | None:
        orders = [row.order_id for row in select("order_id from tracking.tracked_order")]
        with warehouse.begin() as connection:
            polling.plan(connection, orders, now=now)
        (due,) = select("next_poll_at from tracking.tracked_order order by order_id limit 1")[0]
        return due - now if due else None

    plan.again = again  # type: ignore[attr-defined]
    return plan


# The table


def test_the_projects_own_table_asks_at_least_daily_and_gives_up_after_sixty_days():
    rules = polling.load()

    assert all(rule.minutes is None or rule.minutes <= 24 * 60 for rule in rules)
    assert [(rule.stage, rule.quiet_hours) for rule in rules if rule.minutes is None] == [
        ("any", 60 * 24)
    ]


def test_an_owners_table_wins(table):
    table("any,0,0\n")

    assert polling.load() == (polling.Rule(2, "any", 0, 0),)


def test_a_table_that_changes_is_read_anew(table):
    table("any,0,0\n")
    polling.load()
    table("any,0,1440\n")

    assert polling.load()[0].minutes == 1440


def test_blanks_empty_lines_and_a_byte_order_mark_do_no_harm(table):
    table("\n pending , 0.5 , 60\n\nany,0,0\n", head="\ufeff" + HEAD)

    assert polling.load()[0] == polling.Rule(3, "pending", 0.5, 60)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            "intransit,0,60\nany,0,0",
            "line 2: 'intransit' is not a stage; stages are any, high_prio",
        ),
        ("pending,0\nany,0,0", "line 2: 2 fields instead of stage,quiet_hours,minutes"),
        ("pending,,60\nany,0,0", "line 2: quiet_hours is ''; it must be a number of hours"),
        ("pending,-1,60\nany,0,0", "line 2: quiet_hours is '-1'"),
        ("pending,nan,60\nany,0,0", "line 2: quiet_hours is 'nan'"),
        ("pending,inf,60\nany,0,0", "line 2: quiet_hours is 'inf'"),
        ("pending,0,\nany,0,0", "line 2: minutes is ''; it must be a whole number up to 1440"),
        ("pending,0,-5\nany,0,0", "line 2: minutes is '-5'"),
        ("pending,0,1.5\nany,0,0", "line 2: minutes is '1.5'"),
        ("pending,0,1441\nany,0,0", "line 2: minutes is '1441'"),
        ("pending,23.9,never\nany,0,0", "line 2: pending would be given up after 23.9 quiet"),
        ("pending,0,60\npending,0,90\nany,0,0", "line 3: never reached, .* line 2 always does"),
        ("any,24,60\npending,48,90\nany,0,0", "line 3: never reached"),
        ("any,0,60\npending,0,90", "line 3: never reached"),
        ("pending,0,60", "its last line must be for all the rest, such as any,0,120"),
        ("any,1,60", "its last line must be for all the rest"),
        ("", "its last line must be for all the rest"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_line(lines, told, table):
    path = table(lines)

    with pytest.raises(PollingTableError, match=told) as caught:
        polling.load()

    assert str(caught.value).startswith(str(path))


def test_a_table_with_another_head_is_named(table):
    table("any,0,0\n", head="stage,minutes\n")

    with pytest.raises(PollingTableError, match="its first line must be stage,quiet_hours,minut"):
        polling.load()


def test_a_table_in_another_encoding_is_named(table):
    table("").write_text(f"{HEAD}随便,0,120\n", encoding="gbk")

    with pytest.raises(PollingTableError, match=r"polling\.csv is not UTF-8 text"):
        polling.load()


def test_a_line_may_follow_one_that_starts_later(table):
    table("any,48,never\nany,0,0\n")

    assert len(polling.load()) == 2


# When an order is polled


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


def test_an_order_goes_by_its_most_urgent_parcel(polled, insert, select, now):
    polled(quiet=90 * DAY)
    ((order_id,),) = select("order_id from tracking.tracked_order")
    other = insert(
        "shipment",
        account="platform_1688",
        consignment_id="LP2",
        status="out_for_delivery",
        last_event_at=now,
    )
    insert("order_shipment", order_id=order_id, shipment_id=other, first_seen_at=now)

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


# Places in the period


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


# The usual time of arrival


@pytest.fixture
def arrived(ship, insert, now) -> Callable[..., None]:
    """Signed parcels of a carrier that took so many hours to be out for delivery."""

    def add(carrier_code: str, *hours: float, first: int = 1) -> None:
        for number, each in enumerate(hours, first):
            shipment = ship(
                number, carrier_code=carrier_code, status="signed", sign_confirmed_at=now - DAY
            )
            for position, (status, at) in enumerate(
                (
                    ("picked_up", now - 10 * DAY),
                    ("out_for_delivery", now - 10 * DAY + each * HOUR),
                    ("out_for_delivery", now - 5 * DAY),
                )
            ):
                insert(
                    "trace_event",
                    shipment_id=shipment,
                    occurred_at=at,
                    event_hash=position,
                    hash_version=1,
                    position=position,
                    future_dated=False,
                    status=status,
                    description=status,
                    fetched_at=now,
                )

    return add


@pytest.fixture
def learn(warehouse, now) -> Callable[..., None]:
    def run(later: timedelta = timedelta()) -> None:
        with warehouse.begin() as connection:
            polling.learn_transit(connection, now=now + later)

    return run


def known(select) -> dict[str, tuple[int, float, float]]:
    return {
        row.carrier_code: (row.parcels, row.early / HOUR, row.late / HOUR)
        for row in select("* from tracking.transit_time where parcels > 0")
    }


def test_each_carriers_usual_time_is_learnt_from_its_signed_parcels(arrived, learn, select):
    arrived("YTO", *range(20, 31))
    arrived("SF", 10, 10, first=50)

    learn()

    found = known(select)
    assert found["YTO"] == (11, 21, 29)
    assert found["SF"] == (2, 10, 10)
    assert found[""][0] == 13


def test_it_is_learnt_once_a_day_at_most(arrived, learn, select):
    learn()
    arrived("YTO", 20)
    learn(DAY - MINUTE)
    assert known(select) == {}

    learn(DAY)
    assert set(known(select)) == {"YTO", ""}


@pytest.mark.parametrize(("hours", "near"), [(19, False), (20.1, True), (39.9, True), (41, False)])
def test_a_parcel_is_polled_more_often_near_its_carriers_usual_arrival(
    hours, near, polled, insert, table, now
):
    table("near_arrival,0,0\nany,0,120\n")
    for carrier_code, early, late in (("YTO", 20, 40), ("", 1, 2)):
        insert(
            "transit_time",
            carrier_code=carrier_code,
            parcels=20,
            early=early * HOUR,
            late=late * HOUR,
            learnt_at=now,
        )

    again = polled(carrier_code="YTO", first_event_at=now - hours * HOUR)

    assert (again == 15 * MINUTE) is near


@pytest.mark.parametrize(
    ("parcels", "of_all", "near"), [(19, 20, True), (20, 20, False), (19, 19, False)]
)
def test_a_carrier_of_whom_too_little_is_known_counts_as_all_and_else_as_the_default(
    parcels, of_all, near, polled, insert, table, now
):
    table("near_arrival,0,0\nany,0,120\n")
    for carrier_code, known_of, early, late in (("YTO", parcels, 30, 40), ("", of_all, 1, 5)):
        insert(
            "transit_time",
            carrier_code=carrier_code,
            parcels=known_of,
            early=early * HOUR,
            late=late * HOUR,
            learnt_at=now,
        )

    again = polled(carrier_code="YTO", first_event_at=now - 3 * HOUR)

    assert (again == 15 * MINUTE) is near


@pytest.mark.parametrize(("hours", "near"), [(23.9, False), (24, True), (72, True), (72.1, False)])
def test_while_nothing_is_learnt_the_default_holds(hours, near, polled, table, now):
    table("near_arrival,0,0\nany,0,120\n")

    assert (polled(first_event_at=now - hours * HOUR) == 15 * MINUTE) is near


def test_the_usual_time_counts_from_pick_up_and_not_from_the_first_scan(
    polled, insert, select, table, now
):
    table("near_arrival,0,0\nany,0,120\n")
    polled(first_event_at=now - 30 * HOUR)
    ((shipment_id,),) = select("shipment_id from tracking.shipment")
    insert(
        "trace_event",
        shipment_id=shipment_id,
        occurred_at=now - 20 * HOUR,
        event_hash=1,
        hash_version=1,
        position=0,
        future_dated=False,
        status="picked_up",
        description="已揽收",
        fetched_at=now,
    )

    assert polled.again() != 15 * MINUTE


def test_the_table_is_part_of_what_is_installed():
    assert (include_folder() / "polling.csv").is_file()
    project = (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")
    assert '"include/polling.csv" = "shipment_tracking/include/polling.csv"' in project
