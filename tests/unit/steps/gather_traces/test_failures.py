"""Orders, accounts and workers that fail."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from shipment_tracking.domain.models import Run
from shipment_tracking.errors import (
    AuthError,
    LaneStoppedError,
    RejectedError,
    RetryableError,
)

from .words import MINUTE, Execute, Platform, Select, traces


def test_one_bad_order_is_recorded_on_its_row_and_stops_nobody(
    track: Any, gather: Any, select: Select, now: datetime
) -> None:
    track("1", "2", "3")
    refused = RejectedError("not yours", code="order.nopermission.buyer")

    found = gather(Platform({"2": refused}))

    assert (found["polled"], found["failed"]) == (3, 1)
    (order,) = select(
        "last_error, failures, next_poll_at from tracking.tracked_order"
        " where platform_order_id = '2'"
    )
    assert order == ("not yours (code order.nopermission.buyer)", 1, now + 15 * MINUTE)
    assert select("count(*) from tracking.trace_reply") == [(2,)]


def test_an_order_that_keeps_failing_is_asked_ever_more_rarely(
    track: Any, gather: Any, select: Select, now: datetime
) -> None:
    track("1", failures=3)

    gather(Platform({"1": RejectedError("no")}))

    assert select("next_poll_at from tracking.tracked_order") == [(now + 8 * 15 * MINUTE,)]


def test_passing_trouble_gets_a_second_chance_in_the_same_run(track: Any, gather: Any) -> None:
    track("1", "2")
    platform = Platform({"1": RetryableError("down")})

    def recover(order_id: str) -> None:
        if platform.asked.count("1") == 2:
            platform.answers.clear()

    platform.before_answering = recover

    assert gather(platform)["failed"] == 0


def test_an_order_too_old_for_the_platform_is_closed(
    track: Any, gather: Any, select: Select
) -> None:
    track("1")

    gather(Platform({"1": RejectedError("a year ago", final=True)}))

    assert select("close_reason from tracking.erp_row") == [("too_old",)]
    assert select("closed_at is not null from tracking.tracked_order") == [(True,)]


def test_refused_credentials_stop_the_lane_and_keep_its_answers(
    track: Any, gather: Any, select: Select, new_run: Callable[..., Run], execute: Execute
) -> None:
    track("1", priority=1)
    track("2", "3")
    run = new_run()
    execute(
        "insert into tracking.run (run_id, run_type, started_at) values (:id, 'manual', now())",
        id=run.run_id,
    )
    platform = Platform({order_id: AuthError("expired") for order_id in ("2", "3")})
    first_answered = threading.Event()

    def wait_for_the_first(order_id: str) -> None:
        if order_id == "1":
            first_answered.set()
        else:
            first_answered.wait(5)

    platform.before_answering = wait_for_the_first

    with pytest.raises(AuthError, match="expired"):
        gather(platform, run=run)

    assert select("count(*) from tracking.tracked_order where lease_owner is not null") == [(0,)]
    polled, left_over = select("polled, left_over from tracking.run")[0]
    assert polled + left_over == 3
    assert left_over >= 2
    assert select("sum(calls) > 0 from tracking.api_usage") == [(True,)]


@pytest.mark.parametrize("code", ["isv.trade-not-exist", ""])
def test_failures_are_alike_whatever_ids_the_platform_gives_the_calls(
    code: str, track: Any, gather: Any
) -> None:
    track(*"123456789")
    errors = {each: RejectedError("unknown", code=code, request_id=f"id{each}") for each in "23456"}

    with pytest.raises(LaneStoppedError, match=r"5 of 9 .* unknown(?! \(request)"):
        gather(Platform(errors))


def test_most_orders_failing_alike_make_the_lane_red_after_all_was_done(
    track: Any, gather: Any, select: Select
) -> None:
    track(*"123456789")
    refused = RejectedError("belongs to another member", code="order.nopermission.buyer")
    platform = Platform(dict.fromkeys("23456", refused))

    with pytest.raises(LaneStoppedError, match=r"5 of 9 .* platform_1688 .* another member"):
        gather(platform)

    assert len(platform.asked) == 9
    assert select("count(*) from tracking.trace_reply") == [(4,)]


def test_one_failure_after_the_other_ends_the_lane(track: Any, gather: Any) -> None:
    track(*(str(number) for number in range(200)))
    platform = Platform({str(number): RetryableError("down") for number in range(200)})

    with pytest.raises(RetryableError, match="in a row"):
        gather(platform)

    assert len(platform.asked) < 200


def test_when_the_time_is_over_the_rest_is_left_over(
    track: Any, gather: Any, select: Select
) -> None:
    track("1", "2")

    assert gather(Platform(), budget=timedelta())["left_over"] == 2
    assert select("count(*) from tracking.trace_reply") == [(0,)]


def test_a_worker_that_was_thought_dead_writes_nothing(
    track: Any, gather: Any, select: Select
) -> None:
    track("1")
    newer = Platform({"1": traces("快件正在派送")})
    slow = Platform({"1": traces("快件已揽收")})

    def lose_the_lease(order_id: str) -> None:
        # Meanwhile the lease is given up for lost and another worker polls the order.
        gather(newer, owner="me")

    slow.before_answering = lose_the_lease

    counts = gather(slow, owner="me")

    assert [reply.body for reply in select("body from tracking.trace_reply")] == [
        traces("快件正在派送")
    ]
    assert counts["lost"] == 1
