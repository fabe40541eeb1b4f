"""Compares what the warehouse, the ERP and a receiver say with what the world knows to be true."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Engine, Row, select, text

from sandbox.erp import Row as ErpRow, erp_order, rows
from sandbox.parcels import SHANGHAI
from sandbox.world import Order, OrderTruth, ParcelTruth, World, dialect_of, order_truth

STALLED_AFTER_HOURS = {
    "pickup": 48,
    "in_transit": 72,
    "out_for_delivery": 24,
    "ready_for_pickup": 72,
}
STAGES = {
    "pending": "pickup",
    "info_received": "pickup",
    "picked_up": "in_transit",
    "in_transit": "in_transit",
    "out_for_delivery": "out_for_delivery",
    "ready_for_pickup": "ready_for_pickup",
    "exception": "exception",
    "delivery_failed": "delivery_failed",
    "returning": "returning",
    "returned": "returned",
}
"""The stage of each status that may stand still; the rest gives its alarm at once."""

LEADS_ORDER = (
    "exception",
    "delivery_failed",
    "returning",
    "returned",
    "pending",
    "unknown",
    "info_received",
    "picked_up",
    "in_transit",
    "out_for_delivery",
    "ready_for_pickup",
    "signed",
    "cancelled",
)
"""Of an order's parcels trouble leads, then the least advanced one."""

_OrderKey = tuple[str, str]
_ParcelKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is stored otherwise than the world has it; ``what`` groups alike ones."""

    what: str
    where: str
    true: object
    found: object

    def __str__(self) -> str:
        return f"{self.what}: {self.where}: true is {self.true}, found {self.found}"


@dataclass(frozen=True, slots=True)
class Warehouse:
    """The rows of the views, by their keys."""

    orders: dict[_OrderKey, list[Row[Any]]]
    shipments: dict[_ParcelKey, Row[Any]]
    scans: dict[_ParcelKey, Counter[datetime]]
    earlier: dict[_ParcelKey, Counter[datetime]]
    withdrawn: dict[_ParcelKey, Counter[datetime]]
    texts: dict[_ParcelKey, list[str]]
    rejected: dict[_ParcelKey, int]

    @classmethod
    def read(cls, engine: Engine) -> "Warehouse":
        """Everything the views hold now."""
        orders: dict[_OrderKey, list[Row[Any]]] = defaultdict(list)
        scans: dict[_ParcelKey, Counter[datetime]] = defaultdict(Counter)
        earlier: dict[_ParcelKey, Counter[datetime]] = defaultdict(Counter)
        withdrawn: dict[_ParcelKey, Counter[datetime]] = defaultdict(Counter)
        texts: dict[_ParcelKey, list[str]] = defaultdict(list)
        rejected: dict[_ParcelKey, int] = Counter()
        with engine.connect() as connection:
            for row in connection.execute(text("select * from analytics.orders")):
                orders[row.account, row.platform_order_id].append(row)
            shipments = {
                (row.account, row.platform_order_id, part_of(row.consignment_id)): row
                for row in connection.execute(text("select * from analytics.shipments"))
            }
            for row in connection.execute(text(EVENTS)):
                key = (row.account, row.platform_order_id, part_of(row.consignment_id))
                scans[key][row.occurred_at] += 1
                earlier[key][row.occurred_at] += row.earlier_life
                withdrawn[key][row.occurred_at] += row.withdrawn_at is not None
                texts[key].append(row.description)
            for row in connection.execute(text(REJECTED)):
                if not _is_litter(row.occurred_at_text, row.description):
                    part = part_of(row.consignment_id)
                    rejected[row.account, row.platform_order_id, part] += 1
        return cls(orders, shipments, scans, earlier, withdrawn, texts, rejected)


EVENTS = """
    select account, platform_order_id, consignment_id, trace_event.*
    from tracking.trace_event
    inner join tracking.shipment using (shipment_id)
    inner join tracking.order_shipment using (shipment_id)
    inner join
        (select order_id, platform_order_id from tracking.tracked_order) as tracked_order
        using (order_id)
    order by occurred_at
"""
REJECTED = """
    select account, platform_order_id, rejected_event.*
    from tracking.rejected_event
    inner join tracking.tracked_order using (order_id)
"""


def _is_litter(occurred_at: str, description: str) -> bool:
    """Whether a rejected step is one that a fault put among the order's own."""
    printed = occurred_at.strip().lower()
    return printed == "nan" or (printed in ("", "none", "null") and not description.strip())


