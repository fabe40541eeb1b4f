"""A pruned order that the ERP lists again."""

from collections.abc import Callable
from datetime import datetime

import pytest

from shipment_tracking.steps import load_traces
from shipment_tracking.warehouse import parcels


@pytest.fixture
def comes_back(execute, answered, warehouse, new_run, now) -> Callable[..., dict[str, int]]:
    """Let the ERP list order 1 again, its platform answer, and load that."""

    def run(at: datetime) -> dict[str, int]:
        execute("update tracking.erp_row set listed = true, closed_at = null")
        execute(
            "update tracking.tracked_order set closed_at = null, last_polled_at = :now", now=now
        )
        answered(1, at, loaded=False)
        return load_traces.run(warehouse, new_run(), now=now)

    return run


def test_an_order_that_comes_back_starts_anew(signed, prune, comes_back, select, at, now):
    signed()
    prune()

    assert select(
        "fingerprint, parcels_asked_at, next_poll_at, ask_parcels_at from tracking.tracked_order"
    ) == [(None, None, None, now)]
    assert comes_back(at(days=-400))["events_new"] == 1


def test_it_announces_nothing_of_the_past(signed, prune, comes_back, select, at):
    signed()
    prune()

    comes_back(at(days=-400))

    assert select("state, reason from tracking.notification") == [("suppressed", "first sight")]


def test_an_old_status_fetched_now_is_no_news(
    signed, prune, execute, select, warehouse, new_run, now
):
    signed()
    prune()
    (order,) = select("order_id from tracking.tracked_order")[0]
    listed = parcels.ParcelRow(
        order_id=order,
        account="platform_1688",
        consignment_id="LP1",
        waybill_no="YT1",
        platform_code="SIGN",
        platform_status="signed",
        listed=True,
        seen_at=now,
        announce=True,
    )
    with warehouse.begin() as connection:
        parcels.keep(connection, [listed])

    load_traces.run(warehouse, new_run(), now=now)

    assert select("status from tracking.shipment") == [("signed",)]
    assert select("state, reason from tracking.notification") == [("suppressed", "first sight")]


def test_it_is_not_written_to_the_erp_a_second_time(
    signed, prune, comes_back, execute, select, warehouse, new_run, at, now
):
    signed()
    prune()

    comes_back(at(days=-400))
    execute(
        "update tracking.shipment set platform_code = 'SIGN', platform_status = 'signed',"
        " platform_status_since = :now, platform_status_at = :now, unsettled = true",
        now=now,
    )
    load_traces.run(warehouse, new_run(), now=now)

    assert select("signed_at is not null, sign_event = settled_event from tracking.erp_row") == [
        (True, True)
    ]


def test_a_backfill_that_gets_no_traces_leaves_its_signature(
    signed, prune, select, warehouse, new_run, now
):
    signed()
    prune()
    (before,) = select("status, signed_at, sign_kind, latest_trace from tracking.erp_row")
    parcel = parcels.ParcelRow(
        order_id=select("order_id from tracking.tracked_order")[0].order_id,
        account="platform_1688",
        consignment_id="LP1",
        waybill_no="YT1",
        platform_code="SEND",
        platform_status="pending",
        listed=True,
        seen_at=now,
        announce=False,
    )
    with warehouse.begin() as connection:
        parcels.keep(connection, [parcel])

    load_traces.run(warehouse, new_run(), now=now)

    assert select("status from tracking.shipment") == [("pending",)]
    assert select("status, signed_at, sign_kind, latest_trace from tracking.erp_row") == [before]
    assert before.signed_at is not None


def test_after_it_was_closed_again_it_is_pruned_again(signed, prune, comes_back, execute, at):
    signed()
    prune()
    comes_back(at(days=-400))
    execute(
        "update tracking.tracked_order set closed_at = :at, last_polled_at = :at,"
        " parcels_asked_at = :at",
        at=at(days=-380),
    )
    execute("update tracking.erp_row set listed = false, closed_at = :at", at=at(days=-380))

    assert prune()["orders"] == 1
