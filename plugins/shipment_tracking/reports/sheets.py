"""The tables of a report as CSVs and as one XLSX, for people who live in spreadsheets."""

import io
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pandas as pd
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from shipment_tracking.domain.spreadsheets import MARK, cell
from shipment_tracking.reports.frames import Report
from shipment_tracking.reports.words import named, words

TIME, DAY, TEXT = "yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd", "@"
LONGEST_TEXT = 32_767
"""Characters of a cell of an XLSX; a longer text makes Excel repair the file."""
WIDEST, NARROWEST = 60, 10
"""Characters."""


def csvs(report: Report) -> dict[str, bytes]:
    """Each table as a CSV by its file's name, with a byte order mark; no cell is a formula."""
    return {
        f"{name}.csv": (MARK + frame.map(_text).to_csv(index=False, lineterminator="\r\n")).encode()
        for name, frame in report.tables.items()
    }


def xlsx(report: Report, language: str) -> bytes:
    """All tables as the sheets of a workbook; numbers of orders and parcels are text."""
    known = words(language)
    file = io.BytesIO()
    with pd.ExcelWriter(file, engine="openpyxl") as writer:
        for name, frame in report.tables.items():
            title = known[f"table.{name}"]
            shown = pd.DataFrame(
                {
                    known[f"column.{key}"]: [
                        _value(named(key, value, language)) for value in frame[key]
                    ]
                    for key in map(str, frame)
                },
                dtype=object,
            )
            shown.to_excel(writer, sheet_name=title, index=False)
            _lay_out(writer.sheets[title])
    return file.getvalue()


def _text(value: Any) -> str:
    """A cell of a CSV."""
    if _is_none(value):
        return ""
    if isinstance(value, str):
        return cell(value)
    return value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)


def _value(value: Any) -> Any:
    """A cell of an XLSX."""
    if _is_none(value):
        return None
    if not isinstance(value, str):
        return value
    return cell(ILLEGAL_CHARACTERS_RE.sub("", value))[:LONGEST_TEXT]


def _is_none(value: Any) -> bool:
    return value is None or value is pd.NaT or value != value


def _lay_out(sheet: Worksheet) -> None:
    """A heading that stays in sight, columns as wide as what they hold, and no guessed formats."""
    sheet.freeze_panes = "A2"
    if sheet.max_row > 1:
        sheet.auto_filter.ref = sheet.dimensions
    for number, column in enumerate(sheet.iter_cols(), start=1):
        widths = [NARROWEST]
        for place in _cells(column):
            if place.row == 1:
                place.font = Font(bold=True)
            elif isinstance(place.value, datetime):
                place.number_format = TIME
            elif isinstance(place.value, date):
                place.number_format = DAY
            elif isinstance(place.value, str):
                place.number_format = TEXT
            widths.append(_width(place.value))
        sheet.column_dimensions[get_column_letter(number)].width = min(max(widths), WIDEST)


def _cells(column: tuple[Any, ...]) -> Iterator[Cell]:
    return (place for place in column if isinstance(place, Cell))


def _width(value: Any) -> int:
    """Columns of a terminal, about: a Chinese character takes two."""
    return 2 + sum(2 if ord(each) > 0x2E80 else 1 for each in str(value or ""))
