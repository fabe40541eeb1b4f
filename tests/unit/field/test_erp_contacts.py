"""One contact that cannot be used costs itself; situations that were reported in public."""

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from shipment_tracking.domain.models import Run
from shipment_tracking.erp.sql import SqlErp
from shipment_tracking.statements import OWNER_FOLDER
from shipment_tracking.steps import notify_changes
from shipment_tracking.warehouse import runs


@pytest.fixture
def notify(
    warehouse: Engine, erp: SqlErp, to: Any, new_run: Callable[..., Run], now: datetime
) -> Callable[..., dict[str, int]]:
    def run() -> dict[str, int]:
        this_run = new_run(now)
        with warehouse.begin() as connection:
            runs.begin(connection, this_run)
        return notify_changes.run(
            warehouse,
            this_run,
            open_erp=lambda: erp,
            channels=to("customers"),
            owner="run",
            now=now,
        )

    return run


CONTACTS = "select phone, name, language, opted_out from contact where order_no = :erp_key"


@pytest.fixture
def contact(erp: SqlErp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the ERP know who waits for an order; columns without types hold whatever is given."""
    file = tmp_path / "owner" / "sql" / "erp" / "find_contact.sql"
    file.parent.mkdir(parents=True)
    file.write_text(f"-- Who waits.\n{CONTACTS}")
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path / "owner"))
    with erp.engine.begin() as connection:
        connection.execute(
            text("create table contact (order_no, phone, name, language, opted_out)")
        )

    def add(number: int, **values: Any) -> None:
        row = {
            "order_no": f"SO{number}",
            "phone": f"1990000000{number}",
            "name": "赵小满",
            "language": "zh",
            "opted_out": 0,
        } | values
        with erp.engine.begin() as connection:
            connection.execute(
                text(
                    "insert into contact values (:order_no, :phone, :name, :language, :opted_out)"
                ),
                row,
            )

    return add


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"opted_out": None}, "opted_out of order SO2 is null; correct it at the ERP"),
        ({"opted_out": "maybe"}, "opted_out of order SO2 is neither 0 nor 1; correct it"),
        ({"phone": None}, "order SO2 has no phone; correct it at the ERP"),
        ({"phone": " "}, "order SO2 has no phone"),
        ({"phone": 1.9900000002e10}, "order SO2 has an unreadable phone"),
        ({"phone": b"19900000002"}, "order SO2 has no phone"),
    ],
    ids=["null", "word", "no phone", "blank phone", "float", "binary"],
)
def test_b4_a_contact_that_cannot_be_used_costs_itself(
    values, told, contact, ship, change, notify, receiver, select, caplog
):
    caplog.set_level(logging.WARNING)
    for number in (1, 2, 3):
        contact(number, **(values if number == 2 else {}))
        change(ship(number), "signed")

    assert notify() == {"sent": 2, "failed": 0, "dead": 0, "suppressed": 1}

    phones = {each.body["contacts"][0]["phone"] for each in receiver.deliveries("customers")}
    assert phones == {"19900000001", "19900000003"}
    ((state, reason, error),) = select(
        "state, reason, last_error from analytics.notifications where waybill_no = 'YT2'"
    )
    assert (state, reason) == ("suppressed", "no contact")
    assert error.startswith(told)
    assert f"{error}; that customer is not notified" in caplog.text
    assert "1990000" not in caplog.text


def test_b4_a_contact_that_is_there_twice_is_told_once(contact, ship, change, notify, receiver):
    contact(1)
    contact(1)
    change(ship(1), "signed")

    assert notify()["sent"] == 1


def test_b4_two_different_contacts_of_an_order_are_not_told(contact, ship, change, notify, select):
    contact(1)
    contact(1, phone="19900000009")
    change(ship(1), "signed")

    assert notify()["suppressed"] == 1
    ((error,),) = select("last_error from analytics.notifications")
    assert error == "order SO1 has 2 different contacts; find_contact.sql must find one"


def test_b4_many_bad_contacts_in_a_row_do_not_keep_others_from_being_told(
    contact, ship, change, notify, receiver
):
    for number in range(10, 24):
        contact(number, opted_out=None if number < 23 else 0)
        change(ship(number), "signed", hours=number / 1000 - 1)

    assert notify() == {"sent": 1, "failed": 0, "dead": 0, "suppressed": 13}


@pytest.mark.parametrize("number", [19900000001, "19900000001 "])
def test_b4_a_phone_is_read_however_the_erp_keeps_it(
    number, contact, ship, change, notify, receiver
):
    contact(1, phone=number)
    change(ship(1), "signed")

    notify()

    assert receiver.deliveries("customers")[0].body["contacts"][0]["phone"] == "19900000001"
