"""Which questions an order costs: split orders, apps without an API, unknown waybills."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shipment_tracking.errors import AuthError, RejectedError, RetryableError
from shipment_tracking.platforms.taobao.api import PARCELS, TRACE_GET, TRACE_SEARCH, sign
from shipment_tracking.platforms.taobao.traces import read_traces

from .answers import EMPTY_LIST, NO_PACKAGE, NOON, ORDER, WAYBILL, part, recorded, shippings, traces

SHANGHAI = ZoneInfo("Asia/Shanghai")
SPLIT = "top_trace_search_split_error"


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


def test_an_order_known_to_be_split_is_asked_for_in_parts(searching, talker, asked):
    talker.says(shippings({"sub_tids": {"number": [11]}}))
    talker.says({"logistics_trace_search_response": part()})

    searching.fetch_traces(ORDER, {"YT1": ["LP1"], "YT2": ["LP2"]})

    assert asked() == [PARCELS, TRACE_SEARCH]


def test_no_more_lines_of_a_parcel_are_named_than_the_platform_takes(searching, talker, asked):
    lines = {"sub_tids": {"number": list(range(1, 61))}, "is_split": True}
    talker.says(shippings(lines))
    talker.says({"logistics_trace_search_response": part()})

    searching.fetch_traces(ORDER, {"YT1": ["LP1"], "YT2": ["LP2"]})

    assert asked() == [PARCELS, TRACE_SEARCH]
    assert talker.asked[-1][1]["sub_tid"].split(",") == [str(line) for line in range(1, 51)]


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


@pytest.mark.parametrize("order_id", ["SO-1001", "4389547 0821", "１２３", "", "9" * 19, "1" * 20])
def test_an_order_id_that_is_no_number_is_not_asked_for(order_id, client, talker):
    with pytest.raises(RejectedError, match="is not a number"):
        client.fetch_parcels(order_id)
    assert talker.asked == []


@pytest.mark.parametrize("method", ["hmac-sha256", "hmac", "md5"])
def test_a_request_is_signed_and_asks_for_no_personal_data(method, client, gateway, talker):
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
