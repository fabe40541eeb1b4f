"""How long a parcel may stand still is the owner's to say, and nonsense is named."""

import pytest

from shipment_tracking.domain.stalls import AT_ONCE, HOURS, thresholds
from shipment_tracking.errors import ParamError


def test_without_a_word_the_defaults_hold():
    assert thresholds(None) == HOURS | dict.fromkeys(AT_ONCE, 0)
    assert (HOURS["pickup"], HOURS["in_transit"]) == (48, 72)
    assert (HOURS["out_for_delivery"], HOURS["ready_for_pickup"]) == (24, 72)


def test_what_is_told_replaces_that_stage_only():
    found = thresholds({"in_transit": 96, "pickup": 0.5})

    assert found == thresholds(None) | {"in_transit": 96.0, "pickup": 0.5}


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ({"intransit": 5}, "'intransit', which is not a stage; stages are pickup"),
        ({"returned": 5}, "'returned', which is not a stage"),
        ({"pickup": 0}, "pickup is 0"),
        ({"pickup": -1}, "pickup is -1"),
        ({"pickup": "48"}, "pickup is '48'"),
        ({"pickup": True}, "pickup is True"),
        ({"pickup": None}, "pickup is None"),
        ({"pickup": float("nan")}, "pickup is nan"),
        ({"pickup": float("inf")}, "pickup is inf"),
        ([5], "must be an object by stage"),
    ],
)
def test_nonsense_is_named(told, named):
    with pytest.raises(ParamError, match="stalled_after_hours") as caught:
        thresholds(told)

    assert named in str(caught.value)
