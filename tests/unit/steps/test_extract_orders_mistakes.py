"""A row of the list that cannot be used costs itself; a wrong statement is named."""

import pytest

from shipment_tracking.errors import (
    StatementError,
)

from .erp_list import order


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"platform": "amazon"}, "platform is 'amazon', not one of '1688', 'taobao', 'tmall'"),
        ({"platform": 1688}, "platform is 1688, not one of '1688', 'taobao', 'tmall' as text"),
        ({"platform": None}, "platform is None, not one of"),
        ({"platform_order_id": None}, "platform_order_id is None, not text"),
        ({"platform_order_id": 2938624554509662977}, "cast it in extract_orders.sql"),
        ({"platform_order_id": ""}, "platform_order_id is '', not text"),
        ({"platform_order_id": "29\x0038"}, "platform_order_id is '29\\x0038', not text"),
        ({"account": None}, "account is None, not the id of an Airflow connection"),
        ({"account": "platform_nobody"}, "account 'platform_nobody' is not an Airflow connection"),
        ({"shipped_at": "yesterday"}, "shipped_at: Invalid isoformat string: 'yesterday'"),
        ({"shipped_at": 20260301}, "shipped_at: 20260301 is no time"),
        ({"priority": "N"}, "priority: 'N' is neither 0 nor 1"),
        ({"priority": 2}, "priority: 2 is neither 0 nor 1"),
        (
            {"erp_stamp": b"\x07\xd1"},
            "erp_stamp is binary, not text; cast it in extract_ord",
        ),
        ({"platform_order_id": "29" * 200}, "platform_order_id has 400 characters, more than 255"),
        ({"account": "x" * 9_000}, "not the id of an Airflow connection"),
        (
            {"waybill_no": ",".join(f"YT{number:013}" for number in range(120))},
            "waybill_no has 1919 bytes, more than 1500; let extract_orders.sql return null",
        ),
    ],
)
def test_a_bad_row_is_told_and_stops_nobody(bad, told, listing, extract, rows, caplog):
    caplog.set_level("WARNING")
    listing(order(1, **bad), order(2))

    assert extract() == ["platform_1688"]

    assert told in rows()["SO1"].last_error
    assert rows()["SO2"].last_error is None
    assert "1 of 2 rows are not tracked: row SO1" in caplog.text


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (None, "erp_key is None, not text"),
        (1001, "erp_key is 1001, not text"),
        ("", "erp_key is '', not text"),
        ("SO\x001", "erp_key is 'SO\\x001', not text"),
        ("SO1" * 3_000, "erp_key has 9000 characters, more than 255"),
    ],
    ids=["null", "number", "blank", "nul", "long"],
)
def test_a_row_without_a_usable_key_is_told_in_the_log(key, told, listing, extract, rows, caplog):
    caplog.set_level("WARNING")
    listing(order(1, erp_key=key), order(2))

    extract()

    assert set(rows()) == {"SO2"}
    assert f"row 1: {told}" in caplog.text


def test_a_nul_in_a_note_of_the_erp_loses_no_row(listing, extract, select):
    listing(order(waybill_no="YT\x001", erp_stamp="stamp\x00"))

    extract()

    assert select("waybill_no, erp_stamp from tracking.erp_row") == [("YT1", "stamp")]


def test_a_key_that_comes_twice_is_refused_and_stops_nobody(listing, extract, rows, select):
    listing(order(1), order(1, platform_order_id="30"), order(2))

    extract()

    assert rows()["SO1"].last_error == "erp_key SO1 came 2 times; it must be unique"
    assert select("platform_order_id from tracking.tracked_order") == [
        (order(2)["platform_order_id"],)
    ]


def test_a_row_that_was_mended_is_tracked(listing, extract, rows, select):
    listing(order(1, account="platform_nobody"), order(2))
    extract()
    listing(order(1), order(2))
    extract()

    assert rows()["SO1"].last_error is None
    assert select("count(*) from tracking.tracked_order") == [(2,)]


def test_a_tracked_row_that_breaks_keeps_its_order(listing, extract, rows, select):
    listing(order(1), order(2))
    extract()
    listing(order(1, account="platform_nobody"), order(2))
    extract()

    assert "is not an Airflow connection" in rows()["SO1"].last_error
    assert select("count(*) from tracking.tracked_order where closed_at is null") == [(2,)]


def test_when_no_row_can_be_used_the_statement_is_at_fault(listing, extract, rows):
    listing(order(1, platform="amazon"), order(2, platform_order_id=2938624554509662977))

    with pytest.raises(StatementError, match=r"none of its 2 rows can be tracked: row SO1: plat"):
        extract()
    assert rows() == {}


def test_a_statement_without_a_column_is_told(erp, listing, extract, tmp_path):
    file = tmp_path / "owner" / "sql" / "erp" / "extract_orders.sql"
    file.write_text("-- Too few.\nselect erp_key, platform, account from wanted")

    with pytest.raises(StatementError, match="does not return platform_order_id, waybill_no, ship"):
        extract()


def test_a_statement_that_binds_what_nobody_gives_is_told(erp, listing, extract, tmp_path):
    file = tmp_path / "owner" / "sql" / "erp" / "extract_orders.sql"
    file.write_text("-- Of a time.\nselect * from wanted where shipped_at >= :shipped_from")

    with pytest.raises(StatementError, match="binds shipped_from, which is not given"):
        extract()
