"""The hot statements beside ten million scans: their time, and no big table read whole."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import Connection, Engine, text

from shipment_tracking.domain import calendars, stalls
from shipment_tracking.domain.evidence import FURTHEST_EAST
from shipment_tracking.statements import query
from shipment_tracking.warehouse import eta, polling
from shipment_tracking.warehouse.stalls import THRESHOLDS

from .figures import Figure
from .stage import NOW, Theatre

SHIPMENTS = 1_000_000
SCANS = 10
"""Of each parcel."""
OPEN_SHARE = 0.03
FILL = Path(__file__).with_name("volume.sql")
RUNS = 3
CHUNK = 500
ACCOUNTS = [f"platform_1688_{number}" for number in range(4)]
BIG = {
    "erp_row",
    "notification",
    "order_shipment",
    "shipment",
    "shipment_waybill",
    "status_change",
    "trace_event",
    "trace_reply",
    "tracked_order",
}
MOST_MILLISECONDS = 5_000
"""Of what looks at every open parcel, once a half hour, on a busy machine."""
MOST_ROWS = 50_000
"""A table is read whole from half of its rows on, if they are more than what is open."""
ROWS = text(
    "select relname, reltuples from pg_class"
    " where relnamespace = 'tracking'::regnamespace and relname = any(:tables)"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a statement was executed: milliseconds, blocks touched, big tables read whole."""

    milliseconds: float
    blocks: int
    scanned: tuple[str, ...]
    nodes: str


def run(theatre: Theatre, *, shipments: int = SHIPMENTS) -> list[Figure]:
    """A warehouse of so many parcels; every hot statement in it, three times each."""
    warehouse = theatre.warehouse()
    fill(warehouse, shipments)
    return measured(warehouse, shipments)


def measured(warehouse: Engine, shipments: int) -> list[Figure]:
    """Sizes of the tables; time, plan and whole tables read of every hot statement."""
    figures = [*_sizes(warehouse)]
    for name, prepare, binds in _hot(shipments):
        plans = [explained(warehouse, name, prepare, binds) for _ in range(RUNS)]
        print(f"{name}: {plans[-1].nodes}", flush=True)
        scanned = sorted(set(plans[-1].scanned))
        figures += [
            Figure(
                "volume",
                name,
                median(plan.milliseconds for plan in plans),
                "ms",
                target=MOST_MILLISECONDS,
                note=f"{plans[-1].blocks:,} blocks",
            ),
            Figure(
                "volume",
                f"{name}: big tables read whole",
                len(scanned),
                "tables",
                target=0,
                note=", ".join(scanned),
            ),
        ]
    return figures


def fill(warehouse: Engine, shipments: int) -> None:
    """Ten scans a parcel, 3 % of the orders open, the others closed over the last 400 days."""
    binds = {"shipments": shipments, "open_share": OPEN_SHARE, "now": NOW, "scans": SCANS}
    with warehouse.begin() as connection:
        connection.execute(text("set local session_replication_role = replica"))
        connection.execute(text("set local synchronous_commit = off"))
        connection.execute(text("alter table tracking.trace_event set unlogged"))
        for command in FILL.read_text(encoding="utf-8").split(";\n\n"):
            connection.execute(text(command), binds)
    with warehouse.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("vacuum analyze"))


def explained(
    warehouse: Engine,
    name: str,
    prepare: Callable[[Connection], None],
    binds: Mapping[str, Any],
    **identifiers: str,
) -> Plan:
    """The plan of a statement that was executed and taken back."""
    with warehouse.connect() as connection:
        rows = dict(map(tuple, connection.execute(ROWS, {"tables": sorted(BIG)})))
        prepare(connection)
        command = f"explain (analyze, buffers, format json) {query(name, **identifiers).text}"
        (found,) = connection.execute(text(command), binds).scalar_one()
        connection.rollback()
    nodes = [node for node in _nodes(found["Plan"]) if node["Actual Loops"]]
    return Plan(
        found["Execution Time"],
        found["Plan"]["Shared Hit Blocks"] + found["Plan"]["Shared Read Blocks"],
        tuple(
            node["Relation Name"]
            for node in nodes
            if node.get("Relation Name") in rows
            and _rows_read(node) > max(MOST_ROWS, rows[node["Relation Name"]] / 2)
        ),
        " · ".join(
            f"{node['Node Type']} {node.get('Index Name') or node['Relation Name']}"
            for node in nodes
            if "Relation Name" in node or "Index Name" in node
        ),
    )