def differences(engine: Engine, world: World, at: datetime) -> list[Difference]:
    """
    What differs from the truth as of ``at``; empty when the warehouse is right.

    Fair once the world has stood still (``World.freeze``) for long enough to be asked about
    everything: a day and a few half hours.
    """
    found = Warehouse.read(engine)
    return list(_differences(found, world, at))


def erp_differences(
    erp: Engine, world: World, at: datetime, zone: tzinfo = SHANGHAI
) -> list[Difference]:
    """
    What the ERP has otherwise than the truth as of ``at``: signs, and the traces of open orders.

    Fair when ``differences`` is, and the pipeline has written back since. What a person closed may
    have been signed before.

    :param zone: in which the ERP keeps its times.
    """
    with erp.connect() as connection:
        stored = {row.order_no: row for row in connection.execute(select(erp_order))}
    return list(_erp_differences(stored, world, at, zone))


def told_differences(
    messages: Sequence[Mapping[str, Any]], world: World, moments: Sequence[datetime]
) -> list[Difference]:
    """
    What people were told otherwise than it was, by the bodies of the messages they got.

    :param moments: when the pipeline ran (aware); the world must have stood still before the last.
    """
    return list(_told_differences(messages, world, moments))


def stall_differences(engine: Engine, world: World, at: datetime) -> list[Difference]:
    """
    Which parcels stand still otherwise than the warehouse has it as of ``at``.

    Fair when ``differences`` is, and the default hours hold.
    """
    open_stalls = text(
        "select account, platform_order_id, consignment_id, stage"
        " from analytics.stalls where cleared_at is null"
    )
    with engine.connect() as connection:
        found = {
            (row.account, row.platform_order_id, part_of(row.consignment_id)): row.stage
            for row in connection.execute(open_stalls)
        }
    true = dict(standing(world, at))
    # Of an order whose replies cannot be read, only the reader knows how long nothing is known.
    unreadable = {key for key, order in world.truth(at).items() if order.has_nan}
    return [
        Difference("stall", "/".join(key), true.get(key), found.get(key))
        for key in sorted(true.keys() | found.keys())
        if true.get(key) != found.get(key) and key[:2] not in unreadable
    ]


def is_signed(true: OrderTruth, at: datetime) -> bool:
    """Whether an order counts as signed as of ``at``: by proof, or by its texts for a day."""
    return true.signed or _signed_by_text(true, at)


def leaks(engine: Engine, world: World) -> list[str]:
    """Phone numbers and names of the world's people that stand in the warehouse."""
    stored = text(
        "select description from tracking.trace_event union all"
        " select cast(body as text) from tracking.trace_reply union all"
        " select last_event from tracking.shipment where last_event is not null"
    )
    with engine.connect() as connection:
        everything = "\n".join(connection.execute(stored).scalars())
    return sorted(word for word in world.phones | world.names if word in everything)


def _differences(found: Warehouse, world: World, at: datetime) -> Iterator[Difference]:
    truth = world.truth(at)
    unsigned = _never_signed(world)
    for key in sorted(_tracked(world, at) & truth.keys()):
        if truth[key].has_nan and not any(found.scans[order] for order in _parcels_of(found, key)):
            yield from _unknown_differences(found, key, truth[key], unsigned)
        else:
            yield from _order_differences(found, key, truth[key], at, unsigned)
    for key, erp_rows in found.orders.items():
        true = truth.get(key)
        where = "/".join(key)
        for row in erp_rows:
            is_right = true is not None and is_signed(true, at) and row.erp_key not in unsigned
            if row.signed_at is not None and not is_right:
                yield Difference("order wrongly signed", where, None, row.signed_at)
            if (row.status == "signed") != (row.signed_at is not None):
                yield Difference("order's status", where, row.signed_at, row.status)


def _parcels_of(found: Warehouse, order: _OrderKey) -> list[_ParcelKey]:
    return [key for key in found.shipments if key[:2] == order]


