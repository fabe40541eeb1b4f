"""Whatever comes as a reply costs its order at the most; nothing but our own errors is raised."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Response

from shipment_tracking.domain.models import ParcelTrace
from shipment_tracking.errors import PlatformError, ReplyError
from shipment_tracking.platforms.dialects import READERS, client
from shipment_tracking.platforms.gateway import Gateway
from shipment_tracking.platforms.ports import Account, PlatformClient
from shipment_tracking.platforms.scans import EARLIEST, LATEST

from .mutations import CASES, recorded, sent, spoilt

fuzzed = settings(
    max_examples=CASES,
    derandomize=CASES < 1000,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
ORDER = "43895470821219993"
TRACE = {
    "signStatus": "SIGN",
    "signTime": "2026-03-03 09:59:00",
    "traceList": [
        {"time": "2026-03-02 09:30:00", "desc": "快件已到达【杭州转运中心】", "city": "杭州"},
        {"time": "2026-03-03 10:00:00", "desc": "快件已签收，签收人：本人", "city": ""},
    ],
}
LISTED = [
    {"logisticsCode": "YTO", "logisticsCompanyName": "圆通速递", "billNo": "YT1"},
    {"logisticsCode": "ZTO", "mailNo": "ZT1", "consigneeName": "王小雪"},
]
STEPS = [
    {"status_time": "2026-09-18 12:00:00", "status_desc": "已揽收", "action": "GOT"},
    {"status_time": "2026-09-19 12:00:00", "status_desc": "已签收", "action": "SIGNED"},
]
PART = {"out_sid": "YT1", "tid": int(ORDER), "trace_list": {"transit_step_info": STEPS}}
RESULT = {"transit_step_result": {"transit_step_result": [PART]}}
BODIES: dict[str, list[Any]] = {
    "param2": recorded("1688_trace_", "1688_logistics_infos_", "1688_order_detail_"),
    "top": [
        {"logistics_trace_get_response": {"result": RESULT}},
        *recorded("top_trace_search_", "top_logistics_orders_", "top_shipping_", "top_trade_"),
    ],
    "router": [
        {"response": TRACE},
        {"response": {"logisticsOrders": LISTED}},
        {"status": 2, "request_id": "1"},
    ],
}
STORED: dict[str, list[Any]] = {
    "param2": recorded("1688_trace_"),
    "top": [
        {"transit_step_result": [{"order_code": "LP1", "out_sid": "YT1", "trace_list": STEPS}]}
    ],
    "router": [
        {"traces": [{"consignment_id": "YTO:YT1", "billNo": "YT1", **TRACE}]},
        {"orders": [{"order_id": ORDER, "status": "2"}]},
    ],
}
DIALECTS = sorted(BODIES)


class Unlimited:
    """A quota without an end."""

    def acquire(self) -> None: ...

    def block(self, seconds: float) -> None: ...

    def close(self) -> None: ...


@pytest.fixture(scope="module")
def opened(make_httpserver: HTTPServer) -> Iterator[Callable[..., PlatformClient]]:
    """Opens clients of a gateway that answers every question with the same bytes."""
    answer: dict[str, Any] = {}
    make_httpserver.clear()
    make_httpserver.expect_request(re.compile("")).respond_with_handler(
        lambda request: Response(answer["content"], content_type=answer["kind"])
    )
    url = make_httpserver.url_for("").rstrip("/")
    clients: dict[tuple[str, str], PlatformClient] = {}

    def open_client(dialect: str, platform: str, content: bytes, kind: str) -> PlatformClient:
        answer.update(content=content, kind=kind)
        if (dialect, platform) not in clients:
            account = Account("a", platform, dialect, url, "key", "secret", "token", None, 1000)
            gateway = Gateway(account, Unlimited(), sleep=lambda seconds: None)
            clients[dialect, platform] = client(gateway)
        return clients[dialect, platform]

    yield open_client
    for each in clients.values():
        each.close()


def check(traces: list[ParcelTrace]) -> None:
    """What was read can be stored, and no event is one that must be rejected."""
    for trace in traces:
        assert trace.consignment_id
        texts = [trace.consignment_id, trace.waybill_no or "", trace.platform_code or ""]
        for event in trace.events:
            assert event.description.strip()
            assert event.occurred_at is None or EARLIEST <= event.occurred_at < LATEST
            texts += [event.description, event.city or "", event.action or ""]
        for step in trace.rejected:
            assert step.reason
            texts += [step.occurred_at_text, step.description]
        storable("".join(texts))


def storable(text: str) -> None:
    assert "\x00" not in text
    text.encode()


@pytest.mark.parametrize("dialect", DIALECTS)
@fuzzed
@given(data=st.data())
def test_b2_whatever_a_platform_sends_is_read_or_refused(dialect, opened, data):
    content, kind = data.draw(sent(BODIES[dialect]))
    platform = {"param2": "1688", "top": "taobao"}.get(dialect) or data.draw(
        st.sampled_from(["1688", "taobao"])
    )
    asked = opened(dialect, platform, content, kind)
    known = data.draw(st.sampled_from([None, {"YT1": ["LP1", "LP2"]}, {"YT1": ["YTO:YT1"]}]))

    try:
        body = asked.fetch_traces(ORDER, known)
    except PlatformError as error:
        storable(str(error))
    else:
        storable(json.dumps(body, allow_nan=False, ensure_ascii=False))
        with suppress(ReplyError):
            check(READERS[dialect](body))
    try:
        for parcel in asked.fetch_parcels(ORDER):
            assert 0 < len(parcel.consignment_id) <= 450
            storable(f"{parcel}")
        asked.has_unshipped_lines(ORDER)
    except PlatformError as error:
        storable(str(error))
    storable("".join(usage.outcome for usage in asked.drain_usage()))
    assert all(len(warning) < 1000 for warning in asked.warnings())


@pytest.mark.parametrize("dialect", DIALECTS)
@fuzzed
@given(data=st.data())
def test_b1_whatever_is_stored_is_read_in_parts_or_refused(dialect, data):
    body = data.draw(spoilt(STORED[dialect]))

    try:
        traces = READERS[dialect](body)
    except ReplyError:
        return
    for trace in traces:
        assert trace.consignment_id
        assert all(event.description.strip() for event in trace.events)
