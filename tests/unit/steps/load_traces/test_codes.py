"""Action and status codes of a platform beside the texts."""

from datetime import timedelta
from typing import Any

import pytest

from .words import HOUR, NOON, SHANGHAI, SIGNED


@pytest.mark.parametrize("listed", [True, False])
def test_a_signature_by_code_counts_at_once_and_one_by_text_waits(
    listed, track, lists, reply, load, erp_row, notices
):
    for number, action in ((1, "SIGNED"), (2, None)):
        order = track(number)
        if listed:
            lists(order, **{f"LP{number}": "ACCEPT"})
        step = {
            "status_time": f"{(NOON - HOUR).astimezone(SHANGHAI):%F %T}",
            "status_desc": SIGNED,
            "action": action,
        }
        part = {"order_code": f"LP{number}", "out_sid": f"YT{number}", "trace_list": [step]}
        reply(order, dialect="top", body={"transit_step_result": [part]})

    load()

    by_code, by_text = erp_row("SO1"), erp_row("SO2")
    assert (by_code.signed_at, by_code.parcels_signed) == (NOON - HOUR, 1)
    assert (by_text.signed_at, by_text.parcels_signed) == (None, 0)
    assert [sendable for to, *_, sendable in notices() if to == "signed"] == [True, False]


def status_code(code: str) -> dict[str, Any]:
    """What a router says of a whole order of Taobao, as it is stored."""
    return {"orders": [{"order_id": "291", "status": code}]}


def router_trace(**told: Any) -> dict[str, Any]:
    """What a router says of a waybill, as it is stored."""
    part = {"consignment_id": "YTO:YT1", "billNo": "YT1", "signStatus": "UNSIGN", "signTime": None}
    return {"traces": [part | {"traceList": []} | told]}


def test_a_status_code_is_one_event_however_often_it_is_read(track, reply, load, execute, select):
    order = track("291")
    events = "description, occurred_at - :noon from tracking.trace_event order by occurred_at"
    reply(order, dialect="router", body=status_code("1"), hours=1)
    assert load(2)["events_new"] == 1

    # Once more from what is stored.
    execute("update tracking.trace_reply set loaded_at = null")
    assert load(3)["events_new"] == 0
    reply(order, dialect="router", body=status_code("3"), hours=4)
    assert load(5)["events_new"] == 1

    hour = timedelta(hours=1)
    assert select(events, noon=NOON) == [("已发货", hour), ("已签收", 4 * hour)]


def test_a_status_code_of_three_proves_the_sign(track, reply, load, select):
    order = track("291", traces_seen_at=NOON + timedelta(hours=2))
    reply(order, dialect="router", body=status_code("2"))
    load()
    reply(order, dialect="router", body=status_code("3"), hours=2)
    load(2)

    found = select(
        "status, sign_kind, signed_at - :noon, sign_confirmed_at is not null"
        " from tracking.shipment",
        noon=NOON,
    )
    assert found == [("signed", "platform", timedelta(hours=2), True)]


def test_a_sign_status_beside_a_known_scan_proves_its_sign(track, reply, load, select):
    node = {"time": "2026-03-02 11:00:00", "desc": "快件已签收，签收人：本人", "city": None}
    kinds = "status, sign_kind, signed_at - :noon, sign_confirmed_at is not null"
    order = track("291")
    reply(order, dialect="router", body=router_trace(traceList=[node]))
    load()
    hour = timedelta(hours=1)
    assert select(f"{kinds} from tracking.shipment", noon=NOON) == [
        ("signed", "text", -hour, False)
    ]

    reply(order, dialect="router", body=router_trace(traceList=[node], signStatus="SIGN"), hours=1)
    assert load(1)["events_new"] == 0

    assert select(f"{kinds} from tracking.shipment", noon=NOON) == [("signed", "self", -hour, True)]


def test_a_sign_status_without_any_time_is_a_sign_when_it_was_detected(track, reply, load, select):
    order = track("291", traces_seen_at=NOON + timedelta(hours=1))
    reply(order, dialect="router", body=router_trace(signStatus="SIGN"), hours=1)
    load(1)

    found = select(
        "status, signed_at - :noon, sign_confirmed_at is not null from tracking.shipment", noon=NOON
    )
    assert found == [("signed", timedelta(hours=1), True)]


def test_a_sign_status_that_is_taken_back_leaves_what_the_scans_say(track, reply, load, select):
    node = {"time": "2026-03-02 11:00:00", "desc": "快件正在派送", "city": None}
    order = track("291")
    reply(order, dialect="router", body=router_trace(traceList=[node], signStatus="SIGN"))
    load()
    assert select("status from tracking.shipment") == [("signed",)]

    reply(order, dialect="router", body=router_trace(traceList=[node]), hours=1)
    load(1)

    assert select("status from tracking.shipment") == [("out_for_delivery",)]


def test_a_sign_status_that_comes_and_goes_is_told_each_time(track, reply, load, notices):
    node = {"time": "2026-03-02 11:00:00", "desc": "快件正在派送", "city": None}
    order = track("291")
    for hours, code in enumerate(("UNSIGN", "SIGN", "UNSIGN", "SIGN", "UNSIGN")):
        told = router_trace(traceList=[node], signStatus=code)
        reply(order, dialect="router", body=told, hours=hours)
        load(hours)

    assert [status for status, *_ in notices()] == [
        "out_for_delivery",
        "signed",
        "out_for_delivery",
        "signed",
        "out_for_delivery",
    ]
