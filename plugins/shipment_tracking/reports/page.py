"""
A report as one HTML mail.

Mail programs drop styles, scripts, SVG and pictures from elsewhere, so everything stands in tables
with styles of their own, and a bar is a cell as wide as its number. Gmail cuts a mail behind
102 KB: long lists are cut before, since the files have all of them.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from shipment_tracking.reports.frames import NUMBERS, Report
from shipment_tracking.reports.words import named, words

MOST_ROWS: Mapping[str, int] = {"accounts": 30, "carriers": 15, "exceptions": 15, "stalls": 15}
"""Rows of a table in the mail; of the others 10."""
OTHER_ROWS = 10
LONGEST_TEXT = 60  # characters of a cell
COLUMNS = {
    "accounts": ["account", *NUMBERS],
    "carriers": ["carrier_name", *NUMBERS],
    "slowest_carriers": ["carrier_name", "parcels", "hours_p50", "hours_p90"],
    "exceptions": ["erp_keys", "carrier_name", "waybill_no", "became", "occurred_at", "last_event"],
    "stages": ["stage", "still_open", "opened", "cleared", "oldest_since"],
    "stalls": ["erp_keys", "carrier_name", "waybill_no", "stage", "since", "last_event"],
    "alerts": ["severity", "kind", "subject", "opened_at", "cleared_at", "detail"],
    "runs": ["runs", "polled", "events_new", "changes", "failed_orders", "left_over", "untracked"],
    "freshness": ["account", "changes", "detection_p50", "detection_p95", "sign_to_erp_p95"],
    "differences": ["difference", "erp_rows"],
    "reconciliation": ["difference", "erp_key", "account", "since", "detail"],
}
"""Of each table of the mail the columns that fit beside each other; the files have all of them."""
BARS = {"slowest_carriers": "hours_p50", "stages": "still_open"}
"""The column that a table shows as bars, too."""
NOTES = {
    "slowest_carriers": "span",
    "stages": "at_end",
    "stalls": "at_end",
    "differences": "now",
    "reconciliation": "now",
}


def html(report: Report, language: str, *, place: str = "") -> str:
    """
    The report as a page that needs nothing else; whatever is put into it is escaped.

    :param place: where the report's files are, if they are anywhere.
    """
    known = words(language)
    tables = [_table(report, name, language) for name in COLUMNS]
    trend = report.tables["trend"]
    most = max([1, *trend["shipped"], *trend["signed"]])
    return (
        _environment()
        .get_template("report.html")
        .render(
            language=language,
            t=known.__getitem__,
            day=report.day,
            totals=report.totals,
            trend=trend.to_dict("records"),
            most=most,
            tables=tables,
            place=place,
        )
    )


@cache
def _environment() -> Environment:
    """The template; everything that is put into it is escaped."""
    return Environment(
        loader=PackageLoader("shipment_tracking.reports", ""),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _table(report: Report, name: str, language: str) -> dict[str, Any]:
    """One table as the template takes it."""
    frame = report.tables[name]
    bar = BARS.get(name)
    shown = frame[COLUMNS[name]].head(MOST_ROWS.get(name, OTHER_ROWS))
    rows = [
        [_cell(named(column, row[column], language)) for column in COLUMNS[name]]
        for row in shown.to_dict("records")
    ]
    lengths = [float(value) for value in shown[bar]] if bar else []
    most = max([1.0, *lengths])
    return {
        "name": name,
        "note": NOTES.get(name),
        "columns": list(shown.columns),
        "rows": rows,
        "bars": [round(100 * length / most) for length in lengths],
        "more": len(frame) - len(shown),
    }


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, datetime):
        return f"{value:%m-%d %H:%M}"
    if isinstance(value, float):
        return f"{value:.1f}"
    text = str(value)
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
