"""Tells people what changed: each notice once per channel, a newer one wins, none is lost."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row

from shipment_tracking.channels.destination import CUSTOMERS, Channels, Destination
from shipment_tracking.erp.database import ErpDatabase, read_flag
from shipment_tracking.errors import StatementError
from shipment_tracking.messages import Messages
from shipment_tracking.models import Run
from shipment_tracking.outbox import BUDGET, LEASE, Claim, Letter, Outbox, counts, shanghai
from shipment_tracking.sql import statement, statement_path

CONTACT = ("phone", "name", "language", "opted_out")


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

    :param open_erp: where contacts are looked up; called only when customers are told.
    :param channels: by accounts, every destination that their notices may have.
    :param owner: who holds the leases; the same for every try of the task.
    :param budget: wall-clock time after which nothing new is claimed.
    :returns: how many notices were ``sent``, ``failed``, are ``dead`` or ``suppressed``;
        ``would_send`` too in a dry run and in shadow mode.
    :raises ChannelDownError: a channel failed in this run; everything else was sent.
    :raises PersonNeededError: a connection, a text or the contacts' statement cannot be used;
        everything else was sent.
    """
    outbox = Outbox(warehouse, this_run, owner, now, lease=lease)
    with warehouse.begin() as connection:
        accounts = outbox.accounts(connection)
    if not accounts:
        return counts({}) | ({"would_send": 0} if this_run.rehearsal else {})
    found = channels(accounts)
    if this_run.rehearsal:
        return _rehearse(warehouse, outbox, found, accounts)
    with warehouse.begin() as connection:
        addressed = outbox.address(connection, found, accounts)
    writer = _Writer(outbox, open_erp)
    return counts(addressed + outbox.deliver(found, accounts, writer.write, budget=budget))


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
    """Writes the letters of claimed notices, one each."""

    def __init__(self, outbox: Outbox, open_erp: Callable[[], ErpDatabase]) -> None:
        self._outbox = outbox
        self._open_erp = open_erp

    def write(self, destination: Destination, claims: Sequence[Claim]) -> list[Letter]:
        """:raises PersonNeededError: a text or the contacts' statement cannot be used."""
        messages = Messages(destination.language)
        rows = self._outbox.contents(claims)
        told = [(claim, _facts(claim, rows[claim.notification_id])) for claim in claims]
        if destination.audience != CUSTOMERS:
            return [_letter(messages, claim, facts) for claim, facts in told]
        awaited = {claim for claim in claims if rows[claim.notification_id].is_awaited}
        self._add_contacts([facts for claim, facts in told if claim in awaited])
        return [
            _letter(messages, claim, facts)
            if facts.get("contacts")
            else _no_letter(claim, "opted out" if claim in awaited else "no order")
            for claim, facts in told
        ]

    def _add_contacts(self, told: Sequence[dict[str, Any]]) -> None:
        """Name who waits for each parcel; orders whose buyers want no messages are left out."""
        keys = sorted({order["erp_key"] for facts in told for order in facts["orders"]})
        with self._open_erp().engine.connect() as connection:
            contacts = {key: _contact(connection, key) for key in keys}
        for facts in told:
            facts["orders"] = [each for each in facts["orders"] if contacts[each["erp_key"]]]
            facts["contacts"] = [contacts[each["erp_key"]] for each in facts["orders"]]


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


def _contact(connection: Connection, erp_key: str) -> dict[str, Any] | None:
    """Who is told of an order; None: nobody, or nobody who wants to be."""
    result = connection.execute(
        statement("erp/find_contact", binds={"erp_key"}), {"erp_key": erp_key}
    )
    missing = [column for column in CONTACT if column not in result.keys()]  # noqa: SIM118
    if missing:
        raise StatementError(
            f"{statement_path('erp/find_contact')} does not return {', '.join(missing)}; it "
            f"returns {', '.join(result.keys())}"
        )
    row = result.mappings().first()
    if row is None or not row["phone"]:
        return None
    try:
        opted_out = read_flag(row["opted_out"])
    except ValueError:
        # The value is not told: of a statement that mixes its columns up it may be a phone.
        raise StatementError(
            f"{statement_path('erp/find_contact')}: opted_out of order {erp_key} is neither 0 nor 1"
        ) from None
    if opted_out:
        return None
    return {
        "erp_key": erp_key,
        "phone": str(row["phone"]),
        "name": _text(row["name"]),
        "language": _text(row["language"]),
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)
