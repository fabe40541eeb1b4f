"""Customers are notified of their own parcels, as long as they wait for them and want to be."""

import logging
from datetime import UTC, datetime

import pytest

from shipment_tracking.errors import ChannelDownError, StatementError

NONE = {"sent": 0, "failed": 0, "dead": 0, "suppressed": 0}


def test_a_customers_message_holds_the_contact_that_the_erp_names_right_now(
    ship, change, notify, receiver, buyer, select
):
    buyer()
    change(ship(), "signed")

    notify("customers", "ops")

    assert receiver.deliveries("customers")[0].body["contacts"] == [
        {"erp_key": "SO1", "phone": "19900000001", "name": "赵小满", "language": "zh"}
    ]
    assert "contacts" not in receiver.deliveries("ops")[0].body
    assert select("count(*) from tracking.notification as n where n::text like '%1990%'") == [(0,)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"buyer_opted_out": 1}, "opted out"),
        ({"buyer_phone": None}, "no contact"),
        ({"order_no": "SO9"}, "no contact"),
    ],
)
def test_who_opted_out_or_has_no_phone_is_not_told(
    changes, reason, ship, change, notify, receiver, buyer, select
):
    buyer(**changes)
    change(ship(), "signed")

    assert notify("customers", "ops") == NONE | {"sent": 1, "suppressed": 1}

    assert receiver.deliveries("customers") == []
    assert select("state, reason from analytics.notifications where audience = 'customers'") == [
        ("suppressed", reason)
    ]


def test_of_two_buyers_of_one_parcel_only_the_willing_one_is_told(
    ship, change, notify, receiver, buyer, insert, select
):
    buyer(1, buyer_opted_out=1)
    buyer(2)
    parcel, _ = ship(1), ship(2)
    ((order,),) = select("order_id from tracking.tracked_order where platform_order_id = '292'")
    insert("order_shipment", order_id=order, shipment_id=parcel, first_seen_at=datetime.now(UTC))
    change(parcel, "signed")

    notify("customers")

    body = receiver.deliveries("customers")[0].body
    assert [each["erp_key"] for each in body["orders"]] == ["SO2"]
    assert [each["erp_key"] for each in body["contacts"]] == ["SO2"]
    assert "SO1" not in body["text"]


GONE = {
    "another parcel took its place": "order_shipment set superseded_at = now()",
    "its order left the ERP": "erp_row set closed_at = now(), close_reason = 'left_erp'",
    "its order was given up": "erp_row set closed_at = now(), close_reason = 'gave_up'",
}


@pytest.mark.parametrize("gone", GONE.values(), ids=GONE)
def test_a_buyer_who_waits_for_the_parcel_no_more_is_not_told(
    gone, ship, change, notify, receiver, buyer, execute, select
):
    buyer()
    change(ship(), "returned")
    execute(f"update tracking.{gone}")

    assert notify("customers", "ops") == NONE | {"sent": 1, "suppressed": 1}

    assert receiver.deliveries("customers") == []
    assert select("state, reason from analytics.notifications where audience = 'customers'") == [
        ("suppressed", "no order")
    ]
    assert receiver.deliveries("ops")[0].body["orders"] == [
        {"erp_key": "SO1", "platform_order_id": "291"}
    ]


@pytest.mark.parametrize("gone", GONE.values(), ids=GONE)
def test_of_two_orders_of_one_parcel_only_the_one_that_still_waits_is_named(
    gone, ship, change, notify, receiver, buyer, insert, execute, select
):
    buyer(1)
    buyer(2)
    parcel, _ = ship(1), ship(2)
    ((order,),) = select("order_id from tracking.tracked_order where platform_order_id = '291'")
    ((other,),) = select("order_id from tracking.tracked_order where platform_order_id = '292'")
    insert("order_shipment", order_id=other, shipment_id=parcel, first_seen_at=datetime.now(UTC))
    change(parcel, "signed")
    execute(f"update tracking.{gone} where order_id = :order", order=order)

    notify("customers", "ops")

    for audience in ("customers", "ops"):
        (delivery,) = receiver.deliveries(audience)
        assert [each["erp_key"] for each in delivery.body["orders"]] == ["SO2"]
    assert [each["erp_key"] for each in receiver.deliveries("customers")[0].body["contacts"]] == [
        "SO2"
    ]


def test_a_buyer_whose_order_was_closed_because_it_is_signed_is_told(
    ship, change, notify, receiver, buyer, execute
):
    buyer()
    change(ship(), "signed")
    execute("update tracking.erp_row set closed_at = now(), close_reason = 'signed'")

    notify("customers")

    assert len(receiver.deliveries("customers")) == 1


