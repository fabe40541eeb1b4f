"""The list of changed orders."""

from datetime import timedelta

import pytest

from .calls import changed


def test_the_order_list_tells_of_shipping_and_receipt_and_of_no_scan(clock, story):
    order = story("signed_by_self")
    (parcel,) = order.parcels
    received = parcel.statuses[-1]

    assert received[1] == "SIGN"
    assert order.modified(parcel.listed_at - timedelta(seconds=1)) == order.created_at
    assert order.modified(received[0] - timedelta(seconds=1)) == parcel.listed_at
    assert order.modified(received[0]) == received[0]


def test_the_order_list_holds_what_changed_in_the_time_newest_first(call, world, clock):
    now = clock.now()
    expected = sorted(
        (
            (order.modified(now), order.order_id)
            for order in world.orders("platform_1688")
            if order.created_at <= now and order.refusal == ""
        ),
        reverse=True,
    )

    first = changed(call, pageSize="20").json()
    second = changed(call, pageSize="20", page="2").json()

    assert first["totalRecord"] == second["totalRecord"] == len(expected)
    listed = [row["baseInfo"]["idOfStr"] for page in (first, second) for row in page["result"]]
    assert listed == [order_id for _, order_id in expected][:40]
    assert changed(call, modifyEndTime="20260201000001000+0800").json()["result"] == []


def test_a_partly_shipped_order_does_not_wait_to_be_received(call, clock, story):
    order = story("partly_shipped")
    clock.set(order.parcels[0].listed_at)

    def listed(**status: str) -> set[str]:
        found: set[str] = set()
        for page in range(1, 5):
            rows = changed(call, pageSize="50", page=str(page), **status).json()["result"]
            found |= {row["baseInfo"]["idOfStr"] for row in rows}
        return found

    assert order.order_id in listed(orderStatus="waitsellersend")
    assert order.order_id in listed()
    assert order.order_id not in listed(orderStatus="waitbuyerreceive")


@pytest.mark.parametrize(
    "params",
    [
        {"modifyStartTime": None},
        {"modifyEndTime": "2026-03-02 00:00:00"},
        {"pageSize": "51"},
        {"page": "0"},
    ],
)
def test_an_order_list_asked_for_otherwise_is_refused(call, params):
    assert changed(call, **params).json()["error_code"] == "gw.ParamMissing"


def test_the_order_list_holds_personal_data_unless_it_is_declined(call):
    assert "nativeLogistics" not in changed(call).text
    assert "nativeLogistics" in changed(call, needBuyerAddressAndPhone=None).text
