"""The form of 1688, as the article's own client speaks it."""

import hashlib
import json
import time
import urllib.parse
from datetime import UTC, datetime
from typing import Any

import pytest

from shipment_tracking.platforms.router.api import PATH_1688, sign
from shipment_tracking.platforms.router.traces import read_traces

from .answers import KNOWN, ORDER, SIGNED, TRANSIT, WAYBILL, articles_sign, trace


def ship(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"alibaba_logistics_trade_ship_response": {"logisticsOrders": list(rows)}}


def row(**changes: Any) -> dict[str, Any]:
    return {
        "logisticsCode": "YTO",
        "logisticsCompanyName": "圆通速递",
        "billNo": WAYBILL,
        "gmtSend": "2026-03-01 20:00:00",
        "consigneeName": "王小雪",
    } | changes


def test_a_signature_is_md5_over_what_is_sent_between_two_secrets():
    assert (
        sign({"b": "2", "a": "包裹"}, "s") == hashlib.md5("sa包裹b2s".encode()).hexdigest().upper()
    )


def test_1688_is_asked_as_the_article_asks_it(client, talker):
    talker.says(ship(row()))

    client.fetch_parcels(ORDER)

    ((path, asked),) = talker.asked
    signature = asked.pop("sign")
    assert path == PATH_1688
    assert abs(int(asked["timestamp"]) / 1000 - time.time()) < 60
    assert asked | {"timestamp": ""} == {
        "method": "alibaba.logistics.trade.ship",
        "app_key": "1688000001",
        "session": "access-token-of-the-test",
        "timestamp": "",
        "format": "json",
        "v": "2.0",
        "sign_method": "md5",
        # One decoding is behind it, and it is still encoded: so it was encoded twice.
        "param2": urllib.parse.quote_plus(str({"orderId": ORDER}).replace("'", '"')),
    }
    assert "+" in asked["param2"]
    assert signature == articles_sign(asked)


def test_a_parcel_is_its_carrier_and_waybill_and_has_no_status_yet(client, talker):
    talker.says(ship(row(), row(billNo=None, mailNo="430000000000001", logisticsCode="YD")))

    first, second = client.fetch_parcels(ORDER)

    assert (first.consignment_id, first.waybill_no) == (f"YTO:{WAYBILL}", WAYBILL)
    assert (first.carrier_code, first.carrier_name) == ("YTO", "圆通速递")
    assert (first.platform_code, first.platform_status) == (None, None)
    assert second.consignment_id == "YD:430000000000001"
    assert "王小雪" not in repr((first, second))


@pytest.mark.parametrize("result", [{}, {"logisticsOrders": None}, {"logisticsOrders": []}])
def test_an_order_that_is_not_shipped_has_no_parcels(result, client, talker):
    talker.says({"any_key": result})

    assert client.fetch_parcels(ORDER) == []
    assert client.fetch_traces(ORDER) == {"traces": []}


def test_a_parcel_without_a_number_is_kept_without_a_trace(client, talker):
    talker.says(ship(row(billNo="", mailNo=None)))

    (parcel,) = client.fetch_parcels(ORDER)
    traces = client.fetch_traces(ORDER, {})

    assert (parcel.consignment_id, parcel.waybill_no) == (f"YTO:{ORDER} has no number", None)
    assert traces == {"traces": []}
    assert {asked["method"] for _, asked in talker.asked} == {"alibaba.logistics.trade.ship"}


def test_a_waybill_without_a_carrier_is_listed_and_not_followed(client, talker):
    talker.says(ship(row(logisticsCode=None), row(billNo="YT2")))

    found = [parcel.consignment_id for parcel in client.fetch_parcels(ORDER)]
    client.fetch_traces(ORDER, {WAYBILL: found[:1]})

    assert found == [f":{WAYBILL}", "YTO:YT2"]
    assert len(talker.asked) == 1


def test_a_trace_is_asked_for_with_the_carrier_code_as_received(client, talker):
    talker.says(trace(TRANSIT))

    client.fetch_traces(ORDER, {WAYBILL: [f"a:b 圆通:{WAYBILL}"]})

    ((_, asked),) = talker.asked
    assert json.loads(urllib.parse.unquote_plus(asked["param2"])) == {
        "companyCode": "a:b 圆通",
        "billNo": WAYBILL,
    }


def test_an_order_without_known_parcels_is_asked_for_them_first(client, talker):
    talker.says(ship(row()))
    talker.says(trace(TRANSIT))

    body = client.fetch_traces(ORDER, {})

    assert [asked["method"] for _, asked in talker.asked] == [
        "alibaba.logistics.trade.ship",
        "alibaba.logistics.trace.get",
    ]
    assert [part["consignment_id"] for part in body["traces"]] == [f"YTO:{WAYBILL}"]


def test_every_waybill_is_asked_for_by_itself(client, talker):
    talker.says(trace(TRANSIT))

    body = client.fetch_traces(ORDER, KNOWN | {"78000000000001": ["ZTO:78000000000001"]})

    assert len(talker.asked) == 2
    assert {part["billNo"] for part in body["traces"]} == {WAYBILL, "78000000000001"}


def test_nothing_personal_is_left_in_a_trace(client, talker):
    node = SIGNED | {"desc": "派件员：李霜降 电话13800138000，已签收", "city": "宁波市 13800138000"}
    talker.says(trace(node, consigneeName="王小雪", receiver={"name": "王小雪"}))

    stored = json.dumps(client.fetch_traces(ORDER, KNOWN), ensure_ascii=False)

    assert not [word for word in ("李霜降", "13800138000", "王小雪") if word in stored]
    assert "已签收" in stored


def test_what_has_no_scan_and_no_sign_says_nothing(client, talker):
    talker.says(trace())

    assert client.fetch_traces(ORDER, KNOWN) == {"traces": []}


def test_scans_are_read_in_beijing_time_with_their_city(client, talker):
    talker.says(trace(SIGNED, TRANSIT))

    (parcel,) = read_traces(client.fetch_traces(ORDER, KNOWN))

    assert [event.occurred_at for event in parcel.events] == [
        datetime(2026, 3, 2, 1, 30, tzinfo=UTC),
        datetime(2026, 3, 3, 2, 0, tzinfo=UTC),
    ]
    assert [event.city for event in parcel.events] == ["杭州市", "宁波市"]
    assert [event.position for event in parcel.events] == [0, 1]
