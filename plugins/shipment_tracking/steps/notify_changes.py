"""Tells people what changed: each notice once per channel, a newer one wins, none is lost."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, Row, RowMapping
from sqlalchemy.exc import DataError

from shipment_tracking.channels.destination import CUSTOMERS, Channels, Destination
from shipment_tracking.erp.database import ErpDatabase, read_flag
from shipment_tracking.errors import StatementError
from shipment_tracking.messages import Messages
from shipment_tracking.models import Run
from shipment_tracking.outbox import BUDGET, LEASE, Claim, Letter, Outbox, counts, shanghai
from shipment_tracking.sql import statement, statement_path

log = logging.getLogger(__name__)

CONTACT = ("phone", "name", "language", "opted_out")
EXAMPLES = 20
OPTED_OUT = "opted out"


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

    A dry run addresses and sends nothing; it logs what would be sent.

    :param open_erp: where contacts are looked up; called only when customers are told.
    :param channels: by accounts, every destination that their notices may have.
    :param owner: who holds the leases; the same for every try of the task.
    :param budget: wall-clock time after which nothing new is claimed.
    :returns: how many notices were ``sent``, ``failed``, are ``dead`` or ``suppressed``.
    :raises ChannelDownError: a channel failed in this run; everything else was sent.
    :raises PersonNeededError: a connection, a text or the contacts' statement cannot be used;
        everything else was sent.
    """
    outbox = Outbox(warehouse, this_run, owner, now, lease=lease)
    with warehouse.begin() as connection:
        accounts = outbox.accounts(connection)
    if not accounts:
        return counts({})
    found = channels(accounts)
    if this_run.dry_run:
        with warehouse.connect() as connection:
            outbox.address(connection, found, accounts)
            outbox.preview(connection, accounts)
            connection.rollback()
        return counts({})
    with warehouse.begin() as connection:
        addressed = outbox.address(connection, found, accounts)
    writer = _Writer(outbox, open_erp)
    return counts(addressed + outbox.deliver(found, accounts, writer.write, budget=budget))


class _Writer:
    """Writes the letters of claimed notices, one each."""

    def __init__(self, outbox: Outbox, open_erp: Callable[[], ErpDatabase]) -> None:
        self._outbox = outbox
        self._open_erp = open_erp
        self._warned: set[str] = set()

    def write(self, destination: Destination, claims: Sequence[Claim]) -> list[Letter]:
        """:raises PersonNeededError: a text or the contacts' statement cannot be used."""
        messages = Messages(destination.language)
        rows = self._outbox.contents(claims)
        told = [(claim, _facts(claim, rows[claim.notification_id])) for claim in claims]
        if destination.audience != CUSTOMERS:
            return [_letter(messages, claim, facts) for claim, facts in told]
        awaited = {claim for claim in claims if rows[claim.notification_id].is_awaited}
        unreachable = self._add_contacts([facts for claim, facts in told if claim in awaited])
        return [
            _letter(messages, claim, facts)
            if facts.get("contacts")
            else _no_letter(claim, unreachable.get(str(claim.event_id)) or "no order")
            for claim, facts in told
        ]

    def _add_contacts(self, told: Sequence[dict[str, Any]]) -> dict[str, str]:
        """
        Add the customers who wait for each parcel and leave out orders whose customer is not told.

        :returns: why nobody is told of an event, by its id.
        """
        keys = sorted({order["erp_key"] for facts in told for order in facts["orders"]})
        with self._open_erp().engine.connect() as connection:
            found = {key: _contact(connection, key) for key in keys}
        contacts = {key: contact for key, contact in found.items() if not isinstance(contact, str)}
        reasons = {key: reason for key, reason in found.items() if isinstance(reason, str)}
        self._warn(reasons)
        unreachable: dict[str, str] = {}
        for facts in told:
            named = [order["erp_key"] for order in facts["orders"]]
            unreachable[facts["event_id"]] = "; ".join(
                dict.fromkeys(reasons[key] for key in named if key in reasons)
            )
            facts["orders"] = [order for order in facts["orders"] if order["erp_key"] in contacts]
            facts["contacts"] = [contacts[order["erp_key"]] for order in facts["orders"]]
        return unreachable

    def _warn(self, reasons: Mapping[str, str]) -> None:
        """Log each customer who cannot be told once a run, up to a screen of them."""
        for reason in reasons.values():
            if reason not in {OPTED_OUT, *self._warned} and len(self._warned) < EXAMPLES:
                self._warned.add(reason)
                log.warning("%s", reason)


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


def _letter(messages: Messages, claim: Claim, facts: Mapping[str, Any]) -> Letter:
    text = messages.text(claim.reason, {"contacts": [], **facts})
    return Letter([claim], claim.event_id, {**facts, "text": text})


def _no_letter(claim: Claim, reason: str) -> Letter:
    return Letter([claim], claim.event_id, None, reason)


def _contact(connection: Connection, erp_key: str) -> dict[str, Any] | str:
    """
    Who is told of an order, or why nobody is.

    A value is never part of the reason: of a statement that mixes its columns up it may be a phone.

    :raises StatementError: the statement lacks a column.
    """
    find = statement("erp/find_contact", binds={"erp_key"})
    try:
        result = connection.execute(find, {"erp_key": erp_key})
        rows = result.mappings().all()
    except (DataError, UnicodeDecodeError):
        connection.rollback()
        return _unusable(erp_key, "the ERP cannot read a value of this customer")
    missing = [column for column in CONTACT if column not in result.keys()]  # noqa: SIM118
    if missing:
        raise StatementError(
            f"{statement_path('erp/find_contact')} does not return {', '.join(missing)}; it "
            f"returns {', '.join(result.keys())}"
        )
    if not rows:
        return _unusable(erp_key, "no row is found")
    try:
        found = [_read(erp_key, row) for row in rows]
    except ValueError as error:
        return _unusable(erp_key, str(error))
    if any(contact != found[0] for contact in found):
        return _unusable(erp_key, f"{len(found)} different rows are found")
    return found[0]


def _read(erp_key: str, row: RowMapping) -> dict[str, Any] | str:
    """
    A contact as messages have it.

    :raises ValueError: a value cannot be used; the text names its column.
    """
    try:
        if read_flag(row["opted_out"]):
            return OPTED_OUT
    except ValueError:
        is_null = row["opted_out"] is None
        raise ValueError(f"opted_out is {'null' if is_null else 'neither 0 nor 1'}") from None
    contact = {name: _text(name, row[name]) for name in ("phone", "name", "language")}
    if contact["phone"] is None:
        raise ValueError("phone is empty")
    return {"erp_key": erp_key, **contact}


def _unusable(erp_key: str, problem: str) -> str:
    return (
        f"the customer of order {erp_key} is not notified: {problem}; correct the contact in the "
        f"ERP or {statement_path('erp/find_contact').name}"
    )


def _text(name: str, value: object) -> str | None:
    """
    A text of a contact; a whole number is one too.

    :raises ValueError: it is something else.
    """
    if value is None:
        return None
    if isinstance(value, Decimal) and value.is_finite() and value == int(value):
        value = int(value)
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValueError(f"{name} is not text")
    return str(value).replace("\0", "").strip() or None
