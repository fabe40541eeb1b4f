"""``shipment-tracking status`` and ``order``: what the page says, in a terminal."""

from datetime import timedelta
from uuid import uuid4

import pytest

from shipment_tracking import cli
from tests import factories
from tests.factories import ACCOUNT, NOW


@pytest.fixture
def shown(warehouse, capsys, monkeypatch):
    """What a command prints, by its exit code."""
    url = warehouse.url.set(drivername="postgresql")
    monkeypatch.setenv("WAREHOUSE_URL", url.render_as_string(hide_password=False))

    def run(*arguments, code=0):
        assert cli.main(arguments) == code
        said = capsys.readouterr()
        return said.err if code else said.out

    return run


@pytest.fixture
def parcel(ship, warehouse):
    """A parcel of SO1 on its way, with a scan."""
    shipment_id = ship(status="in_transit", origin_city="义乌市", last_city="杭州市")
    factories.insert(
        warehouse, "shipment_waybill", shipment_id=shipment_id, waybill_no="YT1", first_seen_at=NOW
    )
    factories.trace_event(
        warehouse, shipment_id, "picked_up", NOW, description="【义乌市】已揽收", city="义乌市"
    )
    later = NOW + timedelta(hours=5)
    factories.trace_event(warehouse, shipment_id, "in_transit", later, description="已到达")
    return shipment_id


def test_an_empty_warehouse_has_nothing_to_tell(shown):
    assert shown("status").count(": none") == 7


def test_the_status_says_what_is_wrong(shown, parcel, warehouse, execute):
    factories.run(warehouse, "live", left_over=4, due=9, polled=5)
    execute(
        "insert into tracking.circuit values (:account, now(), 1, 'token of 13800138000 ended')",
        account=ACCOUNT,
    )
    factories.insert(
        warehouse,
        "stall",
        shipment_id=parcel,
        stage="in_transit",
        since=NOW,
        threshold_hours=72,
        opened_at=NOW,
    )
    factories.insert(
        warehouse,
        "alert",
        kind="locked_out",
        subject=ACCOUNT,
        severity="critical",
        opened_at=NOW,
        detail="token ended",
        event_id=uuid4(),
        cleared_event_id=uuid4(),
    )
    factories.notification(
        warehouse, parcel, uuid4(), "signed", NOW, state="dead", audience="ops", channel="phone"
    )

    text = shown("status")

    assert "none" not in text
    assert "5 of 9 due orders polled" in text
    assert "orders left over by the last run  4" in text
    assert "locked_out" in text
    assert "13800138000" not in text
    assert "2026-03-02 12:00" in text  # Shanghai


@pytest.mark.parametrize("number", ["SO1", "291", "YT1", " yt1 "])
def test_an_order_is_found_by_any_of_its_numbers(number, shown, parcel):
    text = shown("order", number)

    assert text.startswith(f"Order 291 of {ACCOUNT}, pending\n")
    assert "YT1 is in_transit" in text
    assert text.index("已到达") < text.index("已揽收")
    assert "Written to the ERP: none" in text


def test_the_end_of_a_waybill_number_is_enough(shown, parcel, execute):
    execute("update tracking.shipment_waybill set waybill_no = 'YT7788990011'")

    assert "SO1" in shown("order", "990011")
    assert "6 characters or more" in shown("order", "90011", code=1)


def test_several_orders_are_listed(shown, parcel, warehouse):
    other = factories.order(warehouse, 2)
    factories.erp_row(warehouse, other, 2)
    factories.link(warehouse, other, parcel)

    text = shown("order", "YT1")

    assert text.startswith("2 orders match YT1")
    assert "SO1" in text
    assert "SO2" in text
    assert "Timeline" not in text


def test_an_unknown_number_is_named(shown):
    assert "no order has the ERP key" in shown("order", "nothing", code=1)


def test_an_unconfirmed_signature_is_why_an_order_is_open(shown, parcel, execute):
    execute("update tracking.shipment set status = 'signed', sign_kind = 'text'")
    execute("update tracking.tracked_order set has_unshipped_lines = true")

    text = shown("order", "SO1")

    assert "YT1 is signed, to be confirmed by the platform" in text
    assert "lines that are not shipped" in text


def test_writes_and_notices_of_an_order_are_shown_masked(shown, parcel, warehouse):
    event = factories.status_change(warehouse, parcel, "signed", NOW)
    refusal = {"state": "dead", "audience": "customers", "last_error": "no phone 13800138000"}
    factories.notification(warehouse, parcel, event, "signed", NOW, **refusal)
    factories.insert(
        warehouse,
        "erp_writeback",
        erp_key="SO1",
        account=ACCOUNT,
        platform_order_id="291",
        source_event=event,
        signed_at=NOW,
        before="{}",
        outcome="changed",
        detail="somebody edited it",
        run_id="run",
        created_at=NOW,
    )

    text = shown("order", "SO1")

    assert "somebody edited it" in text
    assert "customers" in text
    assert "13800138000" not in text
