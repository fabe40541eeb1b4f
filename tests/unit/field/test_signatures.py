"""Signatures as the real world sends them: strays, early, withdrawn, refused, and in which run."""

import pytest

from .stage import GOT, SELF, TOP


def test_a1_stray_scan_after_a_signed_action_stays_signed(taobao):
    got, signed = (*GOT, "GOT"), ("2026-09-20 09:00:00", SELF, "SIGNED")
    taobao.trace("2001", got)
    taobao.run("2026-09-19 10:00")
    taobao.trace("2001", got, signed, ("2026-09-20 09:05:00", "派送中", "SENT_SCAN"))
    taobao.run("2026-09-20 09:30")
    taobao.run("2026-09-23 09:30")

    assert str(taobao.erp("2001").signed_at).startswith("2026-09-20 09:00:00")
    assert taobao.shipments("2001")[0].status == "signed"
    assert taobao.notices() == [("pending", "picked_up"), ("picked_up", "signed")]
    assert taobao.select("* from analytics.stalls") == []


def test_a1_stray_scan_that_comes_a_run_later_changes_nothing(taobao):
    signed = ("2026-09-20 09:00:00", SELF, "SIGNED")
    taobao.answers.unshipped.add("2001")
    taobao.trace("2001", signed)
    taobao.run("2026-09-20 09:10")
    taobao.trace("2001", signed, ("2026-09-20 09:05:00", "派送中", "SENT_SCAN"))
    taobao.run("2026-09-20 09:40")

    assert taobao.shipments("2001")[0].status == "signed"
    assert taobao.notices() == [("pending", "signed")]


def test_a2_earlier_life_of_the_number_never_leads(purchase):
    before = [
        ("2025-08-01 10:00:00", "快件已揽收"),
        ("2025-08-03 15:00:00", SELF),
    ]
    purchase.trace("1001", *before, GOT)
    purchase.run("2026-09-18 21:00")

    assert purchase.row("1001").status == "picked_up"
    assert [event.earlier_life for event in purchase.events("1001")] == [True, True, False]

    purchase.parcel("1001", status="SIGN")
    purchase.trace("1001", *before, GOT, ("2026-09-20 11:00:00", SELF))
    purchase.run("2026-09-20 12:00")

    assert str(purchase.erp("1001").signed_at).startswith("2026-09-20 11:00:00")
    assert purchase.row("1001").last_error is None


def test_a3_early_signature_that_movement_contradicts_is_none(purchase):
    early = ("2026-09-20 09:00:00", SELF)
    arrived = ("2026-09-20 15:00:00", "快件到达【丽水莲都营业部】")
    out = ("2026-09-21 08:30:00", "派送中")
    purchase.trace("1001", GOT, early)
    purchase.run("2026-09-20 10:00")
    purchase.trace("1001", GOT, early, arrived)
    purchase.run("2026-09-20 15:30")
    purchase.trace("1001", GOT, early, arrived, out)
    purchase.run("2026-09-21 09:00")

    assert purchase.row("1001").status == "out_for_delivery"

    purchase.parcel("1001", status="SIGN")
    signed = ("2026-09-21 11:00:00", "已签收，签收人：家人")
    purchase.trace("1001", GOT, early, arrived, out, signed)
    purchase.run("2026-09-21 12:00")

    row = purchase.erp("1001")
    assert (str(row.signed_at)[:19], row.sign_kind) == ("2026-09-21 11:00:00", "family")
    last = purchase.messages()[-1]
    assert (last["to_status"], last["occurred_at"]) == ("signed", "2026-09-21T11:00:00+08:00")
    assert ("signed", "in_transit") not in purchase.notices()


@pytest.mark.parametrize(
    "later",
    [[], [("2026-09-20 09:00:00", "快件派送中")], [("2026-09-20 10:00:00", "快件派送中")]],
    ids=["lacks it", "has another text at its time", "moves on without it"],
)
def test_a4_signature_that_the_platform_takes_back_is_none(purchase, later):
    out = ("2026-09-20 08:00:00", "快件派送中，请保持电话畅通")
    purchase.trace("1001", GOT, out, ("2026-09-20 09:00:00", "快件已签收，签收人：本人"))
    purchase.run("2026-09-20 09:15")
    assert purchase.shipments("1001")[0].sign_kind == "text"

    purchase.trace("1001", GOT, out, *later)
    for at in ("2026-09-20 09:45", "2026-09-21 09:30", "2026-09-21 10:00", "2026-09-22 10:00"):
        purchase.run(at)

    assert purchase.erp("1001").status == "SHIPPED"
    assert purchase.shipments("1001")[0].status == "out_for_delivery"
    assert purchase.notices() == [("pending", "out_for_delivery")]


