"""The parcel list and the lines of an order."""

import pytest

from shipment_tracking.errors import RejectedError, RetryableError
from shipment_tracking.platforms.ali1688.api import sign

from .orders import ORDER


def test_a_request_is_signed_and_asks_for_no_personal_data(client, gateway, talker):
    talker.says({"success": True, "result": []})

    client.fetch_parcels(ORDER)

    ((path, form),) = talker.asked
    signature = form.pop("_aop_signature")
    assert form == {
        "orderId": ORDER,
        "webSite": "1688",
        "fields": "company.name",
        "access_token": gateway.account.access_token,
    }
    assert path == (
        "/openapi/param2/1/com.alibaba.logistics/alibaba.trade.getLogisticsInfos.buyerView/"
        "1688000001"
    )
    assert signature == sign(path.removeprefix("/openapi/"), form, gateway.account.app_secret)


@pytest.mark.parametrize("order_id", ["SO-1001", "29386245 54509662977", "١٢٣", ""])
def test_an_order_id_that_is_no_number_is_not_asked_for(order_id, client, talker):
    with pytest.raises(RejectedError, match="is not a number"):
        client.fetch_parcels(order_id)
    assert talker.asked == []


@pytest.mark.parametrize("result", [[{"status": "SIGN"}], ["LP1"], [None]])
def test_a_parcel_list_that_makes_no_sense_is_this_orders_trouble(result, client, talker):
    talker.says({"success": True, "result": result})

    with pytest.raises(RejectedError, match="not a parcel list of 1688"):
        client.fetch_parcels(ORDER)


@pytest.mark.parametrize(
    ("name", "plain"),
    [("圆通速递(YTO)", "圆通速递"), ("德邦快递（DBKD）", "德邦快递"), ("极兔速递", "极兔速递")],
)
def test_a_carriers_name_loses_its_code(name, plain, client, talker):
    talker.says({"result": [{"logisticsId": "LP1", "logisticsCompanyName": name}]})

    assert client.fetch_parcels(ORDER)[0].carrier_name == plain


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("WAITACCEPT", "info_received"),
        ("ACCEPT", "info_received"),
        ("TRANSPORT", "in_transit"),
        ("SIGN", "signed"),
        ("UNSIGN", "exception"),
        ("NOGET", "exception"),
        ("CANCEL", "cancelled"),
        ("TELEPORTED", "unknown"),
    ],
)
def test_a_platform_status_in_our_words(code, status, client, talker):
    talker.says({"result": [{"logisticsId": "LP1", "status": code}]})

    (parcel,) = client.fetch_parcels(ORDER)

    assert (parcel.platform_code, parcel.platform_status) == (code, status)


@pytest.mark.parametrize(
    ("lines", "waits"),
    [
        ([2, 2], False),
        ([2, 1], True),
        ([2, 5], True),
        ([2, 8], True),
        (["2", "1"], True),
    ],
)
def test_an_order_is_unshipped_while_one_of_its_lines_is(lines, waits, client, talker):
    items = [{"logisticsStatus": line, "status": "waitbuyerreceive"} for line in lines]
    talker.says({"success": "true", "result": {"productItems": items}})

    assert client.has_unshipped_lines(ORDER) is waits


@pytest.mark.parametrize("result", [None, [], {}, {"productItems": []}, {"productItems": [None]}])
def test_a_detail_without_lines_proves_nothing(result, client, talker):
    talker.says({"success": "true", "result": result})

    with pytest.raises(RetryableError, match="without its lines"):
        client.has_unshipped_lines(ORDER)


@pytest.mark.parametrize("status", ["cancel", "terminated"])
def test_a_line_that_was_cancelled_is_waited_for_by_nobody(status, client, talker):
    items = [{"logisticsStatus": 2}, {"logisticsStatus": 1, "status": status}]
    talker.says({"success": "true", "result": {"productItems": items}})

    assert client.has_unshipped_lines(ORDER) is False
