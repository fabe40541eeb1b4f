"""
Learns how long parcels take, estimates when those on their way arrive, and says who is late.

It is learnt once a day, by ``domain.eta``. A parcel is estimated when its status changes, then
every few hours, and when the estimate's middle has passed; so no estimate lies in the past.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from sqlalchemy import Connection, Engine

from shipment_tracking.domain.calendars import Clock, Span
from shipment_tracking.domain.eta import (
    AGES,
    COLLECTED_BY_BUYER,
    FEWEST,
    MOST_PARCELS,
    PERIOD,
    STAGES,
    History,
    Learnt,
)
from shipment_tracking.domain.models import Run
from shipment_tracking.domain.stalls import HOURS, LEARNT, LEAST, MARGIN_HOURS, MOST
from shipment_tracking.statements import query
from shipment_tracking.warehouse.rows import JsonRows, fetch

EVENT_IDS = UUID("5d6c1d0e-6c0b-5a35-9f0e-2b6f1f7a9c44")
CHUNK = 5000
FRESH_FOR = timedelta(hours=3)
"""After this time a parcel that did not move is estimated anew: it has grown older."""


@dataclass(frozen=True, slots=True)
class StageRow:
    """The stage of a status."""

    status: str
    stage: str


@dataclass(frozen=True, slots=True)
class AwaitedParcel:
    """
    A parcel whose estimate is due.

    :param since: when its stage began.
    :param expected_by: its first estimate; ``None`` before it has one.
    :param delayed_at: since when it is known to be later than expected.
    """

    shipment_id: int
    account: str
    consignment_id: str
    carrier_code: str | None
    status: str
    stage: str
    since: datetime
    expected_by: datetime | None
    delayed_at: datetime | None


@dataclass(frozen=True, slots=True)
class EstimateRow:
    """When half of the parcels like this one, and nine tenths, are signed; ``None``: not known."""

    shipment_id: int
    status: str
    eta_p50: datetime | None
    eta_p90: datetime | None
    eta_basis: str | None


@dataclass(frozen=True, slots=True)
class BoundRow:
    """Between which hours the learnt threshold of a stage lies."""

    stage: str
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class DelayRow:
    """A parcel that is later than expected, with the id of its notice."""

    shipment_id: int
    event_id: UUID


SPANS = JsonRows(Span, "spans", "eta.visits", "eta.learn_gaps", "stalls.standing")
STAGE_ROWS = JsonRows(
    StageRow, "stages", "eta.visits", "eta.learn_gaps", "eta.parcels", "eta.close"
)
BOUNDS = JsonRows(BoundRow, "bounds", "eta.learn_gaps")
ESTIMATES = JsonRows(EstimateRow, "estimates", "eta.keep")
DELAYS = JsonRows(DelayRow, "delays", "eta.delay")


def refresh(
    warehouse: Engine, this_run: Run, clock: Clock, *, now: datetime, chunk: int = CHUNK
) -> int:
    """
    Learn once a day, and estimate what is due, a chunk a transaction.

    Another run that does the same at this moment is left to it. A backfill announces nothing.

    :param now: aware.
    :returns: how many parcels are newly known to be later than expected.
    """
    delayed = after = 0
    with warehouse.begin() as connection:
        if not _lock(connection):
            return 0
        if connection.execute(query("eta.is_due"), {"now": now}).scalar_one():
            learn(connection, clock, now=now)
        connection.execute(query("eta.close"), stage_binds())
        history = History(fetch(connection, "eta.learnt", Learnt))
    while True:
        with warehouse.begin() as connection:
            if not _lock(connection):
                return delayed
            parcels = fetch(
                connection,
                "eta.parcels",
                AwaitedParcel,
                now=now,
                after=after,
                most=chunk,
                fresh_for=FRESH_FOR,
                **stage_binds(),
            )
            _keep(connection, [_estimate(each, history, clock, now) for each in parcels], now)
            if not this_run.is_backfill:
                delayed += _delay(connection, parcels, now)
        if len(parcels) < chunk:
            return delayed
        after = parcels[-1].shipment_id


def learn(connection: Connection, clock: Clock, *, now: datetime) -> None:
    """Replace what is known by what the parcels signed in the period until ``now`` took."""
    period = {"learnt_from": now - PERIOD, "now": now, "fewest": FEWEST}

    def execute(name: str, **binds: object) -> None:
        connection.execute(query(f"eta.{name}"), binds)

    execute("stage_sample")
    execute("sample", most_parcels=MOST_PARCELS, **period)
    execute("stage_visits")
    execute("visits", **stage_binds(), **SPANS(clock.spans))
    execute("forget")
    execute("learn", ages=list(map(float, AGES)), **period)
    bounds = [BoundRow(stage, LEAST * HOURS[stage], MOST * HOURS[stage]) for stage in LEARNT]
    execute("forget_gaps")
    execute(
        "learn_gaps",
        margin_hours=MARGIN_HOURS,
        **period,
        **stage_binds(),
        **SPANS(clock.spans),
        **BOUNDS(bounds),
    )


def _lock(connection: Connection) -> bool:
    return bool(connection.execute(query("eta.try_lock")).scalar_one())


def stage_binds() -> dict[str, str]:
    """The stage of each status, as the statements take it."""
    return STAGE_ROWS(StageRow(str(status), stage) for status, stage in STAGES.items())


def _estimate(parcel: AwaitedParcel, history: History, clock: Clock, now: datetime) -> EstimateRow:
    begun = clock.hours(parcel.since)
    age = max(0.0, clock.hours(now) - begun)
    found = history.estimate(parcel.carrier_code, parcel.stage, age)
    if found is None:
        return EstimateRow(parcel.shipment_id, parcel.status, None, None, None)
    return EstimateRow(
        parcel.shipment_id,
        parcel.status,
        clock.at(begun + found.p50_hours),
        clock.at(begun + found.p90_hours),
        found.basis,
    )


def _keep(connection: Connection, estimates: Sequence[EstimateRow], now: datetime) -> None:
    if estimates:
        connection.execute(query("eta.keep"), ESTIMATES(estimates) | {"now": now})


def _delay(connection: Connection, parcels: Sequence[AwaitedParcel], now: datetime) -> int:
    late = [
        DelayRow(
            parcel.shipment_id,
            uuid5(EVENT_IDS, f"{parcel.account}/{parcel.consignment_id}/{parcel.expected_by}"),
        )
        for parcel in parcels
        if parcel.expected_by is not None
        and parcel.expected_by <= now
        and parcel.delayed_at is None
        and parcel.stage != COLLECTED_BY_BUYER
    ]
    if late:
        connection.execute(query("eta.delay"), DELAYS(late) | {"now": now})
    return len(late)
