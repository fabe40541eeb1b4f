"""Words that mean the same are one concept, in any language and form."""

import pytest

from shipment_tracking.domain.concepts import _WORDS, concepts, stem
from shipment_tracking.domain.text_model import fold


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("收件人不在", ["RECEIVER", "ABSENT"]),
        ("Customer absent", ["RECEIVER", "ABSENT"]),
        ("司機已收取", ["COURIER", "DONE", "PICKUP"]),
        ("飞机出轨", ["AIR", "TROUBLE"]),
        ("Flights were derailed", ["AIR", "TROUBLE"]),
        ("Picked up", ["PICKUP"]),
        ("delivering, delivers", ["DELIVER"]),
        ("colis livré", ["DELIVERED"]),
        ("包裹 Delivered 已", ["DONE", "DELIVERED"]),
        ("123", []),
        ("", []),
    ],
)
def test_a_text_has_its_concepts_in_order(text, meant):
    assert concepts(fold(text)) == meant


def test_every_word_is_written_as_a_folded_text_has_it():
    words = [word.replace("_", " ") for line in _WORDS.values() for word in line.split()]

    assert [word for word in words if fold(word) != word] == []


def test_the_longest_word_counts():
    assert concepts("派送成功") == ["DELIVERED"]
    assert concepts("派送") == ["DELIVER"]


@pytest.mark.parametrize(
    ("word", "stemmed"), [("processing", "process"), ("delivers", "deliver"), ("used", "used")]
)
def test_a_short_word_keeps_its_ending(word, stemmed):
    assert stem(word) == stemmed
