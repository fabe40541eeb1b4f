"""Raises one alarm for each stalled parcel, and says when it moves again."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Engine

from shipment_tracking.channels.port import CUSTOMERS, Channels, Destination
from shipment_tracking.domain import calendars
from shipment_tracking.domain.models import Run
from shipment_tracking.notices.messages import ALARMS, Messages
from shipment_tracking.warehouse import stalls
from shipment_tracking.warehouse.delivery import BUDGET, deliver
from shipment_tracking.warehouse.outbox import (
    LEASE,
    Claim,
    Message,
    NoticeContent,
    Outbox,
    counts,
    listing,
    shanghai,
)
from shipment_tracking.warehouse.stalls import EVENT_IDS

MOST_ITEMS = 1000
"""Alarms in one message; further ones go into the next."""


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
        kept = stalls.keep(connection, this_run, clock, now)
        accounts = outbox.accounts(connection)
        if this_run.rehearsal:
            outbox.address(connection, _for_staff(channels(accounts)), accounts)
            would_send = outbox.preview(connection, accounts)
            connection.rollback()
            return kept | counts({}) | {"would_send": would_send}
        connection.commit()
    if not accounts:
        return kept | counts({})
    known = _for_staff(channels(accounts))
    with warehouse.begin() as connection:
        found = outbox.with_lost(connection, known)
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
    return kept | counts(addressed + sent)


def _for_staff(found: Channels) -> Channels:
    """The same without customers: an alarm is nothing for them."""
    return Channels(
        [each for each in found.destinations if each.audience != CUSTOMERS],
        {audience: error for audience, error in found.broken.items() if audience != CUSTOMERS},
        [audience for audience in found.missing if audience != CUSTOMERS],
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


def _item(claim: Claim, row: NoticeContent) -> dict[str, Any]:
    assert row.since is not None
    assert row.threshold_hours is not None
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
