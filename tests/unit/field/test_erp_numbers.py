"""Waybill and order numbers as people type them; situations that were reported in public."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st
from sqlalchemy import text

from shipment_tracking.domain.waybills import fold, split
from shipment_tracking.erp.sql import SqlErp
from shipment_tracking.steps import notify_changes
from shipment_tracking.warehouse import runs

from .shop import Shop

TYPED = [
    "YT880000000001 ",
    "yt880000000001",
    "YT8800 0000 0001",
    "ＹＴ８８０００００００００１",
    "\r\nYT880000000001",
]


@pytest.fixture
def listing(open_shop: Callable[..., Shop], erp: SqlErp) -> Shop:
    """An ERP whose columns have no types."""
    shop = open_shop(erp.engine)
    names = "erp_key, platform, account, platform_order_id, waybill_no, shipped_at, priority"
    shop.do(f"create table wanted ({names}, erp_stamp)")
    shop.owner("extract_orders", "-- All.\nselect * from wanted")
    return shop


def add(shop: Shop, key: str, **values: Any) -> None:
    row = {
        "erp_key": key,
        "platform": "1688",
        "account": "platform_1688",
        "platform_order_id": f"29{len(key)}{ord(key[-1])}",
        "waybill_no": None,
        "shipped_at": None,
        "priority": 0,
        "erp_stamp": None,
    } | values
    binds = ", ".join(f":{name}" for name in row)
    shop.do(f"insert into wanted values ({binds})", **row)  # noqa: S608


@pytest.mark.parametrize("typed", TYPED)
def test_c1_a_waybill_number_is_kept_as_it_was_typed(typed, listing):
    add(listing, "SO1", waybill_no=typed)

    listing.read()

    assert listing.known("waybill_no, last_error from tracking.erp_row") == [(typed, None)]
    assert listing.known("tracking.fold_waybill(waybill_no) from tracking.erp_row") == [
        ("YT880000000001",)
    ]


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (" ", None),
        ("\u3000\r\n", None),
        (773000000000001, "773000000000001"),
        (773000000000001.0, "773000000000001"),
        ("773000000000001", "773000000000001"),
    ],
)
def test_c1_a_number_is_read_by_its_digits(typed, read, listing):
    add(listing, "SO1", waybill_no=typed)

    listing.read()

    assert listing.known("waybill_no, last_error from tracking.erp_row") == [(read, None)]


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        ("numeric(20, 3)", "773000000000001", "773000000000001"),
        ("numeric", "1.2e15", "1200000000000000"),
        ("bigint", "773000000000001", "773000000000001"),
        ("double precision", "773000000000001", "773000000000001"),
        ("char(20)", "'YT1'", "YT1" + " " * 17),
    ],
)
def test_c1_a_number_in_a_typed_column_is_read(kind, value, read, open_shop, postgresql):
    shop = open_shop(postgresql)
    shop.create(express_no=kind)
    shop.owner(
        "extract_orders",
        "-- With its number.\nselect order_no as erp_key, platform, 'platform_1688' as account,"
        " platform_order_id, express_no as waybill_no, shipped_at, priority,"
        " updated_at as erp_stamp from erp_order",
    )
    shop.owner(
        "mark_signed",
        "-- By its number.\nupdate erp_order set status = 'SIGNED', signed_at = :signed_at"
        " where order_no = :erp_key and express_no = :waybill_no",
    )
    shop.sell("SO1", express_no=value)
    shop.read()

    assert shop.known("waybill_no from tracking.erp_row") == [(read,)]
    shop.signed("SO1")
    assert shop.sign() == {"signed": 1}


@pytest.mark.parametrize(
    "typed", ["7.73E+14", "7.73e14", 7.73000000000001e18, b"YT1"], ids=["text", "e", "float", "bin"]
)
def test_c1_a_number_whose_digits_are_lost_is_told(typed, listing):
    add(listing, "SO1", waybill_no=typed)
    add(listing, "SO2", waybill_no="YT1")

    listing.read()

    bad, good = listing.known("last_error from analytics.orders order by erp_key")
    assert bad[0].startswith("waybill_no is ")
    assert "correct it or extract_orders.sql" in bad[0]
    assert good[0] is None


def test_c1_a_number_that_is_typed_otherwise_is_the_same_parcel(listing):
    add(listing, "SO1", waybill_no="YT1")
    listing.read()
    listing.signed("SO1")
    listing.do("update wanted set waybill_no = ' yt1'")

    listing.read()

    assert listing.known("status, waybill_no from tracking.erp_row") == [("signed", " yt1")]
    listing.do("update wanted set waybill_no = 'YT2'")
    listing.read()
    assert listing.known("status, waybill_no from tracking.erp_row") == [("pending", "YT2")]


@given(
    st.text(st.sampled_from("aZé9 \t\r\n\u00a0\u3000\u200b\u2028\ufeff\u2060Ａｚ０ﾊ-"), max_size=8)
)
def test_c1_the_warehouse_folds_as_the_rules_do(one_warehouse, number):
    with one_warehouse.connect() as connection:
        query = text("select tracking.fold_waybill(cast(:number as text))")
        assert connection.scalar(query, {"number": number}) == fold(number)


@pytest.mark.parametrize("between", ",;/|、，；／\r\n")
def test_c1_the_warehouse_parts_numbers_as_the_rules_do(ship, insert, warehouse, between, now):
    parcel = ship(1)
    insert("shipment_waybill", shipment_id=parcel, waybill_no="YT1", first_seen_at=now)
    query = text("select count(*) from tracking.waybills_named(:parcel, :typed)")

    def named(typed: str) -> int:
        with warehouse.connect() as connection:
            return connection.scalar(query, {"parcel": parcel, "typed": typed})

    assert split(f"YT2{between}yt1 ") == ["YT2", "yt1"]
    assert [named("YT1"), named(f"YT2{between}yt1 "), named(f"YT2{between}YT3")] == [1, 1, 0]


@pytest.mark.parametrize("typed", ["YT2 yt1", "ＹＴ１　YT2", "圆通:YT1(补发)", '["YT1"]'])
def test_c1_the_warehouse_finds_a_number_among_other_words(ship, insert, warehouse, typed, now):
    parcel = ship(1)
    insert("shipment_waybill", shipment_id=parcel, waybill_no="YT1", first_seen_at=now)
    query = text("select count(*) from tracking.waybills_named(:parcel, :typed)")

    with warehouse.connect() as connection:
        for asked, found in ((typed, 1), (typed.replace("1", "12").replace("１", "１2"), 0)):
            assert connection.scalar(query, {"parcel": parcel, "typed": asked}) == found


def test_c1_a_notice_names_the_order_of_a_number_typed_otherwise(
    ship, change, receiver, execute, insert, warehouse, new_run, to, now
):
    parcel = ship(1)
    insert("shipment_waybill", shipment_id=parcel, waybill_no="YT1", first_seen_at=now)
    execute("update tracking.erp_row set waybill_no = E'yt1\\r\\n'")
    change(parcel, "in_transit")
    this_run = new_run(now)
    with warehouse.begin() as connection:
        runs.begin(connection, this_run)

    notify_changes.run(
        warehouse, this_run, open_erp=lambda: None, channels=to("ops"), owner="run", now=now
    )

    assert [each["erp_key"] for each in receiver.deliveries()[0].body["orders"]] == ["SO1"]


@pytest.mark.parametrize(
    "typed",
    [
        "2938624554509662977 ",
        "\r\n2938624554509662977",
        "２９３８６２４５５４５０９６６２９７７",
        "2938624554509 662977",
    ],
)
def test_c1_an_order_id_is_asked_for_as_the_platform_writes_it(typed, listing):
    add(listing, "SO1", platform_order_id=typed)

    listing.read()

    assert listing.known("platform_order_id from tracking.tracked_order") == [
        ("2938624554509662977",)
    ]


@pytest.mark.parametrize("typed", ["29,30", "TB-29", "2.9386E+18"])
def test_c1_an_order_id_that_is_none_is_told_before_anybody_asks(typed, listing):
    add(listing, "SO1", platform_order_id=typed)
    add(listing, "SO2")

    listing.read()

    bad, good = listing.known("last_error from analytics.orders order by erp_key")
    assert "which is not an order number" in bad[0]
    assert good[0] is None


def test_c1_ids_of_char_columns_lose_their_padding_and_keys_find_their_rows(open_shop, postgresql):
    shop = open_shop(postgresql)
    shop.create(order_no="char(20)", platform="char(10)", platform_order_id="char(30)")
    shop.sell("SO1")
    shop.read()
    ((key,),) = shop.known("erp_key from tracking.erp_row where last_error is null")
    shop.signed(key)
    shop.moved(key, trace="快件已签收")

    assert shop.sign() == {"signed": 1}
    assert shop.show() == {"shown": 1}
