"""What holds for the ERP, whatever happens; see `invariants`."""

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, select

from sandbox import witness
from sandbox.erp import erp_order, rows as erp_rows

from .invariants import Invariant, excused, rows

if TYPE_CHECKING:
    from .driver import Simulation


def the_erp_equals_the_truth(life: "Simulation") -> Iterator[str]:
    left_out = _excused_rows(life)
    for difference in witness.erp_differences(life.erp.engine, life.world, life.at, life.erp.zone):
        if difference.where not in left_out:
            yield str(difference)


def no_order_is_wrongly_signed_at_the_erp(life: "Simulation") -> Iterator[str]:
    left_out = _excused_rows(life)
    for difference in witness.erp_differences(life.erp.engine, life.world, life.at, life.erp.zone):
        signed = (difference.what, difference.found) == ("ERP status", "SIGNED")
        if signed and difference.where not in left_out:
            yield str(difference)


def what_people_decided_stands(life: "Simulation") -> Iterator[str]:
    for row in _erp_rows(life):
        repeated = row.order_no in life.people.took_back - life.people.unrecorded
        if repeated and row.status == "SIGNED":
            wrote = rows(
                life,
                "select outcome, detail, source_event, before, signed_at, run_id, created_at"
                " from tracking.erp_writeback where erp_key = :key order by writeback_id",
                key=row.order_no,
            )
            yield f"{row.order_no} is signed again: {[tuple(each) for each in wrote]}"
        if row.signed_at != life.people.signed.get(row.order_no, row.signed_at):
            yield f"{row.order_no} was signed at {row.signed_at}"


def a_sign_at_the_erp_never_moves(life: "Simulation") -> Iterator[str]:
    for row in _erp_rows(life):
        before = life.signs.setdefault(row.order_no, row.signed_at)
        if row.order_no in life.people.took_back or before is None:
            life.signs[row.order_no] = row.signed_at
        elif row.signed_at != before:
            yield f"{row.order_no} was signed at {before}, now at {row.signed_at}"


def every_write_to_the_erp_is_accounted_for(life: "Simulation") -> Iterator[str]:
    """Each row that we signed says so once, and nothing stays begun."""
    outcomes = defaultdict(list)
    for row in rows(life, "select erp_key, outcome from tracking.erp_writeback"):
        outcomes[row.erp_key].append(row.outcome)
    for erp_key, found in outcomes.items():
        if None in found:
            yield f"what was begun for {erp_key} is not settled"
    for row in _erp_rows(life):
        ours = row.status == "SIGNED" and row.sign_kind and row.order_no not in life.people.signed
        if (ours or row.order_no in life.people.took_back) != (
            outcomes[row.order_no].count("signed") == 1
        ):
            yield f"{row.order_no} is {row.status}; outcomes: {outcomes[row.order_no]}"


def _erp_rows(life: "Simulation") -> list[Row[Any]]:
    """The ERP's rows that the world knows, without those that ended before it."""
    decoys = {row.order_no for row in erp_rows(life.world) if row.signed_at}
    with life.erp.engine.connect() as connection:
        found = connection.execute(select(erp_order)).all()
    return [row for row in found if row.order_no not in decoys]


def _excused_rows(life: "Simulation") -> set[str]:
    orders = excused(life)
    return {
        row.order_no for row in erp_rows(life.world) if f"{row.account}/{row.order_id}" in orders
    }


AT_ROUND_END: tuple[Invariant, ...] = (
    no_order_is_wrongly_signed_at_the_erp,
    what_people_decided_stands,
    a_sign_at_the_erp_never_moves,
)


AT_THE_END: tuple[Invariant, ...] = (
    the_erp_equals_the_truth,
    every_write_to_the_erp_is_accounted_for,
)
