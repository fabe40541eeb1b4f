"""Writes signed orders to the ERP, once each, and keeps what came of it."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine

from shipment_tracking.domain.models import Run
from shipment_tracking.erp.port import (
    Erp,
    OrderState,
    Outcome,
    Sign,
    Unreadable,
    Written,
    grouped,
)
from shipment_tracking.errors import WritebackError
from shipment_tracking.warehouse import writebacks
from shipment_tracking.warehouse.writebacks import AuditRow, OutcomeRow, SignedRow, WriteRow

log = logging.getLogger(__name__)

CHUNK = 200
OUTCOMES = ("signed", "already", "changed", "gone", "failed")
REHEARSED = ("would_sign", "changed", "failed")
_REHEARSED = {
    Outcome.WRITTEN: "would_sign",
    Outcome.UNTOLD: "would_sign",
    Outcome.NO_ROW: "changed",
    Outcome.FAILED: "failed",
}
UNSURE = (Outcome.NO_ROW, Outcome.UNTOLD)
"""Whether these rows are signed, and by whom, they tell themselves."""
AFTER_NOW = timedelta(minutes=5)
"""A sign further ahead, by a courier's fast clock, waits until its time has come."""
EXAMPLES = 20
FEWEST_FAILED = 3
"""Fewer failures are the rows' own, however quiet the night; a dry run shows each mistake."""
LATELY = timedelta(days=1)
"""Failures are judged beside what was signed in this time, not beside a quiet run's few rows."""

_Settled = dict[str, tuple[str, str | None]]


def run(
    warehouse: Engine, erp: Erp, this_run: Run, *, now: datetime, chunk: int = CHUNK
) -> dict[str, int]:
    """
    Sign every ERP row whose parcels are all signed, and settle what an earlier run left half done.

    Each write is announced in ``erp_writeback`` first, so that after a crash the row's state at the
    ERP tells whether it arrived. A row is written only while it is as it was read: a sign that is
    set is never moved, and one that a person took back stays so.

    A dry run executes the writes and rolls them back; in shadow mode the ERP is not asked at all.

    :param now: aware; a sign more than 5 minutes later than this is left for a later run.
    :returns: how many rows came to each outcome; ``would_sign`` in a dry run and in shadow mode,
        with ``failed`` in a dry run.
    :raises StatementError: the ERP cannot be asked or written to this way.
    :raises WritebackError: half of the rows of a day or more, and three at least, could not be
        written.
    """
    total: Counter[str] = Counter()
    failures: dict[str, str] = {}
    after = ""
    while rows := _next(warehouse, this_run, after, chunk, now):
        after = rows[-1].erp_key
        if this_run.rehearsal:
            settled = _rehearse(erp, this_run, rows, now, EXAMPLES - total["would_sign"])
        else:
            settled = _settle(warehouse, erp, this_run, rows, now)
        total.update(outcome for outcome, _ in settled.values())
        failures |= {
            erp_key: detail or ""
            for erp_key, (outcome, detail) in settled.items()
            if outcome == "failed"
        }
    alike = grouped(failures)
    for orders, reason in alike:
        log.warning("%s: not signed at the ERP: %s", orders, reason)
    if total["failed"] >= (1 if this_run.dry_run else FEWEST_FAILED):
        tried = total.total() + _signed_lately(warehouse, this_run, now)
        if total["failed"] * 2 >= tried:
            raise WritebackError(
                f"{total['failed']} of {tried} signed orders of a day could not be written to the "
                f"ERP (they are tried again in the next run): {': '.join(alike[0])}"
            )
    if this_run.rehearsal:
        log.info(
            "%s: %d orders would be signed at the ERP; nothing was written",
            this_run.rehearsal,
            total["would_sign"],
        )
        return {outcome: total[outcome] for outcome in REHEARSED}
    return {outcome: total[outcome] for outcome in OUTCOMES}


def _next(
    warehouse: Engine, this_run: Run, after: str, most: int, now: datetime
) -> Sequence[SignedRow]:
    with warehouse.begin() as connection:
        latest = now + AFTER_NOW
        return writebacks.waiting(connection, this_run, after=after, most=most, latest=latest)


def _signed_lately(warehouse: Engine, this_run: Run, now: datetime) -> int:
    """How many rows other runs of the day signed."""
    with warehouse.connect() as connection:
        return writebacks.signed_lately(connection, this_run, now - LATELY)


def _rehearse(
    erp: Erp, this_run: Run, rows: Sequence[SignedRow], now: datetime, examples: int
) -> _Settled:
    """What would come of the writes: a dry run executes and undoes them, shadow mode does not."""
    settled: _Settled = {}
    signs = [_sign(row) for row in rows]
    written = (
        erp.mark_signed(signs, now=now, keep=False)
        if this_run.dry_run
        else {sign.erp_key: Written(Outcome.WRITTEN) for sign in signs}
    )
    would = [sign for sign in signs if written[sign.erp_key].is_taken]
    for sign in would[: max(0, examples)]:
        log.info(
            "%s: order %s would be signed at %s",
            this_run.rehearsal,
            sign.erp_key,
            sign.signed_at,
        )
    for erp_key, result in written.items():
        settled[erp_key] = _REHEARSED[result.outcome], result.reason or None
    return settled


