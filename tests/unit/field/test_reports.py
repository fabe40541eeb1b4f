"""What users of trackers, bots and ERP plugins reported in public, rebuilt with invented orders."""

import json

import pytest

TOP = "platform_taobao"
SELF = "已签收，签收人：本人"
GOT = ("2026-09-18 20:00:00", "快件已揽收")
OUT = ("2026-09-20 08:00:00", "快件派送中，请保持电话畅通")
SIGNED = ("2026-09-20 09:00:00", SELF)


@pytest.fixture
def purchase(field):
    """An order of a buyer on 1688, on its way."""
    field.order("1001", "2026-09-18 19:00")
    field.parcel("1001")
    return field


@pytest.fixture
def two_parcels(purchase):
    """The same with a second parcel."""
    purchase.parcel("1001", id="LP2", waybill="YT2")
    purchase.trace("1001", GOT, id="LP2")
    return purchase


@pytest.fixture
def taobao(field):
    """An order of a Taobao shop, on its way."""
    field.order("2001", "2026-09-18 19:00", account=TOP)
    field.parcel("2001")
    return field


def signed_at(field, order="1001"):
    """When the ERP holds the order for signed, empty for an order it does not."""
    return str(field.erp(order).signed_at or "")[:19]


# Texts


def test_unable_to_sign_ends_nothing_and_the_next_day_counts(purchase):
    unable = ("2026-09-20 09:00:00", "快件无法签收，原因：收件地址不详")
    purchase.trace("1001", GOT, OUT, unable)
    purchase.run("2026-09-20 09:30")
    assert (purchase.row("1001").status, signed_at(purchase)) == ("delivery_failed", "")

    purchase.parcel("1001", status="SIGN")
    purchase.trace("1001", GOT, OUT, unable, ("2026-09-21 09:00:00", SELF))
    purchase.run("2026-09-21 09:30")
    assert signed_at(purchase) == "2026-09-21 09:00:00"


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

    assert signed_at(purchase) == "2026-09-21 09:00:00"
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
    assert signed_at(purchase) == ""

    purchase.parcel("1001", status="SIGN")
    taken = ("2026-09-21 18:00:00", "您的快件已从菜鸟驿站取出，感谢使用")
    purchase.trace("1001", GOT, OUT, put, taken)
    purchase.run("2026-09-21 18:30")
    assert (signed_at(purchase), purchase.erp("1001").sign_kind) == (
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

    assert (purchase.row("1001").status, signed_at(purchase)) == ("returned", "")
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

    assert (signed_at(purchase), purchase.erp("1001").waybill_nos) == ("2026-09-26 09:00:00", "YT2")


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
    assert signed_at(taobao, "2001") == "2026-09-23 09:00:00"


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

    assert signed_at(taobao, "2001") == ""
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

    assert signed_at(purchase) == ""
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

    assert (signed_at(two_parcels, "A"), signed_at(two_parcels, "B")) == ("2026-09-20 09:00:00", "")
    assert two_parcels.erp("B").waybill_nos == "YT2"


def test_second_wave_of_a_partial_shipment_ends_the_order(purchase):
    purchase.answers.unshipped.add("1001")
    purchase.parcel("1001", status="SIGN")
    purchase.trace("1001", GOT, SIGNED)
    purchase.run("2026-09-20 09:30")
    assert signed_at(purchase) == ""

    purchase.answers.unshipped.clear()
    purchase.parcel("1001", id="LP2", waybill="YT2", status="SIGN")
    second = [("2026-09-21 20:00:00", "快件已揽收"), ("2026-09-23 09:00:00", SELF)]
    purchase.trace("1001", *second, id="LP2")
    for at in ("2026-09-23 09:30", "2026-09-23 15:30", "2026-09-24 10:00"):
        purchase.run(at)
    assert (signed_at(purchase), purchase.erp("1001").waybill_nos) == (
        "2026-09-23 09:00:00",
        "YT1,YT2",
    )


def test_parcel_of_an_exchange_keeps_the_order_open(two_parcels):
    two_parcels.parcel("1001", status="SIGN")
    two_parcels.trace("1001", GOT, SIGNED)
    two_parcels.run("2026-09-20 09:30")
    assert signed_at(two_parcels) == ""
    assert two_parcels.row("1001").parcels_signed == 1


def test_two_orders_in_one_box_are_both_signed(purchase):
    purchase.order("1002", "2026-09-18 19:00")
    purchase.parcel("1002", id="LP7", waybill="YT1", status="SIGN")
    purchase.trace("1002", GOT, SIGNED, id="LP7")
    purchase.parcel("1001", status="SIGN")
    purchase.trace("1001", GOT, SIGNED)
    purchase.run("2026-09-20 09:30")

    assert [signed_at(purchase, each) for each in ("1001", "1002")] == ["2026-09-20 09:00:00"] * 2


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
    assert signed_at(purchase) == ""


# Replies that change, shrink, repeat


def test_edited_words_of_a_signed_parcel_are_told_once(two_parcels):
    two_parcels.parcel("1001", status="SIGN")
    two_parcels.trace("1001", GOT, OUT, SIGNED)
    two_parcels.run("2026-09-20 09:30")
    told = two_parcels.notices()
    edited = ("2026-09-20 09:00:00", "您的快件已由本人签收，感谢使用")
    two_parcels.trace("1001", GOT, (OUT[0], "派件中，请留意来电"), edited)
    for at in ("2026-09-20 15:30", "2026-09-21 09:30", "2026-10-05 09:30"):
        two_parcels.run(at)

    assert told == [("pending", "signed")]
    assert two_parcels.notices() == told


def test_signed_order_is_never_asked_about_again(purchase):
    purchase.parcel("1001", status="SIGN")
    purchase.trace("1001", GOT, SIGNED)
    purchase.run("2026-09-20 09:30")
    asked, told = len(purchase.answers.asked), purchase.notices()
    for at in ("2026-09-20 10:00", "2026-09-21 10:00", "2026-10-01 10:00"):
        purchase.run(at)

    assert (len(purchase.answers.asked), purchase.notices()) == (asked, told)


def test_old_reply_between_two_new_ones_tells_nothing_twice(purchase):
    purchase.trace("1001", GOT, OUT)
    purchase.run("2026-09-20 08:30")
    purchase.trace("1001", GOT)
    purchase.run("2026-09-20 09:00")
    purchase.trace("1001", GOT, OUT)
    for at in ("2026-09-20 09:30", "2026-09-20 11:00"):
        purchase.run(at)

    assert purchase.row("1001").status == "out_for_delivery"
    assert purchase.notices() == [("pending", "out_for_delivery")]


def test_old_reply_behind_a_proved_signature_tells_nothing(taobao):
    got, out, signed = (*GOT, "GOT"), (*OUT, "SENT_SCAN"), (*SIGNED, "SIGNED")
    taobao.answers.unshipped.add("2001")
    taobao.trace("2001", got, out, signed)
    taobao.run("2026-09-20 09:30")
    taobao.trace("2001", got, out)
    taobao.run("2026-09-20 22:00")
    taobao.trace("2001", got, out, signed)
    taobao.answers.unshipped.clear()
    for at in ("2026-09-21 10:30", "2026-09-21 22:30", "2026-09-22 12:00"):
        taobao.run(at)

    assert signed_at(taobao, "2001") == "2026-09-20 09:00:00"
    assert taobao.notices() == [("pending", "signed")]


def test_parcel_that_goes_on_under_another_number_keeps_its_scans(taobao):
    got = (*GOT, "GOT")
    taobao.trace("2001", got)
    taobao.run("2026-09-19 10:00")
    taobao.parcel("2001", waybill="SF1")
    taobao.trace("2001", got, ("2026-09-19 12:00:00", "快件到达【丽水莲都营业部】", "ARRIVAL"))
    for at in ("2026-09-19 13:00", "2026-09-20 15:00"):
        taobao.run(at)

    assert taobao.erp("2001").waybill_nos == "SF1"
    assert [event.withdrawn_at for event in taobao.events("2001")] == [None, None]
    assert taobao.notices() == [("pending", "picked_up"), ("picked_up", "in_transit")]


def test_reply_with_the_newest_step_alone_keeps_the_others(purchase):
    purchase.trace("1001", GOT, ("2026-09-19 09:00:00", "快件到达【丽水莲都营业部】"))
    purchase.run("2026-09-19 10:00")
    purchase.trace("1001", OUT)
    for at in ("2026-09-20 08:30", "2026-09-20 14:30"):
        purchase.run(at)

    assert purchase.row("1001").status == "out_for_delivery"
    assert [event.withdrawn_at for event in purchase.events("1001")] == [None] * 3


def test_scan_whose_time_is_corrected_is_told_once(purchase):
    purchase.trace("1001", GOT, OUT)
    purchase.run("2026-09-20 08:30")
    failed = ("2026-09-20 08:40:00", "派送不成功，客户电话无人接听，将再次派送")
    purchase.trace("1001", GOT, OUT, failed)
    purchase.run("2026-09-20 09:00")
    told = purchase.notices()
    purchase.trace("1001", GOT, ("2026-09-20 08:03:00", OUT[1]), failed)
    for at in ("2026-09-20 10:00", "2026-09-20 11:00"):
        purchase.run(at)

    assert purchase.row("1001").status == "delivery_failed"
    assert purchase.notices() == told


def test_scans_that_arrive_behind_the_signature_are_no_news(taobao):
    got, out, signed = (*GOT, "GOT"), (*OUT, "SENT_SCAN"), (*SIGNED, "SIGNED")
    taobao.answers.unshipped.add("2001")
    taobao.trace("2001", got, signed)
    taobao.run("2026-09-20 09:30")
    taobao.trace("2001", got, out, signed)
    for at in ("2026-09-20 15:30", "2026-09-20 22:00"):
        taobao.run(at)

    assert taobao.shipments("2001")[0].status == "signed"
    assert taobao.notices() == [("pending", "signed")]


@pytest.mark.parametrize("account", ["platform_1688", TOP])
def test_number_that_was_mistyped_proves_nothing_once_corrected(account, field):
    """The trace of the right number holds nothing of the other, which was a stranger's."""
    action = (lambda code: (code,)) if account == TOP else lambda code: ()
    field.order("3001", "2026-09-18 19:00", account=account)
    field.answers.unshipped.add("3001")
    field.parcel("3001", waybill="YT8")
    stranger = [(*GOT, *action("GOT")), (*SIGNED, *action("SIGNED"))]
    field.trace("3001", *stranger)
    field.run("2026-09-20 09:30")
    field.parcel("3001", waybill="YT1")
    own = ("2026-09-20 20:00:00", "快件已揽收", *action("GOT"))
    field.trace("3001", own)
    for at in ("2026-09-20 21:30", "2026-09-21 09:30", "2026-09-21 15:30"):
        field.run(at)

    assert field.shipments("3001")[0].status == "picked_up"


@pytest.mark.parametrize("body", [b'{"success":"true"}', b'{"success":"true","logisticsTrace":[]}'])
def test_empty_answer_never_takes_a_state_back(body, purchase):
    purchase.trace("1001", GOT, OUT)
    purchase.run("2026-09-20 08:30")
    purchase.answers.raw["traces", "1001"] = body, "application/json"
    for at in ("2026-09-20 14:30", "2026-09-21 08:30"):
        purchase.run(at)

    assert purchase.row("1001").status == "out_for_delivery"
    assert (purchase.erp("1001").latest_trace, len(purchase.notices())) == (OUT[1], 1)


def test_steps_that_come_twice_in_a_reply_are_one_each(purchase):
    purchase.trace("1001", GOT, GOT, OUT, OUT)
    purchase.run("2026-09-20 08:30")

    assert [event.description for event in purchase.events("1001")] == [GOT[1], OUT[1]]


def test_steps_of_one_second_keep_their_order_when_the_reply_turns(purchase):
    put = ("2026-09-20 09:00:00", "快件已暂存至【幸福里小区菜鸟驿站】，请凭取件码领取")
    steps = [GOT, put, SIGNED]
    purchase.answers.unshipped.add("1001")
    purchase.parcel("1001", status="SIGN")
    purchase.trace("1001", *steps)
    purchase.run("2026-09-20 09:30")
    purchase.trace("1001", *steps[::-1])
    for at in ("2026-09-20 15:30", "2026-09-21 10:00"):
        purchase.run(at)

    assert purchase.shipments("1001")[0].status == "signed"
    assert purchase.notices() == [("pending", "signed")]


def test_signature_of_the_parcel_list_counts_though_no_trace_is_read(purchase):
    purchase.parcel("1001", status="SIGN")
    body = b'{"success":"true","logisticsTrace":[],"weight":NaN}'
    purchase.answers.raw["traces", "1001"] = body, "application/json"
    for at in ("2026-09-20 09:30", "2026-09-20 15:30", "2026-09-21 09:00"):
        purchase.run(at)
    assert signed_at(purchase) == ""

    for at in ("2026-09-21 16:30", "2026-09-22 17:00"):
        purchase.run(at)
    assert signed_at(purchase) == "2026-09-20 09:30:00"
    assert purchase.notices() == [("pending", "signed")]


def test_trace_that_is_read_again_within_a_day_dates_the_signature(purchase):
    purchase.parcel("1001", status="SIGN")
    body = b'{"success":"true","logisticsTrace":[],"weight":NaN}'
    purchase.answers.raw["traces", "1001"] = body, "application/json"
    purchase.run("2026-09-20 09:30")
    purchase.answers.raw.clear()
    purchase.trace("1001", GOT, SIGNED)
    for at in ("2026-09-20 15:30", "2026-09-21 09:00"):
        purchase.run(at)

    assert signed_at(purchase) == "2026-09-20 09:00:00"


# Times


@pytest.mark.parametrize(
    "printed",
    [
        "20260920010000000+0000",
        "2026-09-20T01:00:00Z",
        "2026-09-20T01:00:00.12Z",
        "2026-09-20T01:00:00.123456Z",
        "2026-09-19 21:00:00-04:00",
        "2026/09/20 09:00:00",
    ],
)
def test_time_with_an_offset_or_fraction_is_that_instant(printed, purchase):
    purchase.parcel("1001", status="SIGN")
    purchase.trace("1001", GOT, (printed, SELF))
    purchase.run("2026-09-20 09:30")

    assert signed_at(purchase) == "2026-09-20 09:00:00"


@pytest.mark.parametrize("account", ["platform_1688", TOP])
def test_signature_with_a_day_alone_is_signed_that_day(account, field):
    actions = ("GOT", "SENT_SCAN", "SIGNED") if account == TOP else ()
    field.order("3001", "2026-09-18 19:00", account=account)
    field.parcel("3001", status="" if account == TOP else "SIGN")
    steps = [GOT, OUT, ("2026-09-20", SELF)]
    field.trace("3001", *((*step, *actions[n : n + 1]) for n, step in enumerate(steps)))
    for at in ("2026-09-20 10:00", "2026-09-20 16:00", "2026-09-21 17:00"):
        field.run(at)

    assert signed_at(field, "3001").startswith("2026-09-20")


# The ERP belongs to people


def test_order_signed_by_hand_stays_as_it_was_signed(purchase):
    purchase.order("1002", "2026-09-18 19:00")
    purchase.trace("1001", GOT)
    purchase.run("2026-09-19 10:00")
    with purchase.erp_database.engine.begin() as connection:
        connection.exec_driver_sql(
            "update erp_order set status = 'SIGNED', signed_at = '2026-09-20 12:00:00',"
            " updated_at = '2026-09-20 12:00:00' where order_no = 'SO1001'"
        )
    purchase.trace("1001", GOT, OUT)
    for at in ("2026-09-20 12:30", "2026-09-20 18:30", "2026-09-21 12:30"):
        purchase.run(at)

    row = purchase.erp("1001")
    assert (row.status, signed_at(purchase)) == ("SIGNED", "2026-09-20 12:00:00")
