"""
Polls the traces of an account's due orders and keeps the replies that say something new.

Where a reply shows a signature that was not known before, what confirms it is asked for at once:
the order's parcels, and its unshipped lines when all parcels are signed.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, Engine

from shipment_tracking.domain.evidence import SIGN_ACTIONS, shows_signature
from shipment_tracking.domain.models import Parcel, Run
from shipment_tracking.domain.statuses import Status
from shipment_tracking.errors import (
    LaneStoppedError,
    PersonNeededError,
    PlatformError,
    RejectedError,
    ReplyError,
)
from shipment_tracking.platforms.dialects import READERS
from shipment_tracking.platforms.ports import Json, PlatformClient, TraceReader
from shipment_tracking.statements import query
from shipment_tracking.warehouse import listings, polling, runs
from shipment_tracking.warehouse.lanes import LEASE, Answer, Claim, Lane, work_through
from shipment_tracking.warehouse.listings import Listing


@dataclass(frozen=True, slots=True)
class Polled:
    """
    What polling an order gave.

    :param listing: asked for to confirm a new signature.
    """

    body: Json
    fingerprint: str | None
    listing: Listing | None = None


FEWEST_ALIKE = 5
"""An account with fewer failing orders than this is never called broken."""


def run(
    warehouse: Engine,
    client: PlatformClient,
    this_run: Run,
    *,
    owner: str,
    budget: timedelta,
    clock: Callable[[], datetime],
    lease: timedelta = LEASE,
    readers: Mapping[str, TraceReader] = READERS,
) -> dict[str, Any]:
    """
    Poll every due order of the account once.

    :param owner: who holds the leases; the same for every try of the task.
    :param budget: wall-clock time this lane has left; what is due then is ``left_over``.
    :param readers: by dialect, what reads a reply.
    :raises AuthError: the account is not let in; what was answered before is kept.
    :raises LaneStoppedError: most of the account's orders fail alike; all was done before.
    """
    now = clock()
    account = client.account.conn_id
    lane = Lane.of_step(
        "gather_traces", warehouse, account, this_run, owner=owner, now=now, lease=lease
    )
    replies = 0

    def ask(claim: Claim) -> Answer:
        try:
            asked_at = clock()
            body = client.fetch_traces(claim.platform_order_id, claim.waybills)
            polled = Polled(body, fingerprint(body) if any(body.values()) else None)
            new = polled.fingerprint not in (None, claim.fingerprint)
            proofs = _new_signatures(readers, client, claim, body, asked_at) if new else {}
            if proofs and lane.holds(claim):
                polled = replace(polled, listing=_confirm(client, claim, proofs, clock()))
            return Answer(claim, asked_at, found=polled)
        except PlatformError as error:
            return Answer(claim, clock(), error=error)

    def record(answers: list[Answer]) -> int:
        nonlocal replies
        rows = [_row(answer) for answer in answers]
        listed = {
            answer.claim.order_id: answer.found.listing
            for answer in answers
            if answer.found and answer.found.listing
        }
        with warehouse.begin() as connection:
            recorded = _record(connection, client, this_run, owner, rows, listed, clock())
        replies += sum("body" in row for row in rows)
        return recorded

    try:
        tally = work_through(lane, ask, record, budget=budget)
    except PersonNeededError:
        lane.count_left_over(this_run, now)
        raise
    finally:
        lane.count_usage(this_run, client)
    left_over = lane.count_left_over(this_run, now)
    _raise_if_alike(warehouse, account)
    return tally.told(
        client, polled=tally.asked, failed=tally.failed, replies=replies, left_over=left_over
    )


def _new_signatures(
    readers: Mapping[str, TraceReader],
    client: PlatformClient,
    claim: Claim,
    body: Json,
    asked_at: datetime,
) -> dict[str, bool]:
    """
    The parcels that a reply shows as signed for the first time.

    :returns: by consignment id, whether the trace itself proves the signature.
    """
    try:
        traces = readers[client.account.dialect](body)
    except ReplyError:
        return {}  # loading says what is wrong with it
    return {
        trace.consignment_id: trace.platform_status == Status.SIGNED
        or any(event.action in SIGN_ACTIONS for event in trace.events)
        for trace in traces
        if trace.consignment_id not in claim.signatures and shows_signature(trace.events, asked_at)
    }


def _confirm(
    client: PlatformClient, claim: Claim, proofs: Mapping[str, bool], asked_at: datetime
) -> Listing | None:
    """What confirms new signatures; without an answer, later runs ask for it again."""
    proved = {**claim.signatures, **proofs}

    def is_signed(parcel: Parcel) -> bool:
        return proved.get(parcel.consignment_id, False)

    with suppress(PlatformError):
        return listings.ask(client, claim.platform_order_id, is_signed=is_signed, asked_at=asked_at)
    return None


def _raise_if_alike(warehouse: Engine, account: str) -> None:
    """:raises LaneStoppedError: most of the account's orders fail for one reason."""
    with warehouse.connect() as connection:
        worst = connection.execute(
            query("gather_traces.failing_alike"), {"account": account}
        ).one_or_none()
    if worst and worst.failing >= FEWEST_ALIKE and worst.failing * 2 > worst.open:
        raise LaneStoppedError(
            f"{worst.failing} of {worst.open} open orders of connection {account} fail alike: "
            f"{worst.reason}"
        )


