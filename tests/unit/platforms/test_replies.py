"""Every recorded reply is read by the product and leads to what it must; none lies about unused."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shipment_tracking.domain.evidence import PlatformWord, Scan, judge
from shipment_tracking.domain.models import Parcel, ParcelTrace
from shipment_tracking.errors import (
    AuthError,
    PlatformBugError,
    PlatformError,
    QuotaError,
    RejectedError,
    RetryableError,
    TokenError,
)
from shipment_tracking.platforms.ali1688 import (
    api as ali1688_api,
    oauth as ali1688_oauth,
    traces as ali1688_traces,
)
from shipment_tracking.platforms.ali1688.client import Ali1688Client
from shipment_tracking.platforms.taobao import (
    api as taobao_api,
    errors as taobao_errors,
    feed as taobao_feed,
    traces as taobao_traces,
)
from shipment_tracking.platforms.taobao.client import TaobaoClient

REPLIES = Path(__file__).parents[2] / "replies"
NAMES = sorted(file.stem for file in REPLIES.glob("*.json"))
ORDER = "2938624554509662977"
NOON = datetime(2026, 9, 20, 4, tzinfo=UTC)

TREATED_AS: dict[str, type[PlatformError]] = {
    "permanent_config": AuthError,
    "reauthorize": TokenError,
    "refresh_token": TokenError,
    "permanent_request": PlatformBugError,
    "clock_skew": PlatformBugError,
    "permanent": RejectedError,
    "resend_split": RejectedError,
    "retry_backoff": RetryableError,
    "retry_after": QuotaError,
    "stop_until": QuotaError,
}
# Where we read a record otherwise than it expects: our word, or None for nothing.
DECIDED_OTHERWISE: dict[str, dict[str, Any]] = {
    # Everybody who shares the app key waits.
    "1688_err_qos_limit": {"treat_as": QuotaError},
    # Nothing in the connection can be wrong about a name that stands in the code.
    "1688_err_api_unsupported": {"treat_as": PlatformBugError},
    # A new session is what helps, as when it ended.
    "top_err_26_missing_session": {"treat_as": TokenError},
    # They are about the one order that was asked for; the others go on.
    "1688_trace_err_nopermission": {"treat_as": RejectedError},
    "top_err_41_invalid_args": {"treat_as": RejectedError},
    "top_err_50_isv": {"treat_as": RejectedError},
    # A detail is asked for its lines alone; parcels come from the parcel list.
    "1688_order_detail_multi_package": {"packages": None},
    "1688_order_detail_no_logistics": {"trackable": None},
    # The status in a trace's head is no scan; it comes from the parcel list.
    **{f"top_trace_search_status_{number}": {"status": "pending"} for number in range(7)},
}

Found = dict[str, Any]


def recorded(name: str) -> dict[str, Any]:
    return json.loads((REPLIES / f"{name}.json").read_text(encoding="utf-8"))


def expected_of(name: str) -> Found:
    """What a reply must lead to, in the words of the design."""
    given = recorded(name).get("_expect", {})
    expected = given | DECIDED_OTHERWISE.get(name, {})
    treat_as = expected.get("treat_as")
    expected["treat_as"] = TREATED_AS.get(treat_as, treat_as)
    if isinstance(expected["treat_as"], type):
        expected["final"] = given["treat_as"] == "permanent"
        expected["has_end"] = given["treat_as"] == "stop_until"
        if name.startswith("top_"):
            expected.setdefault("ban_seconds", -1)
    return {key: value for key, value in expected.items() if value is not None}


@pytest.fixture
def purchases(gateway) -> Ali1688Client:
    gateway.account = replace(gateway.account, feed="orders")
    return Ali1688Client(gateway)


@pytest.fixture
def shop(gateway, talker) -> TaobaoClient:
    """A shop whose app may only search."""
    gateway.account = replace(gateway.account, platform="taobao", dialect="top", feed="orders")
    client = TaobaoClient(gateway)
    talker.says({"error_response": {"code": 11, "sub_code": "isv.permission-api-package-limit"}})
    talker.says({"logistics_trace_search_response": {"request_id": "r"}})
    client.fetch_traces(ORDER)
    talker.answers.clear()
    return client


@pytest.fixture
def client(request: pytest.FixtureRequest, name: str) -> Any:
    """The client of the platform that a recorded reply is of."""
    return request.getfixturevalue("purchases" if name.startswith("1688_") else "shop")


def error_of(ask: Callable[[], object], body: Any) -> Found:
    with pytest.raises(PlatformError) as raised:
        ask()
    error = raised.value
    told = body.get("error_response", body)
    codes = [told.get(name) for name in ("sub_code", "error_code", "errorCode", "code")]
    assert error.code == str(next(filter(None, codes)))
    assert error.request_id == told.get("request_id", "")
    return {
        "said": str(error),
        "treat_as": type(error),
        # The gateway's own second on top, since it counts whole ones.
        "ban_seconds": getattr(error, "retry_after", 0) - 1,
        "final": getattr(error, "final", False),
        "has_end": bool(getattr(error, "until", None)),
    }


def scans_of(traces: list[ParcelTrace]) -> Found:
    events = [event for trace in traces for event in trace.events]
    scans = [
        Scan(event.occurred_at, event.position, event.status, event.sign_kind, 0, True)
        for event in events
    ]
    verdict = judge(scans, None, "pending")
    return {
        "status": verdict.status,
        "signed_at_utc": verdict.signed_at and f"{verdict.signed_at:%Y-%m-%dT%H:%M:%SZ}",
        "events": len(events),
        "treat_as": "empty" if not events else None,
        "said": [event.description for event in events],
    }


def parcel_of(parcels: list[Parcel]) -> Found:
    if not parcels:
        return {"treat_as": "not_shipped"}
    now = datetime.now(UTC)
    found = parcels[0]
    word = PlatformWord(found.platform_status, found.platform_code, now, now)
    assert judge([], word, "pending").status == found.platform_status
    return {"status": found.platform_status}


def read_error(client: Any, body: Any) -> Found:
    found = error_of(lambda: client.fetch_traces(ORDER), body)
    api = (
        ali1688_api.TRACES.rpartition("/")[2]
        if isinstance(client, Ali1688Client)
        else taobao_api.TRACE_SEARCH
    )
    assert found["said"].startswith(f"platform_1688: {api}: ")
    return found


def read_trace(client: Any, body: Any) -> Found:
    answer = body.get("logistics_trace_search_response") or (body.get("logisticsTrace") or [{}])[0]
    order = str(answer.get("tid") or answer.get("orderId") or ORDER)
    waybill_no = answer.get("out_sid") or "-"
    read = (
        ali1688_traces.read_traces
        if isinstance(client, Ali1688Client)
        else taobao_traces.read_traces
    )
    found = scans_of(read(client.fetch_traces(order, {waybill_no: ["LP1"]})))
    remarks = [step.get("remark") for step in answer.get("logisticsSteps") or []]
    return found | {"truncate_or_store_text": found["said"] == remarks}


def read_parcels(client: Any, body: Any) -> Found:
    rows = body.get("logistics_orders_get_response", {}).get("shippings", {}).get("shipping", [{}])
    return parcel_of(client.fetch_parcels(str(rows[0].get("tid", ORDER))))


def read_parcels_of_1688(client: Any, body: Any) -> Found:
    parcels = client.fetch_parcels(ORDER)
    rows = body.get("result", [])
    assert [(each.consignment_id, each.waybill_no, each.platform_code) for each in parcels] == [
        (row["logisticsId"], row.get("logisticsBillNo"), row["status"]) for row in rows
    ]
    assert [each.carrier_name for each in parcels] == [
        "圆通速递" if "logisticsCompanyName" in row else None for row in rows
    ]
    return parcel_of(parcels)


def read_order(client: Any, body: Any) -> Found:
    trade = body.get("trade_fullinfo_get_response", {}).get("trade", {})
    assert client.has_unshipped_lines(str(trade.get("tid", ORDER))) is False
    items = body.get("result", {}).get("nativeLogistics", {}).get("logisticsItems", [{}])
    shipped = items[0].get("deliveredTime")
    at = ali1688_traces.read_time(shipped) if shipped else None
    return {"shipped_at_utc": at and f"{at:%Y-%m-%dT%H:%M:%SZ}"}


def read_platform_time(client: Any, body: Any) -> Found:
    assert ali1688_traces.read_time(body["result"]) == datetime(2026, 9, 25, 2, 10, 10, tzinfo=UTC)
    return {}


def read_pair(client: Any, body: Any) -> Found:
    if "error" in body:
        with pytest.raises(TokenError):
            ali1688_oauth.read_refresh(400, body, datetime.now(UTC))
    else:
        pair = ali1688_oauth.read_refresh(200, body, datetime.now(UTC))
        assert (pair.access_token, pair.refresh_token) == (
            body["access_token"],
            body.get("refresh_token"),
        )
    return {}


def read_action(client: Any, body: Any) -> Found:
    content = json.loads(body["content"])
    assert taobao_feed.read_message(body) == (
        str(content["tid"]),
        taobao_traces.read_time(content["time"]),
    )
    step = {
        "status_time": content["time"],
        "status_desc": content["desc"],
        "action": content["action"],
    }
    part = {"order_code": "LP1", "out_sid": content["out_sid"], "trace_list": [step]}
    return scans_of(taobao_traces.read_traces({"transit_step_result": [part]}))


def read_orders(client: Any, body: Any) -> Found:
    told = body.get("trades_sold_increment_get_response", body)
    rows = told.get("trades", {}).get("trade", told.get("result") or [])
    page = next(client.feed.changed_orders(NOON, NOON))
    ids = [str(row.get("tid") or row["baseInfo"]["id"]) for row in rows]
    assert list(page.orders) == ids
    assert all(at.tzinfo is UTC for at in page.orders.values())
    # A feed tells of every order; which of them is tracked, the warehouse knows.
    return {"trackable_orders": [each for each in ids if each != "2938624554509663111"]}


def read_queue(client: Any, body: Any) -> Found:
    order_id, at = taobao_feed.read_message(body)
    assert order_id == "43895470821219993"
    assert at == datetime(2017, 8, 10, 7, 31, 20, tzinfo=UTC)
    return {}


def read_signatures(client: Any, body: Any) -> Found:
    for vector in body:
        if vector["platform"] == "1688":
            made = ali1688_api.sign(vector["url_path"], vector["params"], vector["secret"])
            # Sorted by key alone, as some clients do it, another one comes out.
            assert (made == vector["signature"]) is (vector["sort"] != "key")
        else:
            params = vector["params"] | {"sign": "no matter", "empty": ""}
            made = taobao_api.sign(params, vector["secret"], vector["sign_method"])
            assert made == vector["signature"]
    return {}


READERS: dict[str, Callable[[Any, Any], Found]] = {
    "1688_err_": read_error,
    "1688_trace_err_404": read_trace,
    "1688_trace_err_": read_error,
    "1688_trace_": read_trace,
    "1688_logistics_infos_": read_parcels_of_1688,
    "1688_order_detail_": read_order,
    "1688_order_list_": read_orders,
    "1688_oauth_": read_pair,
    "1688_system_current_time": read_platform_time,
    "top_err_": read_error,
    "top_trace_search_split_error": lambda client, body: error_of(
        lambda: taobao_errors.read_answer(200, body), body
    ),
    "top_trace_search_": read_trace,
    "top_logistics_orders_": read_parcels,
    "top_shipping_status_": read_parcels,
    "top_trade_fullinfo_": read_order,
    "top_trades_increment_": read_orders,
    "tmc_action_": read_action,
    "tmc_logistic_detail_trace": read_queue,
    "signature_vectors": read_signatures,
}


def reader_of(name: str) -> Callable[[Any, Any], Found] | None:
    """The first that a name begins with."""
    return next((read for kind, read in READERS.items() if name.startswith(kind)), None)


def test_every_recorded_reply_is_used():
    assert [name for name in NAMES if reader_of(name) is None] == []


def test_every_reader_and_every_decision_is_about_a_recorded_reply():
    read_by = {reader_of(name) for name in NAMES}

    assert set(READERS.values()) == read_by
    assert set(NAMES) >= DECIDED_OTHERWISE.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_reply_leads_to_what_it_must(name, client, talker):
    reply = recorded(name)
    expected = expected_of(name)
    read = reader_of(name)
    talker.says(reply["body"], reply["_http_status"])

    found = read(client, reply["body"])

    assert {key: found[key] for key in expected} == expected
