"""The stand-in for Taobao answers in the shapes of the real gateway."""

from datetime import timedelta

import pytest
import requests

from sandbox.platform_taobao import FULL_TRADE, PARCELS, TRACE_GET, TRACE_SEARCH, TRADE
from sandbox.world import has_actions, is_self_contacted, order_truth

from .calls import START, refusal


def test_it_speaks_xml_unless_json_is_asked_for(call, story):
    tid = story("signed_by_self").order_id

    reply = call(PARCELS, tid, format=None)
    refused = call(PARCELS, tid, format=None, fields=None)

    assert reply.headers["Content-Type"].startswith("text/xml")
    assert (
        f"<logistics_orders_get_response><total_results>1</total_results><shippings><shipping><tid>{tid}</tid>"
        in reply.text
    )
    assert "<error_response><code>40</code>" in refused.text
    assert "<error_response><code>23</code>" in call(PARCELS, tid, format="yaml").text


def test_simplify_leaves_out_the_root_and_the_inner_keys_of_lists(call, story):
    tid = story("split").order_id

    listed = call(PARCELS, tid, simplify="true").json()
    traced = call(TRACE_GET, tid, simplify="true").json()
    wrapped = call(PARCELS, tid).json()["logistics_orders_get_response"]

    assert listed["shippings"] == [
        row | {"sub_tids": row["sub_tids"]["number"]} for row in wrapped["shippings"]["shipping"]
    ]
    assert set(listed) == {"shippings", "total_results", "request_id"}
    (first, *_) = traced["result"]["transit_step_result"]
    assert isinstance(first["trace_list"], list)


def listed(reply: requests.Response) -> list[dict]:
    found = reply.json()["logistics_orders_get_response"].get("shippings", {}).get("shipping", [])
    return found if isinstance(found, list) else [found]


def test_only_the_fields_asked_for_come_and_persons_are_masked(call, story):
    tid = story("signed_by_self").order_id

    (least,) = listed(call(PARCELS, tid, fields="tid,order_code"))
    (more,) = listed(call(PARCELS, tid, fields="tid,receiver_name,receiver_mobile"))

    assert set(least) == {"tid", "order_code"}
    assert more == {"tid": int(tid), "receiver_name": "张*", "receiver_mobile": "*******0001"}


def test_an_order_not_shipped_yet_has_no_list_until_it_ships(call, clock, story):
    order = story("erp_ahead")
    clock.set(order.shipped_at)
    empty = call(PARCELS, order.order_id).json()["logistics_orders_get_response"]
    assert (empty["total_results"], "shippings" in empty) == (0, False)
    trade = call(TRADE, order.order_id).json()["trade_get_response"]["trade"]
    assert trade["status"] == "WAIT_SELLER_SEND_GOODS"

    clock.set(order.parcels[0].listed_at)
    assert len(listed(call(PARCELS, order.order_id))) == 1


def test_a_partly_shipped_order_says_so(call, clock, story):
    order = story("partly_shipped")
    clock.set(START + timedelta(days=20))

    reply = call(FULL_TRADE, order.order_id).json()

    assert reply["trade_fullinfo_get_response"]["trade"] == {
        "tid": int(order.order_id),
        "status": "SELLER_CONSIGNED_PART",
    }


def test_a_long_list_comes_in_pages(call, clock, story):
    order = story("split_in_three")
    clock.set(START + timedelta(days=20))

    pages = [
        listed(call(PARCELS, order.order_id, page_no=str(page), page_size="2"))
        for page in (1, 2, 3)
    ]

    assert [len(page) for page in pages] == [2, 1, 0]


def test_a_hired_carriers_parcel_says_signed_from_the_first_moment_on(call, clock, world):
    orders = [order for order in world.orders("platform_taobao") if order.story == "split"]
    hired = next(order for order in orders if is_self_contacted(order.parcels[0]))
    clock.set(hired.parcels[0].listed_at)

    (parcel, *_) = listed(call(PARCELS, hired.order_id))

    assert parcel["status"] == "ACCEPTED_BY_RECEIVER"
    assert order_truth(hired, clock.now()).parcels[0].status == "info_received"


