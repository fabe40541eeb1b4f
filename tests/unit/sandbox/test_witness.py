"""The witness knows when an order counts as signed."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.witness import (
    Warehouse,
    folded,
    is_signed,
    part_of,
    scan_differences,
    told_differences,
)
from sandbox.world import ParcelTruth, World, has_actions, order_truth

START = datetime(2026, 3, 2, tzinfo=UTC)
MONTH_LATER = START + timedelta(days=30)


def test_a_sign_by_its_text_alone_counts_after_a_day():
    world = World(5, START, {"platform_taobao": 40}, stories={"signed_by_self": 1})
    order = next(order for order in world.orders() if not has_actions(order.parcels[0]))
    true = order_truth(order, MONTH_LATER)
    (parcel,) = true.parcels

    assert (true.signed, parcel.sign_kind) == (False, "text")
    assert not is_signed(true, parcel.signed_at + timedelta(hours=23))
    assert is_signed(true, parcel.signed_at + timedelta(hours=24))


def test_a_sign_with_the_platforms_code_counts_at_once():
    world = World(5, START, {"platform_taobao": 40}, stories={"signed_by_self": 1})
    order = next(order for order in world.orders() if has_actions(order.parcels[0]))
    true = order_truth(order, MONTH_LATER)

    assert is_signed(true, true.signed_at)


def test_an_order_whose_parcels_are_all_cancelled_is_never_signed():
    world = World(5, START, {"platform_taobao": 3}, stories={"cancelled": 1})

    for order in world.orders():
        true = order_truth(order, MONTH_LATER)
        assert [parcel.status for parcel in true.parcels] == ["cancelled"]
        assert not is_signed(true, MONTH_LATER)


def notice(number: int, from_status: str, to_status: str, reason: str = "") -> dict[str, Any]:
    return {
        "reason": reason or to_status,
        "event_id": f"{number}",
        "consignment_id": "LP1",
        "orders": [{"platform_order_id": "1"}],
        "from_status": from_status,
        "to_status": to_status,
    }


def test_a_notice_may_leave_only_a_signature_that_was_told():
    world = World(5, START, {"platform_1688": 0})
    wrongly = [notice(1, "pending", "in_transit"), notice(2, "signed", "delivery_failed")]
    rightly = [notice(1, "pending", "signed"), notice(2, "signed", "delivery_failed")]

    (difference,) = told_differences(wrongly, world, [MONTH_LATER])
    assert (difference.what, difference.true) == ("told from", "in_transit")
    assert told_differences(rightly, world, [MONTH_LATER]) == []


def test_a_delay_tells_no_status_a_second_time():
    world = World(5, START, {"platform_1688": 9}, stories={"flapping_replies": 1})
    parcels = [
        (order.order_id, parcel.consignment_id)
        for order in world.orders()
        for parcel in order.parcels
    ]
    told = [
        notice(number, "pending", "signed")
        | {"consignment_id": parcel, "orders": [{"platform_order_id": order}]}
        for number, (order, parcel) in enumerate(parcels)
    ]
    late = [each | {"reason": "delayed", "event_id": each["event_id"] + " late"} for each in told]

    again = {each.what for each in told_differences([*told, *late], world, [MONTH_LATER])}
    assert "told again" not in again


@pytest.mark.parametrize("typed", ["YT88 12", "yt8812", "ＹＴ８８１２", "YT8812\r\n", "\tYT8812 "])
def test_a_waybill_number_is_one_however_it_is_typed(typed):
    assert folded(typed) == "YT8812"


@pytest.mark.parametrize("named", ["YTO:YT88", "yuantong:YT88", "YTO:YT88#2930001", "YT88"])
def test_a_routers_parcel_is_known_by_its_number(named):
    assert part_of(named) == "YT88"


KEY = ("platform_1688", "1", "LP1")


def found(**flags: Counter) -> Warehouse:
    """A warehouse with the scans of one parcel, and what of them is flagged."""
    kept = {name: defaultdict(Counter, {KEY: times}) for name, times in flags.items()}
    empty = {name: defaultdict(Counter) for name in ("scans", "earlier", "withdrawn")}
    return Warehouse(orders={}, shipments={}, texts={}, rejected={}, **(empty | kept))


def parcel_of(story: str) -> ParcelTruth:
    world = World(5, START, {"platform_1688": 1}, stories={story: 1})
    (parcel,) = order_truth(next(world.orders()), MONTH_LATER).parcels
    return parcel


def times(parcel: ParcelTruth, **flags: bool) -> Counter:
    """When the parcel's events happened that are, or are not, flagged."""
    return Counter(
        event.occurred_at
        for event in parcel.events
        if all(getattr(event, name) is flag for name, flag in flags.items())
    )


def told(parcel: ParcelTruth, warehouse: Warehouse, *, asked: bool = True) -> list[str]:
    return [each.what for each in scan_differences(warehouse, KEY, parcel, asked=asked)]


def test_a_withdrawn_event_must_be_flagged_if_it_was_seen():
    parcel = parcel_of("steps_dropped")
    every, gone = times(parcel), times(parcel, is_withdrawn=True)
    assert gone

    assert told(parcel, found(scans=every, withdrawn=gone)) == []
    assert told(parcel, found(scans=every - gone)) == []
    assert told(parcel, found(scans=every)) == ["events withdrawn"]
    assert told(parcel, found(scans=every), asked=False) == []
    assert told(parcel, found(scans=every, withdrawn=every)) == ["events withdrawn"]


def test_an_event_of_an_earlier_life_must_be_kept_and_flagged():
    parcel = parcel_of("earlier_life")
    every, earlier = times(parcel), times(parcel, is_earlier_life=True)

    assert told(parcel, found(scans=every, earlier=earlier)) == []
    assert told(parcel, found(scans=every)) == ["events of an earlier life"]
    assert set(told(parcel, found(scans=every - earlier))) == {
        "event missing",
        "events of an earlier life",
    }


def test_a_scan_after_a_proved_signature_may_be_missed():
    parcel = parcel_of("stray_scan")
    every, later = times(parcel), times(parcel, is_afterthought=True)
    assert later

    assert told(parcel, found(scans=every)) == []
    assert told(parcel, found(scans=every - later)) == []
    assert "event too many" in told(parcel, found(scans=every + later))
