"""Shows in the ERP where the parcels of its orders are."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import Engine

from shipment_tracking.domain.models import Run
from shipment_tracking.erp.port import Erp, Outcome, Trace, Written, grouped
from shipment_tracking.errors import WritebackError
from shipment_tracking.warehouse import shown_traces
from shipment_tracking.warehouse.shown_traces import ShownRow, TraceRow

log = logging.getLogger(__name__)

CHUNK = 200
EXAMPLES = 20
FEWEST_FAILED = 3
"""Fewer failures are the rows' own, however quiet the night; a dry run shows each mistake."""
LATELY = timedelta(days=1)
"""Failures are judged beside what the ERP took in this time, not beside a quiet run's few rows."""


def run(warehouse: Engine, erp: Erp, this_run: Run, *, chunk: int = CHUNK) -> dict[str, int]:
    """
    Write status, latest trace and waybill numbers of every ERP row that shows others.

    Runs after ``mark_signed``. A row that could not be written is tried again in the next run, and
    ``analytics.orders`` says why.

    :returns: ``shown``; ``skipped``, rows that are no longer ours or not there; ``failed``. Of a
        dry run, whose writes are rolled back, and in shadow mode, where the ERP is not asked at
        all, ``would_show`` and ``failed``.
    :raises StatementError: the ERP cannot be written to this way.
    :raises WritebackError: half of the rows of a day or more, and three at least, could not be
        written.
    """
    total: Counter[str] = Counter()
    failures: dict[str, str] = {}
    after = ""
    while rows := _next(warehouse, this_run, after, chunk):
        after = rows[-1].erp_key
        traces = [_trace(row) for row in rows if row.is_ours]
        if this_run.shadow and not this_run.dry_run:
            written = {trace.erp_key: Written(Outcome.WRITTEN) for trace in traces}
        else:
            written = erp.show_trace(traces, keep=not this_run.dry_run) if traces else {}
        failed = {
            key: result.reason
            for key, result in written.items()
            if result.outcome is Outcome.FAILED
        }
        if this_run.rehearsal:
            would = [trace for trace in traces if _is_written(written, trace)]
            for trace in would[: max(0, EXAMPLES - total["shown"])]:
                log.info(
                    "%s: order %s would show %s", this_run.rehearsal, trace.erp_key, trace.status
                )
        else:
            _done(warehouse, this_run, [_trace(row) for row in rows], written)
        shown = sum(_is_written(written, trace) for trace in traces)
        total.update(shown=shown, failed=len(failed), skipped=len(rows) - shown - len(failed))
        failures |= failed
    alike = grouped(failures)
    for orders, reason in alike:
        log.warning("%s: trace not shown at the ERP: %s", orders, reason)
    failed_at_all = total["failed"]
    lately = _shown_lately(warehouse, this_run) + (total["shown"] if this_run.rehearsal else 0)
    if failed_at_all >= (1 if this_run.dry_run else FEWEST_FAILED) and failed_at_all >= lately:
        raise WritebackError(
            f"{failed_at_all} of {failed_at_all + lately} traces of a day could not be written "
            f"to the ERP (they are tried again in the next run): {': '.join(alike[0])}"
        )
    if this_run.rehearsal:
        log.info(
            "%s: %d orders would show another trace at the ERP; nothing was written",
            this_run.rehearsal,
            total["shown"],
        )
        return {"would_show": total["shown"], "failed": total["failed"]}
    return {name: total[name] for name in ("shown", "skipped", "failed")}


def _next(warehouse: Engine, this_run: Run, after: str, most: int) -> Sequence[TraceRow]:
    with warehouse.begin() as connection:
        return shown_traces.waiting(connection, this_run, after=after, most=most)


def _trace(row: TraceRow) -> Trace:
    """The row as it is written to the ERP."""
    return Trace(
        row.erp_key,
        row.status,
        row.latest_trace,
        row.latest_trace_at,
        row.waybill_nos,
        row.eta,
    )


def _is_written(written: Mapping[str, Written], trace: Trace) -> bool:
    return trace.erp_key in written and written[trace.erp_key].is_taken


def _done(
    warehouse: Engine,
    this_run: Run,
    traces: Sequence[Trace],
    written: Mapping[str, Written],
) -> None:
    shown = [
        ShownRow(
            trace.erp_key,
            trace.status,
            trace.latest_trace,
            trace.latest_trace_at,
            trace.waybill_nos,
            is_written=_is_written(written, trace),
            error=written[trace.erp_key].reason or None if trace.erp_key in written else None,
        )
        for trace in traces
    ]
    with warehouse.begin() as connection:
        shown_traces.keep(connection, this_run, shown)


def _shown_lately(warehouse: Engine, this_run: Run) -> int:
    """How many rows the ERP took in this run and in those of the day before it."""
    with warehouse.connect() as connection:
        return shown_traces.shown_lately(connection, this_run, this_run.started_at - LATELY)
