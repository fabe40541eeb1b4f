"""What users reported in public of the shapes that other programs give to an answer."""

import json
from typing import Any

import pytest

from sandbox.faults import FORMS, spelled

from .stage import GOT, OUT, TOP, Field

ROUTER = "platform_tmall"
JSON = "application/json"
STEPS_1688 = [{"acceptTime": at, "remark": said} for at, said in (GOT, OUT)]
STEPS_TOP = [
    {"status_time": at, "status_desc": said, "action": action}
    for (at, said), action in ((GOT, "GOT"), (OUT, "SENT_SCAN"))
]
STEPS_ROUTER = [{"time": at, "desc": said} for at, said in (GOT, OUT)]


def numbered(rows: list[Any]) -> dict[str, Any]:
    """What PHP makes of a list that has lost its first element."""
    return {str(number): row for number, row in enumerate(rows, 1)}


def trace(steps: Any = STEPS_1688) -> dict[str, Any]:
    return {"orderId": 1, "logisticsId": "LP1", "logisticsBillNo": "YT1", "logisticsSteps": steps}


def answered(traces: Any) -> dict[str, Any]:
    return {"success": True, "logisticsTrace": traces}


def part(steps: Any = STEPS_TOP) -> dict[str, Any]:
    return {"out_sid": "YT1", "tid": 1, "trace_list": {"transit_step_info": steps}}


def rooted(result: Any) -> dict[str, Any]:
    return {"logistics_trace_get_response": {"result": result, "request_id": "r"}}


@pytest.fixture
def play(field: Field):
    """Lets an order have these traces, and runs once."""

    def run(account: str, body: Any, kind: str = JSON) -> Field:
        field.order("1", "2026-09-18 19:00", account=account)
        field.parcel("1")
        content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        asked = "YT1" if account == ROUTER else "1"
        field.answers.raw["traces", asked] = content, kind
        field.run("2026-09-20 09:30")
        return field

    return run


@pytest.mark.parametrize(
    ("account", "body"),
    [
        ("platform_1688", answered(trace())),
        ("platform_1688", answered({"1": trace()})),
        ("platform_1688", answered(json.dumps([trace()]))),
        ("platform_1688", answered({"openPlatformLogisticsTrace": [trace()]})),
        ("platform_1688", answered([trace(numbered(STEPS_1688))])),
        ("platform_1688", answered([trace(json.dumps(STEPS_1688))])),
        ("platform_1688", json.dumps(answered([trace()]))),
        (TOP, rooted([part()])),
        (TOP, rooted(part())),
        (TOP, rooted({"transit_step_result": numbered([part()])})),
        (TOP, rooted(json.dumps({"transit_step_result": [part()]}))),
        (TOP, rooted({"transit_step_result": [part(numbered(STEPS_TOP))]})),
        (TOP, rooted({"transit_step_result": [part(json.dumps(STEPS_TOP))]})),
        (ROUTER, {"response": {"traceList": numbered(STEPS_ROUTER)}}),
        (ROUTER, {"response": {"traceList": json.dumps(STEPS_ROUTER)}}),
        (ROUTER, {"response": json.dumps({"traceList": STEPS_ROUTER})}),
        (ROUTER, {"code": 200, "data": {"result": {"traceList": STEPS_ROUTER}}}),
        (ROUTER, {"code": 0, "msg": "ok", "traceList": STEPS_ROUTER}),
    ],
)
def test_list_in_another_shape_is_that_list(account, body, play):
    field = play(account, body)

    assert field.row("1").last_error is None
    assert [event.description for event in field.events("1")] == [GOT[1], OUT[1]]


@pytest.mark.parametrize("account", ["platform_1688", ROUTER])
@pytest.mark.parametrize("shape", [lambda rows: rows[0], numbered, json.dumps])
def test_parcel_list_in_another_shape_is_that_list(account, shape, field):
    field.order("1", "2026-09-18 19:00", account=account)
    row = {"logisticsId": "LP1", "logisticsBillNo": "YT1", "status": "TRANSPORT"}
    body: dict[str, Any] = {"success": True, "result": shape([row])}
    if account == ROUTER:
        row = {"logisticsCode": "YTO", "billNo": "YT1"}
        body = {"response": {"logisticsOrders": shape([row])}}
    field.answers.raw["parcels", "1"] = json.dumps(body).encode(), JSON
    field.run("2026-09-20 09:30")

    assert [parcel.waybill_no for parcel in field.shipments("1")] == ["YT1"]


@pytest.mark.parametrize(
    ("account", "body", "told"),
    [
        ("platform_1688", {"result": answered([trace()])}, "the answer holds result instead of"),
        ("platform_1688", {"code": 200, "data": {"list": [1]}}, "neither an answer nor"),
        ("platform_1688", answered('[{"logisticsId": "LP1"'), "a text begins as JSON"),
        (TOP, {"logistics_trace_get_response": {"data": [part()]}}, "the answer holds data"),
        (ROUTER, {"response": {"traces": STEPS_ROUTER}}, "the answer holds traces instead of"),
        ("platform_1688", {"code": 500, "msg": "busy"}, "neither an answer nor an error of 1688"),
        ("platform_1688", {"error": "invalid_token"}, "neither an answer nor an error of 1688"),
        ("platform_1688", {}, "neither an answer nor an error of 1688"),
        ("platform_1688", {"success": False, "message": "system busy"}, "system busy"),
        (TOP, {"success": False, "message": "busy", "request_id": "r"}, "neither an answer nor"),
        (TOP, {"error_code": 15, "error_message": "no such trade"}, "no such trade"),
        (TOP, {"error_response": '{"code": 15, "msg": "no such trade"}'}, "no such trade"),
    ],
)
def test_answer_that_says_something_else_is_an_error_and_not_empty(account, body, told, play):
    assert told in (play(account, body).row("1").last_error or "nothing")


@pytest.mark.parametrize("kind", ["application/json;charset=GBK", "text/html; charset=gb2312"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_utf8_that_is_named_gbk_is_utf8(kind, mark, play):
    content = mark + json.dumps(answered([trace()]), ensure_ascii=False).encode()

    field = play("platform_1688", content, kind)

    assert field.erp("1").latest_trace == OUT[1]


def test_parcel_without_a_status_stops_no_other(field):
    for order in "123":
        field.order(order, "2026-09-18 19:00")
        field.parcel(order, f"LP{order}", f"YT{order}")
        field.trace(order, GOT, OUT, id=f"LP{order}")
    body = {"success": True, "result": [{"logisticsId": "LP2", "logisticsBillNo": "YT2"}]}
    field.answers.raw["parcels", "2"] = json.dumps(body).encode(), JSON
    field.run("2026-09-20 08:30")

    assert [field.row(order).status for order in "123"] == ["out_for_delivery"] * 3


@pytest.mark.parametrize("account", ["platform_1688", TOP, ROUTER])
@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_the_simulated_world_says_the_same(form, account, field):
    field.order("1", "2026-09-18 19:00", account=account)
    field.parcel("1")
    field.trace("1", GOT, OUT)
    plain = field.answers.answer

    def answer(path: str, params: Any) -> tuple[bytes, str]:
        return spelled(form, json.loads(plain(path, params)[0]))

    field.answers.answer = answer  # type: ignore[method-assign]
    field.run("2026-09-20 09:30")

    assert field.row("1").last_error is None
    assert [f"{event.occurred_at:%F %T}" for event in field.events("1")] == [
        "2026-09-18 12:00:00",
        "2026-09-20 00:00:00",
    ]
    assert [event.description.partition("，地图")[0] for event in field.events("1")] == [
        GOT[1],
        OUT[1],
    ]
