"""The page "Shipments", the report and the examples of analytics beside ten million scans, warm."""

from collections.abc import Iterator
from dataclasses import fields
from statistics import median
from typing import Any

from sqlalchemy import Engine, text

from shipment_tracking.domain import days
from shipment_tracking.warehouse import report
from shipment_tracking.web import lists, reading

from . import analytics, volume
from .figures import Figure
from .stage import NOW, Theatre

MOST_MILLISECONDS = 300
"""Of all statements of a view together."""
MOST_MILLISECONDS_OF = {"CSV": 1_000 * reading.EXPORT_SECONDS, "report": 60_000}
"""Limits of the export and the report, by the last word of their names."""
RUNS = 3
FILL = (
    # A parcel in a hundred open ones is stalled, as many notices are dead, each open parcel has an
    # estimated arrival, and each half hour of a year had a run.
    "insert into tracking.stall (shipment_id, stage, since, threshold_hours, opened_at)"
    " select shipment_id, 'in_transit', last_event_at, 72, last_event_at from tracking.shipment"
    " where status = 'in_transit' and shipment_id % 100 = 1",
    "insert into tracking.shipment_eta (shipment_id, status, estimated_at, eta_p50, eta_p90,"
    " eta_basis, expected_by) select shipment_id, status, last_event_at, last_event_at +"
    " interval '1 day', last_event_at + interval '2 days', 'YTO', last_event_at from"
    " tracking.shipment where status = 'in_transit'",
    "update tracking.notification set state = 'dead'"
    " where state = 'pending' and notification_id % 100 = 0",
    "insert into tracking.run (run_id, run_type, started_at) select 'run' || i, 'scheduled',"
    " cast(:now as timestamptz) - i * interval '30 minutes' from generate_series(1, 17520) as i",
    "insert into tracking.api_usage (run_id, account, api, outcome, calls, seconds)"
    " select run_id, 'platform_1688_' || account, api, 'ok', 100, 10 from tracking.run"
    " cross join generate_series(0, 3) as account cross join unnest(array['a', 'b', 'c']) as api",
)

Statements = list[tuple[str, dict[str, Any], dict[str, str]]]
"""Names, binds and identifiers."""


def run(theatre: Theatre, *, shipments: int = volume.SHIPMENTS) -> list[Figure]:
    """A warehouse of so many parcels, the statements of every view, the examples."""
    warehouse = theatre.warehouse()
    volume.fill(warehouse, shipments)
    fill(warehouse)
    return measured(warehouse, shipments) + analytics.measured(warehouse)


def fill(warehouse: Engine) -> None:
    """What only the page reads."""
    with warehouse.begin() as connection:
        for command in FILL:
            connection.execute(text(command), {"now": NOW} if ":now" in command else {})
    with warehouse.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("vacuum analyze"))


def measured(warehouse: Engine, shipments: int) -> list[Figure]:
    """The milliseconds of each view, the median of several warm runs."""
    figures = []
    for view, statements in _views(shipments):
        rounds = []
        for _ in range(RUNS + 1):
            plans = [
                volume.explained(warehouse, name, lambda begun: None, binds, **identifiers)
                for name, binds, identifiers in statements
            ]
            rounds.append(sum(plan.milliseconds for plan in plans))
        for (name, _, _), plan in zip(statements, plans, strict=True):
            print(f"{view}: {name}: {plan.milliseconds:.1f} ms: {plan.nodes}", flush=True)
        slowest = max(zip(plans, statements, strict=True), key=lambda both: both[0].milliseconds)
        figures.append(
            Figure(
                "page",
                view,
                median(rounds[1:]),
                "ms",
                target=MOST_MILLISECONDS_OF.get(view.split()[-1], MOST_MILLISECONDS),
                spread=(min(rounds[1:]), max(rounds[1:])),
                note=f"most of it {slowest[1][0]}",
            )
        )
    return figures


def _views(shipments: int) -> Iterator[tuple[str, Statements]]:
    """Each view with its statements."""
    plain: dict[str, str] = {}
    now = {"now": NOW}
    account = {"account": None} | now
    number = shipments - shipments // 100
    order = {"order_id": number}
    most = {"most": reading.MOST}
    parcel = {"shipment_id": number} | most

    def search(typed: str) -> Statements:
        pattern = {"term": typed, "pattern": typed[::-1] + "%", "most": reading.MOST_FOUND}
        return [("web.search", pattern, plain)]

    def orders(most: int = lists.PAGE, **changes: Any) -> Statements:
        wanted = lists.Filter(**changes)
        sort = f"{lists.SORTS[wanted.sort]} asc nulls last"
        binds = wanted.binds(NOW) | {"skip": (wanted.page - 1) * most, "most": most}
        return [("web_board.orders", binds, {"sort": sort}), ("web_board.accounts", {}, plain)]

    yield "search, whole number", search(f"YT{number}")
    yield "search, four digits", search("4321")
    yield (
        "story",
        [
            ("web.order", order, plain),
            ("web.erp_rows", order | now, plain),
            ("web.parcels", order | most | now, plain),
            ("web.writebacks", order | most, plain),
            ("web.rejected", order | most, plain),
            ("web.replies", order | most, plain),
            ("web.order_acts", order | most, plain),
            ("web.events", parcel, plain),
            ("web.changes", parcel, plain),
            ("web.parcel_notices", parcel, plain),
            ("web.stalls", parcel, plain),
        ],
    )
    yield (
        "board",
        [
            ("web_board.stages", account, plain),
            ("web_board.scopes", account | {"exceptions": list(lists.EXCEPTIONS)}, plain),
            ("web_board.backlog", {"account": None}, plain),
            ("web_board.accounts", {}, plain),
        ],
    )
    for scope in lists.SCOPES:
        yield f"orders, {scope}", orders(scope=scope)
    yield "orders, last page", orders(page=max(1, shipments * 3 // 100 // lists.PAGE))
    yield "orders, all for CSV", orders(lists.MOST_EXPORTED)
    for sort in ("news", "next"):
        yield f"orders, by {sort}", orders(sort=sort)
    notices = {"account": None, "channel": None, "skip": 0, "most": lists.PAGE}
    for state in lists.NOTICE_STATES:
        binds = notices | {"state": state}
        yield f"notices, {state}", [("web_board.notices", binds, plain)]
    yield (
        "health",
        [
            ("web_health.alerts", most, plain),
            ("web_health.freshness", now, plain),
            ("web_health.quota", now, plain),
            ("web_health.runs", most, plain),
            ("web_health.channels", now, plain),
            ("web_health.feeds", {}, plain),
            ("web_health.tokens", {}, plain),
            ("web_acts.acts", most, plain),
        ],
    )
    yield (
        "charts",
        [
            ("web_health.daily", now | {"days": 30}, plain),
            ("web_health.transit", now | {"days": 30, "most": 12}, plain),
            ("web_health.detection", now | {"days": 14}, plain),
            ("web_health.calls", now | {"days": 7}, plain),
        ],
    )
    of_day = report.binds_of(days.yesterday(NOW))
    parts = [field.name for field in fields(report.Facts) if field.name != "day"]
    yield "daily report", [(f"report.{part}", of_day, plain) for part in parts]
