"""An order's parcels as its platform lists them, and whether lines are still to be shipped."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from shipment_tracking.domain.models import Parcel, Run
from shipment_tracking.domain.statuses import Status
from shipment_tracking.platforms.ports import PlatformClient
from shipment_tracking.statements import query
from shipment_tracking.warehouse import parcels, polling
from shipment_tracking.warehouse.rows import JsonRows


@dataclass(frozen=True, slots=True)
class Listing:
    """
    What a platform answers for one order.

    :param has_unshipped_lines: ``None`` where it was not asked, as a parcel is not signed yet.
    """

    asked_at: datetime
    parcels: tuple[Parcel, ...]
    has_unshipped_lines: bool | None


@dataclass(frozen=True, slots=True)
class ListedRow:
    """A parcel that a platform lists for an order."""

    order_id: int
    shipment_id: int
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """
    What the warehouse keeps of asking for an order's parcels.

    :param asked_at: aware.
    :param error: why there is no answer.
    :param too_old: its platform keeps nothing of the order any more.
    """

    order_id: int
    asked_at: datetime
    consignments: Sequence[str]
    has_parcels: bool
    has_unshipped_lines: bool | None
    error: str | None
    too_old: bool


@dataclass(frozen=True, slots=True)
class ConfirmedRow:
    """That an order was asked for its parcels beside its traces."""

    order_id: int
    asked_at: datetime
    has_unshipped_lines: bool | None


ANSWERS = JsonRows(AnswerRow, "answers", "listings.record")
CONFIRMED = JsonRows(ConfirmedRow, "listings", "listings.confirm")
LISTED = JsonRows(ListedRow, "parcels", "listings.supersede")


def ask(
    client: PlatformClient,
    platform_order_id: str,
    *,
    is_signed: Callable[[Parcel], bool],
    asked_at: datetime,
) -> Listing:
    """
    Ask for the order's parcels, and once all of them are signed for its unshipped lines.

    :param is_signed: whether a parcel is known to be signed without its status by the platform.
    :raises PlatformError: of the kind that says what to do.
    """
    found = client.fetch_parcels(platform_order_id)
    live = [parcel for parcel in found if parcel.platform_status != Status.CANCELLED]
    all_signed = bool(live) and all(
        parcel.platform_status == Status.SIGNED or is_signed(parcel) for parcel in live
    )
    lines = client.has_unshipped_lines(platform_order_id) if all_signed else None
    return Listing(asked_at, tuple(found), lines)


def polls_due(connection: Connection, account: str, this_run: Run, now: datetime) -> int:
    """How many of the account's orders are due to be polled for traces."""
    binds = {"account": account, "now": now, "only_high_priority": this_run.only_high_priority}
    return connection.scalars(query("listings.polls_due"), binds).one()


def record(connection: Connection, account: str, rows: Iterable[AnswerRow]) -> None:
    """Note what the orders answered, and when they are due to be asked again."""
    binds = {**ANSWERS(rows), "account": account, **polling.SPACING}
    connection.execute(query("listings.record"), binds)


def confirm(connection: Connection, rows: Iterable[ConfirmedRow]) -> None:
    """Note that orders were asked for their parcels to confirm a signature."""
    connection.execute(query("listings.confirm"), CONFIRMED(rows))


def keep(
    connection: Connection,
    account: str,
    listings: Iterable[tuple[int, Listing]],
    *,
    announce: bool,
) -> set[int]:
    """
    Store listed parcels, and supersede those that are listed no more.

    :param listings: with their order ids.
    :returns: the orders that have parcels.
    """
    rows = [
        parcels.ParcelRow(
            order_id=order_id,
            account=account,
            consignment_id=parcel.consignment_id,
            waybill_no=parcel.waybill_no,
            carrier_code=parcel.carrier_code,
            carrier_name=parcel.carrier_name,
            platform_code=parcel.platform_code,
            platform_status=parcel.platform_status,
            listed=True,
            seen_at=listing.asked_at,
            announce=announce,
        )
        for order_id, listing in listings
        for parcel in listing.parcels
    ]
    ids = parcels.keep(connection, rows)
    if rows:
        listed = [
            ListedRow(row.order_id, ids[row.order_id, row.consignment_id], row.seen_at)
            for row in rows
        ]
        connection.execute(query("listings.supersede"), LISTED(listed))
    return {row.order_id for row in rows}
