"""Tells people what changed: each notice once per channel, a newer one wins, none is lost."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, Row
from sqlalchemy.exc import DataError

from shipment_tracking.channels.port import CUSTOMERS, Channels, Destination
from shipment_tracking.domain.models import Run
from shipment_tracking.erp.database import ErpDatabase, read_flag
from shipment_tracking.errors import StatementError
from shipment_tracking.messages import STATUSES, Messages
from shipment_tracking.statements import statement, statement_path
from shipment_tracking.warehouse.delivery import BUDGET, deliver
from shipment_tracking.warehouse.outbox import (
    LEASE,
    Claim,
    Message,
    Outbox,
    counts,
    shanghai,
)

log = logging.getLogger(__name__)

CONTACT = ("phone", "name", "language", "opted_out")
ENOUGH = 5
"""If none of so many contacts can be used, it is the statement that is wrong."""


@dataclass(frozen=True, slots=True)
class _Contact:
    """
    What the ERP says of who waits for an order.

    :param told: what a message holds of them; none: they are not told.
    :param unusable: why they cannot be told although nobody said that they must not.
    """

    told: dict[str, Any] | None
    unusable: str | None = None


def run(
    warehouse: Engine,
    this_run: Run,
    *,
    open_erp: Callable[[], ErpDatabase],
    channels: Callable[[Sequence[str]], Channels],
    owner: str,
    now: datetime,
    budget: timedelta = BUDGET,
    lease: timedelta = LEASE,
) -> dict[str, int]:
    """
    Address and send every due notice of a change of status.

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
    found = channels(accounts)
    with warehouse.begin() as connection:
        addressed = outbox.address(connection, found, accounts)
    writer = _Writer(outbox, open_erp)
    delivered = deliver(
        outbox,
        found,
        accounts,
        writer.write,
        mistakes=lambda destination: Messages(destination.language).mistakes_in(STATUSES),
        budget=budget,
    )
    writer.raise_if_useless()
    return counts(addressed + delivered)


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
    """Writes the messages of claimed notices, one each."""

    def __init__(self, outbox: Outbox, open_erp: Callable[[], ErpDatabase]) -> None:
        self._outbox = outbox
        self._open_erp = open_erp
        self._looked_up: dict[str, _Contact] = {}

    def raise_if_useless(self) -> None:
        """:raises StatementError: not a single contact of several can be used."""
        reasons = [contact.unusable for contact in self._looked_up.values()]
        if len(reasons) >= ENOUGH and all(reasons):
            raise StatementError(
                f"{statement_path('erp/find_contact')}: none of {len(reasons)} contacts can be "
                f"used, so no customer was notified: {reasons[0]}"
            )

    def write(self, destination: Destination, claims: Sequence[Claim]) -> list[Message]:
        """:raises PersonNeededError: a text or the contacts' statement cannot be used."""
        messages = Messages(destination.language)
        rows = self._outbox.contents(claims)
        told = [(claim, _facts(claim, rows[claim.notification_id])) for claim in claims]
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

    def _contacts(self, told: Sequence[dict[str, Any]]) -> dict[str, _Contact]:
        """Who waits for the orders, by key; those who cannot be told are named in the log."""
        keys = sorted({order["erp_key"] for facts in told for order in facts["orders"]})
        if not keys:
            return {}
        with self._open_erp().connect() as connection:
            contacts = {key: _contact(connection, key) for key in keys}
        for contact in contacts.values():
            if contact.unusable:
                log.warning("%s; that customer is not notified", contact.unusable)
        self._looked_up |= contacts
        return contacts


def _facts(claim: Claim, row: Row[Any]) -> dict[str, Any]:
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
    }


def _message(messages: Messages, claim: Claim, facts: Mapping[str, Any]) -> Message:
    text = messages.text(claim.reason, {"contacts": [], **facts})
    return Message([claim], claim.event_id, {**facts, "text": text})


def _customers_letter(
    messages: Messages, claim: Claim, facts: dict[str, Any], contacts: Mapping[str, _Contact]
) -> Message:
    """A message to those who may be notified; orders of others are left out."""
    found = [(order, contacts[order["erp_key"]]) for order in facts["orders"]]
    willing = [(order, contact.told) for order, contact in found if contact.told]
    if willing:
        facts["orders"] = [order for order, _ in willing]
        facts["contacts"] = [told for _, told in willing]
        return _message(messages, claim, facts)
    unusable = [contact.unusable for _, contact in found if contact.unusable]
    if unusable:
        return _no_message(claim, "no contact", "; ".join(unusable))
    return _no_message(claim, "opted out")


def _no_message(claim: Claim, reason: str, error: str | None = None) -> Message:
    return Message([claim], claim.event_id, None, reason, error)


def _contact(connection: Connection, erp_key: str) -> _Contact:
    """
    Who is notified of an order. No value of theirs is in a reason: the statement may mix them up.

    :raises StatementError: ``find_contact.sql`` lacks a column.
    """
    path = statement_path("erp/find_contact")
    find = statement("erp/find_contact", binds={"erp_key"})
    try:
        result = connection.execute(find, {"erp_key": erp_key})
        found = result.mappings().all()
    except (DataError, UnicodeDecodeError):
        connection.rollback()
        return _Contact(
            None,
            f"the ERP cannot read the contact of order {erp_key}; correct it at the ERP, or a cast "
            f"in {path.name}",
        )
    missing = [column for column in CONTACT if column not in result.keys()]  # noqa: SIM118
    if missing:
        raise StatementError(
            f"{path} does not return {', '.join(missing)}; it returns {', '.join(result.keys())}"
        )
    rows = list(dict.fromkeys(tuple(row[name] for name in CONTACT) for row in found))
    if not rows:
        return _Contact(None, f"order {erp_key} has no contact: {path.name} finds no row of it")
    if len(rows) > 1:
        return _Contact(
            None,
            f"order {erp_key} has {len(rows)} different contacts; {path.name} must find one",
        )
    phone, name, language, said = rows[0]
    try:
        opted_out = read_flag(said)
    except ValueError:
        return _Contact(
            None,
            f"opted_out of order {erp_key} is {'null' if said is None else 'neither 0 nor 1'}; "
            f"correct it at the ERP, or let {path.name} return 0 or 1",
        )
    if opted_out:
        return _Contact(None)
    number = _number(phone)
    if number is None:
        return _Contact(
            None,
            f"order {erp_key} has {'no' if _text(phone) is None else 'an unreadable'} phone; "
            f"correct it at the ERP, or let {path.name} return it as text",
        )
    return _Contact(
        {"erp_key": erp_key, "phone": number, "name": _text(name), "language": _text(language)}
    )


def _number(value: object) -> str | None:
    """A phone number as text; none where it is none or a float has rounded it."""
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return f"{value:.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text(value) if isinstance(value, str) else None


def _text(value: object) -> str | None:
    """Text without blanks around it; none where nothing is left, or where it is binary."""
    if value is None or isinstance(value, bytes | bytearray | memoryview):
        return None
    return str(value).strip() or None
