"""What users reported in public of replies that change, shrink or repeat, and of their times."""

from datetime import UTC, datetime

import pytest

from .stage import GOT, OUT, SELF, SIGNED, TOP

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

    assert taobao.signed_at("2001") == "2026-09-20 09:00:00"
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


def test_number_that_was_mistyped_leaves_no_time_of_its_signature(field):
    """The first reply of the right number tells of the whole way, up to the signature."""
    field.order("3001", "2026-09-18 19:00", account=TOP)
    field.answers.unshipped.add("3001")
    field.parcel("3001", waybill="YT8")
    field.trace("3001", (*GOT, "GOT"), (*SIGNED, "SIGNED"))
    field.run("2026-09-20 09:30")
    field.parcel("3001", waybill="YT1")
    field.answers.unshipped.clear()
    field.trace(
        "3001",
        ("2026-09-20 10:00:00", "快件已揽收", "GOT"),
        ("2026-09-21 08:00:00", SIGNED[1], "SIGNED"),
    )
    field.run("2026-09-21 09:30")

    (parcel,), row = field.shipments("3001"), field.row("3001")
    assert parcel.sign_confirmed_at is not None
    assert parcel.signed_at == row.signed_at == datetime(2026, 9, 21, tzinfo=UTC)


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
    assert purchase.signed_at() == ""

    for at in ("2026-09-21 16:30", "2026-09-22 17:00"):
        purchase.run(at)
    assert purchase.signed_at() == "2026-09-20 09:30:00"
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

    assert purchase.signed_at() == "2026-09-20 09:00:00"


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

    assert purchase.signed_at() == "2026-09-20 09:00:00"


@pytest.mark.parametrize("account", ["platform_1688", TOP])
def test_signature_with_a_day_alone_is_signed_that_day(account, field):
    actions = ("GOT", "SENT_SCAN", "SIGNED") if account == TOP else ()
    field.order("3001", "2026-09-18 19:00", account=account)
    field.parcel("3001", status="" if account == TOP else "SIGN")
    steps = [GOT, OUT, ("2026-09-20", SELF)]
    field.trace("3001", *((*step, *actions[n : n + 1]) for n, step in enumerate(steps)))
    for at in ("2026-09-20 10:00", "2026-09-20 16:00", "2026-09-21 17:00"):
        field.run(at)

    assert field.signed_at("3001").startswith("2026-09-20")


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
    assert (row.status, purchase.signed_at()) == ("SIGNED", "2026-09-20 12:00:00")