def test_a4_signature_that_stays_counts_after_a_day(purchase):
    purchase.trace("1001", GOT, ("2026-09-20 09:00:00", SELF))
    purchase.run("2026-09-20 09:15")
    purchase.run("2026-09-21 09:00")
    assert purchase.erp("1001").status == "SHIPPED"

    purchase.run("2026-09-21 09:30")
    purchase.run("2026-09-21 10:00")

    assert str(purchase.erp("1001").signed_at).startswith("2026-09-20 09:00:00")


def test_a5_refused_signature_goes_on_and_says_why(purchase):
    purchase.order("1002", "2026-09-25 19:00")
    with purchase.erp_database.engine.begin() as connection:
        connection.exec_driver_sql(
            "update erp_order set platform_order_id = '1001' where order_no = 'SO1002'"
        )
    purchase.parcel("1001", status="SIGN")
    purchase.trace("1001", GOT, ("2026-09-20 11:00:00", SELF))
    purchase.run("2026-09-25 20:00")

    late = purchase.select("* from analytics.orders where erp_key = 'SO1002'")[0]
    assert (late.status, late.signed_at) == ("out_for_delivery", None)
    assert "more than 48 hours older" in late.last_error
    assert purchase.erp("1001").status == "SIGNED"
    assert purchase.erp("1002").status == "SHIPPED"

    asked = len(purchase.answers.asked)
    purchase.run("2026-09-27 20:00")
    assert len(purchase.answers.asked) > asked

    with purchase.erp_database.engine.begin() as connection:
        connection.exec_driver_sql(
            "update erp_order set shipped_at = '2026-09-18 19:00:00',"
            " updated_at = '2026-09-28 09:00:00' where order_no = 'SO1002'"
        )
    purchase.run("2026-09-28 10:00")
    assert str(purchase.erp("1002").signed_at).startswith("2026-09-20 11:00:00")


@pytest.mark.parametrize("account", ["platform_1688", TOP, "platform_tmall"])
def test_a6_signature_is_written_in_the_run_that_sees_it(field, account):
    field.order("3001", "2026-09-18 19:00", account=account)
    field.parcel("3001")
    actions = {TOP: ("SENT_SCAN", "SIGNED")}.get(account, ())
    out = ("2026-09-20 08:00:00", "派送中", *actions[:1])
    field.trace("3001", out)
    field.run("2026-09-20 09:30")
    field.parcel("3001", status="" if account == TOP else "SIGN")
    field.trace("3001", out, ("2026-09-20 09:50:00", SELF, *actions[1:]))
    field.run("2026-09-20 10:00")

    assert str(field.erp("3001").signed_at).startswith("2026-09-20 09:50:00")
    asked = len(field.answers.asked)
    field.run("2026-09-20 10:30")
    assert len(field.answers.asked) == asked


def test_a6_order_with_an_unshipped_line_is_not_signed(purchase):
    purchase.answers.unshipped.add("1001")
    purchase.parcel("1001", status="SIGN")
    purchase.trace("1001", GOT, ("2026-09-20 09:50:00", SELF))
    purchase.run("2026-09-20 10:00")

    assert purchase.erp("1001").status == "SHIPPED"
    assert purchase.row("1001").status == "out_for_delivery"


def test_c1_typed_number_at_the_platform_and_none_in_the_list(field):
    field.order("1001", "2026-09-18 19:00")
    field.parcel("1001", waybill=" yt 1\r\n")
    field.trace("1001", GOT)
    field.run("2026-09-18 21:00")

    assert field.row("1001").last_error is None
    assert field.erp("1001").waybill_nos == "yt 1"


def test_c4_cancelled_booking_beside_a_live_parcel_is_not_shown(purchase):
    purchase.parcel("1001", id="LP2", waybill="YT2", status="CANCEL")
    purchase.trace("1001", GOT)
    purchase.trace("1001", ("2026-09-19 08:00:00", "订单已取消"), id="LP2")
    purchase.run("2026-09-19 10:00")

    row = purchase.erp("1001")
    assert (row.waybill_nos, row.latest_trace) == ("YT1", "快件已揽收")


def test_f1_notice_never_speaks_of_an_unannounced_signature(purchase):
    purchase.trace("1001", GOT)
    purchase.run("2026-09-19 10:00")
    early = ("2026-09-20 09:00:00", SELF)
    purchase.trace("1001", GOT, early)
    purchase.run("2026-09-20 09:30")
    purchase.trace("1001", GOT, early, ("2026-09-20 15:00:00", "快件到达【丽水莲都营业部】"))
    purchase.run("2026-09-20 15:30")

    assert purchase.notices() == [("pending", "picked_up"), ("picked_up", "in_transit")]
