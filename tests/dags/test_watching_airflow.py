"""What the runbook says of watching Airflow itself is a DAG that Airflow reads."""

from pathlib import Path
from typing import Any

from sqlalchemy import URL

from sandbox.airflow_home import PROJECT


def test_the_lines_of_the_runbook_are_read(airflow_database: URL, tmp_path: Path) -> None:
    from airflow.dag_processing.dagbag import DagBag

    page = (PROJECT / "docs" / "runbook.md").read_text(encoding="utf-8")
    (lines,) = (part for part in page.split("```") if "DeadlineAlert(" in part)
    code = lines.removeprefix("python\n")
    (tmp_path / "watched.py").write_text(
        f"{code}\nfrom airflow.sdk import dag\n\n\n"
        "@dag(schedule=None, **WATCHED)\ndef watched():\n    pass\n\n\nwatched()\n",
        encoding="utf-8",
    )

    bag: Any = DagBag(str(tmp_path))

    assert bag.import_errors == {}
    assert bag.dags["watched"].deadline
    assert bag.dags["watched"].has_on_failure_callback
