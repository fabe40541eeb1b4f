"""A violated check of the warehouse makes the run red and stops nothing."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text


def test_a_severe_violation_is_red_and_the_rest_is_done(
    pipeline: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mine = tmp_path / "owner" / "sql" / "quality" / "mine.sql"
    mine.parent.mkdir(parents=True)
    mine.write_text("-- severity: error\n-- There is no parcel.\nselect 1 as one", "utf-8")
    monkeypatch.setenv("SHIPMENT_TRACKING_INCLUDE", str(tmp_path / "owner"))

    states = pipeline.run()

    assert (states["run"], states["check_quality"]) == ("failed", "failed")
    assert (states["mark_signed"], states["report_health"]) == ("success", "success")
    with pipeline.warehouse.connect() as connection:
        alerts = connection.execute(text("select kind, subject, severity from analytics.alerts"))
        assert alerts.all() == [("quality", "mine", "critical")]


def test_the_checks_hold_in_the_demos_world(pipeline: Any) -> None:
    assert pipeline.run()["check_quality"] == "success"

    with pipeline.warehouse.connect() as connection:
        found = text(
            "select count(*), count(violations), sum(violations) from analytics.quality_checks"
        )
        assert connection.execute(found).one() == (14, 14, 0)