def test_a_split_order_is_searched_with_its_lines_or_refused(sandbox, call, clock, story):
    order = story("split")
    clock.set(START + timedelta(days=20))
    first, second = listed(call(PARCELS, order.order_id))

    for changes in ({}, {"is_split": "1"}, {"sub_tid": "1"}):
        reply = call(TRACE_SEARCH, order.order_id, **changes)
        assert refusal(reply) == (15, "isv.logistics-trace-service-error:B99")
    for parcel in (first, second):
        lines = ",".join(str(line) for line in parcel["sub_tids"]["number"])
        reply = call(TRACE_SEARCH, order.order_id, is_split="1", sub_tid=lines).json()
        assert sandbox.calls[-1].part == lines
        assert reply["logistics_trace_search_response"]["out_sid"] == parcel["out_sid"]
    assert refusal(call(TRACE_SEARCH, order.order_id, is_split="1", sub_tid="1"))[0] == 15


def steps(reply: requests.Response) -> list[tuple[str, str, str, str]]:
    found = []
    result = reply.json()["logistics_trace_get_response"]["result"]
    for parcel in result.get("transit_step_result", []):
        inner = parcel.get("trace_list", {}).get("transit_step_info", [])
        for step in inner if isinstance(inner, list) else [inner]:
            code = step.get("action", "")
            found.append((parcel["out_sid"], step["status_time"], step["status_desc"], code))
    return found


def test_replies_show_exactly_what_is_published(call, clock, world):
    orders = [
        order
        for order in world.orders("platform_taobao")
        if not order.refusal and not order.has_nan
    ]
    for hours in (40, 90):
        at = clock.set(START + timedelta(hours=hours))
        for order in orders:
            assert {shown[:3] for shown in steps(call(TRACE_GET, order.order_id))} == {
                (order.printed_waybill(parcel, at), step.printed_at, text)
                for parcel in order.listed(at)
                for step in parcel.shown(at)
                for text in step.spellings(at)
            }


def test_some_parcels_have_action_codes_and_some_have_none(call, clock, world):
    clock.set(START + timedelta(days=20))
    seen = set()
    for order in world.orders("platform_taobao"):
        if order.story != "signed_by_self":
            continue
        (parcel,) = order.parcels
        codes = {code for *_, code in steps(call(TRACE_GET, order.order_id))}
        assert ("SIGNED" in codes) is has_actions(parcel)
        truth = order_truth(order, clock.now())
        assert truth.signed is has_actions(parcel)
        assert truth.parcels[0].sign_kind == ("self" if has_actions(parcel) else "text")
        seen.add(has_actions(parcel))
    assert True in seen


FLOW_CONTROL = (7, "accesscontrol.limited-by-app-api-access-count")


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("qos_200", FLOW_CONTROL),
        ("qos_400", FLOW_CONTROL),
        ("token_expired", (27, "session-expired")),
    ],
)
def test_faults_speak_the_platforms_language(kind, code, call, sandbox, story):
    sandbox.faults.add(kind, times=1)

    reply = call(TRACE_GET, story("signed_by_self").order_id)

    assert refusal(reply) == code
    assert sandbox.calls[-1].outcome == f"fault_{kind}"


def test_answers_may_be_empty_doubled_or_reordered(call, sandbox, clock, story):
    clock.set(START + timedelta(days=20))
    tid = story("signed_by_family").order_id
    true = steps(call(TRACE_GET, tid))

    sandbox.faults.add("duplicated", times=1).add("reordered", times=1)
    sandbox.faults.add("empty", api=PARCELS, times=1).add("empty", api=TRACE_SEARCH, times=1)

    doubled, reordered = steps(call(TRACE_GET, tid)), steps(call(TRACE_GET, tid))
    assert len(doubled) > len(true)
    assert list(dict.fromkeys(doubled)) == true
    assert reordered != true
    assert sorted(reordered) == sorted(true)
    assert listed(call(PARCELS, tid)) == []
    assert set(call(TRACE_SEARCH, tid).json()["logistics_trace_search_response"]) == {"request_id"}
