"""What a platform is told of the parcels."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from shipment_tracking.domain.models import Run

from .words import MINUTE, Platform, Select


@pytest.mark.parametrize("backfill", [False, True])
def test_the_platform_is_told_which_parcel_each_known_waybill_belongs_to(
    backfill: bool,
    track: Any,
    gather: Any,
    insert: Callable[..., Any],
    select: Select,
    new_run: Callable[..., Run],
    now: datetime,
) -> None:
    track("1", backfill_at=now if backfill else None)
    ((order_id,),) = select("order_id from tracking.tracked_order")
    insert(
        "erp_row",
        erp_key="SO1",
        order_id=order_id,
        shipped_at=now,
        first_seen_at=now,
        listed=True,
    )
    for consignment_id, router_code, status, superseded_at, waybills in (
        ("LP2", None, "in_transit", None, ("YT1", "YT2")),
        ("LP3", None, "cancelled", None, ("YT2", "YT3")),
        ("LP4", None, "in_transit", now, ("YT4",)),
        ("LP5", None, "in_transit", None, ("YT1",)),
        ("YTO:YT5", "YTO", "in_transit", now, ("YT5",)),
        ("YTO:YT6", "yuantong", "in_transit", None, ("YT6",)),
    ):
        shipment = insert(
            "shipment",
            account="platform_1688",
            consignment_id=consignment_id,
            router_code=router_code,
            waybill_no=waybills[0],
            status=status,
        )
        insert(
            "order_shipment",
            order_id=order_id,
            shipment_id=shipment,
            first_seen_at=now,
            superseded_at=superseded_at,
        )
        for waybill_no in waybills:
            insert(
                "shipment_waybill", shipment_id=shipment, waybill_no=waybill_no, first_seen_at=now
            )
    interval = {"shipped_from": now, "shipped_to": now + MINUTE} if backfill else {}
    platform = Platform()

    gather(platform, run=new_run(**interval))

    # A cancelled parcel gave its number up to a live one; two live ones share theirs. Of superseded
    # parcels those stay that a trace may still name; a router's nobody asks for any more.
    assert platform.waybills == {
        "YT1": ["LP2", "LP5"],
        "YT2": ["LP2"],
        "YT3": ["LP3"],
        "YT4": ["LP4"],
        "YT6": ["yuantong:YT6"],
    }
