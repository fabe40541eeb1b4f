"""Faults of the router."""

import pytest

from sandbox.platform_router import WAYBILL_TRACE, WAYBILLS
from sandbox.world import router_code


@pytest.mark.parametrize("kind", ["duplicated", "reordered"])
def test_a_fault_spoils_the_scans_of_a_waybill(kind, sandbox, client, story):
    order = story("signed_by_self")
    (parcel,) = order.parcels
    biz = {"companyCode": router_code(parcel), "billNo": parcel.waybills[0][1]}
    good = client().result(WAYBILL_TRACE, biz)["traceList"]
    sandbox.faults.add(kind)

    spoilt = [client().result(WAYBILL_TRACE, biz)["traceList"] for _ in range(5)]

    assert any(nodes != good for nodes in spoilt)
    assert all(
        {node["desc"] for node in nodes} == {node["desc"] for node in good} for nodes in spoilt
    )


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("qos_200", 200, 7), ("qos_400", 400, 7), ("token_expired", 200, 27)],
)
def test_a_fault_speaks_the_routers_own_errors(kind, status, code, sandbox, client):
    sandbox.faults.add(kind)

    reply = client().call(WAYBILLS, {"orderId": "1"})

    assert (reply.status_code, reply.json()["error_response"]["code"]) == (status, code)


def test_an_empty_answer_is_no_error_and_no_waybill(sandbox, client, story):
    sandbox.faults.add("empty")

    assert client().result(WAYBILLS, {"orderId": story("signed_by_self").order_id}) == {
        "request_id": ""
    }


def test_a_missing_session_cannot_expire(sandbox, ask_status, story):
    sandbox.faults.add("token_expired")

    reply = ask_status(story("signed_by_self", "platform_router_taobao").order_id)

    assert reply.json().keys() == {"status"}
