"""What cannot be used costs itself only: a step, a part, an order, never a lane."""

import json
from typing import Any

import pytest

from .stage import Field

SHIPPED = "2026-09-18 18:00"
FIRST = ("2026-09-18 20:00:00", "已揽收")
MOVED = ("2026-09-19 09:00:00", "快件已到达测试转运中心")
OUT = ("2026-09-20 08:00:00", "派件中")
ROUTER = "platform_tmall"


def raw_trace(field: Field, order: str, remark: str, kind: str = "application/json") -> None:
    """The platform's reply with a text in it that is written out as it is."""
    body = json.dumps({"success": True, "logisticsTrace": []}, ensure_ascii=False)
    step = f'{{"acceptTime": "{MOVED[0]}", "remark": {remark}}}'
    part = f'{{"logisticsId": "LP{order}", "logisticsBillNo": "YT1", "logisticsSteps": [{step}]}}'
    text = body.replace("[]", f"[{part}]")
    charset = "gb18030" if "gb" in kind.lower() else "utf-8"
    field.answers.raw["traces", order] = (text.encode(charset), kind)


def five_orders(field: Field) -> list[str]:
    orders = [str(number) for number in range(1, 6)]
    for order in orders:
        field.order(order, SHIPPED)
        field.parcel(order, f"LP{order}", f"YT{order}")
        field.trace(order, FIRST, MOVED, id=f"LP{order}")
    return orders


def texts(field: Field, order: str) -> list[str]:
    return [event.description for event in field.events(order)]


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        ("", "no time"),
        (" ", "no time"),
        (None, "no time"),
        ("昨天", "unreadable time"),
        ([2026], "no time"),
        ("9" * 5000, "unreadable time"),
        (0, "impossible time"),
        ("9999-12-31 23:59:59", "impossible time"),
        ("0001-01-01 00:00:00", "unreadable time"),
    ],
)
@pytest.mark.parametrize("account", ["platform_1688", "platform_taobao", ROUTER])
def test_b1_a_step_without_a_usable_time_costs_itself(account, printed, reason, field):
    field.order("1", SHIPPED, account)
    field.parcel("1", "LP1")
    field.trace("1", FIRST, MOVED, (printed, "快件电话13812345678已离开"), OUT)

    field.run("2026-09-20 10:00")

    assert texts(field, "1") == [FIRST[1], MOVED[1], OUT[1]]
    (rejected,) = field.select("* from analytics.rejected_events")
    assert (rejected.platform_order_id, rejected.reason) == ("1", reason)
    assert rejected.description == "快件电话*已离开"
    assert field.row("1").last_error is None
    assert field.erp("1").latest_trace == OUT[1]


def test_b1_a_repeated_reply_rejects_nothing_anew(field):
    field.order("1", SHIPPED)
    field.parcel("1")
    field.trace("1", FIRST, ("", "快件已离开"))
    field.run("2026-09-19 10:00")

    field.trace("1", FIRST, ("", "快件已离开"), MOVED)
    field.run("2026-09-19 11:00")

    assert field.select("count(*) from analytics.rejected_events") == [(1,)]
    assert texts(field, "1") == [FIRST[1], MOVED[1]]


@pytest.mark.parametrize("account", ["platform_1688", "platform_taobao", ROUTER])
def test_b1_a_step_rejected_twice_in_a_reply_costs_itself(account, field):
    field.order("1", SHIPPED, account)
    field.parcel("1", "LP1")
    field.trace("1", FIRST, (" ", "快件已离开"), (" ", "快件已离开"), MOVED)

    field.run("2026-09-19 10:00")

    assert texts(field, "1") == [FIRST[1], MOVED[1]]
    assert field.select("count(*) from analytics.rejected_events") == [(1,)]
    assert field.row("1").last_error is None


