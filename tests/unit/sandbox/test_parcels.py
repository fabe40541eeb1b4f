"""The script of one parcel writes steps that become known in a believable order."""

import random
from datetime import UTC, datetime, timedelta

from sandbox.carriers import People
from sandbox.parcels import Parcel, Script

LISTED = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


def delivered(seed: int) -> Parcel:
    script = Script(random.Random(seed), People(1), LISTED)
    script.reach_the_door()
    script.sign("self")
    return script.finish("LP1", lines=(0,), story="signed_by_self")


def test_no_step_becomes_known_after_the_sign_that_ends_the_life():
    for seed in range(50):
        steps = sorted(delivered(seed).steps, key=lambda step: step.occurred_at)

        assert steps[-1].label == "signed"
        assert steps[-1].published_at == max(step.published_at for step in steps)


def test_the_sign_status_follows_its_step_within_forty_minutes():
    lags = set()
    for seed in range(50):
        parcel = delivered(seed)
        (signed_at,) = [since for since, status in parcel.statuses if status == "SIGN"]
        lags.add(signed_at - max(step.published_at for step in parcel.steps))

    assert len(lags) > 10
    assert timedelta(0) <= min(lags)
    assert max(lags) <= timedelta(minutes=40)


def test_some_steps_become_known_late_and_out_of_order():
    parcels = [delivered(seed) for seed in range(50)]
    late = [
        step
        for parcel in parcels
        for step in parcel.steps
        if step.published_at > step.occurred_at + timedelta(hours=1)
    ]
    listed = [[step.occurred_at for step in parcel.steps] for parcel in parcels]

    assert late
    assert any(times != sorted(times) for times in listed)


def test_parcels_go_out_for_delivery_by_day():
    for seed in range(50):
        (step,) = [step for step in delivered(seed).steps if step.label == "out_for_delivery"]

        assert "08:00:00" <= step.printed_at[11:] <= "11:00:00"
