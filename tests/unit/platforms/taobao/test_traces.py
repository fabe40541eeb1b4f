"""How a trace is read, in every form in which it comes."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shipment_tracking.domain.evidence import PlatformWord, Scan, Verdict, judge
from shipment_tracking.errors import ReplyError, RetryableError
from shipment_tracking.platforms.taobao.api import TRACE_SEARCH
from shipment_tracking.platforms.taobao.traces import read_time, read_traces

from .answers import LIST, NOON, ORDER, WAYBILL, part, recorded, traces

TRACE = "top_trace_search_ok"


def verdict_of(body: dict[str, Any], word: PlatformWord | None = None) -> Verdict:
    (parcel,) = read_traces(body)
    trail = [
        Scan(
            event.occurred_at, event.position, event.status, event.sign_kind, 0, True, event.action
        )
        for event in parcel.events
    ]
    return judge(trail, word, "pending")


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


def test_a_trace_without_steps_is_empty(searching, talker, asked):
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


def test_an_answer_about_another_order_is_not_taken(client, talker):
    talker.says(traces(part((NOON, "已揽收", "GOT"), tid=int(ORDER) + 1)))

    with pytest.raises(RetryableError, match="answered with traces of 43895470821219994"):
        client.fetch_traces(ORDER, {WAYBILL: ["LP1"]})


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


def test_a_stored_trace_is_masked_and_holds_only_what_is_read(client, talker):
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
