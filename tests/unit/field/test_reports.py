"""What users of trackers, bots and ERP plugins reported in public, rebuilt with invented orders."""

import json

import pytest

from .stage import GOT, OUT, SELF, SIGNED

# Texts


def test_unable_to_sign_ends_nothing_and_the_next_day_counts(purchase):
    unable = ("2026-09-20 09:00:00", "快件无法签收，原因：收件地址不详")
    purchase.trace("1001", GOT, OUT, unable)
    purchase.run("2026-09-20 09:30")
    assert (purchase.row("1001").status, purchase.signed_at()) == ("delivery_failed", "")

    purchase.parcel("1001", status="SIGN")
    purchase.trace("1001", GOT, OUT, unable, ("2026-09-21 09:00:00", SELF))
    purchase.run("2026-09-21 09:30")
    assert purchase.signed_at() == "2026-09-21 09:00:00"


@pytest.mark.parametrize(
    "said",
    [
        "收件人不在，快件退回网点，等待再次派送",
        "快件因安检原因退回始发网点，重新安排运输",
        "快件已退回【丽水莲都营业部】，次日重新派送",
    ],
    ids=["nobody in", "security check", "for tomorrow"],
)
def test_sent_back_to_the_depot_is_no_return(said, purchase):
    back = ("2026-09-20 15:00:00", said)
    purchase.trace("1001", GOT, OUT, back)
    purchase.run("2026-09-20 15:30")
    purchase.parcel("1001", status="SIGN")
    again = [("2026-09-21 08:00:00", "快件派送中"), ("2026-09-21 09:00:00", SELF)]
    purchase.trace("1001", GOT, OUT, back, *again)
    purchase.run("2026-09-21 09:30")

    assert purchase.signed_at() == "2026-09-21 09:00:00"
    assert {to for _, to in purchase.notices()} & {"returning", "returned"} == set()


@pytest.mark.parametrize(
    "said",
    [
        "因天气原因，快件派送延误，请您耐心等待",
        "The shipment is delayed because of high demand",
        "Your shipment is scheduled for delivery tomorrow",
        "快件预计明日送达，请保持电话畅通",
    ],
)
def test_delay_or_forecast_is_neither_return_nor_signature(said, purchase):
    purchase.trace("1001", GOT, ("2026-09-19 09:00:00", said))
    purchase.run("2026-09-19 10:00")
    purchase.run("2026-09-20 11:00")

    assert purchase.row("1001").status in ("picked_up", "in_transit", "exception")
    assert purchase.shipments("1001")[0].signed_at is None


def test_put_into_a_station_is_signed_when_taken_out(purchase):
    put = ("2026-09-20 09:00:00", "快件已暂存至【幸福里小区菜鸟驿站】，请凭取件码领取")
    purchase.trace("1001", GOT, OUT, put)
    purchase.run("2026-09-20 09:30")
    purchase.run("2026-09-21 10:00")
    assert purchase.shipments("1001")[0].status == "ready_for_pickup"
    assert purchase.signed_at() == ""

    purchase.parcel("1001", status="SIGN")
    taken = ("2026-09-21 18:00:00", "您的快件已从菜鸟驿站取出，感谢使用")
    purchase.trace("1001", GOT, OUT, put, taken)
    purchase.run("2026-09-21 18:30")
    assert (purchase.signed_at(), purchase.erp("1001").sign_kind) == (
        "2026-09-21 18:00:00",
        "station",
    )


def test_printed_label_is_not_on_its_way(purchase):
    purchase.trace("1001", ("2026-09-18 19:30:00", "商家已打单，等待快递员揽收"))
    purchase.run("2026-09-18 20:00")

    assert purchase.row("1001").status == "info_received"


# Returns, losses, what comes after a signature


def test_refused_parcel_whose_sender_signs_is_returned(purchase):
    refused = ("2026-09-20 09:00:00", "客户拒收，快件退回寄件人")
    purchase.trace("1001", GOT, OUT, refused)
    purchase.run("2026-09-20 09:30")
    purchase.parcel("1001", status="SIGN")
    purchase.trace("1001", GOT, OUT, refused, ("2026-09-23 10:00:00", SELF))
    purchase.run("2026-09-23 10:30")

    assert (purchase.row("1001").status, purchase.signed_at()) == ("returned", "")
    assert purchase.notices()[-1] == ("returning", "returned")


