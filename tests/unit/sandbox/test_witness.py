"""The witness knows when an order counts as signed."""

from datetime import UTC, datetime, timedelta

from sandbox.witness import is_signed
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
