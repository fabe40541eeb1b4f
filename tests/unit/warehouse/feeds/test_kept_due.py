"""What a feed reported while the parcels were asked for, or before they could be, stays due."""

import json
from datetime import timedelta

import pytest

from shipment_tracking.statements import query
from tests import factories

HOUR = timedelta(hours=1)


@pytest.fixture
def reported_later(warehouse, now):
    """The id of an order that a feed reported at noon, an hour after its parcels were asked for."""
    return factories.order(
        warehouse,
        parcels_asked_at=now - HOUR,
        reported_at=now,
        ask_parcels_at=now,
        next_poll_at=now,
    )


def test_a_list_asked_before_the_report_does_not_answer_it(reported_later, warehouse, select, now):
    listing = {
        "order_id": reported_later,
        "asked_at": str(now - HOUR),
        "has_unshipped_lines": None,
    }

    with warehouse.begin() as connection:
        connection.execute(query("listings.confirm"), {"listings": json.dumps([listing])})

    assert select("ask_parcels_at from tracking.tracked_order") == [(now,)]


def test_a_list_asked_after_the_report_answers_it(reported_later, warehouse, select, now):
    listing = {
        "order_id": reported_later,
        "asked_at": str(now + HOUR),
        "has_unshipped_lines": None,
    }

    with warehouse.begin() as connection:
        connection.execute(query("listings.confirm"), {"listings": json.dumps([listing])})

    assert select("ask_parcels_at from tracking.tracked_order") == [(now + 25 * HOUR,)]