def _unknown_differences(
    found: Warehouse, key: _OrderKey, true: OrderTruth, unsigned: Mapping[str, ErpRow]
) -> Iterator[Difference]:
    """
    Of an order whose replies cannot be read, somebody is told so.

    It is signed by its parcel list alone, where that says so; when, only the reader knows.
    """
    is_listed_signed = true.signed and dialect_of(true.account) == "param2"
    for row in found.orders.get(key, []):
        if row.erp_key not in unsigned and is_listed_signed != (row.signed_at is not None):
            yield Difference("order's sign", "/".join(key), is_listed_signed, row.signed_at)
        if row.signed_at is None and row.last_error is None:
            yield Difference("order's error", "/".join(key), "no JSON", None)


def _never_signed(world: World) -> dict[str, ErpRow]:
    """
    The ERP's rows that stay as they are when their order is signed, by their keys.

    Their waybill number is no parcel's, or they say that they shipped days after the signature.
    """
    return {row.order_no: row for row in rows(world) if row.is_mistyped or row.is_refused}


def _erp_differences(
    stored: dict[str, Row[Any]], world: World, at: datetime, zone: tzinfo
) -> Iterator[Difference]:
    as_of = world.as_of(at)
    truth = world.truth(at)
    for row in rows(world):
        if row.created_at > as_of:
            continue
        found = stored.get(row.order_no)
        if found is None:
            yield Difference("ERP row missing", row.order_no, row.state(as_of)[0], None)
            continue
        true = truth.get((row.account, row.order_id))
        if true is not None and true.has_nan:
            continue
        if row.is_mistyped:
            if found.status != row.state(as_of)[0]:
                yield Difference("ERP status", row.order_no, row.state(as_of)[0], found.status)
            continue
        is_closing = bool(true and is_signed(true, at)) and not row.is_refused
        if row.state(as_of)[0] == "SHIPPED" and true and is_closing:
            yield from _sign_differences(found, true, zone)
        elif found.status != row.state(as_of)[0] and not _may_be_signed(row, true, at):
            yield Difference("ERP status", row.order_no, row.state(as_of)[0], found.status)
        if row.state(as_of)[0] == "SHIPPED" and true is not None and true.parcels:
            yield from _trace_differences(found, true, zone, is_signed=is_closing)


def _told_differences(
    messages: Sequence[Mapping[str, Any]], world: World, moments: Sequence[datetime]
) -> Iterator[Difference]:
    # A number that is used again names a parcel of another order too.
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    events = Counter(message["event_id"] for message in messages)
    for event_id, times in events.items():
        if times > 1:
            yield Difference("told more than once", event_id, 1, times)
    for message in messages:
        if message["reason"] == "delayed":
            continue  # its status is the one that was told before
        for order_id in sorted({order["platform_order_id"] for order in message["orders"]}):
            before = told[order_id, part_of(message["consignment_id"])]
            if message["from_status"] == "signed" and before[-1:] != ["signed"]:
                where = f"{message['consignment_id']}, {message['event_id']}"
                yield Difference("told from", where, "".join(before[-1:]) or None, "signed")
            before.append(message["to_status"])
    tracked = _tracked(world, moments[-1])
    mistyped = _mistyped_orders(world)
    for order in world.orders():
        key = (order.account, order.order_id)
        if key not in tracked or key in mistyped or order.refusal or order.has_nan:
            continue
        lives = [
            {
                part_of(parcel.consignment_id): parcel.status
                for parcel in order_truth(order, at).parcels
            }
            for at in map(world.as_of, moments)
            if order.shipped_at <= world.as_of(at)
        ]
        for consignment_id, status in lives[-1].items():
            where = f"{order.account}/{order.order_id}/{consignment_id}"
            if order.story == "flapping_replies":
                for status_told, times in Counter(told[order.order_id, consignment_id]).items():
                    if times > 1:
                        yield Difference("told again", where, status_told, f"{times} times")
            first = next(life for life in lives if consignment_id in life)
            last_told = told[order.order_id, consignment_id][-1:]
            if last_told and last_told[0] in taken_back(order, world.as_of(moments[-1])):
                continue  # that the platform took it back is announced of a signature only
            if last_told not in ([status], []) or (
                not last_told and first[consignment_id] != status
            ):
                yield Difference("told last", where, status, "".join(last_told) or None)


def taken_back(order: Order, at: datetime) -> set[str]:
    """The statuses of steps that the platform showed once and does not show now."""
    return {
        step.label
        for parcel in order.parcels
        for step in parcel.steps
        if step.label != "signed" and not step.is_strangers
        if step.published_at <= at and not step.is_shown(at)
    }


