"""Polls that find nothing new tell nobody anything, however many they are."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from shipment_tracking.steps import load_traces

from .words import Platform, Select


def scanned(number: int) -> dict[str, Any]:
    steps = [{"acceptTime": "2026-03-02 10:00:00", "remark": "快件已揽收"}]
    part = {"logisticsId": f"LP{number}", "logisticsBillNo": f"YT{number}", "logisticsSteps": steps}
    return {"logisticsTrace": [part], "crossPackageFulfillmentDTO": []}


@pytest.mark.parametrize(
    ("orders", "polls"),
    [(50, 1_000), pytest.param(1_000, 100_000, marks=pytest.mark.soak)],
)
def test_unchanged_polls_make_no_notice(
    orders: int,
    polls: int,
    track: Any,
    gather: Any,
    select: Select,
    warehouse: Engine,
    new_run: Any,
    now: datetime,
) -> None:
    track(*map(str, range(orders)))
    platform = Platform({str(number): scanned(number) for number in range(orders)})
    polled, at = 0, now
    gather(platform)
    load_traces.run(warehouse, new_run(), now=now)
    before = select("* from tracking.notification order by notification_id")
    assert [row.state for row in before] == ["pending"] * orders

    while polled < polls:
        at += timedelta(days=1)
        polled += gather(platform, clock=lambda: at)["polled"]  # noqa: B023
        load_traces.run(warehouse, new_run(), now=at)

    assert select("* from tracking.notification order by notification_id") == before
    assert select("count(*) from tracking.trace_reply") == [(orders,)]
