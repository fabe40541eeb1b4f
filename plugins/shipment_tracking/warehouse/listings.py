"""An order's parcels as its platform lists them, and whether lines are still to be shipped."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from shipment_tracking.domain.models import Parcel
from shipment_tracking.domain.statuses import Status
from shipment_tracking.platforms.ports import PlatformClient
from shipment_tracking.statements import query
from shipment_tracking.warehouse import parcels
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


LISTED = JsonRows(ListedRow, "parcels", "fetch_waybills.supersede")


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
        connection.execute(query("fetch_waybills.supersede"), LISTED(listed))
    return {row.order_id for row in rows}
