"""The sandbox's clock moves as it is told."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.clock import Clock

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_the_real_clock_tells_the_time_of_day():
    assert abs(Clock.real().now() - datetime.now(UTC)) < timedelta(seconds=1)


def test_a_standing_clock_moves_only_when_told():
    clock = Clock.standing(NOON)
    time.sleep(0.01)

    assert clock.now() == NOON
    assert clock.advance(minutes=30) == clock.now() == NOON + timedelta(minutes=30)
    assert clock.set(NOON) == clock.now() == NOON


def test_a_running_clock_is_faster_than_life():
    clock = Clock(NOON, speed=3600)
    time.sleep(0.05)

    assert clock.now() - NOON >= timedelta(minutes=3)


def test_a_change_of_speed_does_not_jump():
    clock = Clock.standing(NOON)

    clock.run(60)

    assert NOON <= clock.now() < NOON + timedelta(minutes=1)


def test_a_time_without_an_offset_is_refused():
    with pytest.raises(ValueError, match="offset"):
        Clock.standing(NOON.replace(tzinfo=None))
