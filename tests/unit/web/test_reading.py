"""The page's transactions cannot write, and end in time."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shipment_tracking.web.reading import reading, writing
from tests import factories


def test_a_view_cannot_write(warehouse):
    with (
        pytest.raises(DBAPIError, match="read-only transaction"),
        reading(warehouse) as connection,
    ):
        connection.execute(text("delete from tracking.run"))


def test_a_statement_that_takes_too_long_is_ended(warehouse):
    with (
        pytest.raises(DBAPIError, match="statement timeout"),
        reading(warehouse, seconds=0.05) as connection,
    ):
        connection.execute(text("select pg_sleep(30)"))


def test_the_settings_end_with_the_transaction(warehouse):
    with reading(warehouse):
        pass
    with writing(warehouse) as connection:
        connection.execute(text("delete from tracking.run"))
    with warehouse.connect() as connection:
        assert connection.execute(text("show statement_timeout")).scalar_one() == "0"


def test_an_act_does_not_wait_for_ever_for_another(client, story, warehouse, monkeypatch):
    from tests.unit.web.test_app_acts import form_token

    monkeypatch.setattr("shipment_tracking.web.acts.SECONDS", 0.2)
    browser = client()
    address = f"acts/stop_tracking/{story['order']}"
    data = {"token": form_token(browser, address), "reason": "r"}
    with warehouse.begin() as holder:
        holder.execute(text("select 1 from tracking.erp_row for update"))
        reply = browser.post(address, data=data)

    assert reply.status_code == 503
    assert factories.NOW
