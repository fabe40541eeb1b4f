"""What the warehouse knows of a feed and its orders."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 3, 2, tzinfo=UTC)
BUDGET = timedelta(minutes=5)
HALF_HOUR = timedelta(minutes=30)
SELLER, BUYER = "platform_taobao", "platform_1688"
Pass = Callable[..., dict[str, Any]]
Select = Callable[..., list[Any]]


def unconfirmed(select: Select) -> set[str]:
    """Orders that are polled whatever a feed reports: a sign waits for the platform's word."""
    found = select(
        "platform_order_id from analytics.shipments where status = 'signed' and sign_kind = 'text'"
    )
    return {row.platform_order_id for row in found}


def feed_of(select: Select, account: str = SELLER) -> Any:
    (row,) = select("* from analytics.feeds where account = :account", account=account)
    return row


def settle(live: Pass, passes: int = 3) -> None:
    """Until every order was polled under the feed, and is planned by it."""
    for _ in range(passes):
        live(after=timedelta(hours=2))


def known(select: Select, by: datetime | None = None) -> set[str]:
    """Orders that are to be polled again, at the latest by then."""
    found = select(
        "platform_order_id from tracking.tracked_order"
        " where next_poll_at <= coalesce(cast(:by as timestamptz), 'infinity')",
        by=by,
    )
    return {row.platform_order_id for row in found}