def _rows_read(node: Mapping[str, Any]) -> float:
    """How many rows a node looked at, whatever it let through."""
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return float((node["Actual Rows"] + removed) * node["Actual Loops"])


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _hot(shipments: int) -> Iterator[tuple[str, Callable[[Connection], None], dict[str, Any]]]:
    """Name, what happens before in its transaction, and binds of each statement."""
    account, only = ACCOUNTS[0], {"only_account": None}
    lane = {
        "account": account,
        "now": NOW,
        "only_high_priority": False,
        **polling.SPACING,
        "most": 100,
    }
    last = {"shipments": list(range(shipments - CHUNK, shipments))}
    orders = {"orders": last["shipments"]}
    outbox = {"now": NOW, "digest": False, "accounts": ACCOUNTS}
    due = {"now": NOW, "backfill": False, "shipped_from": None, "shipped_to": None}
    early, late = polling.USUAL_TRANSIT
    plan = {
        "orders": last["shipments"],
        "rules": json.dumps([asdict(rule) for rule in polling.load()]),
        **{"now": NOW, "early": early, "late": late},
        **polling.SPACING,
    }
    clock = calendars.load()
    stalled = {
        "withdrawing": ["returning", "returned", "delivery_failed", "exception"],
        "unknown_hours": 24.0,
        "now": NOW,
        "now_hours": clock.hours(NOW),
        **THRESHOLDS(stalls.thresholds(None)),
        **eta.SPANS(clock.spans),
    }
    awaited = {"now": NOW, "after": 0, "most": eta.CHUNK, "fresh_for": eta.FRESH_FOR}
    prune = {"before": NOW - timedelta(days=365), "now": NOW, "after": None, "most": 200}
    old = list(range(1, 201))

    yield "replies.due", _nothing, lane
    yield "listings.due", _nothing, lane
    yield "replies.waiting", _nothing, {"after": 0, "most": CHUNK}
    yield "loading.lock_orders", _nothing, {"orders": last["shipments"]}
    yield "loading.insert", _stage_events, {}
    yield "evaluation.shipments", _nothing, last | {"enough_failures": 3}
    yield "evaluation.trails", _nothing, last
    yield "evaluation.parcels", _nothing, orders
    yield "evaluation.rows", _nothing, orders
    yield "evaluation.settle_rows", _nothing, {"verdicts": _verdicts(last["shipments"])}
    yield (
        "evaluation.settle_orders",
        _nothing,
        {"verdicts": _verdicts(last["shipments"]), "now": NOW},
    )
    yield "polling.plan", _nothing, plan
    yield (
        "loading.unsettled",
        _nothing,
        {"after": 0, "most": CHUNK, "now": NOW, "furthest_east": FURTHEST_EAST},
    )
    yield "outbox.accounts", _nothing, {"digest": False} | only
    yield (
        "outbox.address",
        _nothing,
        outbox
        | {
            "destinations": json.dumps([{"audience": "ops", "channel": "ops"}]),
            "broken": json.dumps([]),
        },
    )
    yield "outbox.coalesce", _nothing, {}
    yield (
        "outbox.due",
        _nothing,
        outbox | {"audience": "ops", "channel": "ops", "most": 50, "held_back": []},
    )
    yield "writebacks.next", _nothing, {"after": "", "most": 200, "latest": NOW} | only
    yield "shown_traces.next", _nothing, {"after": "", "most": 200} | only
    yield "stalls.standing", _stage_standing, stalled | only
    yield "eta.parcels", _nothing, awaited | eta.stage_binds()
    yield "eta.close", _nothing, eta.stage_binds()
    yield "stalls.new", _standing(stalled | only), {"now": NOW}
    yield "orders.leaving", _stage_rows, {}
    yield "orders.close_rows", _stage_rows, {"now": NOW}
    yield "orders.give_up", _nothing, {"now": NOW}
    yield "polling.learn_transit", _nothing, {"now": NOW}
    yield "orders.close_orders", _nothing, {"now": NOW}
    yield "orders.open_orders", _nothing, {"now": NOW}
    yield "orders.quiet_closed", _nothing, {"now": NOW}
    yield "orders.due", _nothing, due | only | {"only_high_priority": False}
    yield "pruning.page", _nothing, prune
    yield "pruning.orders", _nothing, prune | {"orders": old}
    yield "pruning.delete_parcels", _unlink(old), {"shipments": old}
    yield "pruning.replies", _nothing, prune | {"most": 2000}
    yield "pruning.notices", _nothing, prune | {"most": 2000}


