"""Keeps the parcels that a parcel list or a trace names: their rows, orders and waybill numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from shipment_tracking.domain import carriers
from shipment_tracking.domain.models import ParcelTrace
from shipment_tracking.domain.waybills import fold
from shipment_tracking.statements import query
from shipment_tracking.warehouse.replies import StoredReply
from shipment_tracking.warehouse.rows import JsonRows

SAME_BOX = timedelta(hours=48)
"""Orders that list one waybill share its parcel if they were shipped this close together."""

# Added in the order of their keys, then locked in the order of their ids: whoever keeps the same
# parcels meanwhile waits, and never crosswise.
_STEPS = ("parcels.update", "parcels.link", "parcels.waybills")


@dataclass(frozen=True, slots=True)
class ParcelRow:
    """
    What one answer of a platform says of a parcel.

    :param seen_at: aware.
    :param listed: it stands in the platform's parcel list.
    :param replayed: the answer was taken over before: the number of a known parcel stays, and so
        does what its platform says of it, unless that is read otherwise now.
    :param announce: whether changes of its platform status are announced; ``None``: it says none.
    :param router_code: set by ``keep``: the carrier in an id ``carrier:waybill``.
    :param given_again_at: set by ``keep``: from when on scans with its number are a later parcel's.
    """

    order_id: int
    account: str
    consignment_id: str
    waybill_no: str | None
    seen_at: datetime
    announce: bool | None = None
    listed: bool = False
    replayed: bool = False
    carrier_code: str | None = None
    carrier_name: str | None = None
    platform_code: str | None = None
    platform_status: str | None = None
    router_code: str | None = None
    given_again_at: datetime | None = None


PARCELS = JsonRows(
    ParcelRow,
    "parcels",
    "parcels.add",
    "parcels.lock",
    *_STEPS,
    "parcels.ids",
)


def keep(connection: Connection, rows: Sequence[ParcelRow]) -> dict[tuple[int, str], int]:
    """
    Store parcels within the caller's transaction; storing them twice changes nothing.

    A carrier is kept as the table of carriers calls it, whatever the platform calls it. A parcel
    that a router calls by carrier and waybill (``carrier:waybill``) is the one that the order has
    already under that number, however either is spelled; else the one of another order that was
    shipped within ``SAME_BOX``; else a new one, for carriers use numbers again.

    :returns: the shipment id of each order id and consignment id, as the rows name them.
    """
    if not rows:
        return {}
    named = _identified(connection, [_with_carrier(row) for row in rows])
    binds = PARCELS(named)
    wanted = len({(row.account, row.consignment_id) for row in named})
    locked: set[int] = set()
    # One that was there when the others were added may be pruned before it is locked.
    while len(locked) < wanted:
        connection.execute(query("parcels.add"), binds)
        locked = set(connection.execute(query("parcels.lock"), binds).scalars())
    for step in _STEPS:
        connection.execute(query(step), binds)
    found = connection.execute(query("parcels.ids"), binds)
    ids = {(row.account, row.consignment_id): row.shipment_id for row in found}
    return {
        (given.order_id, given.consignment_id): ids[row.account, row.consignment_id]
        for given, row in zip(rows, named, strict=True)
    }


def of_this_life(
    connection: Connection, traces: Sequence[tuple[StoredReply, ParcelTrace]]
) -> list[tuple[StoredReply, ParcelTrace]]:
    """
    The traces without the scans of later parcels that carry the same number of a router.

    :param traces: each with the reply that it was read from.
    """
    if all(_router_code(each.consignment_id, each.waybill_no) is None for _, each in traces):
        return list(traces)
    rows = [_with_carrier(row_of(reply, trace)) for reply, trace in traces]
    return [
        (reply, own)
        for (reply, trace), row in zip(traces, _identified(connection, rows), strict=True)
        if (own := _until(trace, row.given_again_at))
    ]


def row_of(reply: StoredReply, trace: ParcelTrace) -> ParcelRow:
    """What a trace says of its parcel, with the reply that it was read from."""
    return ParcelRow(
        order_id=reply.order_id,
        account=reply.account,
        consignment_id=trace.consignment_id,
        waybill_no=trace.waybill_no,
        platform_code=trace.platform_code,
        platform_status=trace.platform_status,
        seen_at=reply.fetched_at,
        announce=reply.announce,
    )


@dataclass(frozen=True, slots=True)
class _Routed:
    """A router's parcel as one of its orders knows it by one of its numbers (folded)."""

    account: str
    consignment_id: str
    carrier: str | None
    number: str | None
    order_id: int | None
    shipped_at: datetime | None
    is_live: bool


