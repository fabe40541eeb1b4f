"""The witness knows when an order counts as signed."""

from datetime import UTC, datetime, timedelta

import pytest

from sandbox.witness import folded, is_signed, part_of, told_differences
from sandbox.world import World, has_actions, order_truth

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


def notice(number: int, from_status: str, to_status: str) -> dict[str, str]:
    return {
        "event_id": f"{number}",
        "consignment_id": "LP1",
        "from_status": from_status,
        "to_status": to_status,
    }


def test_a_notice_may_leave_only_a_signature_that_was_told():
    world = World(5, START, {"platform_1688": 0})
    told = [notice(1, "pending", "in_transit"), notice(2, "signed", "delivery_failed")]
    rightly = [notice(1, "pending", "signed"), notice(2, "signed", "delivery_failed")]

    (difference,) = told_differences(told, world, [MONTH_LATER])
    assert (difference.what, difference.true) == ("told from", "in_transit")
    assert told_differences(rightly, world, [MONTH_LATER]) == []


@pytest.mark.parametrize("typed", ["YT88 12", "yt8812", "ＹＴ８８１２", "YT8812\r\n", "\tYT8812 "])
def test_a_waybill_number_is_one_however_it_is_typed(typed):
    assert folded(typed) == "YT8812"


@pytest.mark.parametrize("named", ["YTO:YT88", "yuantong:YT88", "YTO:YT88#2930001", "YT88"])
def test_a_routers_parcel_is_known_by_its_number(named):
    assert part_of(named) == "YT88"
