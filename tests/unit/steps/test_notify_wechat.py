"""Buyers get subscribe messages through the outbox; who refuses costs only their own notice."""

import json
import logging
import re

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from sandbox.wechat import APP_ID, SECRET, SENDS, TEMPLATE_ID, WeChatGateway
from shipment_tracking.channels.registry import destinations

NONE = {"sent": 0, "failed": 0, "dead": 0, "suppressed": 0}
FIND_CONTACT = """-- With the openid of the shop's mini program.
select buyer_phone as phone, buyer_name as name, 'zh' as language,
    buyer_opted_out as opted_out, {openid} as wechat_openid
from erp_order where order_no = :erp_key
"""
OPENID = "case when order_no = 'SO3' then null else 'oSandbox' || order_no end"


@pytest.fixture
def gateway(httpserver: HTTPServer) -> WeChatGateway:
    strict = WeChatGateway({"oSandboxSO1": 5, "oSandboxSO2": 5})

    def handle(request: Request) -> Response:
        answer = strict.answer(request.method, request.path, request.args, request.get_data())
        return Response(json.dumps(answer), content_type="application/json")

    httpserver.expect_request(re.compile("/")).respond_with_handler(handle)
    return strict


@pytest.fixture
def wechat(httpserver, gateway, notify, owner):
    """Notifies customers by the template of the stand-in."""
    owner("sql/erp/find_contact.sql", FIND_CONTACT.format(openid=OPENID))
    fields = {
        "thing1": "latest_trace",
        "character_string2": "erp_key",
        "phrase3": "short",
        "time4": "occurred_at",
    }
    listed = {
        "type": "wechat",
        "app_id": APP_ID,
        "app_secret": SECRET,
        "template_id": TEMPLATE_ID,
        "fields": fields,
        "url": httpserver.url_for("").rstrip("/"),
    }

    def run(**changes):
        return notify(*destinations("customers", [listed | changes]))

    return run


def test_a_buyer_with_an_openid_is_notified(ship, change, wechat, gateway, buyer, select, caplog):
    caplog.set_level(logging.DEBUG)
    buyer(buyer_phone=None)
    change(ship(), "out_for_delivery")

    assert wechat() == NONE | {"sent": 1}

    ((openid, _, values),) = gateway.messages
    assert openid == "oSandboxSO1"
    assert (values["character_string2"], values["phrase3"]) == ("SO1", "正在派送")
    assert select("count(*) from tracking.notification as n where n::text like '%oSandbox%'") == [
        (0,)
    ]
    own = "".join(each.getMessage() for each in caplog.records if "tracking" in each.name)
    assert "oSandbox" not in own


def test_who_refuses_or_has_no_openid_is_suppressed_and_the_others_get_theirs(
    ship, change, wechat, gateway, buyer, select
):
    gateway.consents["oSandboxSO1"] = 0
    for number in (1, 2, 3):
        buyer(number)
        change(ship(number), "signed")

    assert wechat() == NONE | {"sent": 1, "suppressed": 2}

    assert [openid for openid, _, _ in gateway.messages] == ["oSandboxSO2"]
    rows = select("waybill_no, state, reason, last_error from analytics.notifications order by 1")
    assert [row[:3] for row in rows] == [
        ("YT1", "suppressed", "opted out"),
        ("YT2", "sent", "signed"),
        ("YT3", "suppressed", "no contact"),
    ]
    assert rows[0][3].startswith("the receiver answers 43101 (user refuse to accept the msg)")
    assert rows[2][3] == "no contact has a wechat_openid"


def test_a_webhook_gets_the_openid_too(ship, change, notify, owner, buyer, receiver):
    owner("sql/erp/find_contact.sql", FIND_CONTACT.format(openid=OPENID))
    buyer()
    change(ship(), "signed")

    notify("customers")

    (contact,) = receiver.deliveries("customers")[0].body["contacts"]
    assert contact["wechat_openid"] == "oSandboxSO1"


def test_a_used_up_day_keeps_its_notices_for_the_next(
    ship, change, wechat, gateway, buyer, httpserver, select
):
    gateway.most_a_day = 1
    for number in (1, 2):
        buyer(number)
        change(ship(number), "signed")

    assert wechat() == NONE | {"sent": 1}

    httpserver.clear_log()
    assert wechat() == NONE
    assert [request.path for request, _ in httpserver.log if request.path in SENDS] == []
    assert select("count(*) from analytics.notifications where state = 'pending'") == [(1,)]
