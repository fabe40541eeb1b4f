"""Carriers' usual times, and orders near their arrival."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from shipment_tracking.warehouse import polling
from tests import factories

from .spans import DAY, HOUR, MINUTE


@pytest.fixture
def arrived(warehouse, ship, now) -> Callable[..., None]:
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
                factories.trace_event(warehouse, shipment, status, at, position=position)

    return add


@pytest.fixture
def learn(warehouse, now) -> Callable[..., None]:
    def run(later: timedelta = timedelta()) -> None:
        with warehouse.begin() as connection:
            polling.learn_transit(connection, now=now + later)

    return run


@pytest.fixture
def takes(insert, now) -> Callable[..., None]:
    """What was learnt of a carrier: of how many parcels, and after how many hours they arrive."""

    def learnt(carrier_code: str, parcels: int, early: float, late: float) -> None:
        insert(
            "transit_time",
            carrier_code=carrier_code,
            parcels=parcels,
            early=early * HOUR,
            late=late * HOUR,
            learnt_at=now,
        )

    return learnt


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
def test_a_parcel_near_its_usual_arrival_is_polled_more_often(
    hours, near, polled, takes, table, now
):
    table("near_arrival,0,0\nany,0,120\n")
    for carrier_code, early, late in (("YTO", 20, 40), ("", 1, 2)):
        takes(carrier_code, 20, early, late)

    again = polled(carrier_code="YTO", first_event_at=now - hours * HOUR)

    assert (again == 15 * MINUTE) is near


@pytest.mark.parametrize(
    ("parcels", "of_all", "near"), [(19, 20, True), (20, 20, False), (19, 19, False)]
)
def test_a_little_known_carrier_counts_as_all_or_as_the_default(
    parcels, of_all, near, polled, takes, table, now
):
    table("near_arrival,0,0\nany,0,120\n")
    for carrier_code, known_of, early, late in (("YTO", parcels, 30, 40), ("", of_all, 1, 5)):
        takes(carrier_code, known_of, early, late)

    again = polled(carrier_code="YTO", first_event_at=now - 3 * HOUR)

    assert (again == 15 * MINUTE) is near


@pytest.mark.parametrize(("hours", "near"), [(23.9, False), (24, True), (72, True), (72.1, False)])
def test_while_nothing_is_learnt_the_default_holds(hours, near, polled, table, now):
    table("near_arrival,0,0\nany,0,120\n")

    assert (polled(first_event_at=now - hours * HOUR) == 15 * MINUTE) is near


def test_the_usual_time_counts_from_pick_up_not_the_first_scan(
    polled, warehouse, select, table, now
):
    table("near_arrival,0,0\nany,0,120\n")
    polled(first_event_at=now - 30 * HOUR)
    ((shipment_id,),) = select("shipment_id from tracking.shipment")
    factories.trace_event(warehouse, shipment_id, "picked_up", now - 20 * HOUR)

    assert polled.again() != 15 * MINUTE
