"""The router dialect: both forms as the articles' own clients speak them, and what they mean."""

import hashlib
import json
import time
import urllib.parse
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shipment_tracking.domain.evidence import PlatformWord, Scan, Verdict, judge
from shipment_tracking.errors import (
    AuthError,
    PlatformBugError,
    QuotaError,
    RejectedError,
    ReplyError,
    RetryableError,
    TokenError,
    UnmappedError,
)
from shipment_tracking.platforms import router
from shipment_tracking.platforms.dialects import client as open_client
from shipment_tracking.platforms.router import (
    PATH_1688,
    PATH_TAOBAO,
    Router1688Client,
    RouterTaobaoClient,
    read_traces,
    sign,
)
from shipment_tracking.steps.gather_traces import fingerprint

ORDER = "2338123456789000"
WAYBILL = "YT8800000000001"
KNOWN = {WAYBILL: [f"YTO:{WAYBILL}"]}
SECRET = "app-secret-of-the-test"
SHANGHAI = ZoneInfo("Asia/Shanghai")
TRANSIT = {"time": "2026-03-02 09:30:00", "desc": "快件已到达【杭州转运中心】", "city": "杭州市"}
SIGNED = {"time": "2026-03-03 10:00:00", "desc": "快件已签收，签收人：本人", "city": "宁波市"}
ANSWERED_AT = datetime(2026, 3, 3, 3, 0, tzinfo=UTC)  # an hour after the sign

ERRORS: dict[str, type[Exception]] = {
    "7": QuotaError,
    "429": QuotaError,
    "10": RetryableError,
    "25": AuthError,
    "26": TokenError,
    "27": TokenError,
    "401": TokenError,
    "29": AuthError,
    "11": AuthError,
    "22": PlatformBugError,
    "31": PlatformBugError,
    "40": PlatformBugError,
    "41": RejectedError,
    "9001": UnmappedError,
}


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


def trace(*nodes: dict[str, Any], **result: Any) -> dict[str, Any]:
    return {"result": {"signStatus": "UNSIGN", "traceList": list(nodes)} | result}


@pytest.fixture
def client(gateway) -> Router1688Client:
    gateway.account = replace(gateway.account, dialect="router")
    opened = open_client(gateway)
    assert isinstance(opened, Router1688Client)
    return opened


@pytest.fixture
def shop(gateway) -> RouterTaobaoClient:
    gateway.account = replace(gateway.account, dialect="router", platform="taobao", access_token="")
    opened = open_client(gateway)
    assert isinstance(opened, RouterTaobaoClient)
    return opened


def articles_sign(params: dict[str, str]) -> str:
    """As the article's client computes it, word for word."""
    filtered = sorted((k, v) for k, v in params.items() if v is not None)
    qs = "".join(f"{k}{v}" for k, v in filtered)
    raw = f"{SECRET}{qs}{SECRET}"
    return hashlib.md5(raw.encode("utf-8")).hexdigest().upper()


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


