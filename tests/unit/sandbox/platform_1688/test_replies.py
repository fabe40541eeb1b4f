"""The stand-in for 1688 answers in the shapes of the real gateway."""

from datetime import timedelta

import pytest

from sandbox.clock import Clock
from sandbox.defaults import apps_for
from sandbox.platform_1688 import DETAIL, INFOS, NAMESPACES, TRACES, Platform1688, sign
from sandbox.world import World

from .calls import START


def test_an_account_sees_its_own_orders_only(call, story):
    order_id = story("signed_by_self").order_id

    assert call(INFOS, order_id).json()["result"]
    for account in ("platform_1688_east", "platform_1688_south"):
        reply = call(INFOS, order_id, account=account)
        assert reply.status_code == 200
        assert reply.json()["errorCode"] == "order.nopermission.buyer"


@pytest.mark.parametrize("api", [INFOS, TRACES, DETAIL])
def test_orders_out_of_reach_have_the_documented_errors(call, story, api):
    for name, code in (
        ("too_old", "order.createtime.history"),
        ("not_ours", "order.nopermission.buyer"),
    ):
        reply = call(api, story(name).order_id).json()
        assert (reply["success"], reply["errorCode"]) == (False, code)


def test_an_order_not_shipped_yet_says_so_until_it_ships(call, clock, story):
    order = story("erp_ahead")
    clock.set(order.shipped_at)
    assert call(INFOS, order.order_id).json() == {
        "success": False,
        "errorCode": "500_2",
        "errorMessage": "订单尚未发货，暂无物流详情，请稍候再试。",
    }

    clock.set(order.parcels[0].listed_at)
    assert call(INFOS, order.order_id).json()["result"]


def test_personal_data_comes_unless_fields_leaves_it_out(call, story, world):
    order_id = story("signed_by_self").order_id

    everything = call(INFOS, order_id, fields=None)
    least = call(INFOS, order_id, fields="company.name")

    assert set(everything.json()["result"][0]) >= {"receiver", "sender", "sendGoods"}
    assert any(name in everything.text for name in world.names)
    assert set(least.json()["result"][0]) == {
        "logisticsId",
        "logisticsBillNo",
        "orderEntryIds",
        "status",
        "logisticsCompanyId",
        "logisticsCompanyName",
        "logisticsCompanyNo",
        "gmtSystemSend",
    }
    assert not [name for name in world.names if name in least.text]


def test_a_reply_holds_all_parcels_or_the_one_asked_for(call, clock, story):
    order = story("split_in_three")
    clock.set(START + timedelta(days=20))
    ids = {parcel.consignment_id for parcel in order.parcels}

    all_traces = call(TRACES, order.order_id).json()["logisticsTrace"]
    one = call(TRACES, order.order_id, logisticsId=min(ids)).json()["logisticsTrace"]

    assert {trace["logisticsId"] for trace in all_traces} == ids
    assert [trace["logisticsId"] for trace in one] == [min(ids)]


def test_replies_show_exactly_what_is_published(call, clock, world):
    orders = [
        order for order in world.orders("platform_1688") if not order.refusal and not order.has_nan
    ]
    for hours in (10, 40, 90):
        at = clock.set(START + timedelta(hours=hours))
        for order in orders:
            reply = call(TRACES, order.order_id).json()
            shown = {
                (trace["logisticsId"], step["acceptTime"], step["remark"])
                for trace in reply.get("logisticsTrace", [])
                for step in trace.get("logisticsSteps", [])
            }
            assert shown == {
                (parcel.consignment_id, step.printed_at, text)
                for parcel in order.listed(at)
                for step in parcel.shown(at)
                for text in step.spellings(at)
            }


def test_no_trace_yet_is_said_in_every_documented_form():
    world = World(1, START, {"platform_1688": 60}, stories={"never_collected": 1})
    (app,) = apps_for(world.accounts, qps=None)
    platform = Platform1688(world, Clock.standing(START + timedelta(days=5)), [app])
    path = f"param2/1/{NAMESPACES[TRACES]}/{TRACES}/{app.key}"
    forms = set()
    for order in world.orders():
        params = {
            "orderId": order.order_id,
            "webSite": "1688",
            "access_token": app.accounts[0].access_token,
        }
        signature = sign(path, params, app.secret).decode()
        body = platform.answer(f"/openapi/{path}", params | {"_aop_signature": signature}).body
        if traces := body.get("logisticsTrace"):
            forms.add(f"steps {traces[0].get('logisticsSteps', 'missing')}")
        else:
            forms.add(body.get("errorCode") or body.get("errorMessage") or "no parcels")

    assert forms == {"no parcels", "404", "该订单没有物流跟踪信息", "steps []", "steps missing"}


def test_the_detail_has_unshipped_lines_and_times_in_many_forms(call, clock, world, story):
    clock.set(START + timedelta(days=20))
    partly = call(DETAIL, story("partly_shipped").order_id).json()
    assert partly["success"] == "true"
    assert [item["logisticsStatus"] for item in partly["result"]["productItems"]][-1] == 1
    assert partly["result"]["baseInfo"]["status"] == "waitsellersend"

    whole = call(DETAIL, story("split").order_id).json()["result"]
    assert {item["logisticsStatus"] for item in whole["productItems"]} == {2}
    assert len(whole["nativeLogistics"]["logisticsItems"]) == 2

    times = [
        call(DETAIL, order.order_id).json()["result"]["baseInfo"]["createTime"]
        for order in world.orders("platform_1688")
        if not order.refusal
    ]
    assert {(type(time), len(str(time))) for time in times} == {
        (str, 22),
        (str, 17),
        (str, 19),
        (int, 13),
    }


def test_a_replaced_waybill_number_shows_in_every_reply(call, clock, story):
    order = story("waybill_replaced")
    (parcel,) = order.parcels
    numbers, printed = [], []
    for since, _ in parcel.waybills:
        at = clock.set(since)
        printed.append(order.printed_waybill(parcel, at))
        (info,) = call(INFOS, order.order_id).json()["result"]
        numbers.append(info["logisticsBillNo"])
    (trace,) = call(TRACES, order.order_id).json()["logisticsTrace"]

    assert numbers == printed
    assert len(set(numbers)) == 2
    assert trace["logisticsBillNo"] == numbers[-1]


def test_a_frozen_platform_answers_as_of_then(call, clock, sandbox, story):
    order = story("signed_by_self")
    at = clock.set(START + timedelta(days=1))
    before = call(TRACES, order.order_id).json()

    sandbox.freeze(at)
    clock.advance(minutes=5 * 24 * 60)
    assert call(TRACES, order.order_id).json() == before

    sandbox.freeze(None)
    assert call(TRACES, order.order_id).json() != before
