"""
Polls the traces of an account's due orders and keeps the replies that say something new.

Where a reply shows a signature that was not known before, what confirms it is asked for at once:
the order's parcels, and its unshipped lines when all parcels are signed.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, Engine

from shipment_tracking.domain.evidence import SIGN_ACTIONS, shows_signature
from shipment_tracking.domain.models import Parcel, Run
from shipment_tracking.domain.statuses import Status
from shipment_tracking.errors import (
    LaneStoppedError,
    OwnerTextsError,
    PersonNeededError,
    PlatformError,
    ReplyError,
)
from shipment_tracking.platforms.dialects import READERS
from shipment_tracking.platforms.ports import Json, PlatformClient, TraceReader
from shipment_tracking.warehouse import listings, polling, replies, runs
from shipment_tracking.warehouse.lanes import (
    Answer,
    Claim,
    Lane,
    LaneContext,
    failing_alike,
    fence,
    finish,
    work_through,
)
from shipment_tracking.warehouse.listings import ConfirmedRow, Listing
from shipment_tracking.warehouse.replies import AnswerRow


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
    context: LaneContext,
    *,
    readers: Mapping[str, TraceReader] = READERS,
) -> dict[str, Any]:
    """
    Poll every due order of the account once.

    :param readers: by dialect, what reads a reply.
    :raises AuthError: the account is not let in; what was answered before is kept.
    :raises LaneStoppedError: most of the account's orders fail alike; all was done before.
    """
    warehouse, client, this_run = context.warehouse, context.client, context.this_run
    clock, now = context.clock, context.clock()
    account = client.account.conn_id
    lane = Lane.due_for("replies", context, now=now)
    kept = 0

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
        nonlocal kept
        recorded, new = _record(warehouse, client, this_run, lane, answers, clock())
        kept += new
        return recorded

    try:
        tally = work_through(lane, ask, record, budget=context.budget)
    except PersonNeededError:
        lane.count_left_over(this_run, now)
        raise
    finally:
        lane.count_usage(this_run, client)
    left_over = lane.count_left_over(this_run, now)
    _raise_if_alike(warehouse, account)
    return tally.told(
        client, polled=tally.asked, failed=tally.failed, replies=kept, left_over=left_over
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
    except (OwnerTextsError, ReplyError):
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
        worst = failing_alike(connection, account)
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


def _row(answer: Answer) -> AnswerRow:
    """The answer for its statement; with a body only if it says something new."""
    polled: Polled | None = answer.found
    fingerprint = polled.fingerprint if polled else None
    is_new = polled is not None and fingerprint not in (None, answer.claim.fingerprint)
    return AnswerRow(
        order_id=answer.claim.order_id,
        asked_at=answer.asked_at,
        fingerprint=fingerprint if is_new else None,
        body=polled.body if polled and is_new else None,
        has_traces=fingerprint is not None,
        error=str(answer.error) if answer.error else None,
        too_old=answer.is_too_old,
    )


def _record(
    warehouse: Engine,
    client: PlatformClient,
    this_run: Run,
    lane: Lane,
    answers: list[Answer],
    now: datetime,
) -> tuple[int, int]:
    """How many of the answers were still ours, and how many replies were kept."""
    with warehouse.begin() as connection:
        ours = fence(connection, lane, answers)
        rows = [_row(answer) for answer in ours]
        replies.record(connection, this_run, lane.account, client.account.dialect, rows)
        _keep_listings(connection, lane, this_run, ours)
        polling.plan(connection, finish(connection, lane, ours, now), now=now)
        runs.add(
            connection,
            this_run,
            now=now,
            polled=len(ours),
            failed_orders=sum(answer.error is not None for answer in ours),
        )
        runs.add_usage(connection, this_run, lane.account, client.drain_usage())
    return len(ours), sum(row.body is not None for row in rows)


def _keep_listings(
    connection: Connection, lane: Lane, this_run: Run, answers: Sequence[Answer]
) -> None:
    """Store what was asked for to confirm signatures."""
    found = [
        (answer.claim.order_id, listing)
        for answer in answers
        if answer.found and (listing := answer.found.listing) and listing.parcels
    ]
    if not found:
        return
    listings.keep(connection, lane.account, found, announce=not this_run.is_backfill)
    rows = [
        ConfirmedRow(order_id, listing.asked_at, listing.has_unshipped_lines)
        for order_id, listing in found
    ]
    listings.confirm(connection, rows)
