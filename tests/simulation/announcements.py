"""What holds for notices and alarms whatever happens; see ``invariants``."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sandbox.receiver import Delivery

from .dag import SENDS
from .invariants import rows

if TYPE_CHECKING:
    from .driver import Simulation

IN_QUEUE = 1.0
"""Seconds that a request may lie with the receiver, unread, after its sender died."""

LASTING: frozenset[str] = frozenset()
"""Kinds of alerts that the world itself gives reason for."""

Invariant = Callable[["Simulation"], Iterator[str]]


def every_change_is_announced_once(life: "Simulation") -> Iterator[str]:
    """
    One row that says why not, or one for each channel that wants to know.

    A signature whose traces can never be read may wait.
    """
    unequal = """
        select
            coalesce(change.event_id, notice.event_id) as event_id,
            array_agg(notice.channel || ' ' || notice.state) as notices
        from tracking.status_change as change
        inner join tracking.shipment on change.shipment_id = shipment.shipment_id
        full join
            (
                select told.*
                from simulation.every_notification as told
                where
                    not told.digest
                    and exists (
                        select 1 from tracking.shipment
                        where shipment.shipment_id = told.shipment_id
                    )
                    and not exists (
                        select 1 from tracking.shipment_eta
                        where shipment_eta.delay_event_id = told.event_id
                    )
            ) as notice
            on change.event_id = notice.event_id
        where
            shipment.shipment_id is null
            or not exists (
                select 1
                from tracking.order_shipment
                inner join tracking.tracked_order using (order_id)
                where
                    order_shipment.shipment_id = shipment.shipment_id
                    and tracked_order.platform_order_id = any(:unread)
            )
        group by change.event_id, notice.event_id, shipment.account
        having
            count(change.event_id) = 0
            or not (
                (count(*) = 1 and min(notice.channel) = '' and min(notice.state) = 'suppressed')
                or array_agg(notice.channel order by notice.channel) = case shipment.account
                    when 'platform_tmall' then array['backup', 'buyers', 'ops', 'shop']
                    else array['backup', 'buyers', 'ops']
                end
            )
    """
    unread = [order.order_id for order in life.world.orders() if order.story == "nan_reply"]
    for row in rows(life, unequal, unread=unread):
        yield f"change {row.event_id} has {row.notices}"


def nothing_waits_to_be_told(life: "Simulation") -> Iterator[str]:
    waiting = """
        select event_id, channel, state, last_error
        from tracking.notification
        where state in ('pending', 'dead') and due_at is not null
    """
    for row in rows(life, waiting):
        yield f"{row.event_id} to {row.channel or 'nobody'} is {row.state}: {row.last_error}"


def only_what_was_overtaken_was_left_out(life: "Simulation") -> Iterator[str]:
    """A notice that had a channel was sent, or a newer one of the same parcel was, or it closed."""
    lost = """
        select older.event_id, older.channel, older.reason, order_shipment.order_id
        from simulation.every_notification as older
        left join tracking.order_shipment on older.shipment_id = order_shipment.shipment_id
        where
            older.channel <> ''
            and not older.digest
            and older.state = 'suppressed'
            and older.reason not in ('closed', 'no order')
            and not exists (
                select 1
                from simulation.every_notification as newer
                where
                    newer.shipment_id = older.shipment_id
                    and newer.channel = older.channel
                    and not newer.digest
                    and newer.notification_id > older.notification_id
                    and (newer.state = 'sent' or newer.reason in ('closed', 'no order'))
            )
    """
    reachable = {row.order_id for row in rows(life, TRACKED) if row.erp_key in life.reachable()}
    for row in rows(life, lost):
        if row.channel == "buyers" and row.order_id not in reachable:
            continue
        yield f"{row.event_id} to {row.channel}: {row.reason}"


TRACKED = "select erp_key, order_id from tracking.erp_row"


def nobody_is_told_who_does_not_want_to_be(life: "Simulation") -> Iterator[str]:
    """Neither is who never said whether he does; and each buyer is told of his own orders."""
    reachable = life.reachable()
    for delivery in life.receiver.deliveries("buyers"):
        told = {order["erp_key"] for order in delivery.body["orders"]}
        if not told or not told <= reachable:
            yield f"{delivery.event_id}: {sorted(told - reachable)}"


def no_notice_leaves_a_signature_that_was_not_announced(life: "Simulation") -> Iterator[str]:
    """But for one that was true, and too old to be announced when it was first seen."""
    true = {
        parcel.consignment_id
        for order in life.world.orders()
        if order.story == "sign_withdrawn"
        for parcel in order.parcels
    }
    last: dict[str, str] = {}
    for delivery in life.receiver.deliveries("backup"):
        body = delivery.body
        if "items" in body or body["consignment_id"] in true:
            continue
        parcel = f"{body['account']}/{body['consignment_id']}"
        if body["from_status"] == "signed" and last.get(parcel) != "signed":
            yield f"{delivery.event_id}: {parcel} went from signed after {last.get(parcel)}"
        last[parcel] = body["to_status"]


def what_is_sent_has_arrived_once(life: "Simulation") -> Iterator[str]:
    """More than once only when a process may have died between sending and writing it down."""
    arrived = _arrivals(life)
    known: dict[str, str] = {}
    every = "select event_id, channel, state from simulation.every_notification where channel <> ''"
    for row in rows(life, every):
        key = f"{row.event_id} at {row.channel}"
        known[key] = row.state
        if row.state == "sent" and not arrived[key]:
            yield f"{key} is said to be sent, and never arrived"
    for key, deliveries in arrived.items():
        if key not in known:
            yield f"{key} arrived, and nobody sent it"
        if len(deliveries) > 1 and not all(_unsure(life, each) for each in deliveries[:-1]):
            times = ", ".join(f"{each.at:%T.%f} of {each.event_id}" for each in deliveries)
            yield f"{key} arrived {len(deliveries)} times: {times}"


def what_arrives_is_in_order(life: "Simulation") -> Iterator[str]:
    """Of one parcel at one channel, by the first arrival of each notice."""
    every = """
        select event_id, shipment_id, notification_id
        from simulation.every_notification
        where channel = 'backup' and not digest
    """
    number = {str(row.event_id): row for row in rows(life, every)}
    last: dict[int, int] = defaultdict(int)
    seen: set[str] = set()
    for delivery in life.receiver.deliveries("backup"):
        row = number.get(delivery.event_id)
        if row is None or delivery.event_id in seen:
            continue
        seen.add(delivery.event_id)
        if row.notification_id < last[row.shipment_id]:
            yield f"{delivery.event_id} of parcel {row.shipment_id} came late"
        last[row.shipment_id] = row.notification_id


def a_message_says_what_changed(life: "Simulation") -> Iterator[str]:
    every = """
        select event_id, from_status, to_status, consignment_id
        from simulation.every_status_change
        inner join simulation.every_shipment using (shipment_id)
    """
    changes = defaultdict(set)
    for row in rows(life, every):
        changes[str(row.event_id)].add((row.to_status, row.consignment_id))
    for delivery in life.receiver.deliveries():
        body = delivery.body
        if "items" in body or body["reason"] == "delayed":
            continue
        found = (body["to_status"], body["consignment_id"])
        if found not in changes[delivery.event_id]:
            yield f"{delivery.event_id}: {found} for {changes[delivery.event_id]}"


def no_person_is_named_in_a_message(life: "Simulation") -> Iterator[str]:
    said = "\n".join(str(delivery.body) for delivery in life.receiver.deliveries())
    for word in sorted(life.world.phones | life.world.names):
        if word in said:
            yield word


def stalls_are_as_the_parcels_are(life: "Simulation") -> Iterator[str]:
    """An open stall stands where its parcel stands, and each was told before it was cleared."""
    wrong = """
        select stall.*, shipment.status
        from tracking.stall
        inner join tracking.shipment on stall.shipment_id = shipment.shipment_id
        where
            stall.opened_at < stall.since + stall.threshold_hours * interval '1 hour'
            or stall.cleared_at < stall.opened_at
            or (
                stall.cleared_at is null
                and stall.stage not in ('pickup', 'sign_withdrawn')
                and shipment.status not in (
                    stall.stage, case stall.stage when 'in_transit' then 'picked_up' end
                )
            )
            or (stall.cleared_at is null and stall.alerted_at is null)
    """
    for row in rows(life, wrong):
        yield str(dict(row._mapping))


def an_alert_lasts_as_long_as_its_trouble(life: "Simulation") -> Iterator[str]:
    """Two days without a fault leave only what the world itself holds, and its standstill."""
    for row in rows(life, "select * from tracking.alert where cleared_at is null"):
        if row.kind not in LASTING:
            yield str(dict(row._mapping))


def an_alert_and_its_end_are_told_alike(life: "Simulation") -> Iterator[str]:
    """Each channel that took an alert hears of its end, and no other does."""
    unequal = """
        select alert.*, opened.channel, ended.state
        from tracking.alert
        inner join
            simulation.every_notification as opened
            on alert.event_id = opened.event_id and opened.state = 'sent'
        full join
            (
                select notice.*, known.event_id as alert_event_id
                from simulation.every_notification as notice
                inner join tracking.alert as known on notice.event_id = known.cleared_event_id
            ) as ended
            on alert.event_id = ended.alert_event_id and opened.channel = ended.channel
        where
            (alert.cleared_at is null and ended.event_id is not null)
            or (alert.cleared_at is not null and ended.event_id is null)
    """
    for row in rows(life, unequal):
        yield str(dict(row._mapping))


AT_THE_END: tuple[Invariant, ...] = (
    every_change_is_announced_once,
    nothing_waits_to_be_told,
    only_what_was_overtaken_was_left_out,
    what_is_sent_has_arrived_once,
    what_arrives_is_in_order,
    a_message_says_what_changed,
    no_person_is_named_in_a_message,
    nobody_is_told_who_does_not_want_to_be,
    no_notice_leaves_a_signature_that_was_not_announced,
    stalls_are_as_the_parcels_are,
    an_alert_lasts_as_long_as_its_trouble,
    an_alert_and_its_end_are_told_alike,
)


def _arrivals(life: "Simulation") -> dict[str, list[Delivery]]:
    """What arrived, by event and channel; of a digest each of its items."""
    arrived: dict[str, list[Delivery]] = defaultdict(list)
    for delivery in life.receiver.deliveries():
        items = delivery.body.get("items", [delivery.body])
        for item in items:
            arrived[f"{item['event_id']} at {delivery.channel}"].append(delivery)
    return arrived


def _unsure(life: "Simulation", delivery: Delivery) -> bool:
    """Whether the sender of a message died, never heard that it had arrived, or was too slow."""
    if delivery.channel in life.unsure or delivery.event_id in life.late_messages():
        return True
    # From the wall clock to the one that never jumps.
    at = time.monotonic() - (datetime.now(UTC) - delivery.at).total_seconds()
    return any(
        process.step in SENDS
        and (process.killed or process.stopped or not process.ended_well)
        and process.started <= at <= (process.ended or at) + IN_QUEUE
        for process in life.processes.all
    )
