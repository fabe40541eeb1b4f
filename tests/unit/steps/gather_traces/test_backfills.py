"""A backfill beside live runs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from sandbox.clock import Clock
from sandbox.defaults import apps_for
from sandbox.server import Sandbox
from sandbox.world import World
from shipment_tracking.domain.models import Run
from shipment_tracking.errors import (
    RejectedError,
)
from shipment_tracking.steps import fetch_waybills, gather_traces
from shipment_tracking.warehouse.lanes import LaneContext

from .words import BUDGET, MINUTE, Execute, Platform, Select


def test_a_backfill_polls_its_interval_and_announces_nothing(
    track: Any,
    gather: Any,
    select: Select,
    execute: Execute,
    now: datetime,
    new_run: Callable[..., Run],
) -> None:
    track("in", "out", closed_at=now, next_poll_at=None, backfill_at=now - MINUTE)
    track("live")
    execute(
        "update tracking.erp_row set shipped_at = case erp_key when 'out' then"
        " timestamptz '2026-02-10 00:00+08' else timestamptz '2026-02-01 00:00+08' end"
    )
    interval = {
        "shipped_from": datetime(2026, 1, 31, tzinfo=UTC),
        "shipped_to": datetime(2026, 2, 2, tzinfo=UTC),
    }
    platform = Platform()

    counts = gather(platform, run=new_run(**interval))

    assert platform.asked == ["in"]
    assert counts["left_over"] == 0
    assert select("announce from tracking.trace_reply") == [(False,)]
    assert select(
        "platform_order_id from tracking.tracked_order where backfill_at is not null"
    ) == [("out",)]


def test_nothing_personal_reaches_the_warehouse_from_the_real_gateway(
    warehouse: Engine,
    open_client: Callable[..., Any],
    new_run: Callable[..., Run],
    track: Any,
    select: Select,
) -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    world = World(3, start, {"platform_1688": 30})
    clock = Clock.standing(start + timedelta(days=3))
    new = {"ask_parcels_at": clock.now(), "parcels_asked_at": None, "next_poll_at": None}
    track(*(order.order_id for order in world.orders()), **new)
    with Sandbox(world, clock, apps_for(["platform_1688"], None), token_hours=None) as sandbox:
        client = open_client(sandbox)
        lane = LaneContext(warehouse, client, new_run(), "me", BUDGET, clock.now)
        fetch_waybills.run(lane)
        gather_traces.run(lane)

    stored = "\n".join(str(row) for row in select("body from tracking.trace_reply"))
    assert len(stored) > 1000
    assert [word for word in world.phones | world.names if word in stored] == []


def test_a_backfill_makes_no_signed_order_due_for_live_runs(
    track: Any,
    gather: Any,
    select: Select,
    execute: Execute,
    now: datetime,
    new_run: Callable[..., Run],
) -> None:
    track("signed", "open", next_poll_at=None, backfill_at=now - MINUTE)
    execute("update tracking.erp_row set shipped_at = :now", now=now)
    execute("update tracking.erp_row set signed_at = :now where erp_key = 'signed'", now=now)

    gather(Platform(), run=new_run(shipped_from=now, shipped_to=now + MINUTE))

    assert select(
        "platform_order_id from tracking.tracked_order where next_poll_at is not null"
    ) == [("open",)]


def test_what_a_live_run_polls_no_backfill_has_to_poll_again(
    track: Any, gather: Any, select: Select, now: datetime
) -> None:
    track("both", backfill_at=now - MINUTE)

    gather(Platform())

    assert select("backfill_at from tracking.tracked_order") == [(None,)]


def test_a_backfill_does_not_ask_at_once_for_what_just_failed(
    track: Any, gather: Any, select: Select, now: datetime, new_run: Callable[..., Run]
) -> None:
    track("both", backfill_at=now - MINUTE)
    platform = Platform({"both": RejectedError("unreadable")})
    interval = {"shipped_from": now - 9999 * MINUTE, "shipped_to": now + 9999 * MINUTE}

    gather(platform)
    gather(platform, run=new_run(**interval))

    assert platform.asked == ["both"]
