"""Tells people what changed: each notice once per channel, a newer one wins, none is lost."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from shipment_tracking.channels.port import CUSTOMERS, Channels, Destination
from shipment_tracking.domain.models import Run
from shipment_tracking.erp.port import Contact, Erp, Unreadable
from shipment_tracking.errors import MessageError, StatementError
from shipment_tracking.notices import digests
from shipment_tracking.notices.messages import DIGEST, OF_PARCELS, Messages
from shipment_tracking.warehouse.delivery import BUDGET, deliver
from shipment_tracking.warehouse.outbox import (
    LEASE,
    Claim,
    Message,
    NoticeContent,
    Outbox,
    counts,
    shanghai,
    shared_id,
)

log = logging.getLogger(__name__)

EVENT_IDS = UUID("5d7be0c2-6f0e-5b1c-8f3a-1c9d2a7e4b60")
ENOUGH = 5
"""If none of so many contacts can be used, it is the statement that is wrong."""


def run(
    warehouse: Engine,
    this_run: Run,
    *,
    open_erp: Callable[[], Erp],
    channels: Callable[[Sequence[str]], Channels],
    owner: str,
    now: datetime,
    budget: timedelta = BUDGET,
    lease: timedelta = LEASE,
) -> dict[str, int]:
    """
    Address and send every due notice of a change of status, or of a delay.

    A dry run addresses and sends nothing; it logs what would be sent. Shadow mode does the same and
    suppresses what is due, so that people are not flooded once sending is allowed.

    :param open_erp: where contacts are looked up; called only when customers are notified.
    :param channels: by accounts, every destination that their notices may have.
    :param owner: who holds the leases; the same for every try of the task.
    :param budget: wall-clock time after which nothing new is claimed.
    :returns: how many notices were ``sent``, ``failed``, are ``dead`` or ``suppressed``;
        ``would_send`` too in a dry run and in shadow mode.
    :raises ChannelDownError: a channel failed in this run; everything else was sent.
    :raises PersonNeededError: a connection, a text or the contacts' statement cannot be used;
        everything else was sent. A text holds back the notices of its own status only. One contact
        that cannot be used is told in the log and in ``analytics.notifications`` and costs itself
        only.
    """
    outbox = Outbox(warehouse, this_run, owner, now, lease=lease)
    with warehouse.begin() as connection:
        accounts = outbox.accounts(connection)
    if this_run.rehearsal:
        return _rehearse(warehouse, outbox, channels(accounts), accounts)
    if not accounts:
        return counts({})
    known = channels(accounts)
    with warehouse.begin() as connection:
        found = outbox.with_lost(connection, known)
        addressed = outbox.address(connection, found, accounts)
    writer = _Writer(outbox, open_erp)
    delivered = deliver(
        outbox,
        found,
        accounts,
        writer.write,
        mistakes=_mistakes,
        budget=budget,
    )
    writer.raise_if_useless()
    return counts(addressed + delivered)


def _mistakes(destination: Destination) -> dict[str, MessageError]:
    """Why the text for a status cannot be used; a digest has one text for all."""
    messages = Messages.to(destination)
    if not destination.digest:
        return messages.mistakes_in(OF_PARCELS)
    return {
        status: error for error in messages.mistakes_in([DIGEST]).values() for status in OF_PARCELS
    }


def _rehearse(
    warehouse: Engine, outbox: Outbox, found: Channels, accounts: Sequence[str]
) -> dict[str, int]:
    suppressed = 0
    with warehouse.begin() as connection:
        attempt = connection.begin_nested()
        outbox.address(connection, found, accounts)
        would_send = outbox.preview(connection, accounts)
        attempt.rollback()
        if not outbox.this_run.dry_run:
            suppressed = outbox.suppress_shadow(connection, accounts)
    return counts({"suppressed": suppressed}) | {"would_send": would_send}


class _Writer:
    """Writes the messages of claimed notices: one each, or digests."""

    def __init__(self, outbox: Outbox, open_erp: Callable[[], Erp]) -> None:
        self._outbox = outbox
        self._open_erp = open_erp
        self._looked_up: dict[str, Contact | Unreadable] = {}

    def raise_if_useless(self) -> None:
        """:raises StatementError: not a single contact of several can be used."""
        found = list(self._looked_up.values())
        unusable = [contact for contact in found if isinstance(contact, Unreadable)]
        if len(found) >= ENOUGH and len(unusable) == len(found):
            raise StatementError(
                f"none of {len(found)} contacts can be used, so no customer was notified: "
                f"{unusable[0].reason}"
            )

    def write(self, destination: Destination, claims: Sequence[Claim]) -> list[Message]:
        """:raises PersonNeededError: a text or the contacts' statement cannot be used."""
        messages = Messages.to(destination)
        rows = self._outbox.contents(claims)
        told = [(claim, _facts(claim, rows[claim.notification_id])) for claim in claims]
        if destination.digest:
            return _digests(messages, destination, told)
        if destination.audience != CUSTOMERS:
            return [_message(messages, claim, facts) for claim, facts in told]
        awaited = {claim for claim in claims if rows[claim.notification_id].is_awaited}
        contacts = self._contacts([facts for claim, facts in told if claim in awaited])
        return [
            _customers_letter(messages, claim, facts, contacts)
            if claim in awaited
            else _no_message(claim, "no order")
            for claim, facts in told
        ]

    def _contacts(self, told: Sequence[dict[str, Any]]) -> dict[str, Contact | Unreadable]:
        """Who waits for the orders, by key; those who cannot be told are named in the log."""
        keys = sorted({order["erp_key"] for facts in told for order in facts["orders"]})
        if not keys:
            return {}
        contacts = self._open_erp().contacts(keys)
        for contact in contacts.values():
            if isinstance(contact, Unreadable):
                outcome = "will be notified later" if contact.is_error else "is not notified"
                log.warning("%s; that customer %s", contact.reason, outcome)
        self._looked_up |= contacts
        return contacts