def _nothing(connection: Connection) -> None:
    pass


def _verdicts(numbers: list[int]) -> str:
    """Verdicts of orders and their ERP rows, which have the same numbers."""
    verdict = {"status": "in_transit", "parcels": 1, "parcels_signed": 0, "all_signed": False}
    return json.dumps(
        [{"order_id": number, "erp_key": f"SO{number}", **verdict} for number in numbers]
    )


def _stage_events(connection: Connection) -> None:
    """5,000 scans, a chunk's, of which 5 % are new."""
    connection.execute(query("loading.stage"))
    connection.execute(
        text(
            "insert into incoming_event"
            " select shipment_id, occurred_at, event_hash + cast(position = 1 and"
            " shipment_id % 2 = 0 as integer), hash_version, position, future_dated, earlier_life,"
            " withdrawn_at, status, sign_kind, description, city, action, decided_by, fetched_at"
            " from tracking.trace_event"
            " where shipment_id > (select max(shipment_id) from tracking.shipment) - 500"
        )
    )


def _stage_rows(connection: Connection) -> None:
    """The ERP's list, in which a few open rows are missing."""
    connection.execute(query("orders.stage"))
    connection.execute(
        text(
            "insert into incoming_row select erp_key, platform, account, platform_order_id,"
            " waybill_no, shipped_at, priority, erp_stamp, null from tracking.erp_row"
            " where listed and order_id % 100 > 0"
        )
    )


def _stage_standing(connection: Connection) -> None:
    connection.execute(query("stalls.stage"))


def _standing(binds: dict[str, Any]) -> Callable[[Connection], None]:
    def fill_stage(connection: Connection) -> None:
        _stage_standing(connection)
        connection.execute(query("stalls.standing"), binds)

    return fill_stage


def _unlink(orders: list[int]) -> Callable[[Connection], None]:
    def forget(connection: Connection) -> None:
        connection.execute(query("pruning.reset_orders"), {"orders": orders, "now": NOW})

    return forget


def _sizes(warehouse: Engine) -> Iterator[Figure]:
    """Bytes a row takes with its indexes."""
    sizes = text(
        "select relname, pg_total_relation_size(oid) as bytes, reltuples as rows"
        " from pg_class where relnamespace = 'tracking'::regnamespace and relkind = 'r'"
        " and relname = any(:tables) order by relname"
    )
    with warehouse.connect() as connection:
        for row in connection.execute(sizes, {"tables": sorted(BIG)}):
            note = f"{row.rows:,.0f} rows, {row.bytes / 2**20:,.0f} MB"
            yield Figure("volume", f"{row.relname}", row.bytes / row.rows, "bytes/row", note=note)
