"""``check erp_db`` runs every statement of the ERP and leaves everything as it was."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from shipment_tracking.commands.check_erp import check
from shipment_tracking.domain.findings import verdict
from shipment_tracking.statements import OWNER_FOLDER, include_folder

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
SHIPPED = datetime(2026, 3, 1, 10)  # noqa: DTZ001
STATEMENTS = [
    "extract_orders",
    "backfill_orders",
    "order_state",
    "mark_signed, undone",
    "show_trace, undone",
    "find_contact",
]


@pytest.fixture
def found(shop) -> Callable[..., list[Any]]:
    """Findings of the ERP."""

    def run(erp: Any = shop, *, asks_contacts: bool = True, platform: str = "1688") -> list[Any]:
        return list(
            check(
                erp,
                knows_account="platform_1688".__eq__,
                describe=lambda error: "its database cannot be reached",
                asks_contacts=asks_contacts,
                now=NOW,
                most_untracked=0.2,
                platform_of={"platform_1688": platform}.get,
            )
        )

    return run


@pytest.fixture
def owners(tmp_path: Path, monkeypatch) -> Callable[[str, str], None]:
    """Replace a statement of the ERP by its owner's own."""
    folder = tmp_path / "include" / "sql" / "erp"
    folder.mkdir(parents=True)
    monkeypatch.setenv(OWNER_FOLDER, str(folder.parents[1]))
    return lambda name, body: (folder / f"{name}.sql").write_text(body, encoding="utf-8")


def rows(shop) -> list[Any]:
    with shop.engine.connect() as connection:
        return list(connection.execute(text("select * from erp_order")))


def failed(findings: list[Any]) -> dict[str, str]:
    return {each.about: each.said for each in findings if each.works is False}


def test_an_erp_that_works_is_said_to_and_left_as_it_was(shop, sold, found):
    sold("SO1", SHIPPED, buyer_phone="19900000001", buyer_opted_out=0)
    before = rows(shop)

    findings = found()

    assert [str(each) for each in findings] == [f"{name}: ok" for name in STATEMENTS]
    assert verdict(findings) == (True, "works")
    assert rows(shop) == before


def test_an_erp_without_a_shipped_order_is_asked_all_the_same(shop, sold, found, owners):
    assert verdict(found())[0] is True

    owners("mark_signed", "update erp_order set no_such = 1 where order_no = :erp_key")
    assert list(failed(found())) == ["mark_signed, undone"]


def test_contacts_are_asked_for_only_if_somebody_wants_them(sold, found):
    assert [each.about for each in found(asks_contacts=False)] == STATEMENTS[:-1]


@pytest.mark.parametrize("name", ["mark_signed", "show_trace"])
def test_n8_a_typo_in_a_write_shows_before_the_first_run(name, shop, sold, found, owners):
    sold("SO1", SHIPPED)
    owners(name, "-- One.\nupdat erp_order set priority = 1 where order_no = :erp_key")

    findings = found(asks_contacts=False)

    assert list(failed(findings)) == [f"{name}, undone"]
    works, said = verdict(findings)
    assert not works
    assert f"{name}.sql" in said


def test_a_list_that_does_not_run_keeps_no_other_statement_from_being_checked(found, sold, owners):
    owners("extract_orders", "select nowhere.x from nowhere")
    owners("order_state", "select nowhere.y from nowhere where nowhere.id = :erp_key")

    assert list(failed(found())) == ["extract_orders", "order_state"]


def test_rows_that_are_not_tracked_are_named(sold, found):
    sold("SO1", SHIPPED, platform="amazon")
    for number in range(2, 6):
        sold(f"SO{number}", SHIPPED, buyer_phone="19900000001", buyer_opted_out=0)

    findings = found()

    assert findings[0].works is True
    assert findings[0].said.startswith("1 of 5 rows are not tracked: row SO1: platform is 'amazon'")
    assert not failed(findings)


def test_a_list_whose_rows_are_all_unusable_fails(sold, found):
    sold("SO1", SHIPPED, platform="amazon")

    findings = found(asks_contacts=False)

    assert list(failed(findings)) == ["extract_orders"]
    assert "none of its 1 rows can be tracked" in findings[0].said


def test_a_write_that_finds_no_row_of_the_list_is_named(shop, sold, found, owners):
    sold("SO1", SHIPPED)
    owners("mark_signed", "update erp_order set priority = 1 where order_no = 'x' || :erp_key")
    owners(
        "order_state",
        "select status, signed_at, updated_at as erp_stamp from erp_order"
        " where order_no = 'SO2' and :erp_key = ''",
    )

    said = failed(found())

    assert "order_state finds no row of erp_key SO1" in said["order_state"]
    assert "mark_signed would write no row of erp_key SO1" in said["mark_signed, undone"]


