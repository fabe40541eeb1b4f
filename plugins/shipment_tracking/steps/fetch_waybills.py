"""Asks a platform which parcels an account's orders have, and how far it says they are."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from shipment_tracking.domain.models import Run
from shipment_tracking.errors import PersonNeededError, PlatformError
from shipment_tracking.platforms.ports import PlatformClient
from shipment_tracking.warehouse import feeds, listings, polling, runs
from shipment_tracking.warehouse.lanes import (
    Answer,
    Claim,
    Lane,
    LaneContext,
    fence,
    finish,
    work_through,
)
from shipment_tracking.warehouse.listings import AnswerRow, Listing

SHARE_WHILE_POLLS_WAIT = 0.4
"""The most of a lane's time, and so of its calls, that goes to parcel lists while polls are due."""


def run(context: LaneContext) -> dict[str, Any]:
    """
    Ask for the parcels of the account's orders that are due for it.

    Due are new orders, orders whose sign waits for the platform's confirmation, orders that were
    quiet for a day, and, read first, those that the account's change feed reports.

    :raises AuthError: the account is not let in; what was answered before is kept.
    """
    warehouse, client, this_run = context.warehouse, context.client, context.this_run
    clock, now = context.clock, context.clock()
    account = client.account.conn_id
    counts, warnings = feeds.read(warehouse, client, this_run, now=now, budget=context.budget)
    with warehouse.connect() as connection:
        polls_wait = listings.polls_due(connection, account, this_run, now)
    lane = Lane.due_for("listings", context, now=now)

    def ask(claim: Claim) -> Answer:
        try:
            found = listings.ask(
                client,
                claim.platform_order_id,
                is_signed=lambda _: claim.all_signed,
                asked_at=clock(),
            )
            return Answer(claim, found.asked_at, found=found)
        except PlatformError as error:
            return Answer(claim, clock(), error=error)

    def record(answers: list[Answer]) -> int:
        return _record(warehouse, client, this_run, lane, answers, clock())

    try:
        tally = work_through(lane, ask, record, budget=share(context.budget, polls_wait=polls_wait))
    except PersonNeededError:
        # The lane ends here: nobody will poll what is due.
        lane.count_left_over(this_run, now)
        raise
    finally:
        lane.count_usage(this_run, client)
    return tally.told(client, *warnings, asked=tally.asked, failed=tally.failed, **counts)


def share(budget: timedelta, *, polls_wait: int) -> timedelta:
    """How much of a lane's time goes to parcel lists while so many orders wait to be polled."""
    return budget * SHARE_WHILE_POLLS_WAIT if polls_wait else budget


def _record(
    warehouse: Engine,
    client: PlatformClient,
    this_run: Run,
    lane: Lane,
    answers: list[Answer],
    now: datetime,
) -> int:
    """How many of the answers were still ours."""
    with warehouse.begin() as connection:
        ours = fence(connection, lane, answers)
        listings.record(connection, lane.account, map(_row, ours))
        listed = listings.keep(
            connection,
            lane.account,
            [(answer.claim.order_id, answer.found) for answer in ours if answer.found],
            announce=not this_run.is_backfill,
        )
        orders = finish(connection, lane, ours, now)
        polling.plan(connection, sorted(set(orders) - listed), now=now)
        runs.add(
            connection,
            this_run,
            now=now,
            failed_orders=sum(answer.error is not None for answer in ours),
        )
        runs.add_usage(connection, this_run, lane.account, client.drain_usage())
    return len(ours)


def _row(answer: Answer) -> AnswerRow:
    found: Listing | None = answer.found
    listed = found.parcels if found else ()
    return AnswerRow(
        order_id=answer.claim.order_id,
        asked_at=answer.asked_at,
        consignments=[parcel.consignment_id for parcel in listed],
        has_parcels=bool(listed),
        has_unshipped_lines=found.has_unshipped_lines if found else None,
        error=str(answer.error) if answer.error else None,
        too_old=answer.is_too_old,
    )
