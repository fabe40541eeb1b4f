"""Shows in the ERP where the parcels of its orders are."""

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, Row

from shipment_tracking.domain.models import Run
from shipment_tracking.erp.sql import SqlWriter, Trace
from shipment_tracking.errors import WritebackError
from shipment_tracking.statements import query

log = logging.getLogger(__name__)

CHUNK = 200
EXAMPLES = 20
FEWEST_FAILED = 3
"""Fewer failures are the rows' own, however quiet the night; a dry run shows each mistake."""
LATELY = timedelta(days=1)
"""Failures are judged beside what the ERP took in this time, not beside a quiet run's few rows."""


def run(
    warehouse: Engine, writer: SqlWriter, this_run: Run, *, chunk: int = CHUNK
) -> dict[str, int]:
    """
    Write status, latest trace and waybill numbers of every ERP row that shows others.

    Runs after ``mark_signed``. A row that could not be written is tried again in the next run, and
    ``analytics.orders`` says why.

    :returns: ``shown``; ``skipped``, rows that are no longer ours or not there; ``failed``. Of a
        dry run, whose writes are rolled back, and in shadow mode, where the ERP is not asked at
        all, ``would_show`` and ``failed``.
    :raises StatementError: ``show_trace.sql`` breaks its contract.
    :raises WritebackError: half of the rows of a day or more, and three at least, could not be
        written.
    """
    total: Counter[str] = Counter()
    reasons: list[str] = []
    after = ""
    while rows := _next(warehouse, this_run, after, chunk):
        after = rows[-1].erp_key
        traces = [_trace(row) for row in rows if row.is_ours]
        if this_run.shadow and not this_run.dry_run:
            written: dict[str, bool | str] = {trace.erp_key: True for trace in traces}
        else:
            written = writer.show_trace(traces, keep=not this_run.dry_run) if traces else {}
        failed = {key: result for key, result in written.items() if isinstance(result, str)}
        if this_run.rehearsal:
            would = [trace for trace in traces if written[trace.erp_key] is True]
            for trace in would[: max(0, EXAMPLES - total["shown"])]:
                log.info(
                    "%s: order %s would show %s", this_run.rehearsal, trace.erp_key, trace.status
                )
        else:
            _done(warehouse, this_run, [_trace(row) for row in rows], written)
        shown = sum(result is True for result in written.values())
        total.update(shown=shown, failed=len(failed), skipped=len(rows) - shown - len(failed))
        for erp_key, reason in failed.items():
            log.warning("order %s does not show its trace: %s", erp_key, reason)
            reasons.append(f"order {erp_key}: {reason}")
    failures = total["failed"]
    lately = _shown_lately(warehouse, this_run) + (total["shown"] if this_run.rehearsal else 0)
    if failures >= (1 if this_run.dry_run else FEWEST_FAILED) and failures >= lately:
        raise WritebackError(
            f"{failures} of {failures + lately} traces of a day could not be written "
            f"to the ERP (they are tried again in the next run); the first: {reasons[0]}"
        )
    if this_run.rehearsal:
        log.info(
            "%s: %d orders would show another trace at the ERP; nothing was written",
            this_run.rehearsal,
            total["shown"],
        )
        return {"would_show": total["shown"], "failed": total["failed"]}
    return {name: total[name] for name in ("shown", "skipped", "failed")}


def _next(warehouse: Engine, this_run: Run, after: str, most: int) -> Sequence[Row[Any]]:
    with warehouse.begin() as connection:
        return connection.execute(
            query("show_trace.next"),
            {"after": after, "most": most, "only_account": this_run.only_account},
        ).all()


def _trace(row: Row[Any]) -> Trace:
    return Trace(row.erp_key, row.status, row.latest_trace, row.latest_trace_at, row.waybill_nos)


def _done(
    warehouse: Engine,
    this_run: Run,
    traces: Sequence[Trace],
    written: Mapping[str, bool | str],
) -> None:
    shown = [
        asdict(trace)
        | {
            "is_written": written.get(trace.erp_key) is True,
            "error": reason if isinstance(reason := written.get(trace.erp_key), str) else None,
        }
        for trace in traces
    ]
    with warehouse.begin() as connection:
        connection.execute(query("erp_rows.lock"))
        connection.execute(
            query("show_trace.done"),
            {"shown": json.dumps(shown, default=str), "now": this_run.started_at},
        )


def _shown_lately(warehouse: Engine, this_run: Run) -> int:
    """How many rows the ERP took in this run and in those of the day before it."""
    with warehouse.connect() as connection:
        return (
            connection.scalar(
                query("show_trace.lately"),
                {"since": this_run.started_at - LATELY, "only_account": this_run.only_account},
            )
            or 0
        )
