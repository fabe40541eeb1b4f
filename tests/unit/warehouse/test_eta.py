"""Estimates are learnt from signed parcels, given to those on their way, and never lie behind."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from shipment_tracking.domain.calendars import Clock, Holiday, clock
from shipment_tracking.warehouse import eta
from tests import factories

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PLAIN = clock([])
SLOW = clock([Holiday(2, date(2026, 2, 1), date(2026, 3, 1), 2)])
"""Twice as slow until a day before noon of the tests."""


@pytest.fixture
def signed(ship, warehouse, now) -> Callable[..., None]:
    """Parcels that were signed four days ago, so many hours after their pick-up, by number."""

    def add(*hours: float, carrier_code: str = "YTO", first: int = 100, **changes: Any) -> None:
        end = now - 4 * DAY
        for number, each in enumerate(hours, first):
            begin = end - each * HOUR
            parcel = ship(
                number,
                shipped_at=begin - HOUR,
                carrier_code=carrier_code,
                **{"status": "signed", "signed_at": end, "sign_confirmed_at": end} | changes,
            )
            factories.status_change(warehouse, parcel, "picked_up", begin)
            factories.status_change(warehouse, parcel, "in_transit", begin + HOUR / 2)
            factories.status_change(warehouse, parcel, "signed", end)

    return add


@pytest.fixture
def moving(ship, warehouse, now) -> Callable[..., int]:
    """A parcel that was picked up so many hours ago; returns its id."""

    def add(number: int = 1, *, hours: float = 0, **changes: Any) -> int:
        begin = now - hours * HOUR
        parcel = ship(
            number,
            shipped_at=begin - HOUR,
            **{"status": "in_transit", "carrier_code": "YTO", "last_event_at": begin} | changes,
        )
        factories.status_change(warehouse, parcel, "picked_up", begin)
        return int(parcel)

    return add


@pytest.fixture
def refresh(warehouse, new_run, now) -> Callable[..., int]:
    def run(hours: float = 0, *, by: Clock = PLAIN, **of_run: Any) -> int:
        at = now + hours * HOUR
        return eta.refresh(warehouse, new_run(at, **of_run), by, now=at, chunk=2)

    return run


@pytest.fixture
def estimates(select, now) -> Callable[..., list[Any]]:
    """Hours from noon until p50 and p90 of every parcel that is not signed."""

    def read() -> list[Any]:
        rows = select(
            "eta_p50, eta_p90 from analytics.shipments where status <> 'signed' order by waybill_no"
        )
        return [
            tuple(each and round((each - now) / HOUR, 2) for each in row)
            for row in map(tuple, rows)
        ]

    return read


def test_half_and_nine_tenths_of_the_others_are_signed_by_then(
    signed, moving, refresh, estimates, select
):
    signed(*range(30, 71))
    moving()

    refresh()

    assert estimates() == [(50, 66)]
    (basis,) = select("eta_basis from analytics.shipments where eta_basis is not null")[0]
    assert basis == "YTO, in_transit: 41 parcels signed 2026-01-01 to 2026-03-02"


def test_the_longer_a_parcel_stands_the_later_it_is_expected(signed, moving, refresh, estimates):
    signed(*range(1, 201))
    for number, hours in enumerate((0, 24, 48), 1):
        moving(number, hours=hours)

    refresh()

    assert estimates() == [(100.5, 180.1), (88.5, 158.5), (76.5, 136.9)]


def test_slow_days_count_less_while_learning_and_estimating(signed, moving, refresh, estimates):
    signed(*[40] * 25)
    moving(1, hours=36)

    refresh(by=SLOW)

    # Of its 36 hours 16 were slow: 20 hours by the clock, as are the 40 of the others.
    (found,) = estimates()
    assert found == (None, None)

    moving(2, hours=20)
    refresh(by=SLOW)

    assert estimates()[1] == (pytest.approx(4, abs=0.01), pytest.approx(4, abs=0.01))


def test_fewer_than_twenty_parcels_give_no_number(signed, moving, refresh, estimates, select):
    signed(*range(30, 49))
    moving()

    refresh()

    assert estimates() == [(None, None)]
    assert select("eta_basis from analytics.shipments where eta_basis is not null") == []


def test_a_rare_carrier_goes_by_all_of_them(signed, moving, refresh, estimates, select):
    signed(*[50] * 19)
    signed(*[10] * 30, carrier_code="SF", first=200)
    moving(carrier_code="POSTB")

    refresh()

    assert estimates()[0][0] == 10
    assert select(
        "carrier_code, parcels from tracking.stage_time where age_hours = 0"
        " and stage = 'in_transit' order by 1"
    ) == [("", 49), ("SF", 30)]


@pytest.mark.parametrize(
    "spoilt",
    [
        {"status": "returned"},
        {"sign_confirmed_at": None},
        {"sign_confirmed_at": datetime.fromisoformat("2025-12-01T00:00:00+00:00")},
    ],
)
def test_what_was_not_signed_lately_is_not_learnt_from(spoilt, signed, refresh, select):
    signed(*range(30, 71), **spoilt)

    refresh()

    assert select("* from tracking.stage_time") == []


def test_a_shipping_after_the_pick_up_is_no_wait_for_it(signed, execute, refresh, select, now):
    signed(*range(30, 71))
    execute("update tracking.erp_row set shipped_at = :at", at=now - 4 * DAY - HOUR)

    refresh()

    assert {row.stage for row in select("stage from tracking.stage_time")} == {"in_transit"}


def test_what_is_learnt_holds_for_a_day(signed, refresh, select, now):
    signed(*range(30, 71))
    refresh()
    refresh(23.9)
    assert {row.learnt_at for row in select("learnt_at from tracking.stage_time")} == {now}

    refresh(24)
    assert {row.learnt_at for row in select("learnt_at from tracking.stage_time")} == {now + DAY}


def test_no_estimate_lies_in_the_past_whenever_it_is_looked_at(signed, moving, refresh, estimates):
    signed(*range(1, 201))
    moving()

    for hours in range(0, 100, 7):
        refresh(hours)
        ((p50, p90),) = estimates()
        assert hours < p50 <= p90


def test_a_new_status_is_estimated_at_once(signed, moving, refresh, estimates, execute, select):
    signed(*range(30, 71))
    moving()
    refresh()
    execute("update tracking.shipment set status = 'out_for_delivery' where waybill_no = 'YT1'")

    refresh(0.5)

    assert estimates() == [(None, None)]


def test_a_failed_delivery_begins_another_stay(signed, moving, refresh, warehouse, estimates, now):
    signed(*range(30, 71))
    parcel = moving(hours=40)
    factories.status_change(warehouse, parcel, "delivery_failed", now - 10 * HOUR)
    factories.status_change(warehouse, parcel, "in_transit", now)

    refresh()

    assert estimates() == [(50, 66)]


@pytest.mark.parametrize(
    "over",
    [
        "update tracking.erp_row set signed_at = now()",
        "update tracking.erp_row set closed_at = now()",
        "update tracking.order_shipment set superseded_at = now()",
        "update tracking.shipment set status = 'returning' where waybill_no = 'YT1'",
    ],
)
def test_what_is_awaited_no_more_has_no_estimate(over, signed, moving, refresh, estimates, execute):
    signed(*range(30, 71))
    moving()
    refresh()

    execute(over)
    refresh(0.5)

    assert estimates() == [(None, None)]


def test_an_order_is_expected_with_its_last_parcel(signed, moving, refresh, select, warehouse, now):
    signed(*range(30, 71))
    moving(1)
    moving(2, hours=4)
    other = factories.order(warehouse, 3)
    factories.erp_row(warehouse, other, 3)
    for (parcel,) in select("shipment_id from tracking.shipment where status <> 'signed'"):
        factories.link(warehouse, other, parcel)

    refresh()

    rows = dict(map(tuple, select("erp_key, eta_p90 from analytics.orders where erp_key < 'SO4'")))
    assert rows["SO3"] == rows["SO1"] == now + 66 * HOUR
    assert rows["SO2"] == now + 62 * HOUR


def test_a_row_with_a_waybill_is_expected_with_its_own_parcel(
    signed, moving, refresh, select, execute, warehouse, now
):
    signed(*range(30, 71))
    parcel = moving(1)
    factories.insert(
        warehouse, "shipment_waybill", shipment_id=parcel, waybill_no="YT1", first_seen_at=now
    )
    execute("update tracking.erp_row set waybill_no = 'YT9／yt1 ' where erp_key = 'SO1'")
    factories.link(
        warehouse,
        select("order_id from tracking.erp_row where erp_key = 'SO1'")[0][0],
        moving(2, carrier_code="SF", status="ready_for_pickup"),
    )

    refresh()

    assert select("eta_p90 from analytics.orders where erp_key = 'SO1'") == [(now + 66 * HOUR,)]


def test_who_is_later_than_expected_is_announced_once(signed, moving, refresh, select, now):
    signed(*range(30, 71))
    moving()
    refresh()

    assert refresh(65) == 0
    assert refresh(66) == 1
    assert refresh(70) == 0
    assert select("reason, state, due_at from tracking.notification") == [
        ("delayed", "pending", now + 66 * HOUR)
    ]


def test_a_delay_waits_until_the_parcels_change_was_sent(
    signed, moving, refresh, execute, warehouse, select, now
):
    signed(*range(30, 71))
    parcel = moving()
    refresh()
    factories.notification(warehouse, parcel, uuid4(), "delivery_failed", now)

    refresh(66)
    assert select("reason from tracking.notification") == [("delivery_failed",)]

    execute("update tracking.notification set state = 'sent', sent_at = now()")
    refresh(67)
    assert select("reason from tracking.notification order by 1") == [
        ("delayed",),
        ("delivery_failed",),
    ]


def test_the_first_estimate_is_what_was_expected(signed, moving, refresh, estimates, select):
    signed(*range(1, 201))
    moving()
    refresh()
    refresh(100)
    ((_, later),) = estimates()

    assert later > 180.1
    assert refresh(180.2) == 1


def test_a_backfill_announces_no_delay(signed, moving, refresh, now):
    signed(*range(30, 71))
    moving()
    refresh()

    assert refresh(67, shipped_from=now, shipped_to=now + DAY) == 0
    assert refresh(68) == 1


def test_a_parcel_that_waits_for_its_buyer_is_not_late(signed, moving, refresh, execute):
    signed(*range(30, 71))
    moving()
    refresh()
    execute("update tracking.shipment set status = 'ready_for_pickup' where status <> 'signed'")

    assert refresh(70) == 0


def test_a_second_run_at_the_same_time_leaves_it_to_the_first(
    signed, moving, refresh, warehouse, estimates
):
    signed(*range(30, 71))
    moving()
    with warehouse.begin() as other:
        eta._lock(other)
        refresh()
        assert estimates() == [(None, None)]


@pytest.mark.parametrize(
    ("scans", "said"),
    [
        (["picked_up", "signed"], True),
        (["picked_up", "out_for_delivery", "signed"], False),
        (["ready_for_pickup", "signed"], False),
        ([], None),
    ],
)
def test_a_signature_without_a_delivery_is_flagged(scans, said, ship, warehouse, select, now):
    parcel = ship(status="signed", event_count=len(scans))
    for position, status in enumerate(scans):
        factories.trace_event(warehouse, parcel, status, now, position=position)

    assert select("signed_without_delivery from analytics.shipments") == [(said,)]


def test_scans_that_are_no_evidence_make_no_delivery(ship, warehouse, select, now):
    parcel = ship(status="signed", event_count=1)
    for position, spoilt in enumerate(
        ({"earlier_life": True}, {"future_dated": True}, {"withdrawn_at": now})
    ):
        factories.trace_event(
            warehouse, parcel, "out_for_delivery", now, position=position, **spoilt
        )

    assert select("signed_without_delivery from analytics.shipments") == [(True,)]


def test_how_long_parcels_stand_is_learnt_by_their_longest_stand(
    signed, refresh, warehouse, select, now
):
    signed(*range(30, 71))
    end = now - 4 * DAY
    for row in select("shipment_id from tracking.shipment"):
        for position, hours in enumerate((40, 39, 9, 8)):
            factories.trace_event(
                warehouse, row.shipment_id, "in_transit", end - hours * HOUR, position=position
            )

    refresh()

    found = {
        row.stage: (row.parcels, row.p90_hours, row.quiet_share)
        for row in select("* from tracking.stage_gap")
    }
    # Each stood for 1, 30, 1 and 8 hours; a stall is 54 hours, and half of it is 27.
    assert found["in_transit"] == (41, 30, pytest.approx(3 / 40))
    assert found["pickup"] == (41, 1, 0)
