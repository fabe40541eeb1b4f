"""Stalls of parcels: opened with their alarm, cleared with the notice that it is over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection

from shipment_tracking.domain.calendars import Clock
from shipment_tracking.domain.evidence import CONTRADICTS_SIGN
from shipment_tracking.domain.models import Run
from shipment_tracking.domain.stalls import ANY_CARRIER, Gap, Threshold, thresholds
from shipment_tracking.domain.statuses import Status
from shipment_tracking.statements import query
from shipment_tracking.warehouse import eta
from shipment_tracking.warehouse.rows import JsonRows, fetch

EVENT_IDS = UUID("c1f1b1c4-3d0a-5f0e-8f44-5b6d3a9f2e70")

SILENT_SHARE = 0.5
"""A carrier is silent while this share of its parcels in transit is quiet."""
TIMES_USUAL = 3.0
"""And so many times the usual share."""
FEWEST_MOVING = 20
"""Fewer parcels in transit say nothing of a carrier."""


@dataclass(frozen=True, slots=True)
class Stalled:
    """
    A stalled parcel without an open stall.

    :param since: aware.
    :param event_id: of the alarm of its last stall at this place, if there was one.
    :param holds: that alarm still holds.
    """

    shipment_id: int
    stage: str
    since: datetime
    threshold_hours: float
    account: str
    consignment_id: str
    event_id: UUID | None
    holds: bool

    @property
    def alarm_id(self) -> UUID:
        """The alarm that holds, else a new one: the first of this standstill, or the next."""
        if self.event_id is None:
            since = self.since.astimezone(UTC).isoformat()
            return uuid5(EVENT_IDS, f"{self.account}/{self.consignment_id}/{self.stage}/{since}")
        return self.event_id if self.holds else uuid5(EVENT_IDS, f"{self.event_id}/again")


@dataclass(frozen=True, slots=True)
class StallRow:
    """
    A stall to open.

    :param event_id: of its alarm.
    :param holds: that alarm was raised before, and still holds.
    """

    shipment_id: int
    stage: str
    since: datetime
    threshold_hours: Decimal
    event_id: UUID
    holds: bool


@dataclass(frozen=True, slots=True)
class Moved:
    """A stall that is over, with the id of its alarm."""

    stall_id: int
    event_id: UUID


@dataclass(frozen=True, slots=True)
class ClearedRow:
    """A stall that is over, with the ids of its alarm and of the notice that it is over."""

    stall_id: int
    event_id: UUID
    cleared_event_id: UUID


THRESHOLDS = JsonRows(Threshold, "thresholds", "stalls.standing")
STALLS = JsonRows(StallRow, "stalls", "stalls.open")
CLEARED_ROWS = JsonRows(ClearedRow, "cleared", "stalls.tell_cleared")


def keep(connection: Connection, this_run: Run, clock: Clock, now: datetime) -> dict[str, int]:
    """
    Clear and open stalls with their notices, within the caller's transaction.

    While a carrier is silent, its parcels in transit give no alarm of their own.

    :param clock: counts the hours that a parcel stands.
    :returns: how many were ``opened`` and ``cleared``.
    :raises ParamError: the run's ``stalled_after_hours`` makes no sense.
    """
    gaps = fetch(connection, "stalls.gaps", Gap)
    limits = thresholds(this_run.stalled_after_hours, gaps)
    connection.execute(query("outbox.lock"))
    _stage(connection, this_run, clock, limits, now)
    if this_run.only_account is None:
        _note_carriers(connection, now)
    cleared = [
        ClearedRow(
            moved.stall_id,
            moved.event_id,
            uuid5(EVENT_IDS, f"{moved.event_id}/cleared/{now.isoformat()}"),
        )
        for moved in fetch(
            connection, "stalls.clear", Moved, now=now, only_account=this_run.only_account
        )
    ]
    if cleared:
        _execute(connection, "tell_cleared", now=now, **CLEARED_ROWS(cleared))
    found = [
        StallRow(
            each.shipment_id,
            each.stage,
            each.since,
            Decimal(str(each.threshold_hours)),
            each.alarm_id,
            each.holds,
        )
        for each in fetch(connection, "stalls.new", Stalled, now=now)
    ]
    if found:
        _execute(connection, "open", now=now, **STALLS(found))
    return {"opened": len(found), "cleared": len(cleared)}


def _stage(
    connection: Connection, this_run: Run, clock: Clock, limits: Sequence[Threshold], now: datetime
) -> None:
    """Fill the stage of what is stalled."""
    usual = {limit.stage: limit.hours for limit in limits if limit.carrier_code == ANY_CARRIER}
    _execute(connection, "stage")
    _execute(
        connection,
        "standing",
        only_account=this_run.only_account,
        withdrawing=[str(status) for status in CONTRADICTS_SIGN],
        unknown_hours=usual[Status.UNKNOWN],
        now=now,
        now_hours=clock.hours(now),
        **THRESHOLDS(limits),
        **eta.SPANS(clock.spans),
    )


def _note_carriers(connection: Connection, now: datetime) -> None:
    """Note which carriers are silent, and which speak again."""
    _execute(connection, "stage_carriers")
    _execute(connection, "carriers", now=now)
    _execute(connection, "moving_again")
    _execute(
        connection,
        "silent",
        now=now,
        silent_share=SILENT_SHARE,
        times_usual=TIMES_USUAL,
        fewest_moving=FEWEST_MOVING,
    )


def _execute(connection: Connection, name: str, **binds: Any) -> None:
    connection.execute(query(f"stalls.{name}"), binds)