def fingerprint(body: Json) -> str:
    """Equal for replies that say the same, in whatever order they list their parcels."""
    parts = sorted(
        json.dumps([name, part], ensure_ascii=False, sort_keys=True)
        for name, listed in body.items()
        for part in listed
    )
    return blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def _row(answer: Answer) -> dict[str, object]:
    """The answer for its statement; with a body only if it says something new."""
    row: dict[str, object] = {
        "order_id": answer.claim.order_id,
        "lease_token": answer.claim.lease_token,
        "asked_at": answer.asked_at.isoformat(),
    }
    if answer.error:
        row["error"] = str(answer.error)
        row["too_old"] = isinstance(answer.error, RejectedError) and answer.error.final
        return row
    polled: Polled = answer.found
    row["has_traces"] = polled.fingerprint is not None
    if row["has_traces"] and polled.fingerprint != answer.claim.fingerprint:
        row |= {"fingerprint": polled.fingerprint, "body": polled.body}
    return row


def _record(
    connection: Connection,
    client: PlatformClient,
    this_run: Run,
    owner: str,
    rows: list[dict[str, object]],
    listed: Mapping[int, Listing],
    now: datetime,
) -> int:
    """How many of the answers were still ours."""
    held = connection.execute(
        query("gather_traces.record"),
        {
            "answers": json.dumps(rows, ensure_ascii=False),
            "owner": owner,
            "account": client.account.conn_id,
            **polling.SPACING,
            "backfill": this_run.is_backfill,
            "announce": not this_run.is_backfill,
            "dialect": client.account.dialect,
            "run_id": this_run.run_id,
        },
    ).all()
    too_old = [row.order_id for row in held if row.too_old]
    if too_old:
        connection.execute(query("lanes.close_too_old"), {"orders": too_old, "now": now})
    ours = {row.order_id for row in held}
    _keep_listings(
        connection, client, this_run, [each for each in listed.items() if each[0] in ours]
    )
    polling.plan(connection, sorted(ours), now=now)
    runs.add(
        connection,
        this_run,
        now=now,
        polled=len(ours),
        failed_orders=sum(row["order_id"] in ours and "error" in row for row in rows),
    )
    runs.add_usage(connection, this_run, client.account.conn_id, client.drain_usage())
    return len(ours)


def _keep_listings(
    connection: Connection,
    client: PlatformClient,
    this_run: Run,
    listed: Sequence[tuple[int, Listing]],
) -> None:
    """Store what was asked for to confirm signatures."""
    found = [(order_id, listing) for order_id, listing in listed if listing.parcels]
    if not found:
        return
    listings.keep(connection, client.account.conn_id, found, announce=not this_run.is_backfill)
    asked = [
        {
            "order_id": order_id,
            "asked_at": listing.asked_at.isoformat(),
            "has_unshipped_lines": listing.has_unshipped_lines,
        }
        for order_id, listing in found
    ]
    connection.execute(query("gather_traces.confirm"), {"listings": json.dumps(asked)})
