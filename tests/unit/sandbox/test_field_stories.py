"""The stories that the field taught: what is true while they go on, by the story alone."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from sandbox.erp import rows
from sandbox.parcels import Step
from sandbox.platform_1688 import printed_status
from sandbox.witness import folded, is_signed, taken_back
from sandbox.world import (
    Order,
    OrderTruth,
    ParcelTruth,
    World,
    has_actions,
    order_truth,
    router_code,
)
from shipment_tracking.domain.texts import is_placeholder

START = datetime(2026, 3, 2, tzinfo=UTC)
LATE = START + timedelta(days=40)
ACCOUNTS = ("platform_1688", "platform_taobao", "platform_router")


def world_of(story: str, *accounts: str, orders: int = 14) -> World:
    return World(1, START, dict.fromkeys(accounts or ACCOUNTS, orders), stories={story: 1})


def each_parcel(world: World) -> Iterator[tuple[Order, ParcelTruth]]:
    """Each order of one parcel at its end."""
    for order in world.orders():
        (parcel,) = order_truth(order, LATE).parcels
        yield order, parcel


def life(order: Order) -> list[tuple[datetime, OrderTruth]]:
    """The truth at each moment at which something changes."""
    moments = {since for parcel in order.parcels for since, _ in parcel.statuses}
    for parcel in order.parcels:
        for step in parcel.steps:
            moments |= {step.published_at, step.withdrawn_at or step.published_at}
    return [(at, order_truth(order, at)) for at in sorted(moments) if at >= order.shipped_at]


def signs(order: Order) -> list[Step]:
    return [step for step in order.parcels[0].steps if step.label == "signed"]


def test_a_stray_scan_leaves_a_proved_signature():
    for order, parcel in each_parcel(world_of("stray_scan", "platform_1688", "platform_router")):
        (sign,) = signs(order)
        assert (parcel.status, parcel.signed_at) == ("signed", sign.occurred_at)
        assert parcel.evidence[-1].is_afterthought


def test_a_stray_scan_after_a_text_alone_contradicts_it():
    codes = set()
    for order, parcel in each_parcel(world_of("stray_scan", "platform_taobao", orders=30)):
        assert (parcel.status == "signed") is has_actions(order.parcels[0])
        codes.add(has_actions(order.parcels[0]))
    assert codes == {True, False}


def test_an_earlier_life_of_a_number_never_leads():
    for order in world_of("earlier_life").orders():
        old = {step.occurred_at for step in order.parcels[0].steps if step.is_earlier_life}
        assert len(old) >= 3
        assert max(old) < order.shipped_at - timedelta(hours=48)
        for _, true in life(order):
            for parcel in true.parcels:
                assert parcel.signed_at not in old
                flagged = {event.occurred_at for event in parcel.events if event.is_earlier_life}
                assert flagged == old


def test_an_early_signature_is_none_once_the_parcel_moves():
    for order, parcel in each_parcel(world_of("early_signature")):
        early, real = signs(order)
        assert (parcel.signed_at, parcel.status) == (real.occurred_at, "signed")
        assert parcel.sign_kind in ("family", "text")
        assert not any(
            true.signed for _, true in life(order) if true.signed_at == early.occurred_at
        )


@pytest.mark.parametrize("story", ["early_signature", "sign_taken_back", "sign_replaced"])
def test_a_signature_that_does_not_stand_never_counts(story):
    for order in world_of(story).orders():
        false = signs(order)[0].occurred_at
        for at, true in life(order):
            if true.parcels and true.parcels[0].signed_at == false:
                assert true.parcels[0].sign_kind == "text"
                assert not is_signed(true, at)


@pytest.mark.parametrize("story", ["sign_taken_back", "sign_replaced"])
def test_a_signature_that_is_no_longer_shown_is_none(story):
    ends = set()
    for order, parcel in each_parcel(world_of(story)):
        false = signs(order)[0]
        assert false.withdrawn_at < false.published_at + timedelta(hours=7)
        assert parcel.signed_at != false.occurred_at
        assert [event.text for event in parcel.events if event.is_withdrawn] == [false.text]
        ends.add(parcel.status)
    assert "signed" in ends
    assert ends & {"out_for_delivery", "delivery_failed"}


def test_a_replaced_step_has_its_time_and_another_text():
    for order, parcel in each_parcel(world_of("step_replaced")):
        (gone,) = [event for event in parcel.events if event.is_withdrawn]
        (now,) = [event for event in parcel.evidence if event.occurred_at == gone.occurred_at]
        assert now.text != gone.text
        (old, new) = [
            step for step in order.parcels[0].steps if step.occurred_at == gone.occurred_at
        ]
        assert old.withdrawn_at == new.published_at
        assert new in order.parcels[0].shown(new.published_at)
        assert old not in order.parcels[0].shown(new.published_at)


def test_a_dropped_step_leaves_the_one_before_it_leading():
    ends = set()
    for order, parcel in each_parcel(world_of("steps_dropped")):
        assert any(event.is_withdrawn for event in parcel.events)
        assert all(
            step.withdrawn_at is None or step.withdrawn_at < LATE for step in order.parcels[0].steps
        )
        ends.add(parcel.status)
    assert ends == {"signed", "in_transit"}


def test_a_respelt_step_is_one_event():
    for order, parcel in each_parcel(world_of("step_masked_later")):
        (step,) = [step for step in order.parcels[0].steps if step.respelt]
        later = step.published_at + step.respelt[0]
        assert step.spellings(step.published_at) == (step.text,)
        assert step.spellings(later) == (step.respelt[1],) != (step.text,)
        assert sum(event.occurred_at == step.occurred_at for event in parcel.events) == 1


def test_a_step_without_a_time_is_rejected_and_the_others_count():
    for order, parcel in each_parcel(world_of("step_without_time")):
        assert parcel.status == "signed"
        assert len(parcel.rejected) == 2
        assert len(parcel.events) == len(order.parcels[0].steps) - 2


def test_a_blank_remark_is_rejected_and_leads_nothing():
    ends = set()
    for _, parcel in each_parcel(world_of("blank_remark")):
        ((_, text),) = parcel.rejected
        assert not text.replace("&nbsp;", "").strip()
        assert all(event.text.strip() for event in parcel.events)
        ends.add(parcel.status)
    assert ends == {"signed", "out_for_delivery"}


def test_a_word_of_no_trace_is_rejected_and_leads_nothing():
    ends = set()
    for _, parcel in each_parcel(world_of("no_trace_known")):
        ((_, text),) = parcel.rejected
        assert is_placeholder(text)
        assert text not in {event.text for event in parcel.events}
        ends.add(parcel.status)
    assert ends == {"signed", "out_for_delivery"}


def test_parcels_with_one_number_are_two_or_at_a_router_one():
    for order in world_of("shared_number").orders():
        true = order_truth(order, LATE)
        assert len({parcel.waybill_no for parcel in true.parcels}) == 1
        assert len(true.parcels) == (1 if order.account == "platform_router" else 2)
        assert {parcel.status for parcel in true.parcels} == {"signed"}
        if order.account != "platform_taobao":
            assert true.signed


def test_a_cancelled_booking_stands_beside_a_live_parcel():
    for order in world_of("cancelled_booking", "platform_1688", "platform_taobao").orders():
        live, booking = order_truth(order, LATE).parcels
        assert (live.status, booking.status) == ("signed", "cancelled")
        assert booking.events
        assert live.waybill_no != booking.waybill_no


def test_a_respelt_carrier_keeps_its_parcel():
    for order in world_of("carrier_respelt", "platform_router").orders():
        (parcel,) = order.parcels
        respelt_at = parcel.carrier_respelt_at
        assert router_code(parcel, respelt_at) != router_code(parcel)
        before, after = (order_truth(order, at).parcels for at in (parcel.listed_at, LATE))
        assert [each.consignment_id for each in before] == [each.consignment_id for each in after]


def test_rare_characters_occur_and_a_phone_in_full_width():
    world = world_of("rare_characters")
    for order in world.orders():
        (text,) = [step.text for step in order.parcels[0].steps if "𠮷" in step.text]
        assert "😊" in text
        assert not any(phone in text for phone in world.phones)
        assert any(phone in unicodedata.normalize("NFKC", text) for phone in world.phones)


def test_typed_numbers_are_the_parcels_unless_they_are_mistyped():
    typed = {}
    world = World(1, START, {"platform_1688": 90}, stories={"signed_by_self": 8})
    parcels = {order.order_id: order.parcels[0].waybills[0][1] for order in world.orders()}
    for row in rows(world):
        if row.waybill_no is not None:
            typed[row.waybill_no] = parcels[row.order_id]
            assert not row.is_mistyped
    assert all(folded(number) == right for number, right in typed.items())
    assert sum(number != right for number, right in typed.items()) >= 5
    for order in world_of("mistyped_number", "platform_1688").orders():
        number = order.parcels[0].waybills[0][1]
        for row in rows(world_of("mistyped_number", "platform_1688")):
            if row.order_id == order.order_id:
                assert row.is_mistyped
                assert folded(row.waybill_no) != number


def test_numbers_of_several_parcels_stand_in_one_field():
    world = World(1, START, {"platform_1688": 200}, stories={"split": 1})
    orders = {order.order_id: order for order in world.orders()}
    joined = [
        row for row in rows(world) if row.waybill_no and len(orders[row.order_id].parcels) > 1
    ]

    assert len(joined) >= 5
    for row in joined:
        numbers = [parcel.waybills[0][1] for parcel in orders[row.order_id].parcels]
        assert re.findall(r"\w+", row.waybill_no) == numbers


def test_a_number_given_twice_shows_both_lives_to_its_second_order():
    world = World(
        2, START, {"platform_router": 12}, stories={"reused_number": 1, "number_given_up": 1}
    )
    pairs = list(pairwise(world.orders()))
    taken = [(old, new) for old, new in pairs if new.story == "reused_number"]
    assert len(taken) >= 5
    for old, new in taken:
        assert old.parcels[0].waybills[-1][1] == new.parcels[0].waybills[0][1]
        assert old.parcels[0].carrier == new.parcels[0].carrier
        (before,) = order_truth(old, LATE).parcels
        (after,) = order_truth(new, LATE).parcels
        inherited = {event.occurred_at for event in after.events if event.is_earlier_life}
        assert inherited == {event.occurred_at for event in before.events}
        assert max(inherited) < new.shipped_at - timedelta(hours=48)
        assert before.signed_at < START
        assert after.signed_at > new.shipped_at


def test_a_row_that_ships_after_the_signature_is_refused():
    world = world_of("refused_signature")
    by_order = {}
    for row in rows(world):
        by_order.setdefault(row.order_id, []).append(row)
    for order in world.orders():
        first, second = by_order[order.order_id]
        signed_at = order_truth(order, LATE).parcels[0].signed_at
        assert (first.is_refused, second.is_refused) == (False, True)
        assert first.shipped_at < signed_at < second.shipped_at - timedelta(hours=48)


def test_a_platform_that_renamed_its_codes_still_says_signed():
    world = World(
        1, START, {"platform_1688": 4, "platform_taobao": 30}, stories={"renamed_status": 1}
    )
    for order in world.orders("platform_1688"):
        (parcel,) = order.parcels
        printed = {printed_status(parcel, since) for since, _ in parcel.statuses}
        assert "TRANSPORTING" in printed
        assert "TRANSPORT" not in printed
        assert printed_status(parcel, LATE) == "SIGN"


def test_english_words_are_labelled_by_their_story():
    labels = {
        step.text: step.label
        for order in world_of("told_in_english").orders()
        for step in order.parcels[0].steps
    }
    assert labels["Awaiting for transit to final delivery office"] == "in_transit"
    assert labels["Delivered to parcel shop"] == "ready_for_pickup"


def test_a_strangers_signature_is_none_once_the_number_is_corrected():
    for order in world_of("number_corrected").orders():
        strangers = {step.occurred_at for step in order.parcels[0].steps if step.is_strangers}
        corrected_at, _ = order.parcels[0].waybills[-1]
        for at, true in life(order):
            assert true.signed_at not in strangers
            if at >= corrected_at:
                assert not {parcel.signed_at for parcel in true.parcels} & strangers


def test_an_old_reply_lacks_the_signature_that_stays_true():
    for order in world_of("old_replies").orders():
        (parcel,) = order.parcels
        (sign,) = signs(order)
        begin, end = (sign.published_at + since for since in sign.missing)
        assert sign in parcel.shown(begin)
        assert sign not in parcel.replied(begin)
        assert sign in parcel.replied(end)
        assert order_truth(order, begin).parcels[0].signed_at == sign.occurred_at


def test_a_flapping_reply_ends_with_all_steps():
    for order, parcel in each_parcel(world_of("flapping_replies")):
        (step,) = [step for step in order.parcels[0].steps if step.flaps]
        every, _ = step.flaps
        shown = [step.is_shown(step.published_at + every * number) for number in range(8)]
        assert shown == [True, False, True, False, True, False, True, True]
        assert parcel.status == "signed"


def test_back_to_the_depot_is_no_return():
    for order in world_of("back_to_depot").orders():
        statuses = {parcel.status for _, true in life(order) for parcel in true.parcels}
        assert not statuses & {"returning", "returned"}
        assert "signed" in statuses


@pytest.mark.parametrize("story", ["steps_dropped", "flapping_replies", "sign_taken_back"])
def test_a_step_counts_as_taken_back_while_it_is_gone(story):
    for order in world_of(story).orders():
        steps = [step for parcel in order.parcels for step in parcel.steps]
        assert taken_back(order, min(step.published_at for step in steps)) == set()
        for step in steps:
            if step.withdrawn_at:
                gone = taken_back(order, step.withdrawn_at)
                assert (step.label in gone) == (step.label != "signed")