def test_an_order_that_is_signed_elsewhere_may_stay_in_the_list(sold, found, owners):
    sold("SO1", SHIPPED)
    owners("mark_signed", "update erp_order set priority = 1 where order_no = 'x' || :erp_key")
    owners(
        "order_state",
        "select status, shipped_at as signed_at, updated_at as erp_stamp from erp_order"
        " where order_no = :erp_key",
    )

    assert not failed(found(asks_contacts=False))


def test_a_write_that_the_erp_rejects_is_named(shop, sold, found, owners):
    sold("SO1", SHIPPED)
    owners("mark_signed", "update erp_order set status = null where order_no = :erp_key")

    assert "mark_signed cannot write order SO1: " in failed(found())["mark_signed, undone"]


def test_a_contact_that_cannot_be_used_is_named_without_its_values(sold, found):
    sold("SO1", SHIPPED, buyer_phone=None)

    assert found()[-1].said.startswith("order SO1 has no phone")


def test_a_database_out_of_reach_is_asked_once(found, erp, tmp_path):
    away = replace(erp, engine=create_engine(f"sqlite:///{tmp_path / 'nowhere' / 'erp.db'}"))

    states = [each.works for each in found(away)]

    assert states == [False] + [None] * (len(STATEMENTS) - 1)


def test_more_untracked_rows_than_a_green_run_has_fail(sold, found):
    sold("SO1", SHIPPED, platform="amazon")
    sold("SO2", SHIPPED)

    said = failed(found(asks_contacts=False))

    assert list(said) == ["extract_orders"]
    assert said["extract_orders"].startswith("1 of 2 rows cannot be tracked, more than 20%, so ")


LIST = (include_folder() / "sql" / "erp" / "extract_orders.sql").read_text(encoding="utf-8")


def test_a_key_that_comes_twice_is_named_with_how_often(sold, found, owners):
    for number in range(1, 12):
        sold(f"SO{number}", SHIPPED)
    owners("extract_orders", f"{LIST} union all {LIST} and order_no = 'SO2'")

    findings = found(asks_contacts=False)

    assert findings[0].said.startswith("erp_key SO2 came 2 times; ")
    assert not failed(findings)


def test_an_account_of_another_platform_is_named(sold, found):
    sold("SO1", SHIPPED)

    said = found(asks_contacts=False, platform="taobao")[0].said

    assert said.startswith("rows of platform 1688 name account platform_1688, whose connection is")
    assert "of platform taobao" in said


@pytest.mark.parametrize("shop", ["postgresql", "mariadb"], indirect=True)
@pytest.mark.parametrize(
    ("column", "write"),
    [
        ("logistics_status", "show_trace, undone"),
        ("latest_trace", "show_trace, undone"),
        ("waybill_nos", "show_trace, undone"),
        ("sign_kind", "mark_signed, undone"),
    ],
)
def test_a_column_that_is_too_narrow_is_seen(column, write, shop, sold, found):
    sold("SO1", SHIPPED)
    is_postgres = shop.engine.dialect.name == "postgresql"
    change = f"alter {column} type varchar(5)" if is_postgres else f"modify {column} varchar(5)"
    with shop.engine.begin() as connection:
        connection.execute(text(f"alter table erp_order {change}"))

    assert list(failed(found(asks_contacts=False))) == [write]


def test_a_backfill_that_ignores_its_interval_is_named(sold, found, owners):
    sold("SO1", SHIPPED)
    owners("backfill_orders", f"{LIST} and shipped_at >= :shipped_from")

    said = failed(found(asks_contacts=False))

    assert "does not bind shipped_to, so a backfill would read" in said["backfill_orders"]


def test_a_write_without_the_guard_of_the_stamp_is_named(shop, sold, found, owners):
    sold("SO1", SHIPPED)
    before = rows(shop)
    owners(
        "mark_signed",
        "update erp_order set status = 'SIGNED', signed_at = :signed_at where order_no = :erp_key",
    )

    findings = {each.about: each for each in found(asks_contacts=False)}

    assert "although its erp_stamp is another" in findings["mark_signed, undone"].said
    assert rows(shop) == before


def test_a_write_that_sets_no_time_of_the_sign_is_named(shop, sold, found, owners):
    sold("SO1", SHIPPED)
    before = rows(shop)
    owners(
        "mark_signed",
        "update erp_order set status = 'SIGNED'"
        " where order_no = :erp_key and updated_at = :erp_stamp",
    )

    said = failed(found(asks_contacts=False))

    assert "order_state reads no signed_at after it" in said["mark_signed, undone"]
    assert rows(shop) == before
