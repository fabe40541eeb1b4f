"""Rows a second into the warehouse: ours beside raw COPY, and beside what people usually write."""

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Engine, MetaData, Table, insert, text

from shipment_tracking.domain.masking import HASH_VERSION, event_hash
from shipment_tracking.platforms.ali1688 import traces as ali1688_traces
from shipment_tracking.statements import query
from shipment_tracking.steps import load_traces
from shipment_tracking.warehouse import loading

from .figures import Figure, of_runs
from .stage import START, Theatre, opened

ROWS = 100_000
PARCELS = 5_000
CHUNK = 5_000
"""Rows of a transaction; 500 replies hold about so many."""
RUNS = 3
SLOW_ROWS = 2_000
"""The rivals are timed on fewer rows: each row takes them as long, however many there are."""
COLUMNS = tuple(re.findall(r"^    (\w+)", str(query("loading.copy")), re.MULTILINE))
"""Of a stored scan, in the order of the rows here."""

BARE = "create table if not exists bare as select * from tracking.trace_event limit 0"
Row = tuple[Any, ...]


def run(theatre: Theatre) -> list[Figure]:
    """Prepared rows of which 0.5, 5 and 100 % are new; the rivals; the whole step."""
    warehouse = theatre.warehouse()
    rows = prepared(ROWS)
    with warehouse.begin() as connection:
        connection.execute(text(BARE))
    raw = _median([_rate(warehouse, rows, _copy_raw) for _ in range(RUNS)])
    figures = [Figure("load", "raw COPY into a bare table", raw, "rows/s")]
    for share in (0.005, 0.05, 1.0):
        rates = []
        for _ in range(RUNS):
            _keep(warehouse, rows[round(len(rows) * share) :])
            rates.append(_rate(warehouse, rows, _load))
        figures.append(
            of_runs(
                "load",
                f"prepared rows, {share:.1%} new",
                rates,
                "rows/s",
                beside=raw,
                beside_name="raw COPY",
                target=0.45 if share == 0.05 else None,
                at_least=True,
            )
        )
    ours = figures[-1].value
    few = rows[:SLOW_ROWS]
    for name, write in (("insert row by row", _insert_rows), ("pandas.to_sql", _to_sql)):
        _keep(warehouse, [])
        rate = _rate(warehouse, few, write)
        figures.append(
            Figure("load", name, rate, "rows/s", beside=ours, beside_name="ours, all new", target=1)
        )
    return [*figures, *_whole_step(theatre, raw)]


def prepared(count: int) -> list[Row]:
    """Scans as the step has them when they were read, in no order of their time."""
    return [_row(number) for number in range(count)]


def _row(number: int) -> Row:
    parcel, place = number % PARCELS, number // PARCELS
    at = START + timedelta(minutes=parcel % 1000 + 37 * place)
    description = f"【杭州市】快件已到达 第{parcel}转运中心，扫描{place}，准备发往下一站"
    return _as_row(
        shipment_id=parcel,
        occurred_at=at,
        event_hash=event_hash(description),
        position=place,
        status="in_transit",
        description=description,
        city="杭州市",
        decided_by="model",
    )


def _as_row(**values: Any) -> Row:
    """A stored scan that no reply withdrew, by the names of its columns."""
    usual = {
        "hash_version": HASH_VERSION,
        "future_dated": False,
        "earlier_life": False,
        "withdrawn_at": None,
        "sign_kind": None,
        "action": None,
        "fetched_at": START,
    }
    given = usual | values
    return tuple(given[name] for name in COLUMNS)


def _keep(warehouse: Engine, rows: Sequence[Row]) -> None:
    """Let the warehouse hold just these rows."""
    with warehouse.begin() as connection:
        connection.execute(text("truncate tracking.trace_event"))
        _copy(connection, "tracking.trace_event", rows)
    with warehouse.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("vacuum analyze tracking.trace_event"))
        connection.execute(text("checkpoint"))


