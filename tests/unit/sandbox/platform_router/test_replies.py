"""The stand-in router answers as the articles' clients expect it."""

from datetime import timedelta

from sandbox.platform_router import WAYBILL_TRACE, WAYBILLS
from sandbox.world import order_truth, router_code

from .article import refusal


def test_the_articles_client_gets_waybills_and_their_traces(client, story):
    order = story("signed_by_self")
    asking = client()

    rows = asking.result("alibaba.logistics.trade.ship", {"orderId": order.order_id})
    (parcel,) = rows["logisticsOrders"]
    number = parcel.get("billNo") or parcel.get("mailNo")
    trace = asking.result(
        "alibaba.logistics.trace.get",
        {"companyCode": parcel["logisticsCode"], "billNo": number},
    )

    assert number == order.parcels[0].waybills[0][1]
    assert trace["signStatus"] in ("SIGN", "UNSIGN")
    assert trace["traceList"][0]["desc"] == order.parcels[0].steps[0].text


def test_an_order_that_is_not_shipped_has_no_waybills(client, story, clock):
    order = story("erp_ahead")
    clock.set(order.shipped_at)

    result = client().result(WAYBILLS, {"orderId": order.order_id})

    assert not result.get("logisticsOrders")


def test_sign_comes_with_the_platform_status_not_with_the_scan(client, story, clock):
    order = story("signed_by_self")
    (parcel,) = order.parcels
    biz = {"companyCode": router_code(parcel), "billNo": parcel.waybills[0][1]}
    signed_since = next(since for since, status in parcel.statuses if status == "SIGN")
    found = []

    for moment in (signed_since - timedelta(seconds=1), signed_since):
        clock.set(moment)
        truth = order_truth(order, moment).parcels[0]
        found.append((client().result(WAYBILL_TRACE, biz)["signStatus"], truth.sign_kind))

    assert found == [("UNSIGN", "text"), ("SIGN", "self")]


def test_a_carriers_code_must_be_the_routers_own(client, world):
    order = next(
        order
        for order in world.orders("platform_router")
        if order.parcels[0].carrier.code == "YUNDA" and not order.refusal
    )
    number = order.parcels[0].waybills[0][1]

    for code, is_refused in (("YUNDA", True), ("韵达快递", True), ("YD", False)):
        reply = client().call(WAYBILL_TRACE, {"companyCode": code, "billNo": number})
        assert ("error_response" in reply.json()) is is_refused


def test_a_replaced_number_ends_and_its_parcel_goes_on(client, story, clock):
    order = story("waybill_replaced")
    (parcel,) = order.parcels
    (_, old), (since, new) = parcel.waybills
    carrier = router_code(parcel)

    def texts(number: str) -> list[str]:
        biz = {"companyCode": carrier, "billNo": number}
        return [node["desc"] for node in client().result(WAYBILL_TRACE, biz)["traceList"]]

    clock.set(since - timedelta(seconds=1))
    assert refusal(client().call(WAYBILL_TRACE, {"companyCode": carrier, "billNo": new})) == 41

    clock.set(since + timedelta(days=9))
    truth = order_truth(order, clock.now())
    assert texts(old) == [step.text for step in parcel.shown(since)]
    assert texts(new) == [step.text for step in parcel.steps]
    assert len(texts(new)) > len(texts(old))
    assert [each.consignment_id for each in truth.parcels] == [f"{carrier}:{new}"]
    assert truth.superseded == (f"{carrier}:{old}",)


def test_anothers_waybill_or_order_is_not_to_be_had(client, ask_status, story, world):
    stranger = next(world.orders("platform_router_taobao"))
    bought = story("signed_by_self")

    assert refusal(client().call(WAYBILLS, {"orderId": stranger.order_id})) == 41
    assert refusal(client().call(WAYBILLS, {"orderId": story("not_ours").order_id})) == 41
    assert refusal(client().call(WAYBILL_TRACE, {"companyCode": "YTO", "billNo": "1"})) == 41
    assert ask_status(bought.order_id).json() == {"status": 0}
    assert ask_status("1").json() == {"status": 0}


def test_a_status_code_tells_how_far_the_whole_order_is(ask_status, story, clock, world):
    order = story("split_in_three", "platform_router_taobao")
    codes = []
    for hours in range(0, 24 * 12, 3):
        clock.set(order.shipped_at + timedelta(hours=hours))
        code = ask_status(order.order_id).json()["status"]
        truth = order_truth(order, clock.now())
        (parcel,) = truth.parcels
        assert parcel.status == ("info_received", "in_transit", "signed")[code - 1]
        assert truth.signed is (code == 3)
        codes.append(code)

    assert codes == sorted(codes)
    assert set(codes) >= {2, 3}
    assert parcel.consignment_id == order.order_id
    assert [event.label for event in parcel.events][-2:] == ["in_transit", "signed"]


def test_a_router_never_tells_of_a_line_that_waits(world):
    for account in ("platform_router", "platform_router_taobao"):
        for order in world.orders(account):
            first_sign = min(
                (
                    since
                    for each in order.parcels
                    for since, code in each.statuses
                    if code == "SIGN"
                ),
                default=None,
            )
            assert None not in order.lines_shipped
            assert first_sign is None or max(order.lines_shipped) < first_sign
