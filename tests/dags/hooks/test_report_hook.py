"""The day of a report, and the folder of its files."""

import os
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from shipment_tracking.errors import ParamError, ReportFolderError

DAY = date(2026, 3, 1)
NOW = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)  # 08:30 in Shanghai
FILES = {"report.html": b"<p>", "report.xlsx": b"PK"}

pytestmark = pytest.mark.usefixtures("airflow_database")


def folder(base: Any) -> Any:
    from shipment_tracking.hooks.report_hook import ReportFolder

    return ReportFolder(str(base))


def day(run_after: datetime | None = None, given: str | None = None, now: datetime = NOW) -> date:
    from shipment_tracking.hooks.report_hook import day_of_run

    return day_of_run(SimpleNamespace(run_after=run_after), given, now)


def names(place: Path) -> set[str]:
    return {file.name for file in place.iterdir()}


@pytest.mark.parametrize(
    ("run_after", "expected"),
    [
        (datetime(2026, 3, 2, 0, 0, tzinfo=UTC), DAY),
        (datetime(2026, 3, 1, 16, 0, tzinfo=UTC), DAY),
        (datetime(2026, 3, 1, 15, 59, tzinfo=UTC), date(2026, 2, 28)),
        (datetime(2026, 2, 20, 0, 0, tzinfo=UTC), date(2026, 2, 19)),
        (None, DAY),
    ],
)
def test_yesterday_is_that_of_the_run_in_shanghai(
    run_after: datetime | None, expected: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHIPMENT_TRACKING_CLOCK_URL", raising=False)

    assert day(run_after) == expected


def test_a_day_that_is_given_is_reported() -> None:
    assert day(NOW, "2026-02-14") == date(2026, 2, 14)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("2026-03-02", "2026-03-02 is not over yet in Shanghai"),
        ("yesterday", "is not a day"),
        ("0001-01-01", "'0001-01-01' is not a day"),
    ],
)
def test_a_day_that_cannot_be_reported_is_refused(given: str, says: str) -> None:
    with pytest.raises(ParamError, match=says):
        day(NOW, given)


def test_files_are_written_over_those_of_an_earlier_try(tmp_path: Path) -> None:
    place = tmp_path / "new" / "reports"
    folder(place).write(DAY, FILES)
    folder(place).write(DAY, FILES | {"report.html": b"<b>"})

    assert folder(place).place(DAY) == str(place / "2026-03-01")
    assert names(place / "2026-03-01") == set(FILES)
    assert (place / "2026-03-01" / "report.html").read_bytes() == b"<b>"


def test_a_failure_half_way_leaves_the_old_files_whole(tmp_path: Path) -> None:
    folder(tmp_path).write(DAY, FILES)
    blocked = {"report.html": b"new", "no/such/folder.csv": b""}

    with pytest.raises(ReportFolderError):
        folder(tmp_path).write(DAY, blocked)

    assert names(tmp_path / "2026-03-01") == set(FILES)
    assert (tmp_path / "2026-03-01" / "report.html").read_bytes() == b"<p>"


@pytest.mark.parametrize("base", ["/proc/reports", "relative/path", "nope://x", "s3://bucket/x"])
def test_a_folder_that_cannot_be_used_names_the_variable(base: str) -> None:
    with pytest.raises(ReportFolderError, match="Variable shipment_tracking_reports") as caught:
        folder(base).write(DAY, FILES)

    assert f"{base}/2026-03-01" in str(caught.value)


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("")

    with pytest.raises(ReportFolderError, match="cannot be written to"):
        folder(tmp_path / "reports").write(DAY, FILES)


def test_an_object_store_gets_each_file_as_one_object() -> None:
    from airflow.sdk.io import attach
    from fsspec.implementations.memory import MemoryFileSystem

    store = MemoryFileSystem()
    attach("memory", fs=store)
    folder("memory://bucket/reports").write(DAY, FILES)

    assert {path: store.cat_file(path) for path in store.find("/bucket")} == {
        f"/bucket/reports/2026-03-01/{name}": content for name, content in FILES.items()
    }
    store.rm("/bucket", recursive=True)


def test_without_a_variable_reports_lie_below_airflows_home(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from shipment_tracking.hooks.report_hook import report_folder

    assert report_folder().base == f"{os.environ['AIRFLOW_HOME']}/shipment_reports"

    monkeypatch.setenv("AIRFLOW_VAR_SHIPMENT_TRACKING_REPORTS", "s3://store@bucket/reports/")
    assert report_folder().place(DAY) == "s3://store@bucket/reports/2026-03-01"