def _mistyped_orders(world: World) -> set[_OrderKey]:
    return {(row.account, row.order_id) for row in rows(world) if row.is_mistyped}


def standing(world: World, at: datetime) -> Iterator[tuple[_ParcelKey, str]]:
    """Every parcel that stands still, and its stage."""
    tracked = _tracked(world, at) - _mistyped_orders(world)
    shipped = {(order.account, order.order_id): order.shipped_at for order in world.orders()}
    for key, true in world.truth(at).items():
        if key not in tracked or is_signed(true, at):
            continue
        for parcel in true.parcels:
            times = [event.occurred_at for event in parcel.evidence]
            stage = STAGES.get(parcel.status)
            since = shipped[key] if stage == "pickup" or not times else max(times)
            if stage and at - since >= timedelta(hours=STALLED_AFTER_HOURS.get(stage, 0)):
                yield (*key, part_of(parcel.consignment_id)), stage


def _tracked(world: World, at: datetime) -> set[_OrderKey]:
    """The orders that the ERP's people call shipped."""
    as_of = world.as_of(at)
    return {(row.account, row.order_id) for row in rows(world) if row.state(as_of)[0] == "SHIPPED"}


def _may_be_signed(row: ErpRow, true: OrderTruth | None, at: datetime) -> bool:
    """Whether the order was signed before a person closed it, or by its texts alone."""
    if true is None:
        return False
    closed_later = (
        row.closed_at is not None and true.signed_at is not None and true.signed_at <= row.closed_at
    )
    return closed_later or _signed_by_text(true, at)


def _sign_differences(found: Row[Any], true: OrderTruth, zone: tzinfo) -> Iterator[Difference]:
    last = _last_sign(true)
    for what, expected, actual in (
        ("ERP status", "SIGNED", found.status),
        (
            "ERP sign time",
            _expected(_local(last.signed_at, zone), found.signed_at, last),
            found.signed_at,
        ),
        ("ERP sign kind", last.sign_kind or None, found.sign_kind),
    ):
        if expected != actual:
            yield Difference(what, found.order_no, expected, actual)


def _trace_differences(
    found: Row[Any], true: OrderTruth, zone: tzinfo, *, is_signed: bool
) -> Iterator[Difference]:
    live = [parcel for parcel in true.parcels if parcel.status != "cancelled"] or true.parcels
    events = [event for parcel in live for event in parcel.evidence]
    newest = max((event.occurred_at for event in events if not event.is_afterthought), default=None)
    status = min((parcel.status for parcel in live), key=LEADS_ORDER.index)
    seen = {_local(event.occurred_at, zone) for event in events if event.is_afterthought}
    for what, expected, actual in (
        (
            "ERP trace time",
            found.latest_trace_at
            if found.latest_trace_at in seen
            else _expected(_local(newest, zone), found.latest_trace_at, live[0]),
            found.latest_trace_at,
        ),
        (
            "ERP waybill numbers",
            {folded(parcel.waybill_no) for parcel in live},
            {folded(number) for number in (found.waybill_nos or "").split(",")},
        ),
        (
            "ERP trace status",
            "out_for_delivery" if status == "signed" and not is_signed else status,
            found.logistics_status or "pending",  # of which nothing is known, nothing is shown
        ),
    ):
        if expected != actual:
            yield Difference(what, found.order_no, expected, actual)


def part_of(consignment_id: str) -> str:
    """What tells a parcel from the others of its order; a router may respell its carrier."""
    named = consignment_id.partition("#")[0]
    return named.partition(":")[2] or named


def folded(number: str | None) -> str:
    """A waybill number however it was typed."""
    return "".join(unicodedata.normalize("NFKC", number or "").upper().split())


def _expected(
    true: datetime | None, found: datetime | None, parcel: ParcelTruth
) -> datetime | None:
    """The time to be found: the true one, or any later one where only the reader dates things."""
    is_seen_later = parcel.dated_by_reader and true and found and found >= true
    return found if is_seen_later else true


def _local(at: datetime | None, zone: tzinfo) -> datetime | None:
    return at.astimezone(zone).replace(tzinfo=None) if at else None


def _last_sign(true: OrderTruth) -> ParcelTruth:
    """The parcel of a signed order that was signed last."""
    return max(
        (parcel for parcel in true.parcels if parcel.signed_at),
        key=lambda parcel: (parcel.signed_at, parcel.consignment_id),
    )


