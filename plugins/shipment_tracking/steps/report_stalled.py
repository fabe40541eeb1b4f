"""Raises one alarm for each stalled parcel, and says when it moves again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection, Engine, Row

from shipment_tracking.channels.port import CUSTOMERS, Channels, Destination
from shipment_tracking.domain import calendars
from shipment_tracking.domain.calendars import Clock
from shipment_tracking.domain.evidence import CONTRADICTS_SIGN
from shipment_tracking.domain.models import Run
from shipment_tracking.domain.stalls import ANY_CARRIER, Gap, Threshold, thresholds
from shipment_tracking.domain.statuses import Status
from shipment_tracking.notices.messages import ALARMS, CLEARED, Messages
from shipment_tracking.statements import query
from shipment_tracking.warehouse import eta
from shipment_tracking.warehouse.delivery import BUDGET, deliver
from shipment_tracking.warehouse.outbox import (
    LEASE,
    Claim,
    Message,
    Outbox,
    counts,
    listing,
    shanghai,
)
from shipment_tracking.warehouse.rows import JsonRows, fetch

EVENT_IDS = UUID("c1f1b1c4-3d0a-5f0e-8f44-5b6d3a9f2e70")
MOST_ITEMS = 1000
"""Alarms in one message; further ones go into the next."""

SILENT_SHARE = 0.5
"""A carrier is silent while this share of its parcels in transit is quiet."""
TIMES_USUAL = 3.0
"""And so many times the usual share."""
FEWEST_MOVING = 20
"""Fewer parcels in transit say nothing of a carrier."""


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
class ClearedRow:
    """A stall that is over, with the ids of its alarm and of the notice that it is over."""

    stall_id: int
    event_id: UUID
    cleared_event_id: UUID


THRESHOLDS = JsonRows(Threshold, "thresholds", "report_stalled.standing")
STALLS = JsonRows(StallRow, "stalls", "report_stalled.open")
CLEARED_ROWS = JsonRows(ClearedRow, "cleared", "report_stalled.tell_cleared")


def run(
    warehouse: Engine,
    this_run: Run,
    *,
    channels: Callable[[Sequence[str]], Channels],
    owner: str,
    now: datetime,
    budget: timedelta = BUDGET,
    lease: timedelta = LEASE,
) -> dict[str, int]:
    """
    Open a stall for each stalled parcel, clear those that moved, and tell
    ops and accounts of both, in one message a channel; what waited since another run is in its own.

    A dry run, and shadow mode, open, clear and send nothing; they log what would be sent. What is
    still stalled when sending is allowed gives its alarm then. While a carrier is silent, its
    parcels in transit give none: ``report_health`` tells of the carrier.

    :param channels: by accounts, every destination that their alarms may have.
    :param owner: who holds the leases; the same for every try of the task.
    :param budget: wall-clock time after which nothing new is claimed.
    :returns: stalls ``opened`` and ``cleared``, and how many alarms were ``sent``, ``failed``, are
        ``dead`` or ``suppressed``.
    :raises ParamError: ``stalled_after_hours`` makes no sense.
    :raises CalendarTableError: the calendar is wrong; nothing was opened, cleared or sent.
    :raises ChannelDownError: a channel failed in this run; everything else was sent.
    :raises PersonNeededError: a connection or a text cannot be used; everything else was sent.
    """
    clock = calendars.load()
    outbox = Outbox(warehouse, this_run, owner, now, digest=True, lease=lease)
    with warehouse.connect() as connection:
        stalls = _keep_stalls(connection, this_run, clock, now)
        accounts = outbox.accounts(connection)
        if this_run.rehearsal:
            outbox.address(connection, _for_staff(channels(accounts)), accounts)
            would_send = outbox.preview(connection, accounts)
            connection.rollback()
            return stalls | counts({}) | {"would_send": would_send}
        connection.commit()
    if not accounts:
        return stalls | counts({})
    found = _for_staff(channels(accounts))
    with warehouse.begin() as connection:
        addressed = outbox.address(connection, found, accounts)
    compose = partial(_write, outbox)
    sent = deliver(
        outbox,
        found,
        accounts,
        compose,
        mistakes=lambda destination: Messages.to(destination).mistakes_in(ALARMS),
        batch=MOST_ITEMS,
        budget=budget,
    )
    return stalls | counts(addressed + sent)


def _keep_stalls(
    connection: Connection, this_run: Run, clock: Clock, now: datetime
) -> dict[str, int]:
    """Clear and open stalls with their notices, within the caller's transaction."""

    def execute(name: str, **binds: Any) -> Any:
        return connection.execute(query(name), binds)

    gaps = fetch(connection, "report_stalled.gaps", Gap)
    limits = thresholds(this_run.stalled_after_hours, gaps)
    usual = {limit.stage: limit.hours for limit in limits if limit.carrier_code == ANY_CARRIER}
    execute("outbox.lock")
    execute("report_stalled.stage")
    execute(
        "report_stalled.standing",
        only_account=this_run.only_account,
        withdrawing=[str(status) for status in CONTRADICTS_SIGN],
        unknown_hours=usual[Status.UNKNOWN],
        now=now,
        now_hours=clock.hours(now),
        **THRESHOLDS(limits),
        **eta.SPANS(clock.spans),
    )
    if this_run.only_account is None:
        execute("report_stalled.stage_carriers")
        execute("report_stalled.carriers", now=now)
        execute("report_stalled.moving_again")
        execute(
            "report_stalled.silent",
            now=now,
            silent_share=SILENT_SHARE,
            times_usual=TIMES_USUAL,
            fewest_moving=FEWEST_MOVING,
        )
    cleared = [
        ClearedRow(
            row.stall_id,
            row.event_id,
            uuid5(EVENT_IDS, f"{row.event_id}/{CLEARED}/{now.isoformat()}"),
        )
        for row in execute("report_stalled.clear", now=now, only_account=this_run.only_account)
    ]
    if cleared:
        execute("report_stalled.tell_cleared", now=now, **CLEARED_ROWS(cleared))
    found = [_stall(row) for row in execute("report_stalled.new", now=now)]
    if found:
        execute("report_stalled.open", now=now, **STALLS(found))
    return {"opened": len(found), "cleared": len(cleared)}


