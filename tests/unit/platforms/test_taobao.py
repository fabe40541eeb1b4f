"""The dialect of Taobao and Tmall, beyond what the recorded replies say."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
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
from shipment_tracking.platforms.ports import Changes
from shipment_tracking.platforms.taobao import (
    PARCELS,
    TRACE_GET,
    TRACE_SEARCH,
    TRADE,
    MessageFeed,
    TaobaoClient,
    TradeFeed,
    read_answer,
    read_time,
    read_traces,
    sign,
)

REPLIES = Path(__file__).parents[2] / "replies"
SHANGHAI = ZoneInfo("Asia/Shanghai")
ORDER = "43895470821219993"
WAYBILL = "YT8800000000001"
NOON = "2026-09-18 12:00:00"

NO_PACKAGE = {"error_response": {"code": 11, "sub_code": "isv.permission-api-package-limit"}}


def recorded(name: str) -> dict[str, Any]:
    return json.loads((REPLIES / f"{name}.json").read_text(encoding="utf-8"))


LIST, EMPTY_LIST = "top_logistics_orders_get", "top_logistics_orders_empty"
TRACE, SPLIT = "top_trace_search_ok", "top_trace_search_split_error"
FULL_TRADE = "top_trade_fullinfo_masked"


@pytest.fixture
def client(gateway) -> TaobaoClient:
    gateway.account = replace(
        gateway.account, conn_id="platform_taobao", platform="taobao", dialect="top"
    )
    return TaobaoClient(gateway)


@pytest.fixture
def searching(client, talker) -> TaobaoClient:
    """A client that learnt that its app may only search."""
    talker.says(NO_PACKAGE)
    talker.says({"logistics_trace_search_response": {"request_id": "r"}})
    client.fetch_traces(ORDER)
    talker.answers.clear()
    talker.asked.clear()
    return client


@pytest.fixture
def asked(talker) -> Callable[[], list[str]]:
    """The APIs that were called, in turn."""
    return lambda: [form["method"] for _, form in talker.asked]


def shippings(*rows: dict[str, Any], total: int | None = None) -> dict[str, Any]:
    """A parcel list."""
    row = {"tid": int(ORDER), "order_code": "LP1", "out_sid": WAYBILL, "status": "SENDING"}
    listed = {"shipping": [row | changes for changes in rows]}
    total = len(rows) if total is None else total
    return {"logistics_orders_get_response": {"shippings": listed, "total_results": total}}


def part(*steps: tuple[str, str, str | None], **changes: Any) -> dict[str, Any]:
    """One parcel's trace, its steps as time, text and action."""
    printed = [
        {"status_time": at, "status_desc": said} | ({"action": action} if action else {})
        for at, said, action in steps
    ]
    trace_list = {"trace_list": {"transit_step_info": printed}} if printed else {}
    return {"out_sid": WAYBILL, "tid": int(ORDER)} | trace_list | changes


def traces(*parts: dict[str, Any]) -> dict[str, Any]:
    """An answer of trace.get."""
    return {"logistics_trace_get_response": {"result": {"transit_step_result": list(parts)}}}


def verdict_of(body: dict[str, Any], word: PlatformWord | None = None) -> Verdict:
    (parcel,) = read_traces(body)
    trail = [
        Scan(
            event.occurred_at, event.position, event.status, event.sign_kind, 0, True, event.action
        )
        for event in parcel.events
    ]
    return judge(trail, word, "pending")


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        ({"code": 15, "sub_code": "isp.item-update-service-error:GENERIC_FAILURE"}, RetryableError),
        ({"code": 15, "sub_code": "isv.trade-not-exist"}, RejectedError),
        ({"code": "15", "sub_code": "isv.logistics-trace-service-error:B04"}, RejectedError),
        ({"code": 50, "sub_code": "isv.permission-ip-whitelist-limit"}, AuthError),
        (NO_PACKAGE["error_response"], AuthError),
        ({"code": 7, "sub_code": "accesscontrol.limited-by-dynamic-access-count"}, QuotaError),
        ({"code": 4}, QuotaError),
        ({"code": 29, "msg": "Invalid app Key"}, AuthError),
        ({"code": 15}, UnmappedError),
        ({"code": 99, "sub_code": "ism.demo-error"}, UnmappedError),
        ({}, RetryableError),
    ],
)
def test_a_code_of_no_recorded_reply(refusal, kind):
    with pytest.raises(kind) as raised:
        read_answer(200, {"error_response": refusal})

    assert type(raised.value) is kind


