"""Each check finds the violation that is planted for it, and nothing else does."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from shipment_tracking.statements import statement_names, statement_path
from shipment_tracking.warehouse.quality import SEVERITIES, check_all
from tests import factories
from tests.factories import ACCOUNT, NOW, YESTERDAY

AGO = NOW - timedelta(days=3)


class Planted:
    """A healthy warehouse, and ways to spoil it."""

    def __init__(self, warehouse) -> None:
        self.warehouse = warehouse
        self.order = factories.order(warehouse, next_poll_at=NOW, parcels_asked_at=NOW)
        factories.erp_row(warehouse, self.order, platform_order_id="291")
        self.parcel = factories.shipment(warehouse, self.order)

    def execute(self, command: str, **binds) -> None:
        with self.warehouse.begin() as connection:
            connection.execute(text(command), binds)

    def write(self, **changes) -> None:
        row = {
            "erp_key": "SO1",
            "account": ACCOUNT,
            "platform_order_id": "291",
            "source_event": uuid4(),
            "signed_at": NOW,
            "before": "{}",
            "run_id": "run",
            "created_at": AGO,
        }
        factories.insert(self.warehouse, "erp_writeback", **row | changes)


def signed_iff_signed_at(it: Planted) -> None:
    it.execute("update tracking.erp_row set status = 'signed'")


def event_twice(it: Planted) -> None:
    for position in (0, 1):
        factories.trace_event(
            it.warehouse, it.parcel, "in_transit", NOW, position=position, description="x"
        )


def written_order_is_signed(it: Planted) -> None:
    it.write(outcome="signed")


def parcel_without_order(it: Planted) -> None:
    factories.insert(it.warehouse, "shipment", account=ACCOUNT, consignment_id="LP9")


def notice_without_event(it: Planted) -> None:
    factories.notification(it.warehouse, it.parcel, uuid4(), "signed", NOW)


def sent_notice_without_time(it: Planted) -> None:
    event = factories.status_change(it.warehouse, it.parcel, "signed", NOW)
    factories.notification(it.warehouse, it.parcel, event, "signed", NOW, state="sent")


def future_event_leads(it: Planted) -> None:
    it.execute("update tracking.shipment set last_event_at = :at", at=NOW + timedelta(hours=1))


def confirmed_without_signature(it: Planted) -> None:
    it.execute("update tracking.shipment set sign_confirmed_at = :at", at=NOW)


def signed_order_with_open_parcels(it: Planted) -> None:
    it.execute(
        "update tracking.erp_row set status = 'signed', signed_at = :at, parcels = 2,"
        " parcels_signed = 1",
        at=NOW,
    )


def open_order_not_scheduled(it: Planted) -> None:
    it.execute("update tracking.tracked_order set next_poll_at = null")


def stall_of_closed_order(it: Planted) -> None:
    factories.insert(
        it.warehouse,
        "stall",
        shipment_id=it.parcel,
        stage="in_transit",
        since=AGO,
        threshold_hours=72,
        opened_at=AGO,
    )
    it.execute("update tracking.tracked_order set closed_at = :at", at=AGO)


def lease_overdue(it: Planted) -> None:
    it.execute(
        "update tracking.tracked_order set lease_owner = 'run',"
        " lease_until = now() - interval '2 days'"
    )


def reply_not_loaded(it: Planted) -> None:
    factories.trace_reply(it.warehouse, it.order, "{}", AGO, loaded_at=None)


def write_without_outcome(it: Planted) -> None:
    it.write()


PLANTED: list[Callable[[Planted], None]] = [
    signed_iff_signed_at,
    event_twice,
    written_order_is_signed,
    parcel_without_order,
    notice_without_event,
    sent_notice_without_time,
    future_event_leads,
    confirmed_without_signature,
    signed_order_with_open_parcels,
    open_order_not_scheduled,
    stall_of_closed_order,
    lease_overdue,
    reply_not_loaded,
    write_without_outcome,
]


@pytest.fixture
def planted(warehouse) -> Planted:
    return Planted(warehouse)


def violated(planted: Planted) -> list[str]:
    results = check_all(planted.warehouse, now=NOW)
    assert [str(result) for result in results if result.error] == []
    return [result.check_name for result in results if result.violations]


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_violation_is_found(plant, planted):
    plant(planted)

    assert violated(planted) == [plant.__name__]


def test_every_check_has_its_planted_violation():
    assert sorted(plant.__name__ for plant in PLANTED) == statement_names("quality")


def test_a_healthy_warehouse_violates_nothing(planted):
    assert violated(planted) == []


def test_a_withdrawn_signature_is_no_violation(planted):
    written_order_is_signed(planted)
    planted.execute("update tracking.shipment set sign_was_confirmed = true")

    assert violated(planted) == []


def test_a_signature_whose_parcels_were_deleted_is_no_violation(planted):
    written_order_is_signed(planted)
    planted.execute("delete from tracking.order_shipment")
    planted.execute("delete from tracking.shipment")
    assert violated(planted) == ["written_order_is_signed"]

    planted.execute("update tracking.tracked_order set pruned_at = :at", at=YESTERDAY)

    assert violated(planted) == []


def test_a_withdrawn_scan_that_came_back_in_other_words_is_none(planted):
    event_twice(planted)
    planted.execute(
        "update tracking.trace_event set withdrawn_at = :at where position = 0", at=YESTERDAY
    )

    assert violated(planted) == []


@pytest.mark.parametrize("name", statement_names("quality"))
def test_a_check_says_its_severity_and_meaning(name):
    first, second = statement_path(f"quality/{name}").read_text("utf-8").splitlines()[:2]

    assert first.removeprefix("-- severity: ") in SEVERITIES
    assert second.startswith("-- ")
    assert second.endswith(".")
