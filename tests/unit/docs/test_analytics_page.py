"""Every example of the page about analytics answers on a warehouse that has something to say."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from shipment_tracking.domain.models import ApiUsage
from shipment_tracking.warehouse import runs
from tests import factories
from tests.unit.docs.test_docs import DOCS, sql_in

HOUR = timedelta(hours=1)
EXAMPLES = sql_in(DOCS / "analytics.md")


@pytest.fixture
def seeded(warehouse, ship, change, execute, new_run):
    """A warehouse with a bit of everything: signed, late, stalled, unconfirmed, unwritten."""
    now = datetime.now(UTC)
    way = {"carrier_code": "YTO", "origin_city": "义乌市", "last_city": "杭州市"}
    for number in range(1, 7):
        at = now - 40 * HOUR
        parcel = ship(
            number,
            status="signed",
            picked_up_at=at,
            signed_at=at + number * HOUR,
            sign_seen_at=at + number * HOUR,
            sign_confirmed_at=None if number == 6 else at + number * HOUR,
            **way,
        )
        event = factories.status_change(
            warehouse, parcel, "signed", now, occurred_at=at + number * HOUR
        )
        factories.notification(warehouse, parcel, event, "signed", now, state="dead")
    factories.insert(
        warehouse,
        "erp_writeback",
        erp_key="SO1",
        account=factories.ACCOUNT,
        platform_order_id="291",
        source_event=uuid4(),
        signed_at=now,
        before="{}",
        outcome="failed",
        run_id="run",
        created_at=now,
    )
    factories.insert(
        warehouse,
        "quality_check",
        check_name="mine",
        severity="error",
        meaning="Mine holds.",
        checked_at=now,
    )
    factories.insert(
        warehouse,
        "stall",
        shipment_id=parcel,
        stage="in_transit",
        since=now,
        threshold_hours=72,
        opened_at=now,
    )
    execute(
        "insert into tracking.act (acted_at, actor, kind, order_id, subject_id, subject)"
        " select now(), 'edda', 'stop_tracking', order_id, order_id, platform_order_id"
        " from tracking.tracked_order"
    )
    execute(
        "update tracking.erp_row set platform_order_id = '291', signed_at = :at, promised_at = :at,"
        " sign_event = gen_random_uuid(), last_error = 'planted'",
        at=now - HOUR,
    )
    execute("update tracking.order_shipment set first_seen_at = :at", at=now - 90 * HOUR)
    with warehouse.begin() as connection:
        runs.begin(connection, this_run := new_run(now))
        runs.add_usage(connection, this_run, factories.ACCOUNT, [ApiUsage("trace", "ok", 6, 1.5)])
    return warehouse


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_answers_an_analyst(number: int, seeded) -> None:
    with seeded.connect() as connection:
        connection.execute(text("set local role analytics_reader"))
        rows = connection.execute(text(EXAMPLES[number].strip().rstrip(";"))).all()

    assert rows