@pytest.mark.parametrize(
    ("codes", "sub_code", "kind"),
    [
        ("7", "accesscontrol.limited-by-app-access-count", QuotaError),
        ("7", "accesscontrol.limited-by-api-access-count", QuotaError),
        ("7", "accesscontrol.limited-by-app-api-access-count", QuotaError),
        ("7", "accesscontrol.limited-by-dynamic-access-count", QuotaError),
        ("4 8", "", QuotaError),
        ("10", "", RetryableError),
        ("15 50", "isp.remote-service-error", RetryableError),
        ("15 50", "isp.top-remote-connection-timeout", RetryableError),
        ("15 50", "isp.remote-connection-error", RetryableError),
        ("15 50", "isp.http-connection-timeout", RetryableError),
        ("530 15 50", "isp.system-busy", RetryableError),
        ("15 50", "isp.call-limited", RetryableError),
        ("15 50", "isv.logistics-offline-service-error:B04", RejectedError),
        ("24 25 28 29", "", AuthError),
        ("26", "", TokenError),
        ("27", "session-expired", TokenError),
        ("27", "invalid-sessionkey", TokenError),
        ("30 31 21 22 23 32 33 34 40 42 43", "", PlatformBugError),
        ("41", "", RejectedError),
        ("11 12 13 53", "", AuthError),
    ],
)
def test_every_documented_code_has_its_consequence(codes, sub_code, kind):
    for code in codes.split():
        with pytest.raises(kind) as raised:
            read_answer(200, {"error_response": {"code": int(code), "sub_code": sub_code}})
        assert type(raised.value) is kind


def test_a_clock_that_is_wrong_and_a_session_that_ended_say_what_to_do():
    with pytest.raises(PlatformBugError, match="correct this machine's time"):
        read_answer(200, recorded("top_err_31_invalid_timestamp")["body"])
    with pytest.raises(TokenError, match="session is missing, expired or revoked"):
        read_answer(200, recorded("top_err_27_session_expired")["body"])


def test_an_error_tells_the_connection_and_no_secret(client, gateway, talker):
    talker.says(recorded("top_err_27_session_expired")["body"])

    with pytest.raises(AuthError, match=f"^platform_taobao: {PARCELS}: the session") as raised:
        client.fetch_parcels(ORDER)

    (_, form) = talker.asked[0]
    for secret in (gateway.account.access_token, gateway.account.app_secret, form["sign"]):
        assert secret not in f"{raised.value!s}{raised.value!r}"


def test_a_ban_for_the_day_is_told_at_once_and_not_tried_again(client, talker):
    talker.says(recorded("top_err_7_app_daily_quota")["body"])

    with pytest.raises(QuotaError) as raised:
        client.fetch_parcels(ORDER)

    # A second try would only hear from our own quota that nobody may call.
    assert raised.value.code == "accesscontrol.limited-by-app-access-count"
    assert len(talker.asked) == 1
    assert raised.value.until - datetime.now(UTC) > timedelta(seconds=31000)


