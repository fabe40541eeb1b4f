"""The page's JSON: the story of orders by their key and of parcels by their waybill number."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from shipment_tracking.web import reading
from shipment_tracking.web.dependencies import Now, Warehouse


class Model(BaseModel):
    """Reads the fields that it names from a row."""

    model_config = ConfigDict(from_attributes=True)


class EventOut(Model):
    """A scan; its description is masked."""

    occurred_at: datetime
    status: str
    sign_kind: str | None
    description: str
    city: str | None
    action: str | None
    decided_by: str
    fetched_at: datetime
    future_dated: bool
    earlier_life: bool
    withdrawn_at: datetime | None


class ParcelOut(Model):
    """A parcel, with its scans from new to old."""

    consignment_id: str
    waybill_no: str | None
    carrier_code: str | None
    carrier_name: str | None
    status: str
    sign_kind: str | None
    signed_at: datetime | None
    sign_confirmed_at: datetime | None
    superseded_at: datetime | None
    eta_p50: datetime | None = Field(
        description="When half of the parcels like it are signed; null: not known."
    )
    eta_p90: datetime | None = Field(description="The same for nine tenths of them.")
    eta_basis: str | None = Field(description="What both rest on.")
    is_late: bool = Field(description="Later than expected: the first eta_p90 has passed.")
    events: list[EventOut]


class ErpRowOut(Model):
    """A row of the ERP."""

    erp_key: str
    waybill_no: str | None
    status: str
    shipped_at: datetime | None
    signed_at: datetime | None
    closed_at: datetime | None
    close_reason: str | None
    problem: str | None
    eta_p50: datetime | None = Field(description="Of its last parcel; null: not known.")
    eta_p90: datetime | None
    is_late: bool = Field(description="One of its parcels is later than expected.")


class OrderOut(Model):
    """An order of a platform, with its rows at the ERP and its parcels."""

    platform: str
    account: str
    platform_order_id: str
    status: str
    last_polled_at: datetime | None
    next_poll_at: datetime | None
    closed_at: datetime | None
    erp_rows: list[ErpRowOut]
    parcels: list[ParcelOut]


class OrdersOut(BaseModel):
    """The orders that were asked for; accounts may share a number."""

    orders: list[OrderOut]


router = APIRouter(prefix="/api", tags=["shipments"])
MOST_ORDERS = 10


@router.get("/orders/{key:path}", summary="Orders by ERP key or platform order number")
def orders(
    warehouse: Warehouse, now: Now, key: Annotated[str, Path(description="The whole key.")]
) -> OrdersOut:
    """The orders whose ERP key or order number is the given one; 404 if there are none."""
    return _found(warehouse, key, now, of_waybill=False)


@router.get("/waybills/{number:path}", summary="Orders by waybill number")
def waybills(
    warehouse: Warehouse, now: Now, number: Annotated[str, Path(description="The whole number.")]
) -> OrdersOut:
    """The orders with a parcel of this waybill number; 404 if there are none."""
    return _found(warehouse, number, now, of_waybill=True)


def _found(warehouse: Warehouse, text: str, now: datetime, *, of_waybill: bool) -> OrdersOut:
    with reading.reading(warehouse) as connection:
        found = reading.search(connection, reading.as_term(text), only_whole=True)
        ids = [
            row.order_id
            for row in found
            if row.order_id is not None and (row.shipment_id is not None) == of_waybill
        ]
        answer = [_order(connection, order_id, now) for order_id in ids[:MOST_ORDERS]]
    if not answer:
        raise HTTPException(404, "no such order is tracked")
    return OrdersOut(orders=answer)


def _order(connection: Connection, order_id: int, now: datetime) -> OrderOut:
    story = reading.order_story(connection, order_id, now=now)
    assert story is not None
    parcels = []
    for parcel in story.parcels:
        events = reading.parcel_story(connection, parcel).events
        fields = {
            name: getattr(parcel, name) for name in ParcelOut.model_fields if name != "events"
        }
        parcels.append(ParcelOut(**fields, events=[EventOut.model_validate(row) for row in events]))
    order = story.order
    return OrderOut(
        platform=order.platform,
        account=order.account,
        platform_order_id=order.platform_order_id,
        status=order.status,
        last_polled_at=order.last_polled_at,
        next_poll_at=order.next_poll_at,
        closed_at=order.closed_at,
        erp_rows=[ErpRowOut.model_validate(row) for row in story.erp_rows],
        parcels=parcels,
    )