def test_a_parcel_causes_so_many_messages_and_one_for_its_signature(
    ship, change, notify, receiver, buyer, destination, select
):
    buyer(1)
    buyer(2)
    customers = destination("customers", most_per_parcel=2)
    parcel, other = ship(1), ship(2)
    for hours, status in enumerate(["in_transit", "out_for_delivery", "in_transit", "signed"]):
        change(parcel, status, hours=hours)
        notify(customers, "ops", hours=hours)
    change(other, "out_for_delivery", hours=4)
    notify(customers, "ops", hours=4)

    assert len(receiver.deliveries("ops")) == 5
    assert [each.body["reason"] for each in receiver.deliveries("customers")] == [
        "in_transit",
        "out_for_delivery",
        "signed",
        "out_for_delivery",
    ]
    assert select("audience, reason from analytics.notifications where state = 'suppressed'") == [
        ("customers", "limit")
    ]


def test_what_waits_counts_towards_no_limit(ship, change, notify, receiver, buyer, destination):
    buyer()
    customers = destination("customers", most_per_parcel=1)
    parcel = ship()
    receiver.go_down("customers")
    for hours, status in enumerate(["picked_up", "in_transit"]):
        change(parcel, status, hours=hours)
        with pytest.raises(ChannelDownError):
            notify(customers, hours=hours)
    receiver.come_back("customers")

    assert notify(customers, hours=2) == NONE | {"sent": 1}


def test_phones_never_reach_the_log(ship, change, notify, receiver, buyer, caplog):
    caplog.set_level(logging.DEBUG)
    buyer()
    change(ship(), "signed")
    receiver.go_down("customers")

    with pytest.raises(ChannelDownError):
        notify("customers")

    assert "19900000001" not in caplog.text
    assert receiver.secret("customers") not in caplog.text
    assert "/hooks/" not in "".join(
        record.getMessage() for record in caplog.records if "shipment_tracking" in record.name
    )


def test_a_contacts_statement_without_a_column_is_named(
    ship, change, notify, receiver, buyer, owner, select
):
    buyer()
    owner(
        "sql/erp/find_contact.sql",
        "-- Mine.\nselect buyer_phone as phone from erp_order where order_no = :erp_key",
    )
    change(ship(), "signed")

    with pytest.raises(StatementError, match=r"find_contact\.sql does not return name, language"):
        notify("customers", "ops")

    assert len(receiver.deliveries("ops")) == 1
    assert select("state, attempts from analytics.notifications where channel = 'customers'") == [
        ("pending", 0)
    ]


CONTACT = """-- As another ERP keeps it.
    select buyer_phone as phone, buyer_name as name, 'zh' as language, {opted_out} as opted_out
    from erp_order where order_no = :erp_key
"""


@pytest.mark.parametrize(
    ("opted_out", "told"), [("'0'", 1), ("'1'", 0), ("x'00'", 1), ("x'01'", 0), ("0.0", 1)]
)
def test_whether_a_buyer_opted_out_is_read_however_the_erp_keeps_it(
    opted_out, told, ship, change, notify, receiver, buyer, owner
):
    buyer()
    owner("sql/erp/find_contact.sql", CONTACT.format(opted_out=opted_out))
    change(ship(), "signed")

    notify("customers")

    assert len(receiver.deliveries("customers")) == told


@pytest.mark.parametrize("opted_out", ["'N'", "null", "buyer_phone"])
def test_of_whom_it_cannot_be_read_whether_he_opted_out_is_not_told(
    opted_out, ship, change, notify, receiver, buyer, owner, select
):
    buyer()
    owner("sql/erp/find_contact.sql", CONTACT.format(opted_out=opted_out))
    change(ship(), "signed")

    assert notify("customers", "ops") == NONE | {"sent": 1, "suppressed": 1}

    assert receiver.deliveries("customers") == []
    assert len(receiver.deliveries("ops")) == 1
    ((error,),) = select("last_error from analytics.notifications where audience = 'customers'")
    assert error.startswith("opted_out of order SO1 is ")
    assert "1990" not in error


def test_if_no_contact_of_several_can_be_read_the_statement_is_wrong(
    ship, change, notify, receiver, buyer, owner
):
    owner("sql/erp/find_contact.sql", CONTACT.format(opted_out="buyer_phone"))
    for number in range(1, 6):
        buyer(number)
        change(ship(number), "signed")

    with pytest.raises(
        StatementError,
        match=r"none of 5 contacts can be used.* of order SO1 is neither 0.*find_contact\.sql",
    ) as caught:
        notify("customers")

    assert "1990" not in str(caught.value)