def _signed_by_text(true: OrderTruth, at: datetime) -> bool:
    """Whether the texts said signed for a day without the platform's word: that counts too."""
    live = [parcel for parcel in true.parcels if parcel.status != "cancelled"]
    return (
        bool(live)
        and not true.has_unshipped_lines
        and all(
            parcel.signed_at is not None and at - parcel.signed_at >= timedelta(hours=24)
            for parcel in live
        )
    )


def _order_differences(
    found: Warehouse, key: _OrderKey, true: OrderTruth, at: datetime, unsigned: Mapping[str, ErpRow]
) -> Iterator[Difference]:
    where = "/".join(key)
    if key not in found.orders:
        yield Difference("order missing", where, "tracked", None)
        return
    for row in found.orders[key]:
        if row.erp_key in unsigned and unsigned[row.erp_key].is_mistyped:
            if true.parcels and row.last_error is None:
                yield Difference("order's error", where, "no parcel has the row's number", None)
            continue
        if row.erp_key in unsigned:
            if is_signed(true, at) and row.last_error is None:
                yield Difference("order's error", where, "its signature is refused", None)
            continue
        if is_signed(true, at):
            last = _last_sign(true)
            signed_at = _expected(last.signed_at, row.signed_at, last)
            if row.signed_at != signed_at:
                yield Difference("order's sign", where, signed_at, row.signed_at)
        live = sum(parcel.status != "cancelled" for parcel in true.parcels)
        if row.parcels != live:
            yield Difference("order's parcels", where, live, row.parcels)
    for parcel in true.parcels:
        yield from _parcel_differences(
            found, (*key, part_of(parcel.consignment_id)), parcel, asked=not is_signed(true, at)
        )


def _parcel_differences(
    found: Warehouse, key: _ParcelKey, true: ParcelTruth, *, asked: bool
) -> Iterator[Difference]:
    """:param asked: whether anybody still asks for the parcel."""
    where = "/".join(key)
    row = found.shipments.get(key)
    if row is None:
        yield Difference("parcel missing", where, true.status, None)
        return
    for what, expected, actual in (
        ("status", true.status, row.status),
        ("waybill number", folded(true.waybill_no), folded(row.waybill_no)),
        ("carrier", re.split("[（(]", true.carrier_name)[0] or None, row.carrier_name),
        ("sign time", _expected(true.signed_at, row.signed_at, true), row.signed_at),
        ("sign kind", true.sign_kind or None, row.sign_kind),
    ):
        if expected != actual:
            yield Difference(what, where, expected, actual)
    if true.dated_by_reader:
        yield from _telling_differences(true, found.texts.get(key, []), where)
        return
    yield from scan_differences(found, key, true, asked=asked and not true.is_proved)
    rejected = len({(printed.strip(), text) for printed, text in true.rejected})
    if rejected != found.rejected[key]:
        yield Difference("rejected steps", where, rejected, found.rejected[key])


def scan_differences(
    found: Warehouse, key: _ParcelKey, true: ParcelTruth, *, asked: bool
) -> Iterator[Difference]:
    """What is wrong with the scans: their times, and what is flagged."""
    where = "/".join(key)
    actual = found.scans.get(key, Counter())
    needed = Counter(event.occurred_at for event in true.events if not event.may_be_missed)
    for missing in (needed - actual).elements():
        yield Difference("event missing", where, missing, None)
    for surplus in (actual - Counter(event.occurred_at for event in true.events)).elements():
        yield Difference("event too many", where, None, surplus)
    earlier = Counter(event.occurred_at for event in true.events if event.is_earlier_life)
    if (flagged := +found.earlier[key]) != earlier:
        yield Difference("events of an earlier life", where, earlier, flagged)
    shown = Counter(event.occurred_at for event in true.events if not event.is_withdrawn)
    flagged = +found.withdrawn[key]
    if asked and flagged != (withdrawn := actual - shown):
        yield Difference("events withdrawn", where, withdrawn, flagged)


def _telling_differences(true: ParcelTruth, found: list[str], where: str) -> Iterator[Difference]:
    """What is wrong with the texts of a parcel without times: some may be missed, none repeated."""
    expected = [event.text for event in true.events]
    rest = iter(expected)
    if found[-1:] != expected[-1:] or not all(text in rest for text in found):
        yield Difference("events", where, expected, found)