def test_a_code_that_no_table_knows_is_tried_again_and_counted_by_its_name(client, talker):
    talker.says({"error_response": {"code": 15, "sub_code": "ism.demo-error", "msg": "?"}})

    with pytest.raises(UnmappedError):
        client.fetch_parcels(ORDER)

    (usage,) = client.drain_usage()
    assert (usage.outcome, usage.calls) == ("unmapped ism.demo-error", 3)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"ok": True}, 200),
        ({"logistics_orders_get_response": None}, 200),
        ({"request_id": "r"}, 502),
    ],
)
def test_what_is_neither_an_answer_nor_an_error_is_tried_again(body, status):
    with pytest.raises(RetryableError):
        read_answer(status, body)


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


def test_a_long_list_is_read_page_by_page_and_a_row_that_moved_counts_once(client, talker):
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


def test_a_sign_by_the_parcel_status_alone_is_no_proof(client, talker):
    """A parcel whose carrier the seller hired says 对方已签收 as soon as it is shipped."""
    talker.says(recorded(LIST)["body"])
    (parcel,) = client.fetch_parcels(ORDER)
    at = datetime(2026, 9, 18, 4, tzinfo=UTC)
    word = PlatformWord(parcel.platform_status, parcel.platform_code, at, at)
    on_its_way = Scan(at - timedelta(hours=1), 0, "in_transit", None, 1, True)
    by_text = Scan(at, 1, "signed", "self", 2, True)

    assert parcel.platform_code == "ACCEPTED_BY_RECEIVER"
    assert judge([], word, "pending").status == "info_received"
    assert judge([on_its_way], word, "pending").status == "in_transit"
    assert judge([on_its_way, by_text], word, "pending").confirmed is False


def test_a_trace_with_the_signs_code_is_a_proof(searching, talker):
    talker.says(recorded(TRACE)["body"])

    body = searching.fetch_traces(ORDER, {"888700000000001": ["LP1"]})

    (parcel,) = read_traces(body)
    assert (parcel.consignment_id, parcel.waybill_no) == ("LP1", "888700000000001")
    assert [event.status for event in parcel.events] == [
        "picked_up",
        "in_transit",
        "in_transit",
        "out_for_delivery",
        "signed",
    ]
    verdict = verdict_of(body)
    assert verdict.status == recorded(TRACE)["_expect"]["status"]
    assert (verdict.confirmed, verdict.sign_kind) == (True, "self")
    assert verdict.signed_at == datetime(2026, 9, 21, 2, 5, tzinfo=UTC)
    assert "张三" not in json.dumps(body, ensure_ascii=False)


def test_a_trace_without_steps_is_empty_and_its_parcels_status_is_left_to_the_list(
    searching, talker, asked
):
    body = recorded("top_trace_search_status_6")["body"]
    talker.says(body)
    order = str(body["logistics_trace_search_response"]["tid"])

    assert read_traces(searching.fetch_traces(order)) == []
    assert asked() == [TRACE_SEARCH]


@pytest.mark.parametrize(
    "steps",
    [{"transit_step_info": []}, {}, None, [], "", {"transit_step_info": None}],
)
def test_steps_may_be_missing_in_any_form(steps, client, talker):
    talker.says(traces(part(trace_list=steps)))

    assert client.fetch_traces(ORDER) == {"transit_step_result": []}


def test_a_split_order_is_asked_for_parcel_by_parcel_with_its_lines(searching, talker, asked):
    talker.says(recorded(SPLIT)["body"])
    talker.says(
        shippings(
            {"is_split": True, "sub_tids": {"number": [11, 12]}},
            {"order_code": "LP2", "out_sid": "YT2", "is_split": True, "sub_tids": {"number": 13}},
            {"order_code": "LP3", "status": "CLOSED", "sub_tids": {"number": [14]}},
            {"order_code": "LP4", "out_sid": "YT4", "is_spilt": False, "sub_tids": {"number": 15}},
        )
    )
    for number in ("1", "2", "4"):
        step = (NOON, f"快件已到达测试网点{number}", "ARRIVAL")
        answer = part(step, out_sid=f"YT{number}")
        talker.says({"logistics_trace_search_response": answer})

    found = read_traces(searching.fetch_traces(ORDER))

    assert asked() == [TRACE_SEARCH, PARCELS, TRACE_SEARCH, TRACE_SEARCH, TRACE_SEARCH]
    assert [(form.get("is_split"), form.get("sub_tid")) for _, form in talker.asked[2:]] == [
        ("1", "11,12"),
        ("1", "13"),
        (None, None),
    ]
    assert [(parcel.consignment_id, parcel.waybill_no) for parcel in found] == [
        ("LP1", "YT1"),
        ("LP2", "YT2"),
        ("LP4", "YT4"),
    ]


