"""By when a delivery was promised: an optional column of the list."""

from datetime import UTC, datetime

import pytest

from shipment_tracking.errors import StatementError
from shipment_tracking.steps import extract_orders

LIST = """
select
    order_no as erp_key, platform, shop as account, platform_order_id, null as waybill_no,
    shipped_at, priority, updated_at as erp_stamp, {} as promised_at
from erp_order
"""


@pytest.fixture
def promised(demo, sold, owners, warehouse, new_run, now, select):
    """What is kept of a promise, written as the ERP's SQL."""

    def read(expression):
        sold("SO1", datetime(2026, 3, 1, 10))  # noqa: DTZ001
        owners("extract_orders", LIST.format(expression))
        extract_orders.run(demo, warehouse, new_run(), knows_account=lambda account: True, now=now)
        return select("promised_at, last_error from analytics.orders")[0]

    return read


@pytest.mark.parametrize(
    ("expression", "at"),
    [
        ("'2026-03-05 18:00:00'", datetime(2026, 3, 5, 10, tzinfo=UTC)),
        ("cast('2026-03-05' as char(10))", datetime(2026, 3, 5, 16, tzinfo=UTC)),
        ("'2026-03-05 00:00:00'", datetime(2026, 3, 5, 16, tzinfo=UTC)),
        ("null", None),
    ],
)
def test_a_promise_is_kept_and_a_day_counts_until_its_end(promised, expression, at):
    assert promised(expression) == (at, None)


def test_an_unreadable_promise_costs_only_itself(promised, caplog):
    caplog.set_level("WARNING")
    assert promised("'soon'") == (None, None)
    assert "promised_at of 1 rows cannot be read and is left out, such as of order SO1" in (
        caplog.text
    )


def test_a_promise_that_is_returned_twice_is_refused(promised):
    with pytest.raises(StatementError, match="returns promised_at twice"):
        promised("null as promised_at, null")


def test_a_changed_promise_is_taken_over(promised, demo, owners, warehouse, new_run, now, select):
    promised("'2026-03-05 18:00:00'")
    owners("extract_orders", LIST.format("'2026-03-06 18:00:00'") + "-- changed\n")

    extract_orders.run(demo, warehouse, new_run(), knows_account=lambda account: True, now=now)

    assert select("promised_at from analytics.orders")[0][0].day == 6