def test_returned_parcel_that_is_sent_anew_ends_signed(purchase):
    refused = ("2026-09-20 09:00:00", "客户拒收，快件退回寄件人")
    purchase.trace("1001", GOT, OUT, refused, ("2026-09-23 10:00:00", "退回件已签收"))
    purchase.run("2026-09-23 10:30")
    purchase.answers.parcels["1001"].clear()
    purchase.parcel("1001", id="LP2", waybill="YT2")
    purchase.trace("1001", ("2026-09-24 20:00:00", "快件已揽收"), id="LP2")
    purchase.run("2026-09-25 09:00")
    purchase.parcel("1001", id="LP2", waybill="YT2", status="SIGN")
    anew = [("2026-09-24 20:00:00", "快件已揽收"), ("2026-09-26 09:00:00", SELF)]
    purchase.trace("1001", *anew, id="LP2")
    for at in ("2026-09-26 09:30", "2026-09-26 15:30", "2026-09-27 09:30"):
        purchase.run(at)

    assert (purchase.signed_at(), purchase.erp("1001").waybill_nos) == (
        "2026-09-26 09:00:00",
        "YT2",
    )


def test_lost_parcel_that_is_found_and_signed_is_signed(taobao):
    got = (*GOT, "GOT")
    taobao.parcel("2001", status="LOST")
    taobao.trace("2001", got)
    taobao.run("2026-09-20 10:00")
    assert taobao.row("2001").status == "exception"

    found = ("2026-09-23 08:00:00", "快件派送中", "SENT_SCAN")
    taobao.trace("2001", got, found, ("2026-09-23 09:00:00", SELF, "SIGNED"))
    for at in ("2026-09-23 09:30", "2026-09-23 15:30"):
        taobao.run(at)
    assert taobao.signed_at("2001") == "2026-09-23 09:00:00"


def test_refusal_after_the_signature_keeps_the_order_open(taobao):
    taobao.parcel("2001", id="LP2", waybill="YT2")
    taobao.trace("2001", (*GOT, "GOT"), id="LP2")
    signed, refused = (*SIGNED, "SIGNED"), ("2026-09-20 10:00:00", "客户拒收，退回", "REJECT")
    taobao.trace("2001", (*GOT, "GOT"), signed)
    taobao.run("2026-09-20 09:30")
    taobao.trace("2001", (*GOT, "GOT"), signed, refused)
    taobao.trace("2001", (*GOT, "GOT"), ("2026-09-20 11:00:00", SELF, "SIGNED"), id="LP2")
    for at in ("2026-09-20 11:30", "2026-09-20 17:30"):
        taobao.run(at)

    assert taobao.signed_at("2001") == ""
    assert taobao.row("2001").status == "returning"
    assert ("signed", "returning") in taobao.notices()


def test_return_with_a_number_of_its_own_is_no_delivery(purchase):
    refused = ("2026-09-20 09:00:00", "客户拒收，快件退回寄件人")
    purchase.trace("1001", GOT, OUT, refused)
    purchase.run("2026-09-20 09:30")
    purchase.parcel("1001", id="LP2", waybill="YT2", status="SIGN")
    back = ("2026-09-23 10:00:00", "退回件已签收，签收人：发件人")
    purchase.trace("1001", ("2026-09-21 09:00:00", "退回件已揽收"), back, id="LP2")
    for at in ("2026-09-23 10:30", "2026-09-24 10:30"):
        purchase.run(at)

    assert purchase.signed_at() == ""
    assert ("pending", "signed") not in purchase.notices()


# Orders of many parcels, rows of one order


def test_row_of_a_backorder_waits_for_its_own_number(two_parcels):
    for key, waybill in (("SO-A", "YT1"), ("SO-B", "YT2")):
        two_parcels.order("1001", "2026-09-18 19:00", order_no=key, waybill_no=waybill)
    with two_parcels.erp_database.engine.begin() as connection:
        connection.exec_driver_sql("delete from erp_order where order_no = 'SO1001'")
        connection.exec_driver_sql("update erp_order set order_no = 'SO' || substr(order_no, 4)")
    two_parcels.parcel("1001", status="SIGN")
    two_parcels.trace("1001", GOT, SIGNED)
    two_parcels.run("2026-09-20 09:30")

    assert (two_parcels.signed_at("A"), two_parcels.signed_at("B")) == ("2026-09-20 09:00:00", "")
    assert two_parcels.erp("B").waybill_nos == "YT2"


def test_second_wave_of_a_partial_shipment_ends_the_order(purchase):
    purchase.answers.unshipped.add("1001")
    purchase.parcel("1001", status="SIGN")
    purchase.trace("1001", GOT, SIGNED)
    purchase.run("2026-09-20 09:30")
    assert purchase.signed_at() == ""

    purchase.answers.unshipped.clear()
    purchase.parcel("1001", id="LP2", waybill="YT2", status="SIGN")
    second = [("2026-09-21 20:00:00", "快件已揽收"), ("2026-09-23 09:00:00", SELF)]
    purchase.trace("1001", *second, id="LP2")
    for at in ("2026-09-23 09:30", "2026-09-23 15:30", "2026-09-24 10:00"):
        purchase.run(at)
    assert (purchase.signed_at(), purchase.erp("1001").waybill_nos) == (
        "2026-09-23 09:00:00",
        "YT1,YT2",
    )


