"""An estimate by what others took, judged by the parcel's own age."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from shipment_tracking.domain.eta import STAGES, Estimate, History, Learnt
from shipment_tracking.domain.statuses import Status

FROM, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)


def point(
    age: float, p50: float, p90: float, carrier: str = "YTO", stage: str = "in_transit"
) -> Learnt:
    return Learnt(carrier, stage, age, 40, p50, p90, FROM, UNTIL)


HISTORY = History(
    [
        point(24, 60, 100),
        point(0, 40, 80),
        point(48, 80, 120),
        point(0, 50, 90, carrier=""),
        point(96, 130, 200, carrier=""),
        point(0, 3, 9, stage="out_for_delivery"),
    ]
)


@pytest.mark.parametrize(
    ("age", "p50", "p90"), [(0, 40, 80), (12, 50, 90), (24, 60, 100), (30, 65, 105)]
)
def test_between_two_ages_the_parcels_own_age_counts(age, p50, p90):
    found = HISTORY.estimate("YTO", "in_transit", age)

    assert found is not None
    assert (found.p50_hours, found.p90_hours) == (p50, p90)


@pytest.mark.parametrize(("carrier", "age"), [("YTO", 48), ("YTO", 60), ("SF", 48), (None, 48)])
def test_a_carrier_of_which_too_little_is_known_counts_as_all(carrier, age):
    found = HISTORY.estimate(carrier, "in_transit", age)

    assert found is not None
    assert found.basis.startswith("all carriers, in_transit: 40 parcels")


@pytest.mark.parametrize(
    ("stage", "age"), [("in_transit", 96), ("out_for_delivery", 0), ("pickup", 0)]
)
def test_where_too_few_stayed_so_long_there_is_no_number(stage, age):
    assert HISTORY.estimate("YTO", stage, age) is None


def test_an_estimate_says_what_it_rests_on():
    assert HISTORY.estimate("YTO", "in_transit", 1) == Estimate(
        pytest.approx(40 + 20 / 24),
        pytest.approx(80 + 20 / 24),
        "YTO, in_transit: 40 parcels signed 2026-01-01 to 2026-03-02",
    )


@given(st.floats(0, 47.9), st.floats(0, 47.9))
def test_a_parcel_that_does_not_move_is_never_expected_earlier(one, other):
    earlier, later = (HISTORY.estimate("YTO", "in_transit", age) for age in sorted((one, other)))

    assert earlier is not None
    assert later is not None
    assert earlier.p90_hours <= later.p90_hours


def test_a_parcel_that_is_over_has_no_stage():
    over = {Status.SIGNED, Status.RETURNING, Status.RETURNED, Status.CANCELLED, Status.EXCEPTION}

    assert not over & STAGES.keys()