def _facts(claim: Claim, row: NoticeContent) -> dict[str, Any]:
    return {
        "event_id": str(claim.event_id),
        "reason": claim.reason,
        "platform": row.platform,
        "account": row.account,
        "orders": row.orders,
        "consignment_id": row.consignment_id,
        "waybill_no": row.waybill_no,
        "carrier_name": row.carrier_name,
        "from_status": row.from_status,
        "to_status": row.to_status,
        "occurred_at": shanghai(row.occurred_at),
        "detected_at": shanghai(row.detected_at),
        "latest_trace": row.latest_trace,
        "sign_kind": row.sign_kind,
        "eta": shanghai(row.eta),
    }


def _message(messages: Messages, claim: Claim, facts: Mapping[str, Any]) -> Message:
    text = messages.text(claim.reason, {"contacts": [], **facts})
    return Message([claim], claim.event_id, {**facts, "text": text})


def _digests(
    messages: Messages, destination: Destination, told: Sequence[tuple[Claim, dict[str, Any]]]
) -> list[Message]:
    """Messages of many changes; what a process that died may have sent is put together again."""
    claims = {str(claim.event_id): claim for claim, _ in told}
    sent_before: dict[UUID, list[dict[str, Any]]] = {}
    new: list[dict[str, Any]] = []
    for claim, facts in told:
        (sent_before.setdefault(claim.message_id, []) if claim.message_id else new).append(facts)
    limits = destination.channel.limits
    parts = [
        *(
            part
            for each in sent_before.values()
            for part in digests.split(messages, limits, each, most=1)
        ),
        *digests.split(messages, limits, new),
    ]
    return [
        _digest([claims[each["event_id"]] for each in changes], text) for changes, text in parts
    ]


def _digest(claims: Sequence[Claim], text: str) -> Message:
    event_id = shared_id(EVENT_IDS, claims)
    body = {"event_id": str(event_id), "reason": DIGEST, "text": text}
    return Message(claims, event_id, body, is_digest=True)


def _customers_letter(
    messages: Messages,
    claim: Claim,
    facts: dict[str, Any],
    contacts: Mapping[str, Contact | Unreadable],
) -> Message:
    """A message to those who may be notified; orders of others are left out."""
    found = [(order, contacts[order["erp_key"]]) for order in facts["orders"]]
    willing = [
        (order, {"erp_key": order["erp_key"], **_told(contact)})
        for order, contact in found
        if isinstance(contact, Contact) and not contact.opted_out
    ]
    if willing:
        facts["orders"] = [order for order, _ in willing]
        facts["contacts"] = [told for _, told in willing]
        return _message(messages, claim, facts)
    unusable = [contact for _, contact in found if isinstance(contact, Unreadable)]
    if unusable:
        may_pass = any(contact.is_error for contact in unusable)
        reasons = "; ".join(contact.reason for contact in unusable)
        return _no_message(claim, "" if may_pass else "no contact", reasons)
    return _no_message(claim, "opted out")


def _told(contact: Contact) -> dict[str, str | None]:
    told = {"phone": contact.phone, "name": contact.name, "language": contact.language}
    if contact.wechat_openid:
        told["wechat_openid"] = contact.wechat_openid
    return told


def _no_message(claim: Claim, reason: str, error: str | None = None) -> Message:
    return Message([claim], claim.event_id, None, reason, error)