def test_parcel_of_an_exchange_keeps_the_order_open(two_parcels):
    two_parcels.parcel("1001", status="SIGN")
    two_parcels.trace("1001", GOT, SIGNED)
    two_parcels.run("2026-09-20 09:30")
    assert two_parcels.signed_at() == ""
    assert two_parcels.row("1001").parcels_signed == 1


DELAYED = ("2026-09-20 09:05:00", "因天气原因，派送时间可能延误，请耐心等待")


def test_delay_told_behind_a_proved_signature_leaves_it(taobao):
    taobao.answers.unshipped.add("2001")
    taobao.trace("2001", (*GOT, "GOT"), (*SIGNED, "SIGNED"), (*DELAYED, "OTHER"))
    taobao.run("2026-09-20 09:30")
    taobao.answers.unshipped.clear()
    for at in ("2026-09-20 22:30", "2026-09-21 10:30"):
        taobao.run(at)

    assert taobao.signed_at("2001") == SIGNED[0]
    assert taobao.notices() == [("pending", "signed")]


def test_delay_told_behind_a_signature_by_text_leaves_its_time(purchase):
    purchase.parcel("1001", status="SIGN")
    purchase.trace("1001", GOT, SIGNED, DELAYED)
    for at in ("2026-09-20 09:30", "2026-09-20 15:30", "2026-09-21 10:00"):
        purchase.run(at)

    assert purchase.signed_at() == SIGNED[0]


@pytest.mark.parametrize(
    "said",
    [
        "签收底单返回中",
        "回单签收，退回寄件方",
        '在官网"运单资料&签收图",可查看签收人信息',
    ],
)
def test_paper_that_goes_back_takes_no_signature_with_it(said, purchase):
    purchase.answers.unshipped.add("1001")
    purchase.trace("1001", GOT, SIGNED)
    purchase.run("2026-09-20 09:10")
    purchase.trace("1001", GOT, SIGNED, ("2026-09-20 09:20:00", said))
    purchase.run("2026-09-20 15:30")
    purchase.parcel("1001", status="SIGN")
    purchase.answers.unshipped.clear()
    for at in ("2026-09-21 10:00", "2026-09-21 22:30"):
        purchase.run(at)

    assert purchase.signed_at() == SIGNED[0]
    assert purchase.notices() == [("pending", "signed")]


def test_hand_back_to_the_sender_that_is_coded_as_a_signature_is_none(taobao):
    taobao.trace(
        "2001",
        (*GOT, "GOT"),
        ("2026-09-20 08:00:00", "收件人拒收", "REJECT"),
        ("2026-09-22 08:00:00", "快件运输中", "RT_TRANSPORT"),
        ("2026-09-23 09:00:00", "已签收", "SIGNED"),
    )
    for at in ("2026-09-23 09:30", "2026-09-24 09:30"):
        taobao.run(at)

    assert (taobao.signed_at("2001"), taobao.shipments("2001")[0].status) == ("", "returned")


def test_two_orders_in_one_box_are_both_signed(purchase):
    purchase.order("1002", "2026-09-18 19:00")
    purchase.parcel("1002", id="LP7", waybill="YT1", status="SIGN")
    purchase.trace("1002", GOT, SIGNED, id="LP7")
    purchase.parcel("1001", status="SIGN")
    purchase.trace("1001", GOT, SIGNED)
    purchase.run("2026-09-20 09:30")

    assert [purchase.signed_at(each) for each in ("1001", "1002")] == ["2026-09-20 09:00:00"] * 2


def test_number_that_comes_later_is_shown_then(purchase):
    purchase.parcel("1001", waybill="")
    purchase.run("2026-09-18 20:30")
    assert purchase.erp("1001").waybill_nos is None

    purchase.parcel("1001")
    purchase.trace("1001", GOT)
    for at in ("2026-09-19 09:00", "2026-09-19 15:00"):
        purchase.run(at)
    assert (purchase.erp("1001").waybill_nos, len(purchase.shipments("1001"))) == ("YT1", 1)


def test_trace_of_another_order_is_not_taken(purchase):
    purchase.trace("1001", GOT)
    purchase.run("2026-09-18 21:00")
    stranger = {
        "orderId": "9009",
        "logisticsId": "LP9",
        "logisticsBillNo": "YT9",
        "logisticsSteps": [{"acceptTime": "2026-09-19 09:00:00", "remark": SELF}],
    }
    body = json.dumps({"success": "true", "logisticsTrace": [stranger]}).encode()
    purchase.answers.raw["traces", "1001"] = body, "application/json"
    for at in ("2026-09-19 10:00", "2026-09-20 12:00"):
        purchase.run(at)

    assert {event.description for event in purchase.events("1001")} == {"快件已揽收"}
    assert purchase.signed_at() == ""
