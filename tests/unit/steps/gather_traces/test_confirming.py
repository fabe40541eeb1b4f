"""What confirms a new signature is asked for at once."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from shipment_tracking.domain.models import Parcel
from shipment_tracking.errors import (
    PlatformError,
    RetryableError,
)
from shipment_tracking.steps import load_traces
from shipment_tracking.warehouse import parcels

from .words import MINUTE, Platform, Select, traces


class Confirming(Platform):
    """Also lists the order's one parcel, in a status, and counts what it is asked."""

    def __init__(self, answers: dict[str, Any], status: str | PlatformError = "signed") -> None:
        super().__init__(answers)
        self.status = status
        self.questions: list[str] = []

    def fetch_parcels(self, order_id: str) -> list[Parcel]:
        self.questions.append(f"parcels of {order_id}")
        if isinstance(self.status, PlatformError):
            raise self.status
        return [Parcel("LP1", "YT8800000000001", None, None, self.status.upper(), self.status)]

    def has_unshipped_lines(self, order_id: str) -> bool:
        self.questions.append(f"lines of {order_id}")
        return False


SIGNED = traces("已签收，签收人：本人")


def test_new_signature_is_confirmed_at_once(
    track: Any, gather: Any, select: Select, now: datetime
) -> None:
    track("1", "2")
    platform = Confirming({"1": SIGNED})

    gather(platform)

    assert platform.questions == ["parcels of 1", "lines of 1"]
    assert select("platform_status, platform_status_at from tracking.shipment") == [("signed", now)]
    assert select(
        "platform_order_id, has_unshipped_lines, parcels_asked_at from tracking.tracked_order"
        " order by order_id"
    ) == [("1", False, now), ("2", None, now - 60 * MINUTE)]


def test_signature_that_the_platform_does_not_confirm_asks_for_no_lines(
    track: Any, gather: Any, select: Select
) -> None:
    track("1")
    platform = Confirming({"1": SIGNED}, status="in_transit")

    gather(platform)

    assert platform.questions == ["parcels of 1"]


def test_known_signature_is_not_confirmed_again_by_a_poll(
    track: Any, gather: Any, warehouse: Engine, select: Select, now: datetime, new_run: Any
) -> None:
    track("1")
    gather(Confirming({"1": SIGNED}, status="in_transit"))
    load_traces.run(warehouse, new_run(), now=now)
    changed = traces("已签收，签收人：本人，感谢使用")
    platform = Confirming({"1": changed}, status="in_transit")

    gather(platform, clock=lambda: now + 30 * MINUTE)

    assert platform.asked == ["1"]
    assert platform.questions == []


def test_confirmation_that_fails_leaves_the_reply_recorded(
    track: Any, gather: Any, select: Select
) -> None:
    track("1")
    platform = Confirming({"1": SIGNED}, status=RetryableError("no answer in time"))

    assert gather(platform)["failed"] == 0

    assert select("count(*) from tracking.trace_reply") == [(1,)]
    assert select("last_error from tracking.tracked_order") == [(None,)]


def test_signature_that_the_platform_listed_before_asks_for_nothing(
    track: Any, gather: Any, warehouse: Engine, select: Select, now: datetime
) -> None:
    track("1")
    ((order_id,),) = select("order_id from tracking.tracked_order")
    listed = parcels.ParcelRow(
        order_id=order_id,
        account="platform_1688",
        consignment_id="LP1",
        waybill_no="YT1",
        seen_at=now - MINUTE,
        announce=True,
        listed=True,
        platform_code="SIGN",
        platform_status="signed",
    )
    with warehouse.begin() as connection:
        parcels.keep(connection, [listed])
    platform = Confirming({"1": SIGNED})

    gather(platform)

    assert platform.questions == []


@pytest.mark.parametrize("text", ["派件中", "请准备签收", "快件已揽收"])
def test_reply_without_a_signature_asks_for_nothing(text: str, track: Any, gather: Any) -> None:
    track("1")
    platform = Confirming({"1": traces(text)})

    gather(platform)

    assert platform.questions == []
