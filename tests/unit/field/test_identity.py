"""Which parcel it is: numbers that two parcels share, that carriers use again, codes respelt."""

import pytest

from .stage import Field

ROUTER = "platform_tmall"
TAOBAO = "platform_taobao"
GOT = ("2026-09-18 20:00:00", "已揽收", "GOT")
SIGNED = ("2026-09-20 09:00:00", "已签收，签收人：本人", "SIGNED")


def test_c2_two_parcels_with_one_number_both_have_its_trace(field: Field):
    field.order("1", "2026-09-18 18:00", TAOBAO)
    for parcel in ("LP1", "LP2"):
        field.parcel("1", parcel, "YT1")
    field.trace("1", GOT)
    field.run("2026-09-19 10:00")

    field.trace("1", GOT, SIGNED)
    field.run("2026-09-20 10:00")

    found = [(each.consignment_id, each.event_count, each.status) for each in field.shipments("1")]
    assert found == [("LP1", 2, "signed"), ("LP2", 2, "signed")]
    assert f"{field.erp('1').signed_at}" == "2026-09-20 09:00:00"


def test_c2_two_parts_of_one_number_are_one_trace_of_each(field: Field):
    field.order("1", "2026-09-18 18:00", TAOBAO)
    for parcel, steps in (("LP1", (GOT,)), ("LP2", (GOT, SIGNED))):
        field.parcel("1", parcel, "YT1")
        field.trace("1", *steps, id=parcel)

    field.run("2026-09-20 10:00")

    found = [(each.consignment_id, each.event_count, each.status) for each in field.shipments("1")]
    assert found == [("LP1", 2, "signed"), ("LP2", 2, "signed")]


def test_c2_a_number_is_found_however_a_trace_spells_it(field: Field):
    field.order("1", "2026-09-18 18:00", TAOBAO)
    field.parcel("1", "LP1", "YT1")
    field.trace("1", GOT)
    field.run("2026-09-19 10:00")

    body = field.answers._top_traces("1")
    part = body["logistics_trace_get_response"]["result"]["transit_step_result"]
    part["transit_step_result"][0]["out_sid"] = " yt１\r\n"
    field.answers.asked.clear()
    client = field._client(TAOBAO)
    field.answers.__dict__["_top_traces"] = lambda order: body

    found = client.fetch_traces("1", {"YT1": ["LP1"]})

    assert [each["order_code"] for each in found["transit_step_result"]] == ["LP1"]
    assert field.answers.asked == ["traces 1"]


@pytest.mark.parametrize("respelt", ["yuantong", "圆通速递", "yto", " YTO "])
def test_c3_a_respelt_carrier_is_the_same_parcel(respelt, field: Field):
    field.order("1", "2026-09-18 18:00", ROUTER)
    field.parcel("1", "a", "YT1", carrier="YTO")
    field.trace("1", GOT[:2], id="a")
    field.run("2026-09-19 10:00")

    field.parcel("1", "a", "YT1", carrier=respelt)
    field.trace("1", GOT[:2], SIGNED[:2], id="a")
    field.run("2026-09-20 10:30")

    (parcel,) = field.shipments("1")
    assert (parcel.consignment_id, parcel.event_count) == ("YTO:YT1", 2)
    assert parcel.carrier_code == "YTO"


def test_c3_a_trace_is_asked_for_with_the_newest_spelling(field: Field, select):
    field.order("1", "2026-09-18 18:00", ROUTER)
    for day, spelt in (("19", "LOCAL"), ("20", "local-express")):
        field.parcel("1", "a", "yt1", carrier=spelt)
        field.trace("1", GOT[:2], id="a")
        field.run(f"2026-09-{day} 10:30")

    assert select("consignment_id, router_code from tracking.shipment") == [
        ("LOCAL:yt1", "local-express")
    ]


def test_a2_a_number_used_again_is_a_new_parcel(field: Field):
    field.order("1", "2026-09-01 18:00", ROUTER)
    field.parcel("1", "a", "YT1")
    field.trace("1", ("2026-09-01 20:00:00", "已揽收"), id="a")
    field.run("2026-09-02 10:00")
    before = field.messages()
    field.order("2", "2026-09-18 18:00", ROUTER)
    field.answers.parcels.clear()
    field.parcel("2", "b", "YT1")
    field.trace("2", GOT[:2], id="b")

    field.run("2026-09-19 10:00")

    (first,), (second,) = field.shipments("1"), field.shipments("2")
    assert (first.consignment_id, second.consignment_id) == ("YTO:YT1", "YTO:YT1#2")
    assert second.event_count == 1
    (told,) = [body for body in field.messages()[len(before) :] if "to_status" in body]
    assert told["consignment_id"] == "YTO:YT1#2"
    assert [order["erp_key"] for order in told["orders"]] == ["SO2"]


@pytest.mark.parametrize(("shipped", "parcels"), [("2026-09-20 17:00", 1), ("2026-09-20 19:00", 2)])
def test_a2_orders_shipped_within_48_hours_share_a_box(shipped, parcels, field: Field):
    field.order("1", "2026-09-18 18:00", ROUTER)
    field.order("2", shipped, ROUTER)
    for order in "12":
        field.parcel(order, "a", "YT1")
        field.trace(order, GOT[:2], id="a")

    field.run("2026-09-20 20:00")

    assert field.select("count(*) from tracking.shipment") == [(parcels,)]
    assert len(field.shipments("1")) == len(field.shipments("2")) == 1


def test_a2_the_first_order_takes_no_scan_of_the_second(field: Field):
    first = (("2026-09-01 20:00:00", "已揽收"), ("2026-09-03 09:00:00", "派件中"))
    field.order("1", "2026-09-01 18:00", ROUTER)
    field.order("2", "2026-09-18 18:00", ROUTER)
    for order in "12":
        field.parcel(order, "a", "YT1", status="SIGN")
        field.trace(order, *first, GOT[:2], SIGNED[:2], id="a")

    field.run("2026-09-20 10:00")

    assert [event.description for event in field.events("1")] == ["已揽收", "派件中"]
    assert [each.status for each in field.shipments("1")] == ["out_for_delivery"]
    assert field.erp("1").signed_at is None
    assert str(field.erp("2").signed_at).startswith("2026-09-20 09:00:00")
