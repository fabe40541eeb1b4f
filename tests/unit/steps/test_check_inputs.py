"""Checking the inputs: rows that are not tracked are counted, and every text is read."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from shipment_tracking.domain.models import Run
from shipment_tracking.errors import InputError
from shipment_tracking.statements import OWNER_FOLDER
from shipment_tracking.steps import check_inputs
from shipment_tracking.warehouse import runs


@pytest.fixture
def listed(warehouse: Engine) -> Callable[..., None]:
    """Rows of the ERP's list, so many of them with an error."""

    def add(rows: int, *, untracked: int) -> None:
        with warehouse.begin() as connection:
            connection.execute(
                text(
                    "insert into tracking.erp_row (erp_key, listed, first_seen_at, last_error)"
                    " select 'SO' || n, true, now(),"
                    " case when n <= :untracked then 'account is null' end"
                    " from generate_series(1, :rows) as n"
                ),
                {"rows": rows, "untracked": untracked},
            )

    return add


@pytest.fixture
def check(warehouse: Engine, new_run: Callable[..., Run], now: datetime) -> Callable[[], Any]:
    """Run the step for a run of its own."""

    def run() -> dict[str, int]:
        this_run = new_run()
        with warehouse.begin() as connection:
            runs.begin(connection, this_run)
        return check_inputs.run(warehouse, this_run, now=now, most_untracked=0.2)

    return run


@pytest.fixture
def broken_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner's text of a status that is rare."""
    file = tmp_path / "include" / "messages" / "zh" / "returned.txt"
    file.parent.mkdir(parents=True)
    file.write_text("退回\n{{ oder }}", encoding="utf-8")
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path / "include"))


def test_n9_a_few_untracked_rows_are_counted(check, listed, select):
    listed(10, untracked=2)

    assert check() == {"listed": 10, "untracked": 2}
    assert select("untracked from analytics.runs") == [(2,)]


def test_n9_too_large_a_share_of_untracked_rows_is_an_error(check, listed, select):
    listed(69, untracked=37)

    with pytest.raises(InputError, match=r"^37 of 69 rows .* more than 20%; .*row SO1: account is"):
        check()
    assert select("untracked from analytics.runs") == [(37,)]


def test_an_empty_list_is_no_error(check):
    assert check() == {"listed": 0, "untracked": 0}


def test_n10_a_broken_text_is_found_before_a_notice_needs_it(check, broken_text):
    with pytest.raises(InputError, match=r"zh/returned\.txt, line 2: oder is unknown"):
        check()


def test_a_calendar_with_a_mistake_makes_the_task_red(check, tmp_path, monkeypatch):
    (tmp_path / "calendar.csv").write_text("first_day,last_day,factor,note\n2026-02-15,,2,春节\n")
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path))

    with pytest.raises(InputError, match=r"calendar\.csv, line 2: last_day is ''"):
        check()


def test_own_readings_with_a_mistake_make_the_task_red(check, tmp_path, monkeypatch):
    (tmp_path / "texts.csv").write_text("text,status,sign_kind\n已到,in_transitt,\n")
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path))

    with pytest.raises(InputError, match=r"texts\.csv, line 2: 'in_transitt' is not a status"):
        check()