def _rate(
    warehouse: Engine, rows: Sequence[Row], write: Callable[[Connection, Sequence[Row]], None]
) -> float:
    """Rows a second, a chunk a transaction."""
    with warehouse.begin() as connection:
        connection.execute(text("truncate bare"))
    began = time.monotonic()
    for first in range(0, len(rows), CHUNK):
        with warehouse.begin() as connection:
            write(connection, rows[first : first + CHUNK])
    return len(rows) / (time.monotonic() - began)


def _copy_raw(connection: Connection, rows: Sequence[Row]) -> None:
    _copy(connection, "bare", rows)


def _copy(connection: Connection, table: str, rows: Sequence[Row]) -> None:
    driver: Any = connection.connection.driver_connection
    with (
        driver.cursor() as cursor,
        cursor.copy(f"copy {table} ({', '.join(COLUMNS)}) from stdin") as copy,
    ):
        for row in rows:
            copy.write_row(row)


def _load(connection: Connection, rows: Sequence[Row]) -> None:
    loading._insert_events(connection, rows)


def _insert_rows(connection: Connection, rows: Sequence[Row]) -> None:
    table = Table("trace_event", MetaData(), schema="tracking", autoload_with=connection)
    for row in rows:
        connection.execute(insert(table).values(dict(zip(COLUMNS, row, strict=True))))


def _to_sql(connection: Connection, rows: Sequence[Row]) -> None:
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).dropna(axis="columns", how="all")
    frame.to_sql("trace_event", connection, schema="tracking", if_exists="append", index=False)


def _whole_step(theatre: Theatre, raw: float) -> list[Figure]:
    """
    What becomes of the replies of 1,000 orders; all of them new, then what moved.

    First up to the stored scan (parsed, masked, classed, stored), then the task's whole work: also
    judging, changes and notices, the status of rows and orders, and when each is polled next.
    """
    rates: dict[str, list[float]] = {}
    scans: list[float] = []
    for _ in range(RUNS):
        with theatre.stage(1_000) as stage:
            stage.extract()
            with opened(stage.warehouse, stage.account()) as client:
                stage.fetch(client)
                stage.gather(client)
                scans.append(_rate_of_scans(stage.warehouse))
                rates.setdefault("all new", []).append(_step_rate(stage.load))
                stage.now += timedelta(hours=6)
                stage.platform.move_to(stage.now)
                stage.gather(client)
                rates.setdefault("six hours later", []).append(_step_rate(stage.load))
    beside: dict[str, Any] = {"beside": raw, "beside_name": "raw COPY"}
    name = "replies parsed, masked, classed and stored, all new"
    return [
        of_runs("load", name, scans, "scans/s", target=0.15, at_least=True, **beside),
        *(
            of_runs("load", f"the task load_traces, {name}", found, "scans read/s", **beside)
            for name, found in rates.items()
        ),
    ]


def _rate_of_scans(warehouse: Engine) -> float:
    """Scans a second from a reply's body to the warehouse; nothing of it stays."""
    with warehouse.connect() as connection:
        found = connection.execute(text("select body::text from tracking.trace_reply")).scalars()
        replies = list(found)
    began = time.monotonic()
    with warehouse.connect() as connection:
        count = 0
        for first in range(0, len(replies), load_traces.CHUNK):
            rows = list(_scans(replies[first : first + load_traces.CHUNK], first))
            count += len(rows)
            _load(connection, rows)
            connection.execute(text("drop table incoming_event"))
        seconds = time.monotonic() - began
        connection.rollback()
    return count / seconds


def _scans(replies: Sequence[str], first: int) -> Iterator[Row]:
    for number, reply in enumerate(replies, first):
        for parcel, trace in enumerate(
            ali1688_traces.read_traces(ali1688_traces.mask(json.loads(reply)))
        ):
            for event in trace.events:
                yield _as_row(
                    shipment_id=number * 10 + parcel,
                    occurred_at=event.occurred_at or START,
                    event_hash=event.event_hash,
                    position=event.position,
                    status=event.status,
                    sign_kind=event.sign_kind,
                    description=event.description,
                    city=event.city,
                    action=event.action,
                    decided_by=event.decided_by,
                )


def _step_rate(load: Callable[[], dict[str, int]]) -> float:
    began = time.monotonic()
    found = load()
    return (found["events_new"] + found["events_duplicate"]) / (time.monotonic() - began)


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]