def _with_carrier(row: ParcelRow) -> ParcelRow:
    code, name = carriers.resolve(row.carrier_code, row.carrier_name)
    router_code = _router_code(row.consignment_id, row.waybill_no)
    return replace(row, carrier_code=code, carrier_name=name, router_code=router_code)


def _router_code(consignment_id: str, waybill_no: str | None) -> str | None:
    """The carrier within ``carrier:waybill``; none where the platform has ids of its own."""
    is_routed = waybill_no and consignment_id.endswith(f":{waybill_no}")
    return consignment_id.removesuffix(f":{waybill_no}") if is_routed else None


def _identified(connection: Connection, rows: Sequence[ParcelRow]) -> Sequence[ParcelRow]:
    """The rows with the ids of the parcels they stand for."""
    routed = [row for row in rows if row.router_code is not None]
    if not routed:
        return rows
    orders = sorted({row.order_id for row in routed})
    shipped = {
        order.order_id: order
        for order in connection.execute(query("parcels.orders"), {"orders": orders})
    }
    numbers = {row.waybill_no or "" for row in routed}
    stored = connection.execute(
        query("parcels.routed"),
        {
            "orders": orders,
            "numbers": sorted(numbers | {fold(number) or "" for number in numbers}),
            "accounts": sorted({row.account for row in routed}),
            "names": sorted({row.consignment_id for row in routed}),
        },
    )
    known = [
        _Routed(
            row.account,
            row.consignment_id,
            _carrier(row.carrier_code, row.router_code),
            fold(row.waybill_no),
            row.order_id,
            row.shipped_at,
            row.is_live,
        )
        for row in sorted(stored, key=lambda row: row.shipment_id)
    ]
    found: list[ParcelRow] = []
    for row in rows:
        if row.router_code is None:
            found.append(row)
            continue
        order = shipped[row.order_id]
        parcel = _Routed(
            row.account,
            row.consignment_id,
            _carrier(row.carrier_code, row.router_code),
            fold(row.waybill_no),
            order.order_id,
            order.shipped_at,
            is_live=True,
        )
        consignment_id = _identity(parcel, known) or _free_name(
            parcel, known, order.platform_order_id
        )
        parcel = replace(parcel, consignment_id=consignment_id)
        known.append(parcel)
        found.append(
            replace(row, consignment_id=consignment_id, given_again_at=_given_again(parcel, known))
        )
    return found


def _identity(parcel: _Routed, known: Iterable[_Routed]) -> str | None:
    """The id of the parcel that this one is; none if it is a new one."""
    alike = [
        each for each in known if (each.account, each.number) == (parcel.account, parcel.number)
    ]
    own = [each for each in alike if each.order_id == parcel.order_id]
    if own:
        return max(reversed(own), key=lambda each: each.is_live).consignment_id
    gaps = {
        abs(each.shipped_at - parcel.shipped_at): each.consignment_id
        for each in alike
        if each.carrier == parcel.carrier and each.shipped_at and parcel.shipped_at
    }
    nearest = min(gaps, default=None)
    return gaps[nearest] if nearest is not None and nearest <= SAME_BOX else None


def _given_again(parcel: _Routed, known: Iterable[_Routed]) -> datetime | None:
    """From when on scans with the parcel's number are a later one's; none while they are its."""
    carriers_of_it = {
        each.carrier for each in known if each.consignment_id == parcel.consignment_id
    }
    later = [
        each.shipped_at
        for each in known
        if (each.account, each.number) == (parcel.account, parcel.number)
        and each.consignment_id != parcel.consignment_id
        and each.carrier in carriers_of_it
        and each.shipped_at
        and parcel.shipped_at
        and each.shipped_at > parcel.shipped_at + SAME_BOX
    ]
    return min(later) - SAME_BOX if later else None


def _until(trace: ParcelTrace, given_again_at: datetime | None) -> ParcelTrace | None:
    """The trace up to a time; none if nothing is left. What the platform says now is not of it."""
    if given_again_at is None:
        return trace
    events = tuple(
        event for event in trace.events if event.occurred_at and event.occurred_at < given_again_at
    )
    if not events:
        return None
    return replace(trace, events=events, platform_code=None, platform_status=None)


def _free_name(parcel: _Routed, known: Iterable[_Routed], platform_order_id: str) -> str:
    """What the router calls the parcel, and its order's number too where that is taken."""
    name = parcel.consignment_id
    taken = {each.consignment_id for each in known if each.account == parcel.account}
    return f"{name}#{platform_order_id}" if name in taken else name


def _carrier(code: str | None, router_code: str) -> str | None:
    """One spelling for a carrier, whether the table of carriers knows it or not."""
    return fold(code or carriers.resolve(router_code, None)[0])
