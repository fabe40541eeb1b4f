"""Which orders are polled, when, and which replies are kept."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from shipment_tracking.domain.models import Run
from shipment_tracking.errors import (
    RejectedError,
)
from shipment_tracking.statements import OWNER_FOLDER
from shipment_tracking.steps import gather_traces
from shipment_tracking.warehouse.lanes import Lane, LaneContext

from .words import BUDGET, MINUTE, Platform, Select, traces


def test_a_due_order_is_polled_and_its_reply_kept_for_loading(
    track: Any, gather: Any, select: Select, now: datetime
) -> None:
    track("1")

    assert gather(Platform()) == {"polled": 1, "failed": 0, "replies": 1, "left_over": 0}

    (order,) = select("last_polled_at, next_poll_at, lease_owner from tracking.tracked_order")
    assert order == (now, now + 15 * MINUTE, None)
    (reply,) = select("body, announce, dialect, loaded_at from tracking.trace_reply")
    assert reply == (traces(), True, "param2", None)


def test_an_unchanged_reply_is_not_kept_again(track: Any, gather: Any, select: Select) -> None:
    track("1")
    gather(Platform())
    later = datetime(2026, 3, 2, 5, tzinfo=UTC)

    gather(Platform(), clock=lambda: later)

    assert select("count(*) from tracking.trace_reply") == [(1,)]
    assert select("last_polled_at from tracking.tracked_order") == [(later,)]


def test_parcels_in_another_order_are_the_same_reply() -> None:
    one = {"logisticsTrace": [{"logisticsId": "LP1"}, {"logisticsId": "LP2"}]}
    other = {"logisticsTrace": [{"logisticsId": "LP2"}, {"logisticsId": "LP1"}]}

    assert gather_traces.fingerprint(one) == gather_traces.fingerprint(other)


def test_an_empty_answer_is_no_reply_and_leaves_the_last_one_standing(
    track: Any, gather: Any, select: Select
) -> None:
    track("1")
    gather(Platform())
    empty = {"logisticsTrace": [], "crossPackageFulfillmentDTO": []}
    before = select("fingerprint, traces_seen_at from tracking.tracked_order")

    gather(Platform({"1": empty}), clock=lambda: datetime(2026, 3, 2, 5, tzinfo=UTC))

    assert select("count(*) from tracking.trace_reply") == [(1,)]
    assert select("fingerprint, traces_seen_at from tracking.tracked_order") == before


@pytest.mark.parametrize(
    "columns",
    [
        {"next_poll_at": datetime(2026, 3, 2, 4, 1, tzinfo=UTC)},
        {"last_polled_at": datetime(2026, 3, 2, 3, 50, tzinfo=UTC)},
        {"closed_at": datetime(2026, 3, 1, tzinfo=UTC)},
        {"parcels_asked_at": None},
        {"lease_owner": "other", "lease_until": datetime(2999, 1, 1, tzinfo=UTC)},
    ],
    ids=["not due yet", "polled just now", "closed", "without parcels", "leased to another"],
)
def test_an_order_is_not_polled_when_it_is(track: Any, gather: Any, columns: Any) -> None:
    track("1", **columns)
    platform = Platform()

    gather(platform)

    assert platform.asked == []


def test_a_lease_that_ran_out_and_an_own_lease_are_taken_over(track: Any, gather: Any) -> None:
    track("1", lease_owner="other", lease_until=datetime(2026, 1, 1, tzinfo=UTC))
    track("2", lease_owner="me", lease_until=datetime(2999, 1, 1, tzinfo=UTC))
    platform = Platform()

    gather(platform)

    assert sorted(platform.asked) == ["1", "2"]


def test_a_run_of_high_priority_polls_no_other_orders(
    track: Any, gather: Any, new_run: Callable[..., Run]
) -> None:
    track("usual")
    track("important", priority=1)
    platform = Platform()

    counts = gather(platform, run=new_run(only_high_priority=True))

    assert platform.asked == ["important"]
    assert counts["left_over"] == 0


@pytest.mark.parametrize(("minutes", "polled"), [(3.9, False), (4, True)])
def test_an_order_of_high_priority_is_polled_again_after_four_minutes(
    minutes: float, polled: bool, track: Any, gather: Any, now: datetime
) -> None:
    track("usual", last_polled_at=now - minutes * MINUTE)
    track("important", priority=1, last_polled_at=now - minutes * MINUTE)
    platform = Platform()

    gather(platform)

    assert platform.asked == (["important"] if polled else [])


@pytest.mark.parametrize(("priority", "spacing"), [(0, 15), (1, 4)])
def test_an_order_that_fails_waits_by_its_priority(
    priority: int, spacing: int, track: Any, gather: Any, select: Select, now: datetime
) -> None:
    track("1", priority=priority)

    gather(Platform({"1": RejectedError("no")}))

    assert select("next_poll_at from tracking.tracked_order") == [(now + spacing * MINUTE,)]


def test_a_poll_is_followed_by_the_next_one_when_the_table_says(
    track: Any,
    gather: Any,
    select: Select,
    insert: Callable[..., Any],
    now: datetime,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "polling.csv").write_text("stage,quiet_hours,minutes\nany,0,1440\n")
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path))
    track("1")
    ((order_id,),) = select("order_id from tracking.tracked_order")
    parcel = insert("shipment", account="platform_1688", consignment_id="LP1")
    insert("order_shipment", order_id=order_id, shipment_id=parcel, first_seen_at=now)

    dues = []
    for days in range(2):
        gather(Platform(), clock=lambda days=days: now + timedelta(days=days))
        dues += [row.next_poll_at for row in select("next_poll_at from tracking.tracked_order")]

    assert dues[1] - dues[0] == timedelta(days=1)
    assert now < dues[0] <= now + timedelta(days=1)


def test_the_urgent_are_polled_first(
    warehouse: Engine, track: Any, now: datetime, new_run: Callable[..., Run]
) -> None:
    track("new")
    track("late", next_poll_at=now - 90 * MINUTE)
    track("out", status="out_for_delivery")
    track("important", priority=1)
    platform: Any = Platform()
    context = LaneContext(warehouse, platform, new_run(), "me", BUDGET, lambda: now)
    lane = Lane.due_for("replies", context, now=now)

    together = lane.claim(4)
    lane.release()
    one_by_one = [claim for _ in range(4) for claim in lane.claim(1)]

    for claims in (together, one_by_one):
        ids = [claim.platform_order_id for claim in claims]
        assert ids == ["important", "out", "late", "new"]
