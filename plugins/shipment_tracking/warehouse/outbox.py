"""The outbox: notices are addressed to channels, claimed by lease, and what came of them noted."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row

from shipment_tracking.channels.port import Channels, Destination, account_of, connection_id
from shipment_tracking.domain.masking import mask
from shipment_tracking.domain.models import Run
from shipment_tracking.errors import ConnectionFieldError, DeliveryError
from shipment_tracking.statements import query
from shipment_tracking.warehouse import runs
from shipment_tracking.warehouse.leases import Leases
from shipment_tracking.warehouse.rows import JsonRows, fetch

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=3)
TRIES = 14
FIRST_PAUSE = timedelta(seconds=30)
"""After the first failure; twice as long after each further one: 68 hours until the last try."""

REMEMBERED = timedelta(days=7)
"""How long a channel that was sent something is expected to be there."""

MOST_SHOWN = 20
SHANGHAI = ZoneInfo("Asia/Shanghai")
OUTCOMES = ("sent", "failed", "dead", "suppressed")


@dataclass(frozen=True, slots=True)
class Claim:
    """
    A notice that is ours for a while.

    :param message_id: the digest that it may have been sent in before, by a process that died.
    """

    notification_id: int
    lease_token: int
    event_id: UUID
    reason: str
    message_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """
    A channel that notices may go to.

    :param account: the only one it is notified of; ``None``: all.
    :param statuses: those it wants to hear of; ``None``: all.
    :param most_per_parcel: as of a destination.
    """

    audience: str
    channel: str
    account: str | None
    statuses: Sequence[str] | None
    most_per_parcel: int | None


@dataclass(frozen=True, slots=True)
class BrokenAudience:
    """An audience whose channels cannot be known; ``account`` as of a recipient."""

    audience: str
    account: str | None


_TAKEN_BY = ("outbox.address", "outbox.suppress_unwanted")
RECIPIENTS = JsonRows(Recipient, "destinations", *_TAKEN_BY, "outbox.suppress_beyond_limit")
BROKEN = JsonRows(BrokenAudience, "broken", *_TAKEN_BY)


@dataclass(frozen=True, slots=True)
class NoticeContent:
    """
    What may be said of a notice: its parcel, its change and its stall. Times are aware.

    :param from_status, to_status: of its change, or else as people know them.
    :param detected_at: when the change, or the delay, was found.
    :param eta: by when the parcel is expected, if it is still awaited.
    :param stage, since, threshold_hours: of its stall, if it has one.
    :param stalled_until: when the stall ended, or now.
    :param orders: ``erp_key`` and ``platform_order_id`` of those that wait for the parcel, or did
        when none does any more.
    :param is_awaited: whether one waits.
    """

    notification_id: int
    event_id: UUID
    created_at: datetime
    account: str
    consignment_id: str
    waybill_no: str | None
    carrier_name: str | None
    status: str
    sign_kind: str | None
    latest_trace: str | None
    from_status: str | None
    to_status: str
    occurred_at: datetime | None
    detected_at: datetime | None
    eta: datetime | None
    stage: str | None
    since: datetime | None
    threshold_hours: Decimal | None
    stalled_until: datetime
    platform: str | None
    orders: list[dict[str, str]]
    is_awaited: bool


@dataclass(frozen=True, slots=True)
class Message:
    """
    One message and the notices it tells of.

    :param body: None when nobody can be told; ``suppressed`` then says why they never will be, or
        is empty when they may be later.
    :param error: what somebody has to fix so that they can be notified.
    :param is_digest: it tells of changes that could also be told of in several messages.
    """

    claims: Sequence[Claim]
    event_id: UUID
    body: Mapping[str, Any] | None
    suppressed: str = ""
    error: str | None = None
    is_digest: bool = False


@dataclass(frozen=True, slots=True)
class Outbox:
    """
    The notices of one kind in the hands of one task.

    :param owner: the same for every try of the task, so that a retry takes its own leases back.
    :param digest: whether these are alarms, sent together, or notices of their own.
    :param now: aware; what is due by then is sent. Leases are on the database's clock.
    """

    engine: Engine
    this_run: Run
    owner: str
    now: datetime
    digest: bool = False
    lease: timedelta = LEASE

    def accounts(self, connection: Connection) -> list[str]:
        """The accounts that have something to tell in this run."""
        binds = {"only_account": self.this_run.only_account}
        return list(self._execute(connection, "accounts", **binds).scalars())

    def with_lost(self, connection: Connection, found: Channels) -> Channels:
        """
        The channels; an audience whose connection vanished is broken, so that its notices wait.

        A connection vanishes when a worker or a secrets backend does not have it for a while. One
        that was never there, or that was used ``REMEMBERED`` ago, is not missed.
        """
        lost = self._execute(
            connection, "told_lately", audiences=list(found.missing), since=self.now - REMEMBERED
        ).scalars()
        broken = {
            audience: ConnectionFieldError(
                f"connection {connection_id(audience)} is not found, though notices went to it "
                "within 7 days: define it again; if nobody shall be notified, keep it with "
                'extra {"channels": []}'
            )
            for audience in lost
        }
        return replace(found, broken={**found.broken, **broken})

    def address(
        self, connection: Connection, channels: Channels, accounts: Sequence[str]
    ) -> Counter[str]:
        """
        Give every due notice a row per channel that wants it; the newest of a parcel wins.

        What an audience with a broken connection should get is pending until it is fixed.

        :param accounts: those whose channels are known; the others' notices are left alone.
        :returns: how many were ``suppressed``.
        """
        binds = {
            "accounts": list(accounts),
            **RECIPIENTS(
                Recipient(
                    each.audience,
                    each.channel_name,
                    each.account,
                    each.statuses,
                    each.most_per_parcel,
                )
                for each in channels.destinations
            ),
            **BROKEN(BrokenAudience(each, account_of(each)) for each in channels.broken),
        }
        self._execute(connection, "lock")
        suppressed = len(self._execute(connection, "address", **binds).all())
        suppressed += len(self._execute(connection, "coalesce").all())
        for name in ("suppress_unwanted", "suppress_beyond_limit"):
            suppressed += len(self._execute(connection, name, **binds).all())
        return Counter(suppressed=suppressed)

    def preview(self, connection: Connection, accounts: Sequence[str]) -> int:
        """
        Log what a run that sends would send, masked and not more than a screen of it.

        :returns: how many notices that is.
        """
        rehearsal = self.this_run.rehearsal
        rows = self._execute(connection, "preview", accounts=list(accounts), most=MOST_SHOWN).all()
        for row in rows:
            line = (
                f"{row.reason}: parcel {row.waybill_no or row.consignment_id} of {row.account} "
                f"to {row.audience}/{row.channel}"
            )
            log.info("%s: %s", rehearsal, mask(line))
        notices = rows[0].notices if rows else 0
        log.info("%s: %d notices would be sent; nothing was sent", rehearsal, notices)
        return notices

    def suppress_shadow(self, connection: Connection, accounts: Sequence[str]) -> int:
        """Give up what is due, so that nobody is flooded once sending is allowed."""
        return len(self._execute(connection, "shadow", accounts=list(accounts)).all())

    def contents(self, claims: Sequence[Claim]) -> dict[int, NoticeContent]:
        """What may be said of each notice, by its id."""
        notices = [claim.notification_id for claim in claims]
        with self.engine.begin() as connection:
            rows = fetch(
                connection, "outbox.contents", NoticeContent, notices=notices, now=self.now
            )
        return {row.notification_id: row for row in rows}

    def take_back(self) -> None:
        """Free what an earlier try of the same task left leased."""
        with self.engine.begin() as connection:
            self._leases.take_back(connection)

    def claim(
        self,
        connection: Connection,
        destination: Destination,
        accounts: Sequence[str],
        held_back: Sequence[str],
        most: int,
    ) -> dict[int, Claim]:
        """
        Lease the next due notices of a channel, one of each parcel.

        :param held_back: reasons whose notices stay pending.
        :returns: by the notices' ids.
        """
        with connection.begin():
            self._execute(connection, "lock")
            due = self._execute(
                connection,
                "due",
                audience=destination.audience,
                channel=destination.channel_name,
                accounts=list(accounts),
                held_back=list(held_back),
                most=most,
            ).mappings()
            found = {row["notification_id"]: row for row in due}
            tokens = self._leases.take(connection, found)
        return {each: Claim(lease_token=token, **found[each]) for each, token in tokens.items()}

    def reset_backoff(self, connection: Connection, destination: Destination) -> None:
        """Let what the channel refused since it last took a message be due now."""
        with connection.begin():
            self._execute(
                connection,
                "reset_backoff",
                audience=destination.audience,
                channel=destination.channel_name,
                first_pause=FIRST_PAUSE,
            )

    def keep_together(self, connection: Connection, messages: Sequence[Message]) -> None:
        """
        Store which notices share a digest, before it is sent.

        Should this process die before it notes what came of it, the next one sends the same again.
        """
        shared = {
            claim.notification_id: message.event_id
            for message in messages
            for claim in message.claims
        }
        claims = [claim for message in messages for claim in message.claims]
        with connection.begin():
            held = sorted(self._leases.fence(connection, _tokens(claims), only_live=False))
            self._execute(
                connection,
                "keep_together",
                notices=held,
                messages=[shared[each] for each in held],
            )

    def release(
        self, connection: Connection, claims: Sequence[Claim], unanswered: Collection[int] = ()
    ) -> None:
        """
        Free notices as if they had not been claimed.

        :param unanswered: those that may have been taken; they stay in their digest.
        """
        with connection.begin():
            held = self._leases.fence(connection, _tokens(claims), only_live=False)
            parted = (held & _new_to_digests(claims)) - set(unanswered)
            self._execute(connection, "part", notices=sorted(parted))
            self._leases.free(connection, held)

    def suppress(self, connection: Connection, message: Message) -> None:
        """Note that nobody is told, and why."""
        self._on_claims(
            connection,
            "suppress",
            message.claims,
            reason=message.suppressed,
            error=message.error,
        )

    def fail(self, connection: Connection, message: Message, error: DeliveryError) -> int:
        """
        Note that a message was not taken; it is due again later, unless that is useless.

        A digest is composed anew then, unless an earlier process may have sent it.

        :returns: how many of its notices are dead.
        """
        states = self._on_claims(
            connection,
            "fail",
            message.claims,
            error=str(error),
            permanent=error.permanent,
            tries=TRIES,
            first_pause=FIRST_PAUSE,
            retry_after=timedelta(seconds=error.retry_after),
            parted=sorted(_new_to_digests(message.claims)),
        )
        return states.count("dead")

    def acknowledge(self, connection: Connection, message: Message) -> None:
        """Note that a message was taken, unless its notices were claimed anew since."""
        reasons = {claim.notification_id: claim.reason for claim in message.claims}
        with connection.begin():
            held = self._leases.fence(connection, _tokens(message.claims), only_live=False)
            self._execute(
                connection,
                "acknowledge",
                notices=list(held),
                reasons=[reasons[each] for each in held],
            )
            self._leases.free(connection, held)
            runs.add(connection, self.this_run, now=self.now, notices_sent=len(held))
        if len(held) < len(message.claims):
            log.warning("message %s took longer than its lease", message.event_id)

    def _on_claims(
        self, connection: Connection, name: str, claims: Sequence[Claim], **binds: Any
    ) -> list[Any]:
        """Run a statement on the notices that were not claimed anew since, and free them."""
        with connection.begin():
            held = self._leases.fence(connection, _tokens(claims), only_live=False)
            rows = self._execute(connection, name, notices=list(held), **binds)
            found = list(rows.scalars())
            self._leases.free(connection, held)
        return found

    def waiting(self, destination: Destination) -> Row[Any]:
        """How many ``notices`` wait for a channel, and the ``last_error`` of its newest try."""
        binds = {"audience": destination.audience, "channel": destination.channel_name}
        with self.engine.begin() as connection:
            return self._execute(connection, "waiting", first_pause=FIRST_PAUSE, **binds).one()

    @property
    def _leases(self) -> Leases:
        return Leases("notification", "notification_id", self.owner, self.lease)

    def _execute(self, connection: Connection, name: str, **binds: Any) -> Any:
        given = {"now": self.now, "digest": self.digest, **binds}
        return connection.execute(query(f"outbox.{name}"), given)


def requeue(
    connection: Connection,
    now: datetime,
    *,
    channel: str | None = None,
    since: datetime | None = None,
    notice: int | None = None,
) -> int:
    """
    Let dead notices be due again that fulfil all that is given; one that is overtaken stays dead.

    :param channel: by its name or as ``audience/name``.
    :param since: aware; those that were made since.
    :param notice: the id of the only one.
    :returns: how many.
    """
    binds = {"channel": channel, "since": since, "notice": notice, "now": now}
    return len(connection.execute(query("outbox.requeue"), binds).all())


def shared_id(namespace: UUID, claims: Sequence[Claim]) -> UUID:
    """The id of a message of several notices: the same for the same notices."""
    return uuid5(namespace, " ".join(sorted(str(claim.event_id) for claim in claims)))


def listing(
    namespace: UUID,
    words: Sequence[str],
    told: Sequence[tuple[Claim, Mapping[str, Any]]],
    text: Callable[[str, Mapping[str, Any]], str],
    holds: Callable[[str], bool],
) -> list[Message]:
    """
    A message of several notices, or as many as hold their texts; the same again for the same.

    :param words: what the items may be about, the main one first; each has a text of its own.
    :param told: notices and what is said of each, with its ``event_id`` and ``reason``.
    :param text: writes the text for a word from its facts.
    :param holds: tells whether a message holds a whole text.
    """
    claims, items = [claim for claim, _ in told], [item for _, item in told]
    texts = [
        text(word, {"items": alike})
        for word in words
        if (alike := [item for item in items if item["reason"] == word])
    ]
    whole = "\n\n".join(texts)
    if len(told) > 1 and not holds(whole):
        half = len(told) // 2
        return [
            *listing(namespace, words, told[:half], text, holds),
            *listing(namespace, words, told[half:], text, holds),
        ]
    event_id = shared_id(namespace, claims)
    body = {"event_id": str(event_id), "reason": words[0], "items": items, "text": whole}
    return [Message(claims, event_id, body)]


def shanghai(time: datetime | None) -> str | None:
    """A time as messages show it: ISO 8601 with the offset of Shanghai."""
    return time.astimezone(SHANGHAI).isoformat() if time else None


def counts(found: Mapping[str, int]) -> dict[str, int]:
    """Every outcome with its number."""
    return {outcome: found.get(outcome, 0) for outcome in OUTCOMES}


def _new_to_digests(claims: Sequence[Claim]) -> set[int]:
    """Those that no earlier process may have sent in a digest."""
    return {claim.notification_id for claim in claims if claim.message_id is None}


def _tokens(claims: Sequence[Claim]) -> dict[int, int]:
    return {claim.notification_id: claim.lease_token for claim in claims}
