"""Sends the report of a day to each channel that wants it, once."""

import logging
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from shipment_tracking.channels.port import OPS, Channels, Destination
from shipment_tracking.domain.models import Run
from shipment_tracking.notices.messages import REPORT, Messages
from shipment_tracking.reports import digest, frames, page
from shipment_tracking.reports.frames import Report
from shipment_tracking.warehouse import report
from shipment_tracking.warehouse.delivery import BUDGET, deliver
from shipment_tracking.warehouse.outbox import LEASE, Claim, Message, counts
from shipment_tracking.warehouse.report import ReportOutbox

log = logging.getLogger(__name__)

LENGTHS = (10, 5, 2, 0)
"""Entries of each list of the text: as many as the receiver takes, tried in this order."""


def run(
    warehouse: Engine,
    this_run: Run,
    *,
    day: date,
    place: Callable[[date], str],
    channels: Callable[[Sequence[str]], Channels],
    owner: str,
    now: datetime,
    budget: timedelta = BUDGET,
    lease: timedelta = LEASE,
) -> dict[str, int]:
    """
    Send the report to the channels of ops that want it and have not had it.

    What an earlier run could not send is sent too, unless its day is too long ago. A dry run, and
    shadow mode, send nothing and log who would get it.

    :param place: where the files of a day are, as people read it.
    :param channels: by accounts, every destination; only those of ops are used.
    :param owner: who holds the leases; the same for every try of the task.
    :returns: how many reports were ``sent``, ``failed``, are ``dead`` or ``suppressed``.
    :raises ChannelDownError: a channel failed in this run; everything else was sent.
    :raises PersonNeededError: a connection or a text cannot be used; everything else was sent.
    """
    outbox = ReportOutbox(warehouse, this_run, owner, now, lease=lease)
    found = _wanting(channels([]))
    sendable = report.days_sent(now)
    if day not in sendable.values():
        log.warning("the report of %s is too old to be sent", day)
    if this_run.rehearsal:
        return counts({}) | {"would_send": _preview(outbox, found, day)}
    with warehouse.begin() as connection:
        outbox.address_to(connection, found, day)

    @cache
    def built(day: date) -> Report:
        return frames.build(report.read(warehouse, day))

    def write(destination: Destination, claims: Sequence[Claim]) -> list[Message]:
        return [
            _message(claim, destination, built(sendable[claim.event_id]), place)
            if claim.event_id in sendable
            else Message([claim], claim.event_id, None, "superseded")
            for claim in claims
        ]

    sent = deliver(
        outbox,
        found,
        [],
        write,
        mistakes=lambda destination: Messages.to(destination).mistakes_in([REPORT]),
        budget=budget,
    )
    return counts(sent)


def _wanting(found: Channels) -> Channels:
    """The channels that want the report, which are of ops alone."""
    return Channels(
        [each for each in found.destinations if each.report],
        {audience: error for audience, error in found.broken.items() if audience == OPS},
    )


def _preview(outbox: ReportOutbox, found: Channels, day: date) -> int:
    """Log who would get the report."""
    names = [each.channel_name for each in found.destinations]
    with outbox.engine.connect() as connection:
        wanting = outbox.wanting(connection, names, day)
    rehearsal = outbox.this_run.rehearsal
    for name in wanting:
        log.info("%s: report of %s to %s/%s", rehearsal, day, OPS, name)
    log.info("%s: %d reports would be sent; nothing was sent", rehearsal, len(wanting))
    return len(wanting)


def _message(
    claim: Claim, destination: Destination, built: Report, place: Callable[[date], str]
) -> Message:
    """The report as the destination takes it: as long a text as fits, and HTML for a mail."""
    limits = destination.channel.limits
    messages = Messages.to(destination)
    where = place(built.day)
    body: dict[str, Any] = {}
    for most in LENGTHS:
        facts = digest.facts(built, most=most, place=where)
        body = _body(claim.event_id, facts, messages.text(REPORT, facts))
        if limits.hold(body["text"]):
            break
    if limits.takes_html:
        body["html"] = page.html(built, destination.language, place=where)
    return Message([claim], claim.event_id, body)


def _body(event_id: UUID, facts: dict[str, Any], text: str) -> dict[str, Any]:
    return {"event_id": str(event_id), "reason": REPORT, **facts, "text": text}
