"""What a run did is added up, by many tasks and their retries."""

import pytest
from sqlalchemy import Engine

from shipment_tracking.domain.models import ApiUsage
from shipment_tracking.warehouse import runs


@pytest.fixture
def this_run(new_run, now):
    return new_run(now)


def test_a_run_has_one_row(warehouse: Engine, this_run, select, now):
    for _ in range(2):
        with warehouse.begin() as connection:
            runs.begin(connection, this_run)

    assert select("run_id, run_type, started_at, ended_at from analytics.runs") == [
        (this_run.run_id, "manual", now, None)
    ]


def test_numbers_grow_by_what_each_task_did(warehouse: Engine, this_run, select, at):
    with warehouse.begin() as connection:
        runs.begin(connection, this_run)
        runs.add(connection, this_run, now=at(minutes=2), polled=3, events_new=5)
        runs.add(connection, this_run, now=at(minutes=1), polled=4)

    assert select("polled, events_new, failed_orders, ended_at from analytics.runs") == [
        (7, 5, 0, at(minutes=2))
    ]


@pytest.mark.parametrize("number", runs.NUMBERS)
def test_every_number_has_its_column(number, warehouse: Engine, this_run, select, now):
    with warehouse.begin() as connection:
        runs.begin(connection, this_run)
        runs.add(connection, this_run, now=now, **{number: 9})

    assert select(f"{number} from analytics.runs") == [(9,)]


def test_a_number_that_a_run_does_not_have_is_a_mistake(warehouse: Engine, this_run, now):
    with warehouse.begin() as connection, pytest.raises(TypeError, match="no number dew"):
        runs.add(connection, this_run, now=now, dew=1)


def test_calls_are_added_up_by_account_api_and_outcome(warehouse: Engine, this_run, select):
    with warehouse.begin() as connection:
        runs.begin(connection, this_run)
        for account, usage in (
            ("a", [ApiUsage("traces", "ok", 2, 0.5), ApiUsage("traces", "quota", 1, 0.1)]),
            ("a", [ApiUsage("traces", "ok", 3, 0.25)]),
            ("b", [ApiUsage("traces", "ok", 4, 1.0)]),
            ("b", []),
        ):
            runs.add_usage(connection, this_run, account, usage)

    assert select(
        "account, api, outcome, calls, seconds from analytics.api_usage order by 1, 2, 3"
    ) == [
        ("a", "traces", "ok", 5, 0.75),
        ("a", "traces", "quota", 1, 0.1),
        ("b", "traces", "ok", 4, 1.0),
    ]
    assert select("calls from analytics.runs") == [(10,)]
