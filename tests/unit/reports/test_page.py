"""The HTML of a report: everything escaped, nothing from elsewhere, small enough for a mail."""

import re
from html.parser import HTMLParser

import pytest

from shipment_tracking.reports import page
from shipment_tracking.reports.frames import build
from shipment_tracking.warehouse.report import CarrierRow

from . import sample
from .facts import daily, difference, report, sample as a_day, stall, trouble

HOSTILE = "<script>alert(1)</script><img src=x onerror=y>\"'&{{ 7*7 }}"
GMAIL_CUTS = 102_000  # bytes


class Tags(HTMLParser):
    """The tags of a page, its text, and which tags are open at the end."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_hostile_texts_are_text():
    found = report(
        exceptions=[trouble(last_event=HOSTILE, erp_keys=HOSTILE, carrier_name=HOSTILE)],
        daily=[daily(account=HOSTILE, carrier_name=HOSTILE, shipped=1)],
        reconciliation=[difference(detail=HOSTILE)],
    )

    tags = Tags(page.html(found, "zh", place=HOSTILE))
    assert not tags.seen & {"script", "img"}
    assert tags.open == []
    assert tags.text.count(HOSTILE) == 7


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_page_is_whole_and_needs_nothing_from_elsewhere(language):
    text = page.html(build(a_day()), language)
    tags = Tags(text)

    assert tags.open == []
    assert not tags.seen & {"script", "link", "img", "svg", "style"}
    assert "//" not in text
    assert "None" not in tags.text
    assert "nan" not in tags.text.lower().replace("finance", "")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_empty_day_says_none(language):
    text = Tags(page.html(report(), language)).text

    assert text.count({"zh": "无。", "en": "None."}[language]) == len(page.COLUMNS)


def test_the_largest_page_is_not_cut_by_a_mail_program():
    long = "中" * 500
    found = report(
        daily=[daily(account=long + str(n), carrier_code=str(n)) for n in range(60)],
        exceptions=[trouble(last_event=long, erp_keys=long) for _ in range(500)],
        stalls=[stall(last_event=long, erp_keys=long) for _ in range(500)],
        reconciliation=[difference(detail=long)] * 500,
        slowest_carriers=[CarrierRow(str(n), long, 5, 1.0, 2.0) for n in range(60)],
    )

    text = page.html(found, "zh")
    assert len(text.encode()) < GMAIL_CUTS
    assert "另有 485 条" in text


def test_bars_are_as_long_as_their_numbers():
    slow = [CarrierRow("A", "A", 5, 80.0, 90.0), CarrierRow("B", "B", 5, 20.0, 30.0)]
    text = page.html(report(slowest_carriers=slow), "en")

    assert re.findall(r'width="(\d+)%" style="width:\d+%"><tr><td bgcolor="#c98a3c"', text) == [
        "100",
        "25",
    ]


def test_the_sample_in_the_documentation_is_current():
    assert sample.PAGE.read_text(encoding="utf-8") == sample.text(), f"run {sample.COMMAND}"
