"""Texts that sound like something else are labelled by their story."""

from datetime import UTC, datetime
from functools import cache

import pytest

from sandbox.world import World

START = datetime(2026, 3, 2, tzinfo=UTC)


@cache
def labels() -> dict[str, str]:
    world = World(1, START, {"a": 600})
    return {
        step.text: step.label
        for order in world.orders()
        for parcel in order.parcels
        for step in parcel.steps
    }


@pytest.mark.parametrize(
    ("words", "label"),
    [
        ("请准备签收", "in_transit"),
        ("快件将很快进行派送", "in_transit"),
        ("请您准备签收(派件人", "out_for_delivery"),
        ("无法签收", "delivery_failed"),
        ("签收失败", "delivery_failed"),
        ("待再次派送", "delivery_failed"),
        ("退回件 已签收", "returned"),
        ("拒收", "returning"),
        ("菜鸟驿站代收，请及时取件", "ready_for_pickup"),
        ("丰巢快递柜，取件码", "ready_for_pickup"),
        ("如您未收到此快递", "signed"),
        ("签收人凭取货码签收", "signed"),
        ("包裹等待揽收", "info_received"),
    ],
)
def test_a_text_means_what_its_story_says(words, label):
    assert {meaning for text, meaning in labels().items() if words in text} == {label}


def test_a_very_long_text_occurs():
    assert max(len(text) for text in labels()) > 2000
