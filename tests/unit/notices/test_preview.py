"""`shipment-tracking preview` shows every text, the owner's too, and names each mistake."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from shipment_tracking.channels.port import LANGUAGES, MEDIA
from shipment_tracking.cli import main
from shipment_tracking.notices.messages import EXAMPLES, words_of
from shipment_tracking.notices.preview import as_page, as_text, render
from shipment_tracking.statements import OWNER_FOLDER

PAGE = Path(__file__).parents[3] / "docs" / "messages.html"


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where an owner keeps texts in Chinese."""
    monkeypatch.setenv(OWNER_FOLDER, str(tmp_path))
    folder = tmp_path / "messages" / "zh"
    folder.mkdir(parents=True)
    return folder


class Tags(HTMLParser):
    """Which tags are open at the end, and which were ever opened."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_text_is_shown():
    found = render()

    assert {(each.word, each.language, each.medium) for each in found.shown} == {
        (word, language, medium)
        for medium in MEDIA
        for word in words_of(medium)
        for language in LANGUAGES
    }
    assert found.mistakes == []


def test_the_page_in_the_documentation_is_up_to_date():
    command = "shipment-tracking preview --html docs/messages.html"

    assert PAGE.read_text("utf-8") == as_page(render()), f"run {command}"


def test_the_page_is_whole_and_needs_nothing_from_elsewhere():
    page = as_page(render())
    tags = Tags(page)

    assert tags.open == []
    assert not tags.seen & {"script", "link", "img"}
    assert "//" not in page


def test_the_command_prints_each_text_below_its_file(capsys):
    assert main(["preview"]) == 0

    out, err = capsys.readouterr()
    assert (
        "zh/signed.short.txt\n    已签收（本人）\n\nzh/signed.short.txt (little is known)\n" in out
    )
    assert err == ""


def test_an_owners_text_is_shown(owner, capsys):
    (owner / "signed.md").write_text("**{{ waybill_no }}** <到了>", encoding="utf-8")

    assert main(["preview"]) == 0
    assert "zh/signed.md\n    **YT8800000000001** <到了>" in capsys.readouterr().out
    assert "<p><b>YT8800000000001</b> &lt;到了&gt;</p>" in as_page(render())


def test_each_mistake_is_named_and_the_other_texts_are_shown(owner, tmp_path, capsys):
    (owner / "signed.md").write_text("好\n{{ waybil_no }}", encoding="utf-8")
    (owner / "returned.txt").write_text("{% if %}", encoding="utf-8")
    page = tmp_path / "page.html"

    assert main(["preview"]) == 1
    assert main(["preview", "--html", str(page)]) == 1

    out, err = capsys.readouterr()
    assert err.count("zh/signed.md, line 2: waybil_no is unknown") == 2
    assert err.count("zh/returned.txt, line 1: ") == 2
    assert "zh/signed.txt\n" in out
    assert 'class="mistakes"' in page.read_text("utf-8")
    assert "zh/signed.md, line 2" in page.read_text("utf-8")


def test_a_text_that_fails_with_these_facts_is_a_mistake(owner):
    (owner / "signed.txt").write_text("{{ 1 / (9 - carrier_name | length) }}", encoding="utf-8")
    (owner / "stalled.txt").write_text("{{ 1 / (10 - items | length) }}", encoding="utf-8")

    assert [each.partition(": ")[2] for each in render().mistakes] == [
        "object of type 'NoneType' has no len(); known are " + ", ".join(EXAMPLES["signed"]),
        "division by zero; known are items",
    ]


def test_a_file_of_no_text_is_refused_by_name(owner, capsys):
    (owner / "delivered.txt").write_text("x")

    assert main(["preview"]) == 1
    assert "delivered.txt replaces nothing" in capsys.readouterr().err


def test_a_page_that_cannot_be_written_is_named(tmp_path, capsys):
    assert main(["preview", "--html", str(tmp_path / "no" / "page.html")]) == 1

    assert "page.html cannot be written: No such file" in capsys.readouterr().err


def test_no_line_of_the_terminal_ends_in_blanks():
    assert [line for line in as_text(render()).split("\n") if line != line.rstrip()] == []
