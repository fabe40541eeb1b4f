"""The world is the same for the same seed, only grows, and knows the truth about itself."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.stories import STORIES
from sandbox.world import OrderTruth, World

START = datetime(2026, 3, 2, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)


def world_of(story: str, *, seed: int = 1, orders: int = 12) -> World:
    return World(seed, START, {"a": orders}, stories={story: 1})


def half_hours(days: float) -> list[datetime]:
    first = START - timedelta(days=3)
    return [first + HALF_HOUR * number for number in range(int((days + 3) * 48))]


def statuses_over_time(world: World, days: float = 9) -> list[list[str]]:
    """For each order, the statuses its first parcel goes through."""
    lives: dict[tuple[str, str], list[str]] = {}
    for at in half_hours(days):
        for key, order in world.truth(at).items():
            life = lives.setdefault(key, [])
            if order.parcels and life[-1:] != [order.parcels[0].status]:
                life.append(order.parcels[0].status)
    return list(lives.values())


def at_the_end(world: World) -> list[OrderTruth]:
    return list(world.truth(START + timedelta(days=40)).values())


def test_the_same_seed_tells_the_same_stories():
    one, same, other = (World(seed, START, {"a": 60, "b": 20}) for seed in (3, 3, 4))
    at = START + timedelta(days=2)

    assert list(one.orders()) == list(same.orders())
    assert one.truth(at) == same.truth(at)
    assert one.truth(at) != other.truth(at)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_story_of_the_usual_mix_occurs_and_most_are_ordinary(seed):
    world = World(seed, START, {"a": 275})
    told = Counter(order.story for order in world.orders())

    assert set(told) == {name for name, story in STORIES.items() if story.weight}
    assert sum(number for name, number in told.items() if name.startswith("signed_")) >= 70


def test_order_ids_are_nineteen_digits_and_lead_back_to_their_order():
    world = World(1, START, {"a": 300, "b": 300})
    orders = list(world.orders())

    assert len({order.order_id for order in orders}) == 600
    for order in orders:
        assert len(order.order_id) == 19
        assert world.find(order.account, order.order_id) == order
        assert world.find("b" if order.account == "a" else "a", order.order_id) is None
    assert world.find("a", "9" * 19) is None
    assert world.find("a", "12") is None


def test_parcel_ids_are_unique():
    world = World(1, START, {"a": 300, "b": 300})
    ids = [parcel.consignment_id for order in world.orders() for parcel in order.parcels]

    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_known_events_only_grow_and_a_signed_order_stays_signed(seed):
    lasting = dict.fromkeys(STORIES, 1) | {"sign_withdrawn": 0}
    world = World(seed, START, {"a": 90}, stories=lasting)
    known: dict[str, set] = {}
    signed: set[tuple[str, str]] = set()
    for at in half_hours(6)[::4]:
        truth = world.truth(at)
        assert signed <= {key for key, order in truth.items() if order.signed}
        signed = {key for key, order in truth.items() if order.signed}
        for order in truth.values():
            for parcel in order.parcels:
                events = {(event.occurred_at, event.text) for event in parcel.events}
                assert known.setdefault(parcel.consignment_id, set()) <= events
                assert len(events) == len(parcel.events)
                known[parcel.consignment_id] = events


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_step_but_the_one_in_2050_is_known_before_it_happened(seed):
    world = World(seed, START, {"a": 275})
    steps = [step for order in world.orders() for parcel in order.parcels for step in parcel.steps]

    assert all(
        step.published_at >= step.occurred_at or step.occurred_at.year == 2050 for step in steps
    )
    assert any(step.occurred_at.year == 2050 for step in steps)


def test_an_ordinary_parcel_moves_through_the_usual_statuses():
    for life in statuses_over_time(world_of("signed_by_family")):
        assert life[0] == "info_received"
        assert life[-1] == "signed"
        assert life.count("signed") == 1
        assert {"picked_up", "in_transit"} & set(life)


def test_a_parcel_at_a_station_waits_and_is_signed_later():
    assert {life[-1] for life in statuses_over_time(world_of("station_waiting"))} == {
        "ready_for_pickup"
    }
    for life in statuses_over_time(world_of("station_then_signed")):
        assert life[-1] == "signed"
    assert any(
        "ready_for_pickup" in life for life in statuses_over_time(world_of("station_then_signed"))
    )


def test_a_refused_parcel_comes_back_and_is_never_signed():
    for life in statuses_over_time(world_of("returned"), days=14):
        begun = life.index("returning")
        assert life[begun:] == ["returning", "returned"]
        assert "signed" not in life
    assert not any(order.signed for order in at_the_end(world_of("returned")))


def test_a_withdrawn_sign_shows_as_failed_and_then_as_signed_again():
    for life in statuses_over_time(world_of("sign_withdrawn")):
        assert life[life.index("signed") :][:2] == ["signed", "delivery_failed"]
        assert life[-1] == "signed"


@pytest.mark.parametrize(
    ("story", "status"),
    [
        ("sign_exception", "exception"),
        ("pickup_fails", "exception"),
        ("cancelled", "cancelled"),
        ("failed_for_good", "delivery_failed"),
        ("awaits_pickup", "info_received"),
        ("never_collected", "info_received"),
        ("returning", "returning"),
    ],
)
def test_a_story_that_ends_badly_never_signs_its_order(story, status):
    for order in at_the_end(world_of(story)):
        assert [parcel.status for parcel in order.parcels] == [status]
        assert not order.signed
        assert order.signed_at is None


def test_an_order_is_signed_with_its_last_parcel():
    for order in at_the_end(world_of("split_in_three")):
        assert order.signed
        assert order.signed_at == max(parcel.signed_at for parcel in order.parcels)


def test_a_silent_parcel_holds_its_order_back_a_cancelled_one_not():
    assert all(order.signed for order in at_the_end(world_of("split_one_cancelled")))
    assert not any(order.signed for order in at_the_end(world_of("split_one_silent")))
    assert not any(order.signed for order in at_the_end(world_of("split_one_returned")))


def test_an_unshipped_line_holds_its_order_back():
    assert not any(order.signed for order in at_the_end(world_of("partly_shipped")))
    assert all(order.has_unshipped_lines for order in at_the_end(world_of("partly_shipped")))

    waited = False
    world = world_of("partly_shipped_late")
    for at in half_hours(7)[::4]:
        for order in world.truth(at).values():
            if order.parcels and all(parcel.status == "signed" for parcel in order.parcels):
                waited = waited or (order.has_unshipped_lines and not order.signed)
    assert waited
    assert all(order.signed for order in at_the_end(world))


def test_an_order_waits_for_the_platforms_word():
    world = world_of("signed_by_self", orders=40)
    seen = Counter()
    for at in half_hours(6):
        for order in world.truth(at).values():
            for parcel in order.parcels:
                if parcel.status == "signed":
                    seen[parcel.sign_kind, order.signed] += 1

    assert set(seen) == {("text", False), ("self", True)}


def test_a_superseded_parcel_leaves_the_list_for_good():
    for order in at_the_end(world_of("parcel_superseded")):
        (old,) = order.superseded
        assert old not in [parcel.consignment_id for parcel in order.parcels]
        assert order.signed


def test_a_replaced_waybill_number_keeps_its_parcel():
    for order in at_the_end(world_of("waybill_replaced")):
        (parcel,) = order.parcels
        assert len(set(parcel.waybills)) == 2
        assert parcel.waybill_no == parcel.waybills[-1]


def test_an_event_in_2050_never_leads():
    for order in at_the_end(world_of("future_event")):
        (parcel,) = order.parcels
        assert parcel.status == "signed"
        assert parcel.signed_at.year == 2026
        assert any(event.occurred_at.year == 2050 for event in parcel.events)


def test_the_later_of_two_scans_in_one_second_leads():
    world = world_of("same_second", orders=40)
    statuses = [status for life in statuses_over_time(world) for status in life]

    assert "out_for_delivery" in statuses
    for order in world.orders():
        (parcel,) = order.parcels
        times = Counter(step.occurred_at for step in parcel.steps)
        assert sorted(times.values())[-2:] == [2, 2]


def test_one_scan_in_several_spellings_is_one_event():
    world = world_of("repeated_event")
    at = START + timedelta(days=40)
    for order, truth in zip(world.orders(), world.truth(at).values(), strict=True):
        (parcel,) = order.parcels
        assert sum(len(step.variants) for step in parcel.steps) == 2
        assert len(truth.parcels[0].events) == len(parcel.steps)


def test_an_order_the_platform_refuses_has_no_parcels():
    for story in ("too_old", "not_ours"):
        for order in at_the_end(world_of(story)):
            assert order.parcels == ()
            assert not order.signed


def test_the_erp_may_be_ahead_of_the_platform():
    world = world_of("erp_ahead")
    order = next(world.orders())
    (truth,) = [
        truth
        for (_, order_id), truth in world.truth(order.shipped_at).items()
        if order_id == order.order_id
    ]

    assert truth.parcels == ()
    assert truth.has_unshipped_lines


def test_a_frozen_world_stands_still_and_goes_on_later():
    world = World(1, START, {"a": 80})
    early, late = START + timedelta(days=1), START + timedelta(days=4)
    before, after = world.truth(early), world.truth(late)

    world.freeze(early)
    assert world.truth(late) == before
    assert world.truth(START) != before

    world.freeze(None)
    assert world.truth(late) == after


def test_every_name_and_number_of_a_text_is_known():
    world = World(1, START, {"a": 220})
    texts = [
        text
        for order in world.orders()
        for parcel in order.parcels
        for step in parcel.steps
        for text in (step.text, *step.variants)
    ]
    holding = [text for text in texts if any(name in text for name in world.names)]
    calling = [text for text in texts if any(phone in text for phone in world.phones)]

    assert len(holding) > 50
    assert len(calling) > 50
    marks = ("派件员：", "派送业务员：", "派件人:", "快递员：", "投递员:", "业务员【")
    assert any(mark in text for text in holding for mark in marks)


def test_a_start_without_an_offset_is_refused():
    with pytest.raises(ValueError, match="offset"):
        World(1, START.replace(tzinfo=None), {"a": 1})