def test_an_order_that_is_known_to_be_split_is_not_first_asked_for_as_a_whole(
    searching, talker, asked
):
    talker.says(shippings({"sub_tids": {"number": [11]}}))
    talker.says({"logistics_trace_search_response": part()})

    searching.fetch_traces(ORDER, {"YT1": ["LP1"], "YT2": ["LP2"]})

    assert asked() == [PARCELS, TRACE_SEARCH]


def test_any_other_refusal_of_a_search_is_this_orders_trouble(searching, talker):
    talker.says({"error_response": {"code": 15, "sub_code": "isv.trade-not-exist", "msg": "x"}})

    with pytest.raises(RejectedError):
        searching.fetch_traces(ORDER)
    assert len(talker.asked) == 1


@pytest.mark.parametrize(
    "refusal", [NO_PACKAGE, {"error_response": {"code": 22, "msg": "Invalid method"}}]
)
def test_which_api_the_app_has_is_learnt_once(refusal, client, talker, asked):
    talker.says(refusal)
    talker.says({"logistics_trace_search_response": {"request_id": "r"}})

    for _ in range(3):
        client.fetch_traces(ORDER)

    assert asked() == [TRACE_GET, TRACE_SEARCH, TRACE_SEARCH, TRACE_SEARCH]


def test_of_many_threads_one_learns_and_the_others_wait_for_it(client, talker, asked):
    talker.says(NO_PACKAGE)
    talker.says({"logistics_trace_search_response": {"request_id": "r"}})

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(client.fetch_traces, [ORDER] * 8))

    assert found == [{"transit_step_result": []}] * 8
    assert Counter(asked()) == {TRACE_GET: 1, TRACE_SEARCH: 8}


def test_a_session_that_ended_says_nothing_about_the_apps_apis(client, talker, asked):
    talker.says(recorded("top_err_27_session_expired")["body"])

    for _ in range(2):
        with pytest.raises(AuthError):
            client.fetch_traces(ORDER)

    assert asked() == [TRACE_GET, TRACE_GET]


def test_a_waybill_that_is_known_costs_no_further_call(client, talker, asked):
    talker.says(traces(part((NOON, "已揽收", "GOT"))))

    (parcel,) = read_traces(client.fetch_traces(ORDER, {WAYBILL: ["LP7"]}))

    assert parcel.consignment_id == "LP7"
    assert asked() == [TRACE_GET]


def test_the_parcel_of_an_unknown_waybill_is_asked_for(client, talker, asked):
    talker.says(traces(part((NOON, "已揽收", "GOT"))))
    talker.says(shippings({"order_code": "LP2"}, {"order_code": "LP1", "status": "CANCELLED"}))

    (parcel,) = read_traces(client.fetch_traces(ORDER, {"YT2": ["LP9"]}))

    # A cancelled parcel gave its number up to a new one.
    assert (parcel.consignment_id, parcel.waybill_no) == ("LP2", WAYBILL)
    assert asked() == [TRACE_GET, PARCELS]


def test_a_waybill_of_no_parcel_is_passing_trouble(client, talker):
    talker.says(traces(part((NOON, "已揽收", "GOT"), out_sid="YT9")))
    talker.says(shippings({}, {"order_code": "LP2", "out_sid": "YT2"}))

    with pytest.raises(RetryableError, match="in none of its parcels"):
        client.fetch_traces(ORDER)