def _sign(row: SignedRow) -> Sign:
    return Sign(row.erp_key, row.signed_at, row.sign_kind, row.waybill_no, row.erp_stamp)


def _settle(
    warehouse: Engine, erp: Erp, this_run: Run, rows: Sequence[SignedRow], now: datetime
) -> _Settled:
    """Write what may be written; returns outcome and detail by key."""
    before, settled = _states(erp, rows)
    begun = _begin(warehouse, this_run, rows, before, now)
    unwritten: list[SignedRow] = []
    for row in rows:
        audit, state = begun[row.erp_key], before.get(row.erp_key)
        if audit.outcome == "signed":
            settled[row.erp_key] = "already", audit.detail
        elif audit.outcome:
            settled[row.erp_key] = audit.outcome, audit.detail
        elif row.erp_key in settled:
            continue
        elif state is None:
            settled[row.erp_key] = "gone", "the ERP has no such row"
        elif state.signed_at:
            settled[row.erp_key] = _whose_sign(audit.before, state)
        else:
            unwritten.append(row)
    settled |= _write(erp, unwritten, begun, now)
    _keep(warehouse, this_run, rows, settled, now)
    return settled


def _states(erp: Erp, rows: Sequence[SignedRow]) -> tuple[dict[str, OrderState], _Settled]:
    """The rows as the ERP has them, and what failed since the ERP does not tell."""
    found = erp.states({row.erp_key: row.signed_at for row in rows})
    return (
        {key: state for key, state in found.items() if isinstance(state, OrderState)},
        {
            key: ("failed", state.reason)
            for key, state in found.items()
            if isinstance(state, Unreadable)
        },
    )


def _begin(
    warehouse: Engine,
    this_run: Run,
    rows: Sequence[SignedRow],
    before: dict[str, OrderState],
    now: datetime,
) -> dict[str, AuditRow]:
    """Announce the writes; returns the audit row of each key, an earlier one where there is one."""
    writes = [
        WriteRow(
            erp_key=row.erp_key,
            account=row.account,
            platform_order_id=row.platform_order_id,
            waybill_no=row.waybill_no or "",
            source_event=row.sign_event,
            signed_at=row.signed_at,
            sign_kind=row.sign_kind,
            before=_as_read(before.get(row.erp_key)),
        )
        for row in rows
    ]
    with warehouse.begin() as connection:
        return writebacks.begin(connection, this_run, writes, now)


def _as_read(state: OrderState | None) -> dict[str, str | None]:
    if state is None:
        return {}
    return {
        "status": state.status,
        "signed_at": state.signed_at,
        "erp_stamp": state.erp_stamp,
    }


def _write(
    erp: Erp, rows: Sequence[SignedRow], begun: Mapping[str, AuditRow], now: datetime
) -> _Settled:
    if not rows:
        return {}
    written = erp.mark_signed([_sign(row) for row in rows], now=now)
    # Read in a new transaction: in the one that wrote, MySQL would still show what it saw first.
    states, settled = _states(erp, [row for row in rows if written[row.erp_key].outcome in UNSURE])
    for row in rows:
        result = written[row.erp_key]
        if row.erp_key in settled:
            continue
        if result.outcome is Outcome.WRITTEN:
            settled[row.erp_key] = "signed", None
        elif result.outcome in UNSURE:
            audit, state = begun[row.erp_key], states.get(row.erp_key)
            settled[row.erp_key] = _why_not(row, audit.before, state)
        else:
            settled[row.erp_key] = "failed", result.reason
    return settled


def _why_not(
    row: SignedRow, before: Mapping[str, str | None], state: OrderState | None
) -> tuple[str, str | None]:
    """What the ERP's row is like that was not written."""
    if state is None:
        return "gone", "the ERP has no such row any more"
    if state.signed_at:
        return _whose_sign(before, state)
    if state.erp_stamp != row.erp_stamp:
        return "changed", f"edited since it was read; its status is {state.status}"
    return "changed", f"its status is {state.status}"


def _whose_sign(before: Mapping[str, str | None], state: OrderState) -> tuple[str, str | None]:
    """A sign at our time on a row that had none when we announced ours arrived before a crash."""
    ours = not before.get("signed_at") and state.is_expected
    return ("signed", None) if ours else ("already", f"signed at {state.signed_at}")


def _keep(
    warehouse: Engine, this_run: Run, rows: Sequence[SignedRow], settled: _Settled, now: datetime
) -> None:
    outcomes = [
        OutcomeRow(
            row.erp_key,
            row.waybill_no or "",
            row.sign_event,
            *settled[row.erp_key],
        )
        for row in rows
    ]
    with warehouse.begin() as connection:
        writebacks.keep(connection, this_run, outcomes, now)
