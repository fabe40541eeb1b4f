"""All that send to one receiver share its rate, whatever connection and task they are of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from shipment_tracking.channels.port import Limits
from shipment_tracking.errors import RateLimitedError
from shipment_tracking.warehouse import channel_rate


@dataclass
class Robot:
    """As much of a channel as matters here."""

    identity: str = "robot 1"
    limits: Limits = Limits(per_minute=1)  # noqa: RUF009

    def send(self, event_id: Any, body: Any) -> None:
        raise AssertionError


@pytest.fixture
def wait(warehouse) -> Callable[..., float]:
    """How long a channel has to wait for its turn."""

    def ask(robot: Robot, patience: float = 1000, end: bool = False) -> float:
        waits = [0.0]

        def pause(seconds: float) -> bool:
            waits.append(seconds)
            return end

        channel_rate.await_turn(warehouse, robot, patience=patience, pause=pause)
        return waits[-1]

    return ask


def test_messages_of_all_who_share_a_receiver_are_a_rates_distance_apart(wait):
    waits = [wait(Robot()) for _ in range(3)]

    assert waits == pytest.approx([0, 62.4, 124.8], abs=20)


def test_another_receiver_has_a_rate_of_its_own(wait):
    wait(Robot())

    assert wait(Robot("robot 2")) == 0


def test_a_receiver_without_a_rate_is_not_waited_for(wait, select):
    assert [wait(Robot(limits=Limits())) for _ in range(3)] == [0, 0, 0]
    assert select("* from tracking.api_quota") == []


def test_who_has_no_patience_gives_up(wait):
    wait(Robot())

    with pytest.raises(RateLimitedError, match="the rate of the receiver is used up"):
        wait(Robot(), patience=1)


def test_who_is_to_end_sends_no_more(wait):
    wait(Robot())

    with pytest.raises(RateLimitedError, match="the task is to end"):
        wait(Robot(), end=True)


def test_a_receiver_that_wants_no_messages_gets_none_until_its_time_is_over(
    wait, warehouse, execute
):
    channel_rate.block(warehouse, Robot(), 600)
    channel_rate.block(warehouse, Robot(), 0)

    with pytest.raises(RateLimitedError, match="wants no messages for a while"):
        wait(Robot())
    execute("update tracking.api_quota set blocked_until = now() - interval '1 second'")
    assert wait(Robot()) == 0