def test_a_trace_without_a_number_belongs_to_the_only_parcel(client, talker):
    talker.says(traces(part((NOON, "已揽收", "GOT"), out_sid=None)))
    talker.says(shippings({}))

    (parcel,) = read_traces(client.fetch_traces(ORDER))

    assert (parcel.consignment_id, parcel.waybill_no) == ("LP1", None)


def test_an_answer_about_another_order_is_not_taken(client, talker):
    talker.says(traces(part((NOON, "已揽收", "GOT"), tid=int(ORDER) + 1)))

    with pytest.raises(RetryableError, match="answered with traces of 43895470821219994"):
        client.fetch_traces(ORDER, {WAYBILL: ["LP1"]})


@pytest.mark.parametrize("order_id", ["SO-1001", "4389547 0821", "１２３", "", "9" * 19, "1" * 20])
def test_an_order_id_that_is_no_number_is_not_asked_for(order_id, client, talker):
    with pytest.raises(RejectedError, match="is not a number"):
        client.fetch_parcels(order_id)
    assert talker.asked == []


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


STEP = {"status_time": NOON, "status_desc": "已揽收", "action": "GOT"}


@pytest.mark.parametrize(
    "body",
    [
        traces(part((NOON, "已揽收", "GOT"))),
        traces(part(trace_list={"transit_step_info": STEP})),
        {
            "logistics_trace_get_response": {
                "result": {"transit_step_result": part(trace_list={"transit_step_info": STEP})}
            }
        },
        {"result": {"transit_step_result": [part(trace_list=[STEP])]}, "request_id": "r"},
        {"transit_step_result": [part(trace_list=STEP)], "request_id": "r"},
    ],
    ids=["wrapped", "single step", "single parcel", "simplified", "simplified single"],
)
def test_a_trace_is_understood_in_every_form(body, client, talker):
    talker.says(body)

    (parcel,) = read_traces(client.fetch_traces(ORDER, {WAYBILL: ["LP1"]}))

    assert [(event.status, event.action) for event in parcel.events] == [("picked_up", "GOT")]


@pytest.mark.parametrize("method", ["hmac-sha256", "hmac", "md5"])
def test_a_request_is_signed_as_the_connection_says_and_asks_for_no_personal_data(
    method, client, gateway, talker
):
    gateway.account = replace(gateway.account, sign_method=method)
    talker.says(recorded(EMPTY_LIST)["body"])

    client.fetch_parcels(ORDER)

    ((path, form),) = talker.asked
    signature = form.pop("sign")
    assert path == "/router/rest"
    assert signature == sign(form, gateway.account.app_secret, method)
    printed = datetime.fromisoformat(form.pop("timestamp")).replace(tzinfo=SHANGHAI)
    assert abs(datetime.now(UTC) - printed) < timedelta(minutes=5)
    assert form == {
        "method": PARCELS,
        "app_key": gateway.account.app_key,
        "session": gateway.account.access_token,
        "format": "json",
        "v": "2.0",
        "sign_method": method,
        "tid": ORDER,
        "fields": "tid,order_code,out_sid,company_name,status,is_split,sub_tids",
        "page_no": "1",
        "page_size": "40",
    }


def test_what_is_kept_of_a_trace_is_masked_and_nothing_but_what_is_read(client, talker):
    step = (NOON, "派件员：张三；电话：13900000000", "SENT_SCAN")
    talker.says(traces(part(step, receiver_name="李四", company_name="圆通速递")))

    assert client.fetch_traces(ORDER, {WAYBILL: ["LP1"]}) == {
        "transit_step_result": [
            {
                "order_code": "LP1",
                "out_sid": WAYBILL,
                "trace_list": [
                    {
                        "status_time": NOON,
                        "status_desc": "派件员：*；电话：*",
                        "action": "SENT_SCAN",
                    }
                ],
            }
        ]
    }