@pytest.mark.parametrize("printed", [1789873200, "1789873200", 1789873200000, "1789873200000"])
def test_b1_a_sign_time_in_seconds_is_not_1970(printed, field):
    field.order("1", SHIPPED, ROUTER)
    field.parcel("1", "LP1", status="SIGN")
    result = {
        "signStatus": "SIGN",
        "signTime": printed,
        "traceList": [{"time": MOVED[0], "desc": MOVED[1]}],
    }
    field.answers.raw["traces", "YT1"] = (json.dumps({"r": result}).encode(), "application/json")

    field.run("2026-09-20 13:00")

    (parcel,) = field.shipments("1")
    assert f"{parcel.signed_at:%F %H:%M %z}" == "2026-09-20 03:00 +0000"


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_b2_nan_in_one_of_five_orders_costs_that_order(value, field):
    orders = five_orders(field)
    raw_trace(field, "3", value)

    field.run("2026-09-19 10:00")

    errors = {order: field.row(order).last_error for order in orders}
    assert "which is not a number" in (errors.pop("3") or "")
    assert set(errors.values()) == {None}
    assert [len(texts(field, order)) for order in orders] == [2, 2, 0, 2, 2]
    assert field.select("failed_orders, polled from tracking.run") == [(1, 5)]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('"\ufeff快件离开"', "快件离开"),
        ('"快件\n离开"', "快件 离开"),
        ('"快件\x01\t离开"', "快件 离开"),
        (r'"快件\u0000离开"', "快件离开"),
        (r'"快件\\u0000离开"', r"快件\u0000离开"),
        (r'"快件\ud83d离开"', "快件?离开"),
    ],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_b3_json_that_other_programs_read_is_read(mark, written, read, field):
    field.order("1", SHIPPED)
    field.parcel("1")
    raw_trace(field, "1", written)
    body, kind = field.answers.raw["traces", "1"]
    field.answers.raw["traces", "1"] = (mark.encode() + body, kind)

    field.run("2026-09-19 10:00")

    assert texts(field, "1") == [read]


@pytest.mark.parametrize("kind", ["text/html;charset=GBK", 'application/json; charset="gb2312"'])
def test_b3_a_body_in_gbk_that_names_its_charset_is_read(kind, field):
    field.order("1", SHIPPED)
    field.parcel("1")
    raw_trace(field, "1", '"快件已到达𠮷林"', kind)

    field.run("2026-09-19 10:00")

    assert texts(field, "1") == ["快件已到达𠮷林"]


def test_b3_bytes_that_cannot_be_decoded_are_an_error_of_their_order(field):
    orders = five_orders(field)
    raw_trace(field, "3", '"快件离开"', "application/json;charset=GBK")
    body, _ = field.answers.raw["traces", "3"]
    field.answers.raw["traces", "3"] = (body, "application/json")

    field.run("2026-09-19 10:00")

    assert "cannot be decoded as utf-8" in field.row("3").last_error
    assert [len(texts(field, order)) for order in orders] == [2, 2, 0, 2, 2]


@pytest.mark.parametrize("blank", ["", "  ", None, "&nbsp;", "\u200b", {}])
def test_b5_a_blank_remark_never_replaces_the_latest_trace(blank, field):
    field.order("1", SHIPPED)
    field.parcel("1")
    field.trace("1", FIRST, MOVED)
    field.run("2026-09-19 10:00")

    field.trace("1", FIRST, MOVED, ("2026-09-19 11:00:00", blank))
    field.run("2026-09-19 12:00")

    assert field.erp("1").latest_trace == MOVED[1]
    assert len(field.events("1")) == 2
    (rejected,) = field.select("reason, occurred_at_text from analytics.rejected_events")
    assert rejected == ("no text and no action", "2026-09-19 11:00:00")


def test_b5_a_step_with_an_action_alone_is_told_by_it(field):
    field.order("1", SHIPPED, "platform_taobao")
    field.parcel("1")
    field.trace("1", (*FIRST, "GOT"), ("2026-09-20 08:00:00", "", "SENT_SCAN"))

    field.run("2026-09-20 10:00")

    assert [event.status for event in field.events("1")] == ["picked_up", "out_for_delivery"]
    assert field.erp("1").latest_trace == "SENT_SCAN"