def test_taobao_is_asked_as_the_article_asks_it_and_without_a_session(shop, talker):
    talker.says({"status": 2})

    shop.fetch_traces(ORDER)

    ((path, asked),) = talker.asked
    signature, timestamp = asked.pop("sign"), asked["timestamp"]
    sent_at = datetime.strptime(timestamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)
    assert path == PATH_TAOBAO
    assert abs(sent_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert asked == {
        "method": "alibaba.logistics.OpQueryLogisticsTrace",
        "app_key": "1688000001",
        "timestamp": timestamp,
        "format": "json",
        "v": "2.0",
        "sign_method": "md5",
        "order_id": ORDER,
    }
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


def test_a_parcel_without_a_number_is_kept_and_its_trace_not_asked_for(client, talker):
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


def test_a_trace_is_asked_for_with_the_carriers_code_as_it_was_received(client, talker):
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


def verdict(client, talker, *nodes: dict[str, Any], **result: Any) -> Verdict:
    """What the platform's answer makes of a parcel that was in transit."""
    talker.says(trace(*nodes, **result))
    (parcel,) = read_traces(client.fetch_traces(ORDER, KNOWN))
    trail = [
        Scan(
            event.occurred_at or ANSWERED_AT,
            event.position,
            event.status,
            event.sign_kind,
            event.event_hash,
            True,
        )
        for event in parcel.events
    ]
    word = (
        PlatformWord(parcel.platform_status, parcel.platform_code, ANSWERED_AT, ANSWERED_AT)
        if parcel.platform_status and parcel.platform_code
        else None
    )
    return judge(trail, word, "in_transit")


def test_sign_proves_a_sign_and_the_scan_tells_when_and_who(client, talker):
    found = verdict(client, talker, TRANSIT, SIGNED, signStatus="SIGN")

    assert (found.status, found.confirmed, found.sign_kind) == ("signed", True, "self")
    assert found.signed_at == datetime(2026, 3, 3, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize("sign_status", ["UNSIGN", None, "TELEPORTED"])
def test_a_text_alone_never_proves_a_sign(sign_status, client, talker):
    found = verdict(client, talker, TRANSIT, SIGNED, signStatus=sign_status)

    assert (found.status, found.confirmed, found.sign_kind) == ("signed", False, "text")


def test_unsign_is_no_trouble_but_a_parcel_that_is_not_signed_yet(client, talker):
    assert verdict(client, talker, TRANSIT, signStatus="UNSIGN").status == "in_transit"


@pytest.mark.parametrize("nodes", [(TRANSIT,), (), (TRANSIT, TRANSIT | {"desc": "快件已揽收"})])
def test_without_a_scan_of_the_sign_its_time_is_the_sign_time(nodes, client, talker):
    found = verdict(client, talker, *nodes, signStatus="SIGN", signTime="2026-03-03 09:59:00")

    assert (found.status, found.confirmed, found.sign_kind) == ("signed", True, "platform")
    assert found.signed_at == datetime(2026, 3, 3, 1, 59, tzinfo=UTC)


def test_a_sign_time_beside_a_scan_of_the_sign_adds_no_event(client, talker):
    talker.says(trace(TRANSIT, SIGNED, signStatus="SIGN", signTime="2026-03-03 09:59:00"))

    (parcel,) = read_traces(client.fetch_traces(ORDER, KNOWN))

    assert len(parcel.events) == 2


def test_a_sign_without_any_time_counts_from_its_detection(client, talker):
    found = verdict(client, talker, signStatus="SIGN")

    assert (found.status, found.confirmed) == ("signed", True)
    assert found.signed_at == ANSWERED_AT


def test_a_sign_after_a_return_means_that_the_sender_has_it(client, talker):
    back = TRANSIT | {"desc": "收件人拒收，快件退回中"}

    found = verdict(client, talker, back, signStatus="SIGN", signTime="2026-03-03 09:59:00")

    assert found.status == "returned"


def test_no_line_is_ever_known_to_be_unshipped(client, shop, talker):
    assert not client.has_unshipped_lines(ORDER)
    assert not shop.has_unshipped_lines(ORDER)
    assert talker.asked == []


def test_an_order_of_taobao_is_its_own_parcel_without_a_question(shop, talker):
    (parcel,) = shop.fetch_parcels(ORDER)

    assert (parcel.consignment_id, parcel.waybill_no) == (ORDER, None)
    assert talker.asked == []


@pytest.mark.parametrize(
    ("code", "status"),
    [(1, "info_received"), ("2", "in_transit"), (3, "signed")],
)
def test_a_status_code_is_one_event_that_only_its_fetching_dates(code, status, shop, talker):
    talker.says({"status": code})

    (parcel,) = read_traces(shop.fetch_traces(ORDER))

    (event,) = parcel.events
    assert (parcel.consignment_id, parcel.waybill_no) == (ORDER, None)
    assert (event.occurred_at, event.status) == (None, status)
    assert (parcel.platform_code, parcel.platform_status) == (str(code), status)


def test_a_status_code_that_stays_is_the_same_answer(shop, talker):
    talker.says({"status": 2, "request_id": "1"})
    talker.says({"status": "2", "request_id": "2"})
    talker.says({"status": 3})

    first, second, third = (fingerprint(shop.fetch_traces(ORDER)) for _ in range(3))

    assert first == second != third


@pytest.mark.parametrize("body", [{"status": 0}, {"status": "0"}, {"status": None}, {}])
def test_an_order_of_which_the_gateway_knows_no_status_is_rejected(body, shop, talker):
    talker.says(body)

    with pytest.raises(RejectedError, match="no logistics status"):
        shop.fetch_traces(ORDER)
    assert len(talker.asked) == 1


def test_a_status_code_that_nobody_knows_is_passing_and_counted_by_its_name(shop, talker):
    talker.says({"status": 4})

    with pytest.raises(UnmappedError):
        shop.fetch_traces(ORDER)

    assert [usage.outcome for usage in shop.drain_usage()] == ["unmapped 4"]


@pytest.mark.parametrize(("code", "error"), ERRORS.items())
@pytest.mark.parametrize("form", ["client", "shop"])
@pytest.mark.parametrize("spelled", [int, str])
def test_an_error_says_what_to_do(form, spelled, code, error, talker, request):
    talker.says({"error_response": {"code": spelled(code), "msg": "no"}})

    with pytest.raises(error) as raised:
        request.getfixturevalue(form).fetch_traces(ORDER, KNOWN)

    assert type(raised.value) is error
    assert raised.value.code == code


def test_every_rule_is_tried():
    known = {code for rule in router.ERRORS for code in rule.codes}

    assert known >= ERRORS.keys() - {"9001"}
    assert {rule.raises for rule in router.ERRORS} == {*ERRORS.values()} - {UnmappedError}


@pytest.mark.parametrize(
    ("http_status", "body", "error"),
    [
        (429, {}, QuotaError),
        (401, {"message": "no"}, TokenError),
        (503, {"message": "no"}, RetryableError),
        (200, {"result": None}, RetryableError),
        (200, {}, RetryableError),
    ],
)
def test_what_is_neither_a_result_nor_an_error_is_told_by_its_http_status(
    http_status, body, error, client, talker
):
    talker.says(body, http_status)

    with pytest.raises(error) as raised:
        client.fetch_parcels(ORDER)

    assert type(raised.value) is error


@pytest.mark.parametrize("order_id", ["SO-1", "", "12 3", "１２３"])
@pytest.mark.parametrize("form", ["client", "shop"])
def test_an_order_id_that_is_no_number_is_never_asked_for(form, order_id, talker, request):
    opened = request.getfixturevalue(form)

    for ask in (opened.fetch_parcels, opened.fetch_traces):
        with pytest.raises(RejectedError, match="correct it in the ERP"):
            ask(order_id)
    assert talker.asked == []


@pytest.mark.parametrize(
    "body",
    [
        {"traces": [{}]},
        {"traces": [None]},
        {"traces": None},
        {"orders": [{"order_id": "1", "status": "9"}]},
    ],
)
def test_a_stored_reply_that_breaks_the_dialect_cannot_be_read(body):
    with pytest.raises(ReplyError):
        read_traces(body)