@pytest.mark.parametrize(
    ("said", "action", "status", "kind"),
    [
        ("快件异常滞留，请等待", "GOT", "picked_up", None),
        ("快件已签收，签收人：家人", "SIGNED", "signed", "family"),
        ("已完成", "STA_SIGN", "signed", None),
        ("已到达测试驿站", "STA_INBOUND", "ready_for_pickup", None),
        ("已签收", "FAILED", "delivery_failed", None),
        ("退回件 已签收", "SIGNED", "returned", None),
        ("快件离开测试网点", "RT_BACK", "returning", None),
        ("派送不成功", "OTHER", "delivery_failed", None),
        ("客服已受理您的咨询", "OTHER", "in_transit", None),
        ("派件中", "TELEPORTED", "out_for_delivery", None),
        ("派件中", None, "out_for_delivery", None),
        ("客服已受理您的咨询", None, "unknown", None),
    ],
)
def test_an_action_wins_over_the_text_where_it_says_something(said, action, status, kind):
    step = {"status_time": NOON, "status_desc": said, "action": action}

    (parcel,) = read_traces(
        {"transit_step_result": [{"order_code": "LP1", "out_sid": "", "trace_list": [step]}]}
    )

    assert [(event.status, event.sign_kind) for event in parcel.events] == [(status, kind)]


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


@pytest.mark.parametrize("printed", ["2026-09-18 10:43:33", "2026/09/18 10:43:33"])
def test_a_time_is_gmt_plus_eight(printed):
    assert read_time(printed) == datetime(2026, 9, 18, 2, 43, 33, tzinfo=UTC)


@pytest.mark.parametrize("printed", ["", None, "soon", "2026-13-01 00:00:00", "0001-01-01"])
def test_what_is_no_time_is_a_reply_that_cannot_be_read(printed):
    with pytest.raises(ReplyError, match="not a time of TOP"):
        read_time(printed)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"transit_step_result": [{"out_sid": "YT1", "trace_list": []}]},
        {"transit_step_result": {"order_code": "LP1"}},
        {"transit_step_result": ["LP1"]},
    ],
)
def test_a_stored_reply_that_breaks_the_dialect_cannot_be_read(body):
    with pytest.raises(ReplyError):
        read_traces(body)


SINCE = datetime(2026, 9, 20, 2, tzinfo=UTC)
UNTIL = datetime(2026, 9, 20, 3, tzinfo=UTC)


@pytest.fixture
def trades(client) -> TradeFeed:
    return TradeFeed(client._gateway)


@pytest.fixture
def messages(client) -> MessageFeed:
    return MessageFeed(client._gateway)


def trade_list(*order_ids: int, total: int) -> dict[str, Any]:
    rows = [{"tid": order_id, "modified": "2026-09-20 10:11:12"} for order_id in order_ids]
    listed = {"trades": {"trade": rows}} if rows else {}
    return {"trades_sold_increment_get_response": {"total_results": total, **listed}}


def queue(*given: dict[str, Any]) -> dict[str, Any]:
    """Messages about scans of the order, unless told otherwise."""
    usual = {
        "topic": "taobao_logistics_LogsticDetailTrace",
        "pub_time": "2026-09-20 10:11:12",
        "content": json.dumps({"tid": int(ORDER), "time": "2026-09-20 10:00:00"}),
    }
    rows = [{"id": number, **usual, **changes} for number, changes in enumerate(given, 1)]
    return {"tmc_messages_consume_response": {"messages": {"tmc_message": rows}} if rows else {}}


