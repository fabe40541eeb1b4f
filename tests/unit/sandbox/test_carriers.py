"""People of the sandbox are invented, and found in a text only where a story put them."""

import random

from sandbox import carriers
from sandbox.carriers import CARRIERS, CITIES, PLACES, People


def every_template() -> list[str]:
    groups = (
        carriers.COLLECTED,
        carriers.DEPARTED,
        carriers.ARRIVED,
        carriers.ARRIVED_AT_SITE,
        carriers.DISPATCHED,
        carriers.STORED,
        carriers.SIGNED,
    )
    by_kind = [text for group in groups for texts in group.values() for text in texts]
    return [*by_kind, *carriers.FAILED, *carriers.REFUSED, *carriers.RETURNED, *PLACES]


def test_no_invented_name_is_part_of_the_usual_words():
    words = "".join([*every_template(), *(city.hub + city.district for city in CITIES)])

    assert not [name for name in People(1).names if name in words]


def test_the_same_seed_invents_the_same_people():
    assert People(5).phones == People(5).phones != People(6).phones


def test_there_are_many_ways_to_say_that_a_parcel_moves():
    groups = (carriers.DEPARTED, carriers.ARRIVED, carriers.ARRIVED_AT_SITE)
    moving = {text for group in groups for texts in group.values() for text in texts}

    assert len(moving) >= 20


def test_every_carrier_has_its_own_form_of_waybill_and_wording():
    dice = random.Random(1)

    assert len({carrier.new_waybill(dice)[:2] for carrier in CARRIERS}) == len(CARRIERS)
    assert {carrier.style for carrier in CARRIERS} == set(carriers.COLLECTED)
