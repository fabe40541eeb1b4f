"""The parcel list and the lines of an order."""

import pytest

from shipment_tracking.errors import RejectedError, RetryableError
from shipment_tracking.platforms.taobao.api import TRADE

from .answers import EMPTY_LIST, LIST, ORDER, WAYBILL, recorded, shippings

FULL_TRADE = "top_trade_fullinfo_masked"


def test_a_status_of_no_table_is_unknown(client, talker):
    talker.says(shippings({"status": "TELEPORTED"}))

    (parcel,) = client.fetch_parcels(ORDER)

    assert (parcel.platform_code, parcel.platform_status) == ("TELEPORTED", "unknown")


@pytest.mark.parametrize(
    ("order", "waybill", "status"),
    [(ORDER, WAYBILL, "info_received"), ("43895470821219997", "YT8800000000003", "info_received")],
)
def test_of_a_parcel_list_an_order_takes_its_own_rows(order, waybill, status, client, talker):
    talker.says(recorded(LIST)["body"])

    (parcel,) = client.fetch_parcels(order)

    assert (parcel.consignment_id, parcel.waybill_no) == ("LP00616288919385", waybill)
    assert (parcel.carrier_name, parcel.platform_status) == ("圆通速递", status)


def test_a_list_of_nothing_but_other_orders_parcels_is_not_taken(client, talker):
    talker.says(recorded(LIST)["body"])

    with pytest.raises(RetryableError, match="answered with parcels of 43895470821219997"):
        client.fetch_parcels("43895470821210000")


def test_an_order_that_is_not_shipped_yet_has_no_parcels(client, talker):
    talker.says(recorded(EMPTY_LIST)["body"])

    assert client.fetch_parcels(ORDER) == []


def test_a_parcel_without_an_id_is_this_orders_trouble(client, talker):
    talker.says(shippings({"order_code": None}))

    with pytest.raises(RejectedError, match="has an order_code"):
        client.fetch_parcels(ORDER)


def test_a_row_that_moved_between_pages_counts_once(client, talker):
    rows = [{"order_code": f"LP{number}"} for number in range(60)]
    talker.says(shippings(*rows[:40], total=60))
    talker.says(shippings(*rows[39:], total=60))

    found = client.fetch_parcels(ORDER)

    assert [parcel.consignment_id for parcel in found] == [row["order_code"] for row in rows]
    assert [form["page_no"] for _, form in talker.asked] == ["1", "2"]


def test_a_list_whose_pages_repeat_themselves_comes_to_an_end(client, talker):
    talker.says(shippings({}, total=9))

    assert len(client.fetch_parcels(ORDER)) == 1
    assert len(talker.asked) == 2


SIMPLE_LIST = {
    "shippings": [{"tid": int(ORDER), "order_code": "LP1", "out_sid": WAYBILL, "sub_tids": [11]}],
    "total_results": 1,
    "request_id": "r",
}
SINGLE_ROW = {"tid": ORDER, "order_code": "LP1", "out_sid": WAYBILL}


@pytest.mark.parametrize(
    "body",
    [
        shippings({}),
        {"logistics_orders_get_response": {"shippings": {"shipping": SINGLE_ROW}}},
        SIMPLE_LIST,
        SIMPLE_LIST | {"shippings": SINGLE_ROW},
    ],
    ids=["wrapped", "single", "simplified", "simplified single"],
)
def test_a_parcel_list_is_understood_in_every_form(body, client, talker):
    talker.says(body)

    (parcel,) = client.fetch_parcels(ORDER)

    assert (parcel.consignment_id, parcel.waybill_no) == ("LP1", WAYBILL)


def test_a_trades_status_tells_whether_a_line_waits(client, talker):
    talker.says(recorded(FULL_TRADE)["body"])

    assert client.has_unshipped_lines(ORDER) is False

    ((_, form),) = talker.asked
    assert (form["method"], form["fields"]) == (TRADE, "tid,status")


@pytest.mark.parametrize(
    ("status", "waits"),
    [
        ("SELLER_CONSIGNED_PART", True),
        ("WAIT_SELLER_SEND_GOODS", True),
        ("TRADE_BUYER_SIGNED", False),
        ("TRADE_FINISHED", False),
    ],
)
def test_an_order_is_unshipped_while_its_trade_is(status, waits, client, talker):
    talker.says({"trade_get_response": {"trade": {"tid": int(ORDER), "status": status}}})

    assert client.has_unshipped_lines(ORDER) is waits


@pytest.mark.parametrize("trade", [None, {}, [], {"tid": 1, "status": "TRADE_FINISHED"}])
def test_a_trade_without_a_status_or_of_another_order_proves_nothing(trade, client, talker):
    talker.says({"trade_get_response": {"trade": trade}})

    with pytest.raises(RetryableError):
        client.has_unshipped_lines(ORDER)