def test_changed_trades_are_asked_for_by_time_in_any_status(trades, talker):
    talker.says(trade_list(int(ORDER), total=1))

    (page,) = trades.changed_orders(SINCE, UNTIL)

    assert page.orders == {ORDER: datetime(2026, 9, 20, 2, 11, 12, tzinfo=UTC)}
    ((_, form),) = talker.asked
    assert form["start_modified"] == "2026-09-20 10:00:00"
    assert form["end_modified"] == "2026-09-20 11:00:00"
    assert form["fields"] == "tid,status,modified"


def test_a_trade_that_moves_to_another_page_while_they_are_walked_is_seen(trades, talker):
    first, second = range(100, 200), range(200, 300)
    talker.says(trade_list(*first, total=201))
    talker.says(trade_list(300, total=201))
    talker.says(trade_list(*second[1:], 300, total=200))
    talker.says(trade_list(*first[1:], 200, total=200))

    pages = list(trades.changed_orders(SINCE, UNTIL))

    assert [form["page_no"] for _, form in talker.asked] == ["1", "3", "2", "1"]
    assert {order for page in pages for order in page.orders} == {
        str(order) for order in range(100, 301)
    }


def test_trades_that_are_counted_and_not_listed_are_asked_for_again(trades, talker):
    talker.says(trade_list(total=1))

    with pytest.raises(RetryableError, match="without its orders"):
        list(trades.changed_orders(SINCE, UNTIL))

    assert len(talker.asked) == 3


def test_a_page_of_messages_tells_the_newest_scan_of_each_order(messages, talker):
    talker.says(queue({"pub_time": "2026-09-20 10:12:00"}, {}))
    talker.says(queue())

    (page,) = messages.changed_orders(SINCE, UNTIL)

    assert page.orders == {ORDER: datetime(2026, 9, 20, 2, 12, tzinfo=UTC)}
    assert page.receipts == ("1", "2")


def test_the_queue_is_read_until_it_gives_nothing_new(messages, talker):
    talker.says(queue({"id": 1}))
    talker.says(queue({"id": 1}, {"id": 2}))
    talker.says(queue({"id": 1}, {"id": 2}))

    pages = list(messages.changed_orders(SINCE, UNTIL))

    assert [page.receipts for page in pages] == [("1",), ("1", "2")]
    assert len(talker.asked) == 3


def test_nothing_is_confirmed_before_it_is_told_to(messages, talker, asked):
    talker.says(queue({}))

    (page,) = messages.changed_orders(SINCE, UNTIL)
    assert set(asked()) == {"taobao.tmc.messages.consume"}

    talker.answers.clear()
    talker.says({"tmc_messages_confirm_response": {"is_success": True}})
    messages.confirm(page)
    assert talker.asked[-1][1]["s_message_ids"] == "1"


def test_a_confirmation_that_is_refused_is_an_error(messages, talker):
    talker.says({"tmc_messages_confirm_response": {"is_success": False}})

    with pytest.raises(RetryableError, match="could not be confirmed"):
        messages.confirm(Changes({}, ("1",)))


def test_messages_of_other_topics_are_left_to_their_readers(messages, talker):
    talker.says(queue({"topic": "taobao_trade_TradeChanged"}))

    (page,) = messages.changed_orders(SINCE, UNTIL)

    assert page == Changes({}, ())
    messages.confirm(page)
    assert {form["method"] for _, form in talker.asked} == {"taobao.tmc.messages.consume"}


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"tid": "x"}', None])
def test_a_message_that_cannot_be_read_is_confirmed_and_stops_no_other(messages, talker, content):
    talker.says(queue({"content": content}, {}))

    page = next(messages.changed_orders(SINCE, UNTIL))

    assert list(page.orders) == [ORDER]
    assert page.receipts == ("1", "2")


def test_a_queue_whose_messages_have_no_id_is_not_read(messages, talker):
    talker.says({"tmc_messages_consume_response": {"messages": {"tmc_message": [{"topic": "t"}]}}})

    with pytest.raises(RetryableError, match="not a queue of TOP"):
        list(messages.changed_orders(SINCE, UNTIL))
