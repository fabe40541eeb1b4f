"""How long a parcel may stand still is the owner's to say, and nonsense is named."""

import pytest

from shipment_tracking.domain.stalls import AT_ONCE, HOURS, Gap, Threshold, thresholds
from shipment_tracking.errors import ParamError


def hours(found: list[Threshold]) -> dict[str, float]:
    return {limit.stage: limit.hours for limit in found if limit.carrier_code == ""}


def test_without_a_word_the_defaults_hold():
    assert hours(thresholds(None)) == HOURS | dict.fromkeys(AT_ONCE, 0)
    assert (HOURS["pickup"], HOURS["in_transit"]) == (48, 72)
    assert (HOURS["out_for_delivery"], HOURS["ready_for_pickup"]) == (24, 72)


def test_what_is_told_replaces_that_stage_only():
    found = thresholds({"in_transit": 96, "pickup": 0.5})

    assert hours(found) == hours(thresholds(None)) | {"in_transit": 96.0, "pickup": 0.5}
    assert {limit.stage for limit in found if not limit.by_calendar} == {"in_transit", "pickup"}


@pytest.mark.parametrize(
    ("p90_hours", "learnt"), [(40, 64), (1, 36), (12, 36), (192, 216), (500, 216)]
)
def test_a_carriers_own_hours_are_learnt_within_bounds(p90_hours, learnt):
    found = thresholds(None, [Gap("YTO", "in_transit", p90_hours)])

    assert Threshold("YTO", "in_transit", learnt, by_calendar=True) in found
    assert hours(found) == hours(thresholds(None))


def test_what_a_run_is_told_wins_over_what_was_learnt():
    found = thresholds({"in_transit": 96}, [Gap("YTO", "in_transit", 30), Gap("YTO", "pickup", 9)])

    assert [(limit.stage, limit.hours) for limit in found if limit.carrier_code == "YTO"] == [
        ("pickup", 33)
    ]


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
        ({"pickup": 1e9}, "pickup is 1000000000.0, not a positive number up to 100000"),
        ([5], "must be an object by stage"),
    ],
)
def test_nonsense_is_named(told, named):
    with pytest.raises(ParamError, match="stalled_after_hours") as caught:
        thresholds(told)

    assert named in str(caught.value)
