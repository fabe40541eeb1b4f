"""Writes ``docs/report_sample.html``, the report that the documentation shows."""

from pathlib import Path

from shipment_tracking.reports import page
from shipment_tracking.reports.frames import build
from tests.unit.reports.facts import sample

PAGE = Path(__file__).parents[3] / "docs" / "report_sample.html"
COMMAND = "PYTHONPATH=plugins:. python tests/unit/reports/sample.py"


def text() -> str:
    """The report as it is written now."""
    return page.html(build(sample()), "zh", place="/srv/reports/2026-03-01")


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
