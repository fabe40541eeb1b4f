"""Reported situations at the edge of the ERP: contacts, characters, times and typed numbers."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from shipment_tracking import runs
from shipment_tracking.erp.database import ErpDatabase
from shipment_tracking.sql import OWNER_FOLDER
from shipment_tracking.steps import notify_changes


@pytest.fixture
def owners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Replace a statement of the ERP by its owner's own."""
    folder = tmp_path / "include" / "sql" / "erp"
    folder.mkdir(parents=True)
    monkeypatch.setenv(OWNER_FOLDER, str(folder.parents[1]))
    return lambda name, body: (folder / f"{name}.sql").write_text(body, encoding="utf-8")


@pytest.fixture
def run_sql() -> Callable[..., None]:
    """Run a command at an ERP."""

    def run(erp: ErpDatabase, command: str, **binds: Any) -> None:
        with erp.engine.begin() as connection:
            connection.execute(text(command), binds)

    return run


# B4: contacts

CONTACT = """-- The contact book of an ERP.
select phone, name, 'zh' as language, opted_out from contact where order_no = :erp_key
"""


@pytest.fixture
def contact(shop, owners, run_sql) -> Callable[..., None]:
    """Add a row to an ERP's table of contacts, which has no rules."""
    owners("find_contact", CONTACT)
    run_sql(shop, "drop table if exists contact")
    run_sql(
        shop,
        "create table contact"
        " (order_no varchar(16), phone varchar(32), name varchar(32), opted_out varchar(32))",
    )

    def add(order_no: str, phone: str | None = "19900000001", opted_out: str | None = "0") -> None:
        run_sql(
            shop,
            "insert into contact values (:order_no, :phone, '赵小满', :opted_out)",
            order_no=order_no,
            phone=phone,
            opted_out=opted_out,
        )

    return add


@pytest.fixture
def notify(warehouse, shop, to, new_run, now) -> Callable[..., dict[str, int]]:
    """Tell these destinations what changed."""

    def run(*wanted: Any) -> dict[str, int]:
        this_run = new_run(now)
        with warehouse.begin() as connection:
            runs.begin(connection, this_run)
        return notify_changes.run(
            warehouse,
            this_run,
            open_erp=lambda: shop,
            channels=to(*wanted),
            owner="run",
            now=now,
        )

    return run


@pytest.fixture
def told(receiver) -> Callable[[], list[list[str]]]:
    """The orders that each message to customers names, with one contact each."""

    def read() -> list[list[str]]:
        bodies = [delivery.body for delivery in receiver.deliveries("customers")]
        assert [len(body["contacts"]) for body in bodies] == [1] * len(bodies)
        return sorted([order["erp_key"] for order in body["orders"]] for body in bodies)

    return read


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([{"opted_out": None}], "opted_out is null"),
        ([{"opted_out": "N"}], "opted_out is neither 0 nor 1"),
        ([{"opted_out": "19900000001"}], "opted_out is neither 0 nor 1"),
        ([{"phone": None}], "phone is empty"),
        ([{"phone": " "}], "phone is empty"),
        ([], "no row is found"),
        ([{}, {"phone": "19900000002"}], "2 different rows are found"),
        ([{}, {"opted_out": "1"}], "2 different rows are found"),
    ],
)
def test_b4_contact_that_is_unusable_costs_itself_only(
    rows, problem, ship, change, contact, notify, told, select, caplog
):
    caplog.set_level(logging.WARNING)
    for number in (1, 2, 3):
        change(ship(number), "signed")
    contact("SO1")
    for row in rows:
        contact("SO2", **row)
    contact("SO3")

    assert notify("customers") == {"sent": 2, "failed": 0, "dead": 0, "suppressed": 1}

    assert told() == [["SO1"], ["SO3"]]
    ((reason,),) = select("reason from analytics.notifications where state = 'suppressed'")
    assert reason == (
        f"the customer of order SO2 is not notified: {problem}; correct the contact in the ERP or "
        "find_contact.sql"
    )
    assert reason in caplog.messages
    assert "1990000000" not in caplog.text + reason


def test_b4_contact_that_stands_twice_alike_is_told_once(ship, change, contact, notify, told):
    change(ship(), "signed")
    contact("SO1")
    contact("SO1")

    assert notify("customers")["sent"] == 1
    assert told() == [["SO1"]]


def test_b4_contacts_that_are_all_unusable_are_named_a_screen_long(
    ship, change, contact, notify, told, caplog
):
    caplog.set_level(logging.WARNING)
    for number in range(30):
        change(ship(number), "signed")
        contact(f"SO{number}", opted_out=None)

    assert notify("customers")["suppressed"] == 30

    assert told() == []
    assert len([line for line in caplog.messages if "opted_out is null" in line]) == 20


def test_b4_contact_that_the_erp_cannot_compute_costs_itself_only(
    shop, ship, change, contact, notify, told, owners, select
):
    if shop.engine.dialect.name != "postgresql":
        pytest.skip("only PostgreSQL refuses such a cast")
    owners("find_contact", CONTACT.replace(" opted_out from", " cast(opted_out as int) from"))
    change(ship(1), "signed")
    change(ship(2), "signed")
    contact("SO1", opted_out="maybe")
    contact("SO2")

    assert notify("customers")["sent"] == 1

    assert told() == [["SO2"]]
    ((reason,),) = select("reason from analytics.notifications where state = 'suppressed'")
    assert "order SO1 is not notified: the ERP cannot read a value" in reason