def test_a_part_without_its_id_costs_itself(field):
    field.order("1", SHIPPED)
    field.parcel("1", "LP1", "YT1")
    field.parcel("1", "LP2", "YT2")
    field.trace("1", FIRST, MOVED, id="LP1")
    field.trace("1", FIRST, id="LP2")
    body = field.answers._param2_traces("1")
    body["logisticsTrace"][1]["logisticsId"] = None
    field.answers.raw["traces", "1"] = (json.dumps(body).encode(), "application/json")

    field.run("2026-09-19 10:00")

    assert [parcel.event_count for parcel in field.shipments("1")] == [2, 0]
    (outcome,) = field.select("outcome from analytics.api_usage where outcome like 'unmapped%'")
    assert outcome == ("unmapped trace without a logisticsId",)


@pytest.mark.parametrize("account", ["platform_1688", "platform_taobao"])
def test_a_listed_row_without_its_id_costs_itself_and_keeps_the_order(account, field):
    field.order("1", SHIPPED, account)
    field.parcel("1", "LP1", status="SIGN" if account == "platform_1688" else "")
    field.parcel("1", None, "YT2", status="SIGN")  # type: ignore[arg-type]
    action = ("SIGNED",) if account == "platform_taobao" else ()
    field.trace("1", FIRST, ("2026-09-20 09:00:00", "已签收，签收人：本人", *action))

    field.run("2026-09-20 10:00")

    parcels = {parcel.consignment_id: parcel.status for parcel in field.shipments("1")}
    assert parcels == {"LP1": "signed", "1:no id": "unknown"}
    assert field.erp("1").signed_at is None
    assert field.row("1").last_error is None


def test_an_answer_that_the_warehouse_refuses_costs_its_order(field, execute):
    """A constraint stands for whatever a database cannot hold."""
    orders = five_orders(field)
    execute(
        "alter table tracking.trace_reply add constraint no_third"
        " check (body::text not like '%LP3%')"
    )
    try:
        field.run("2026-09-19 10:00")
    finally:
        execute("alter table tracking.trace_reply drop constraint no_third")

    errors = {order: field.row(order).last_error for order in orders}
    assert "the warehouse cannot store the answer" in (errors.pop("3") or "")
    assert set(errors.values()) == {None}
    assert [len(texts(field, order)) for order in orders] == [2, 2, 0, 2, 2]


def test_a_list_that_the_warehouse_refuses_costs_its_order(field, execute):
    orders = five_orders(field)
    execute("alter table tracking.shipment add constraint no_third check (consignment_id <> 'LP3')")
    try:
        field.run("2026-09-19 10:00")
    finally:
        execute("alter table tracking.shipment drop constraint no_third")

    assert "the warehouse cannot store the answer" in field.row("3").last_error
    assert [len(texts(field, order)) for order in orders] == [2, 2, 0, 2, 2]


def warned(field: Field, account: str) -> list[str]:
    return field._client(account).warnings()


def outcomes(field: Field) -> set[Any]:
    return {row.outcome for row in field.select("outcome from analytics.api_usage")}


def test_d4_a_renamed_status_is_counted_and_warned_of(field):
    field.order("1", SHIPPED)
    field.parcel("1", status="TELEPORTED")
    field.trace("1", FIRST)

    field.run("2026-09-19 10:00")

    assert "unmapped parcel status TELEPORTED" in outcomes(field)
    (warning,) = warned(field, "platform_1688")
    assert "1 times with the parcel status TELEPORTED, which no table knows" in warning


def test_d4_a_renamed_action_is_counted_and_its_text_read(field):
    field.order("1", SHIPPED, "platform_taobao")
    field.parcel("1")
    field.trace("1", (*FIRST, "GOT"), (*OUT, "BEAMED"), (*OUT, "OTHER"), (*OUT, "RT_X"))

    field.run("2026-09-20 10:00")

    assert "unmapped action BEAMED" in outcomes(field)
    (warning,) = warned(field, "platform_taobao")
    assert "1 times with the action BEAMED" in warning
    assert field.events("1")[1].status == "out_for_delivery"


def test_d4_a_renamed_sign_status_is_counted(field):
    field.order("1", SHIPPED, ROUTER)
    field.parcel("1", status="BEAMED")
    field.trace("1", FIRST)

    field.run("2026-09-19 10:00")

    assert "unmapped signStatus BEAMED" in outcomes(field)