def _stall(row: Row[Any]) -> StallRow:
    return StallRow(
        shipment_id=row.shipment_id,
        stage=row.stage,
        since=row.since,
        threshold_hours=row.threshold_hours,
        event_id=_alarm_id(row),
        holds=row.holds,
    )


def _alarm_id(row: Row[Any]) -> UUID:
    """The alarm that holds, else a new one: the first of this standstill, or the next."""
    if row.event_id is None:
        since = row.since.astimezone(UTC).isoformat()
        return uuid5(EVENT_IDS, f"{row.account}/{row.consignment_id}/{row.stage}/{since}")
    return row.event_id if row.holds else uuid5(EVENT_IDS, f"{row.event_id}/again")


def _for_staff(found: Channels) -> Channels:
    """The same without customers: an alarm is nothing for them."""
    return Channels(
        [each for each in found.destinations if each.audience != CUSTOMERS],
        {audience: error for audience, error in found.broken.items() if audience != CUSTOMERS},
    )


def _write(outbox: Outbox, destination: Destination, claims: Sequence[Claim]) -> list[Message]:
    """
    One message for all alarms of a run, so that a repeated one is the same; more where it is long.

    What no longer belongs to its stall is not sent.
    """
    messages = Messages.to(destination)
    rows = outbox.contents(claims)
    runs: dict[datetime, list[Claim]] = {}
    composed = []
    for claim in claims:
        row = rows[claim.notification_id]
        if row.stage:
            runs.setdefault(row.created_at, []).append(claim)
        else:
            composed.append(Message([claim], claim.event_id, None, "superseded"))
    for _, told in sorted(runs.items()):
        items = [(claim, _item(claim, rows[claim.notification_id])) for claim in told]
        holds = destination.channel.limits.hold
        composed += listing(EVENT_IDS, ALARMS, items, messages.text, holds)
    return composed


def _item(claim: Claim, row: Row[Any]) -> dict[str, Any]:
    stood = row.stalled_until - row.since
    return {
        "event_id": str(claim.event_id),
        "reason": claim.reason.partition(":")[0],
        "stage": row.stage,
        "status": row.status,
        "since": shanghai(row.since),
        "hours": round(stood / timedelta(hours=1), 1),
        "threshold_hours": float(row.threshold_hours),
        "platform": row.platform,
        "account": row.account,
        "orders": row.orders,
        "consignment_id": row.consignment_id,
        "waybill_no": row.waybill_no,
        "carrier_name": row.carrier_name,
        "latest_trace": row.latest_trace,
    }
