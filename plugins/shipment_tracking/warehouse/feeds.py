"""
Reads an account's change feed, so that orders of which it reports nothing are asked for rarely.

What a feed can report depends on its kind. ``orders`` reports that parcels were shipped or an order
was received, and no scan: it spares asking orders without a parcel whether they have one, and
traces are polled as without it. ``messages`` reports every scan of a parcel, and spares polling.
Neither reports that a platform calls a parcel cancelled or lost, so parcels are asked for once a
day as without it. Either may miss something: what it would report is still asked for at the slow
pace of the stage ``reported`` in the polling table, and what that finds and no feed reported is
counted. While a feed cannot be read, all goes on as without it.
"""

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine

from shipment_tracking.domain.models import Run
from shipment_tracking.errors import PlatformError, RetryableError
from shipment_tracking.platforms.ports import ChangeFeed, Changes, PlatformClient
from shipment_tracking.statements import query
from shipment_tracking.warehouse import polling, runs

log = logging.getLogger(__name__)

OVERLAP = timedelta(minutes=5)
"""How far behind its own clock a platform may be in listing a change."""
KEPT = timedelta(hours=24)
"""What is older is not asked for: messages are gone by then, and every order was polled."""
SHARE = 0.2
"""The most of a lane's time that goes to reading its feed."""


def read(
    warehouse: Engine, client: PlatformClient, this_run: Run, *, now: datetime, budget: timedelta
) -> tuple[dict[str, int], list[str]]:
    """
    Let the open orders be due that the account's feed reports.

    A feed that fails is not an error: the orders are asked for as if there were none, and a warning
    is returned. Backfills and runs of high-priority orders alone read no feed.

    :param now: aware; how far the feed is read.
    :param budget: wall-clock time this lane has left.
    :return: how many changes were reported, and how many it was found to have missed, if the
        account has a feed; and what a person should know of.
    """
    if this_run.is_backfill or this_run.only_high_priority:
        return {}, []
    account, feed = client.account.conn_id, client.feed
    since = _begin(warehouse, account, client.account.feed, now)
    if feed is None:
        return {}, []
    reported = 0
    stop_at = time.monotonic() + budget.total_seconds() * SHARE
    try:
        for start, end in _windows(since - OVERLAP, now, feed.longest):
            for changes in feed.changed_orders(start, end):
                if time.monotonic() > stop_at:
                    raise RetryableError(f"connection {account}: its feed takes too long to read")
                reported += _report(warehouse, client, feed, this_run, changes, now)
                feed.confirm(changes)
            _execute(warehouse, "advance", account=account, until=end)
    except PlatformError as error:
        warning = f"the feed cannot be read, orders are polled as without it: {error}"
        log.warning("%s: %s", account, warning)
        with warehouse.begin() as connection:
            _distrust(connection, account, str(error), now)
        return {"reported": reported}, [warning]
    with warehouse.begin() as connection:
        missed = connection.execute(
            query("feeds.trust"),
            {"account": account, "now": now, "overlap": OVERLAP},
        ).scalar_one()
    if missed:
        log.warning("%s: %s changes were found that its feed did not report", account, missed)
    return {"reported": reported, "missed": missed}, []


def _begin(warehouse: Engine, account: str, kind: str, now: datetime) -> datetime:
    """Since when the feed is to be read; one that is new, or was left for long, begins anew."""
    with warehouse.begin() as connection:
        known = connection.execute(query("feeds.find"), {"account": account}).one_or_none()
        if known and known.feed == kind and known.cursor_at >= now - KEPT:
            return known.cursor_at
        if known:
            _distrust(connection, account, None, now)
        if kind:
            connection.execute(query("feeds.start"), {"account": account, "feed": kind, "now": now})
        elif known:
            connection.execute(query("feeds.delete"), {"account": account})
        return now


def _windows(
    since: datetime, until: datetime, longest: timedelta
) -> Iterator[tuple[datetime, datetime]]:
    while since < until:
        end = min(until, since + longest)
        yield since, end
        since = end


def _report(
    warehouse: Engine,
    client: PlatformClient,
    feed: ChangeFeed,
    this_run: Run,
    changes: Changes,
    now: datetime,
) -> int:
    """Let a page's orders be due; how many it told something new of."""
    account = client.account.conn_id
    with warehouse.begin() as connection:
        runs.add_usage(connection, this_run, account, client.drain_usage())
        if not changes.orders:
            return 0
        connection.execute(query("feeds.lock"), {"account": account})
        return connection.execute(
            query("feeds.report"),
            {
                "account": account,
                "own_orders": feed.own_orders,
                "platforms": list(feed.platforms),
                "orders": list(changes.orders),
                "changed": list(changes.orders.values()),
                "now": now,
            },
        ).scalar_one()


def _distrust(connection: Connection, account: str, reason: str | None, now: datetime) -> None:
    """Ask for the account's orders as if it had no feed."""
    was_trusted = connection.execute(
        query("feeds.distrust"), {"account": account, "reason": reason}
    ).scalar_one_or_none()
    if was_trusted:
        orders = connection.execute(query("feeds.usual_pace"), {"account": account}).scalars()
        polling.plan(connection, list(orders), now=now)


def _execute(warehouse: Engine, name: str, **binds: Any) -> None:
    with warehouse.begin() as connection:
        connection.execute(query("feeds.lock"), {"account": binds["account"]})
        connection.execute(query(f"feeds.{name}"), binds)
