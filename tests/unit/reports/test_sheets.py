"""CSV and XLSX as Excel reads them: no formulas, whole numbers of orders, dates, Chinese."""

import csv
import io
from datetime import datetime

import pytest
from openpyxl import load_workbook

from shipment_tracking.reports import sheets
from shipment_tracking.reports.frames import build
from shipment_tracking.reports.words import words
from shipment_tracking.warehouse.report import FreshnessRow

from .facts import ORDER_ID, daily, report, sample, trouble

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1+1", '=HYPERLINK("http://x","x")']


def sheet(found, name, language="zh"):
    book = load_workbook(io.BytesIO(sheets.xlsx(found, language)))
    return book[words(language)[f"table.{name}"]]


def rows(found, name):
    text = sheets.csvs(found)[f"{name}.csv"].decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("hostile", FORMULAS)
def test_no_text_becomes_a_formula(hostile):
    found = report(exceptions=[trouble(last_event=hostile, carrier_name=hostile)])

    cells = [cell for cell in sheet(found, "exceptions")[2] if isinstance(cell.value, str)]
    assert {cell.data_type for cell in cells} == {"s"}
    assert [cell.value for cell in cells if hostile in cell.value] == [f"'{hostile}"] * 2
    assert rows(found, "exceptions")[0]["last_event"] == f"'{hostile}"


def test_a_negative_number_stays_a_number():
    found = report(freshness=[FreshnessRow("platform_1688", 1, -2.5, None, 0, None, None)])

    assert sheet(found, "freshness")["C2"].value == -2.5
    assert rows(found, "freshness")[0]["detection_p50"] == "-2.5"


def test_a_long_number_of_an_order_is_text_to_the_last_digit():
    cells = sheet(report(exceptions=[trouble()]), "exceptions")[2]

    (cell,) = [each for each in cells if each.value == ORDER_ID]
    assert (cell.data_type, cell.number_format) == ("s", "@")
    assert rows(report(exceptions=[trouble()]), "exceptions")[0]["platform_order_ids"] == ORDER_ID


def test_times_are_dates_to_excel_in_shanghais_time():
    cells = sheet(report(exceptions=[trouble()]), "exceptions")[2]

    (cell,) = [each for each in cells if each.is_date]
    assert cell.value == datetime(2026, 3, 1, 23, 59, 59)  # noqa: DTZ001
    assert cell.number_format == sheets.TIME
    assert rows(report(exceptions=[trouble()]), "exceptions")[0]["occurred_at"] == (
        "2026-03-01 23:59:59"
    )


def test_a_csv_has_a_byte_order_mark_and_chinese():
    content = sheets.csvs(report(exceptions=[trouble()]))["exceptions.csv"]

    assert content.startswith(b"\xef\xbb\xbf")
    assert "圆通速递" in content.decode("utf-8-sig")
    assert content.endswith(b"\r\n")


def test_a_text_with_lines_quotes_and_commas_is_one_cell():
    hostile = 'a,"b"\r\nc;d'

    assert rows(report(exceptions=[trouble(last_event=hostile)]), "exceptions")[0][
        "last_event"
    ] == (hostile)


def test_what_xml_cannot_hold_and_what_is_too_long_does_not_break_the_book():
    found = report(
        exceptions=[trouble(last_event="a\x00\x0b\x1bb"), trouble(last_event="长" * 40_000)]
    )

    texts = [row[-1].value for row in sheet(found, "exceptions").iter_rows(min_row=2)]
    assert texts == ["ab", "长" * sheets.LONGEST_TEXT]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_empty_day_is_a_book_with_headings(language):
    book = load_workbook(io.BytesIO(sheets.xlsx(report(), language)))

    assert len(book.sheetnames) == len(report().tables)
    for each in book:
        assert all(cell.value for cell in each[1]), each.title
    assert {len(rows(report(), name)) for name in report().tables if name != "trend"} == {0}


def test_words_are_translated_in_the_book_and_plain_in_the_csv():
    found = report(exceptions=[trouble()])

    assert "异常" in [cell.value for cell in sheet(found, "exceptions")[2]]
    assert rows(found, "exceptions")[0]["became"] == "exception"


def test_every_table_and_column_has_a_word_in_both_languages():
    found = report(daily=[daily()])
    wanted = {f"table.{name}" for name in found.tables}
    wanted |= {f"column.{name}" for frame in found.tables.values() for name in frame}

    for language in ("zh", "en"):
        assert wanted <= {key for key, word in words(language).items() if word}
        titles = [words(language)[f"table.{name}"] for name in found.tables]
        assert len({*titles}) == len(titles)
        assert max(map(len, titles)) <= 31, "Excel takes no longer title of a sheet"


def test_a_whole_day_is_read_back():
    book = load_workbook(io.BytesIO(sheets.xlsx(build(sample()), "en")))

    assert [cell.value for cell in book["By account"][2]] == ["platform_1688", 40, 39, 33, 2, 1, 1]
