"""Polls the traces of an account's due orders and keeps the replies that say something new."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, Engine

from shipment_tracking import polling, runs
from shipment_tracking.errors import (
    LaneStoppedError,
    PersonNeededError,
    PlatformError,
    RejectedError,
)
from shipment_tracking.lanes import LEASE, Answer, Claim, Lane, work_through
from shipment_tracking.models import Run
from shipment_tracking.platforms.client import Json, PlatformClient
from shipment_tracking.sql import statement

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
) -> dict[str, Any]:
    """
    Poll every due order of the account once.

    :param owner: who holds the leases; the same for every try of the task.
    :param budget: wall-clock time this lane has left; what is due then is ``left_over``.
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
            found = client.fetch_traces(claim.platform_order_id, claim.waybills)
            return Answer(claim, asked_at, found=found)
        except PlatformError as error:
            return Answer(claim, clock(), error=error)

    def record(answers: list[Answer]) -> int:
        nonlocal replies
        rows = [_row(answer) for answer in answers]
        with warehouse.begin() as connection:
            recorded = _record(connection, client, this_run, owner, rows, clock())
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


def _raise_if_alike(warehouse: Engine, account: str) -> None:
    """:raises LaneStoppedError: most of the account's orders fail for one reason."""
    with warehouse.connect() as connection:
        worst = connection.execute(
            statement("warehouse/gather_traces_failing_alike"), {"account": account}
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
    row["has_traces"] = any(answer.found.values())
    if row["has_traces"] and (found := fingerprint(answer.found)) != answer.claim.fingerprint:
        row |= {"fingerprint": found, "body": answer.found}
    return row


def _record(
    connection: Connection,
    client: PlatformClient,
    this_run: Run,
    owner: str,
    rows: list[dict[str, object]],
    now: datetime,
) -> int:
    """How many of the answers were still ours."""
    held = connection.execute(
        statement("warehouse/gather_traces_record"),
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
        connection.execute(
            statement("warehouse/lane_close_too_old"), {"orders": too_old, "now": now}
        )
    ours = {row.order_id for row in held}
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
