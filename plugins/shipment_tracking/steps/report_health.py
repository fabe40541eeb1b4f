"""Tells ops of the pipeline's own troubles: once when one begins, and once when it is over."""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from shipment_tracking.channels.port import OPS, Channels, Destination, account_of, connection_id
from shipment_tracking.domain.health import Thresholds
from shipment_tracking.domain.models import Run
from shipment_tracking.notices.messages import ALERT, ALERTS, Messages
from shipment_tracking.warehouse import runs, troubles
from shipment_tracking.warehouse.alerts import AlertContent, AlertOutbox, Trouble
from shipment_tracking.warehouse.delivery import BUDGET, deliver
from shipment_tracking.warehouse.outbox import (
    LEASE,
    MOST_SHOWN,
    Claim,
    Message,
    counts,
    listing,
    shanghai,
)

log = logging.getLogger(__name__)

EVENT_IDS = UUID("0a5c7f8e-3a4b-5d0e-9c57-2f1d6b8e4a31")
MOST_ITEMS = 1000
"""Alerts in one message; further ones go into the next."""


def run(
    warehouse: Engine,
    this_run: Run,
    *,
    channels: Callable[[Sequence[str]], Channels],
    owner: str,
    now: datetime,
    most_failed_calls: float,
    fewest_calls: int,
    budget: timedelta = BUDGET,
    lease: timedelta = LEASE,
) -> dict[str, int]:
    """
    Open an alert for each trouble, clear those that are over, and tell ops of both in one message.

    A dry run, and shadow mode, open and clear alerts and log what would be sent. What still lasts
    when sending is allowed is told then.

    :param channels: by accounts, every destination that their notices may have.
    :param owner: who holds the leases; the same for every try of the task.
    :param most_failed_calls: the share of an account's last calls, from 0 to 1, that may fail.
    :param fewest_calls: fewer calls say nothing.
    :returns: alerts ``opened`` and ``cleared``, and how many notices were ``sent``, ``failed``, are
        ``dead`` or ``suppressed``.
    :raises ChannelDownError: a channel failed in this run; everything else was sent.
    :raises PersonNeededError: a connection or a text cannot be used; everything else was sent.
    """
    limits = Thresholds(most_failed_calls, fewest_calls)
    outbox = AlertOutbox(warehouse, this_run, owner, now, lease=lease)
    with warehouse.begin() as connection:
        # It may have none: whatever failed before, the next run counts it as one that did not poll.
        runs.begin(connection, this_run)
        accounts = troubles.accounts(connection)
    known = channels(accounts)
    with warehouse.begin() as connection:
        every = outbox.with_lost(connection, known)
        found = _for_ops(every)
        wrong = [*troubles.find(connection, this_run, limits, now), *_broken(every, this_run)]
        kept = outbox.keep(connection, wrong)
        if this_run.rehearsal:
            return kept | counts({}) | {"would_send": _preview(outbox, connection)}
        outbox.address_to(connection, found)
    sent = deliver(
        outbox,
        found,
        accounts,
        partial(_write, outbox),
        mistakes=lambda destination: Messages.to(destination).mistakes_in(ALERTS),
        batch=MOST_ITEMS,
        budget=budget,
    )
    return kept | counts(sent)


def _broken(found: Channels, this_run: Run) -> Iterator[Trouble]:
    """The connections of channels that cannot be used."""
    for audience, error in found.broken.items():
        account = account_of(audience)
        if this_run.only_account in (None, account):
            yield Trouble("channel_down", account, connection_id(audience), "critical", str(error))


def _for_ops(found: Channels) -> Channels:
    """The channels of ops that want alerts."""
    return Channels(
        [
            each
            for each in found.destinations
            if each.audience == OPS and (each.statuses is None or ALERT in each.statuses)
        ],
        {audience: error for audience, error in found.broken.items() if audience == OPS},
    )


def _preview(outbox: AlertOutbox, connection: Connection) -> int:
    """Log what a run that sends would tell of, not more than a screen of it."""
    rehearsal = outbox.this_run.rehearsal
    untold = outbox.untold(connection)
    for row in untold[:MOST_SHOWN]:
        log.info("%s: alert %s, %s: %s", rehearsal, row.kind, row.subject, row.detail)
    log.info("%s: %d alerts would be sent; nothing was sent", rehearsal, len(untold))
    return len(untold)


def _write(outbox: AlertOutbox, destination: Destination, claims: Sequence[Claim]) -> list[Message]:
    """One message for all notices of a run, so that a repeated one is the same; more if long."""
    messages = Messages.to(destination)
    composed: list[Message] = []
    for _, told in outbox.runs_told(claims):
        items = [(claim, _item(claim, row)) for claim, row in told]
        holds = destination.channel.limits.hold
        composed += listing(EVENT_IDS, ALERTS, items, messages.text, holds)
    return composed


def _item(claim: Claim, row: AlertContent) -> dict[str, Any]:
    lasted = row.lasted_until - row.opened_at
    return {
        "event_id": str(claim.event_id),
        "reason": claim.reason,
        "kind": row.kind,
        "account": row.account,
        "subject": row.subject,
        "severity": row.severity,
        "opened_at": shanghai(row.opened_at),
        "hours": round(lasted / timedelta(hours=1), 1),
        "detail": row.detail,
    }
