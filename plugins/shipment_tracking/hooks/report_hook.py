"""The day that a report is about, and the folder that takes its files."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow.sdk import Variable, get_current_context

from shipment_tracking.domain import days
from shipment_tracking.errors import ParamError, ReportFolderError
from shipment_tracking.hooks import clock_hook
from shipment_tracking.hooks.run_hook import params_of

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

VARIABLE = "shipment_tracking_reports"
"""The Airflow Variable that says where reports are kept."""
LOCAL = ("", "file", "local")


@dataclass(frozen=True, slots=True)
class ReportFolder:
    """
    Where reports are kept, each day in a folder of its own.

    :param base: a local folder, or an address such as ``s3://conn_id@bucket/reports``.
    """

    base: str

    def place(self, day: date) -> str:
        """Where the files of a day are, as people read it."""
        return f"{self.base.rstrip('/')}/{day.isoformat()}"

    def write(self, day: date, files: Mapping[str, bytes]) -> None:
        """
        Write all files of a day over those that are there, each whole or not at all.

        An object store shows an object once all of it is there. In a local folder the files are
        written aside first and then renamed.

        :raises ReportFolderError: they cannot be written; the text names the Variable.
        """
        from airflow.sdk import ObjectStoragePath

        try:
            if "://" not in self.base and not Path(self.base).is_absolute():
                raise ValueError("it is neither an absolute path nor an address")
            folder = ObjectStoragePath(self.place(day))
            if folder.protocol in LOCAL:
                folder.mkdir(parents=True, exist_ok=True)
                _write_aside(folder, files)
            else:
                for name, content in files.items():
                    path = folder / name
                    path.fs.pipe_file(path.path, content)
        except (ConnectionError, TimeoutError):
            raise
        except (OSError, ValueError, ImportError) as error:
            raise ReportFolderError(
                f"the report of {day} cannot be written to {self.place(day)}: {error}; set the "
                f"Airflow Variable {VARIABLE} to a folder that every worker may write to, or to "
                "an address such as s3://conn_id@bucket/reports, and install the provider of such "
                "a store"
            ) from error


def _write_aside(folder: "ObjectStoragePath", files: Mapping[str, bytes]) -> None:
    mark = uuid4().hex[:8]
    aside = {name: folder / f".{name}.{mark}" for name in files}
    try:
        for name, content in files.items():
            aside[name].write_bytes(content)
        for name, path in aside.items():
            path.replace(folder / name)
    finally:
        for path in aside.values():
            path.unlink(missing_ok=True)


def report_folder() -> ReportFolder:
    """The folder of the Variable; without it one below Airflow's home."""
    home = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
    given = Variable.get(VARIABLE, default=None)
    return ReportFolder((given or "").strip() or str(home / "shipment_reports"))


def report_day() -> date:
    """
    The day that this run reports: the param ``day``, else the one before the run's own time.

    A run that is late, or cleared days later, is still about the day before its own time.

    :raises ParamError: the param is not a day, or that day is not over yet.
    """
    context = get_current_context()
    return day_of_run(context["dag_run"], params_of(context).get("day"), clock_hook.now())


def day_of_run(dag_run: Any, given: str | None, now: datetime) -> date:
    """
    The same of a run.

    :param given: the param ``day``.
    :param now: aware; a simulated clock knows nothing of the run's own time.
    """
    last = days.yesterday(now)
    if not given:
        run_after = dag_run.run_after
        return last if clock_hook.is_simulated() or not run_after else days.yesterday(run_after)
    try:
        day = date.fromisoformat(str(given))
        if day.year < days.FIRST_YEAR:
            raise ValueError(day)
    except ValueError as error:
        raise ParamError(f"{given!r} is not a day; write it like 2026-03-01") from error
    if day > last:
        raise ParamError(f"{day} is not over yet in Shanghai; the last day to report is {last}")
    return day


def report_language() -> str:
    """The param ``language``."""
    return str(params_of(get_current_context())["language"])


def is_backfill(context: Any) -> bool:
    """Whether the run is one of a backfill, which sends nothing."""
    run_type = context["dag_run"].run_type
    return str(getattr(run_type, "value", run_type)) == "backfill"
