"""A lane asks for each order it surely holds, and what was answered is kept whatever ends it."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from shipment_tracking.errors import (
    AuthError,
    PlatformBugError,
    PlatformError,
    QuotaError,
    RejectedError,
    RetryableError,
)
from shipment_tracking.warehouse.lanes import (
    FAILURES_IN_A_ROW,
    Answer,
    Claim,
    Lane,
    Tally,
    work_through,
)
from shipment_tracking.warehouse.leases import Leases

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def due(warehouse: Engine) -> Callable[[int], None]:
    """Let so many orders be due: 1, 2, 3 and so on."""

    def insert(count: int) -> None:
        with warehouse.begin() as connection:
            connection.execute(
                text(
                    "insert into tracking.tracked_order (platform, account, platform_order_id,"
                    " first_seen_at, parcels_asked_at, next_poll_at)"
                    " select '1688', 'platform_1688', number, :now, :now, :now"
                    " from generate_series(1, :count) as number"
                ),
                {"now": NOW, "count": count},
            )

    return insert


@pytest.fixture
def new_lane(warehouse: Engine) -> Callable[..., Lane]:
    def make(owner: str = "me", lease: timedelta = 3 * MINUTE) -> Lane:
        binds = {"now": NOW, "only_high_priority": False}
        leases = Leases("tracked_order", "order_id", owner, lease)
        return Lane(warehouse, "platform_1688", "replies", leases, binds)

    return make


class Platform:
    """Answers a lane, and keeps what the lane would record; errors by order id."""

    def __init__(self, errors: dict[str, PlatformError] | None = None) -> None:
        self.errors = errors or {}
        self.asked: list[str] = []
        self.recorded: dict[str, PlatformError | None] = {}
        self.before_answering: Callable[[str], Any] = lambda order_id: None

    def ask(self, claim: Claim) -> Answer:
        self.asked.append(claim.platform_order_id)
        self.before_answering(claim.platform_order_id)
        return Answer(claim, NOW, found={}, error=self.errors.get(claim.platform_order_id))

    def record(self, answers: list[Answer]) -> int:
        self.recorded.update((each.claim.platform_order_id, each.error) for each in answers)
        return len(answers)

    def work(self, lane: Lane, *, budget: timedelta = MINUTE, threads: int = 4) -> Tally:
        return work_through(lane, self.ask, self.record, budget=budget, threads=threads)


def leases(warehouse: Engine) -> dict[str, str]:
    """Who holds which order."""
    held = text(
        "select platform_order_id, lease_owner from tracking.tracked_order"
        " where lease_owner is not null"
    )
    with warehouse.connect() as connection:
        return {order_id: owner for order_id, owner in connection.execute(held)}


def let_leases_end(warehouse: Engine) -> None:
    with warehouse.begin() as connection:
        connection.execute(text("update tracking.tracked_order set lease_until = now()"))


def test_a_lane_asks_for_every_due_order_once(due, new_lane):
    due(250)
    platform = Platform()

    tally = platform.work(new_lane())

    assert (tally.asked, tally.failed, tally.stopped) == (250, 0, None)
    assert sorted(platform.asked) == sorted(platform.recorded)
    assert len(set(platform.asked)) == 250


def test_the_most_urgent_orders_are_claimed_and_asked_for_first(due, new_lane, warehouse):
    due(200)
    with warehouse.begin() as connection:
        connection.execute(
            text(
                "update tracking.tracked_order"
                " set next_poll_at = next_poll_at - cast(platform_order_id as int) * interval '1 s'"
            )
        )
    lane = new_lane()
    # A plan that hands the rows out as they lie in the table.
    lane.engine = create_engine(
        warehouse.url, poolclass=NullPool, connect_args={"options": "-c enable_nestloop=off"}
    )

    claimed = [claim.platform_order_id for claim in lane.claim(100)]

    assert claimed == [str(number) for number in range(200, 100, -1)]


def test_an_order_that_another_took_over_in_the_meantime_is_not_asked_for(due, new_lane, warehouse):
    due(2)
    lane = new_lane(lease=timedelta(seconds=0.4))
    platform = Platform()

    def lose_the_second(order_id: str) -> None:
        let_leases_end(warehouse)
        new_lane("another").claim(2)
        end = time.monotonic() + 10
        while len(lane.held) == 2 and time.monotonic() < end:
            time.sleep(0.01)

    platform.before_answering = lose_the_second

    platform.work(lane, threads=1)

    assert platform.asked == ["1"]


def test_two_lanes_share_the_orders(due, new_lane):
    due(3)
    first, second = new_lane("first"), new_lane("second")

    claimed = first.claim(2)
    rest = second.claim(5)

    assert {claim.platform_order_id for claim in claimed} == {"1", "2"}
    assert [claim.platform_order_id for claim in rest] == ["3"]
    assert first.claim(5) == []


def test_a_lease_that_ran_out_goes_to_the_next_one_under_another_token(due, new_lane, warehouse):
    due(1)
    first, second = new_lane("first"), new_lane("second")
    (before,) = first.claim(1)
    let_leases_end(warehouse)
    (after,) = second.claim(1)

    first.renew()

    assert after.lease_token > before.lease_token
    assert (first.holds(before), second.holds(after)) == (False, True)
    first.release()
    assert leases(warehouse) == {"1": "second"}


def test_a_retry_of_the_task_takes_its_own_leases_back_at_once(due, new_lane):
    due(2)
    new_lane("me").claim(1)
    new_lane("another").claim(1)
    platform = Platform()

    platform.work(new_lane("me"))

    assert platform.asked == ["1"]


def test_an_order_whose_lease_is_about_to_end_is_not_asked_for(due, new_lane):
    due(1)
    lane = new_lane(lease=timedelta(0))
    (claim,) = lane.claim(1)

    assert not lane.holds(claim)


def test_a_lane_gives_back_what_it_did_not_ask_for(due, new_lane, warehouse):
    due(5)
    lane = new_lane()
    lane.claim(5)

    lane.release()

    assert leases(warehouse) == {}


def test_no_order_is_claimed_when_the_time_is_over(due, new_lane):
    due(5)
    platform = Platform()

    tally = platform.work(new_lane(), budget=timedelta(0))

    assert platform.asked == []
    assert tally.stopped == "the time of this run is over"


@pytest.mark.parametrize("kind", [AuthError, PlatformBugError])
def test_refused_credentials_end_the_lane_and_its_answers_are_kept(kind, due, new_lane, warehouse):
    due(400)
    platform = Platform({"1": kind("no")})
    together = threading.Barrier(8)
    platform.before_answering = lambda order_id: int(order_id) <= 8 and together.wait(10)

    with pytest.raises(kind, match="no"):
        platform.work(new_lane(), threads=8)

    assert {str(number) for number in range(2, 9)} <= set(platform.recorded)
    assert "1" not in platform.recorded
    assert sorted(platform.asked) == sorted({"1", *platform.recorded})
    assert len(platform.asked) < 400
    assert set(leases(warehouse)) == set(platform.recorded)  # the rest was given back


def test_nothing_is_asked_for_once_the_time_is_over(due, new_lane, warehouse):
    due(100)
    platform = Platform()
    platform.before_answering = lambda order_id: time.sleep(0.4)

    tally = platform.work(new_lane(), budget=timedelta(seconds=0.3), threads=2)

    assert tally.stopped == "the time of this run is over"
    assert tally.asked == len(platform.asked) <= 2
    assert set(leases(warehouse)) == set(platform.recorded)  # the rest was given back


@pytest.mark.parametrize("ending", ["renew", "release", "take_back"])
def test_orders_are_locked_in_one_order_whatever_their_urgency(
    ending, due, new_lane, warehouse, somebody_waits
):
    due(2)
    with warehouse.begin() as connection:
        connection.execute(
            text("update tracking.tracked_order set priority = 1 where platform_order_id = '2'")
        )
    lane = new_lane()
    first, second = sorted(claim.order_id for claim in lane.claim(2))
    lock = text("select from tracking.tracked_order where order_id = :id for update")

    with ThreadPoolExecutor(1) as pool:
        with warehouse.begin() as another:
            another.execute(lock, {"id": first})
            working = pool.submit(getattr(lane, ending))
            while not working.done() and not somebody_waits():
                time.sleep(0.01)
            another.execute(lock, {"id": second})
        working.result()


def test_a_refused_order_stops_nobody(due, new_lane):
    due(5)
    error = RejectedError("no")
    platform = Platform({"3": error})

    tally = platform.work(new_lane())

    assert (tally.asked, tally.failed) == (5, 1)
    assert {key for key, found in platform.recorded.items() if found} == {"3"}


def test_passing_trouble_is_given_a_second_chance_behind_the_others(due, new_lane):
    due(5)
    platform = Platform({"1": RetryableError("busy")})

    tally = platform.work(new_lane(), threads=1)

    assert platform.asked == ["1", "2", "3", "4", "5", "1"]
    assert (tally.asked, tally.failed) == (5, 1)


def test_one_failure_after_the_other_ends_the_lane(due, new_lane):
    due(400)
    platform = Platform({str(number): RetryableError("busy") for number in range(401)})

    with pytest.raises(RetryableError, match=rf"{FAILURES_IN_A_ROW} orders of connection platform"):
        platform.work(new_lane(), threads=1)

    assert len(platform.asked) < 400
    assert set(platform.recorded) == set(platform.asked)


def test_a_platform_that_wants_no_calls_for_long_ends_the_lane_quietly(due, new_lane, warehouse):
    due(5)
    until = datetime(2026, 3, 2, 5, tzinfo=UTC)
    pushed_back = QuotaError("not before 13:00", until=until)
    platform = Platform({str(number): pushed_back for number in range(2, 6)})

    tally = platform.work(new_lane(), threads=1)

    assert "not before 13:00" in str(tally.stopped)
    assert platform.recorded == {"1": None}
    assert "2" not in leases(warehouse)


def circuits(warehouse: Engine) -> list[tuple[str, int]]:
    with warehouse.connect() as connection:
        rows = connection.execute(text("select account, failures from tracking.circuit"))
        return [tuple(row) for row in rows]


@pytest.mark.parametrize("failure", [AuthError("no"), PlatformBugError("what?")])
def test_after_refused_credentials_an_account_is_asked_for_one_order_first(
    due, new_lane, warehouse, failure
):
    due(60)
    errors = {str(number): failure for number in range(1, 61)}
    with pytest.raises(type(failure)):
        Platform(errors).work(new_lane())
    assert circuits(warehouse) == [("platform_1688", 1)]
    still = Platform(errors)

    with pytest.raises(type(failure)):
        still.work(new_lane("next run"))

    assert len(still.asked) == 1
    assert circuits(warehouse) == [("platform_1688", 2)]


def test_after_failures_in_a_row_a_platform_is_asked_for_one_order_first(due, new_lane, warehouse):
    due(200)
    errors = {str(number): RetryableError("down") for number in range(1, 201)}
    with pytest.raises(RetryableError, match="in a row"):
        Platform(errors).work(new_lane())
    still = Platform(errors)

    with pytest.raises(RetryableError, match="connection platform_1688 still fails: down"):
        still.work(new_lane("next run"))

    assert len(still.asked) == 1


def test_an_account_that_is_let_in_again_is_asked_for_everything(due, new_lane, warehouse):
    due(60)
    with pytest.raises(AuthError):
        Platform({"1": AuthError("no")}).work(new_lane())
    let_leases_end(warehouse)
    mended = Platform({"1": RejectedError("not yours")})

    tally = mended.work(new_lane("next run"))

    assert tally.asked == len(set(mended.asked)) == 60
    assert circuits(warehouse) == []


def test_a_few_failures_among_good_answers_open_no_circuit(due, new_lane, warehouse):
    due(100)
    errors = {str(number): RetryableError("slow") for number in range(1, 101, 2)}

    Platform(errors).work(new_lane())

    assert circuits(warehouse) == []


def test_unexpected_errors_of_some_orders_cost_no_answer_of_the_others(due, new_lane):
    due(20)
    platform = Platform()

    def fail_for_some(order_id: str) -> None:
        if int(order_id) % 3 == 0:
            raise ZeroDivisionError

    platform.before_answering = fail_for_some

    with pytest.raises(ZeroDivisionError):
        platform.work(new_lane())

    answered = {order_id for order_id in platform.asked if int(order_id) % 3}
    assert set(platform.recorded) == answered
