"""What the documentation says is so: its SQL runs, its commands exist, its messages are raised."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from shipment_tracking.domain.owner_texts import SIGN_KINDS
from shipment_tracking.domain.statuses import Status
from shipment_tracking.warehouse.outbox import TRIES
from tests.unit.docs import dictionary

PROJECT = Path(__file__).parents[3]
DOCS = PROJECT / "docs"
PAGES = sorted([*PROJECT.glob("*.md"), *DOCS.rglob("*.md")])
RUNBOOKS = [DOCS / "runbook.md", DOCS / "zh" / "runbook.md"]
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]*)(#[^)\s]*)?\)")
ANY = "…"
BUILTIN = ("AttributeError", "TypeError", "ValueError")


def name_of(page: Path) -> str:
    return page.relative_to(PROJECT).as_posix()


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def sql_in(page: Path) -> list[str]:
    return [body for language, body in FENCE.findall(read(page)) if language == "sql"]


def bound(name: str) -> str:
    is_time = name in ("now", "erp_stamp") or name.endswith(("_at", "_from", "_to"))
    return "2026-03-02 12:00:00" if is_time else "SO1001"


def prose(page: Path) -> str:
    return FENCE.sub("", read(page))


@pytest.mark.parametrize("page", [page for page in PAGES if sql_in(page)], ids=name_of)
def test_sql_of_a_page_runs_in_its_order(page: Path, warehouse: Engine) -> None:
    with warehouse.connect() as connection:
        for body in sql_in(page):
            statement = text(body.strip().rstrip(";"))
            binds = {name: bound(name) for name in statement.compile().params}
            connection.execute(statement, binds)
        connection.rollback()


def test_the_data_dictionary_is_what_the_database_says(warehouse: Engine) -> None:
    with warehouse.connect() as connection:
        assert read(dictionary.PAGE) == dictionary.page(connection), "make dictionary"


def test_every_view_and_column_has_a_comment(warehouse: Engine) -> None:
    with warehouse.connect() as connection:
        rows = connection.execute(dictionary.COLUMNS).all()

    assert [(row.view, row.name) for row in rows if not (row.about and row.means)] == []


@cache
def nodes() -> list[ast.AST]:
    files = (PROJECT / "plugins").rglob("*.py")
    return [node for file in files for node in ast.walk(ast.parse(read(file)))]


def template(node: ast.AST) -> str:
    """A text of the code, with an ellipsis for what is put into it."""
    if isinstance(node, ast.JoinedStr):
        return "".join(map(template, node.values))
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"%[sd]", ANY, node.value)
    if isinstance(node, ast.BinOp):
        return template(node.left) + template(node.right)
    return ANY


def quotes(runbook: Path) -> dict[str, re.Pattern[str]]:
    """What a runbook quotes, and what finds it in the code."""
    return {
        quote: re.compile(".*".join(re.escape(part.strip()) for part in quote.split(ANY)), re.S)
        for quote in re.findall(r"^> (.+)$", read(runbook), re.MULTILINE)
    }


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=name_of)
def test_runbook_quotes_messages_of_the_code(runbook: Path) -> None:
    texts = {template(node) for node in nodes() if isinstance(node, ast.expr)}
    code = [text for text in texts if " " in text and len(text) < 400]

    unknown = [
        quote
        for quote, pattern in quotes(runbook).items()
        if not any(pattern.search(text) for text in code)
    ]

    assert unknown == []


def test_runbook_quotes_every_message_of_an_error() -> None:
    def is_error(call: ast.Call) -> bool:
        name = str(getattr(call.func, "id", getattr(call.func, "attr", "")))
        return (name.endswith("Error") and name not in BUILTIN) or name in ("_error", "Rule")

    found = {
        template(argument)
        for node in nodes()
        if isinstance(node, ast.Call) and is_error(node)
        for argument in (*node.args, *(keyword.value for keyword in node.keywords))
    }
    messages = {text for text in found if len(re.findall(r"[a-z]", text)) > 12 and " " in text}
    patterns = quotes(DOCS / "runbook.md").values()

    assert [text for text in messages if not any(p.search(text) for p in patterns)] == []


def test_commands_that_pages_name_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", read(PROJECT / "Makefile"), re.MULTILINE))
    cli = read(PROJECT / "plugins" / "shipment_tracking" / "cli.py")
    commands = set(re.findall(r'add_parser\(\s*"([\w-]+)"', cli))
    for page in PAGES:
        code = re.findall(r"`(?:`{2}\w*\n)?([^`]+)`", read(page))
        for named in code:
            assert set(re.findall(r"^make ([a-z-]+)", named, re.M)) <= targets, name_of(page)
            assert set(re.findall(r"^shipment-tracking ([a-z]\w*)", named, re.M)) <= commands


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_relative_links_of_a_page_resolve(page: Path) -> None:
    broken = [
        target
        for target, _ in LINK.findall(prose(page))
        if target and "://" not in target and not (page.parent / target).exists()
    ]

    assert broken == []


def test_readme_links_to_headings_that_exist() -> None:
    for page in PROJECT.glob("README*.md"):
        for target, anchor in LINK.findall(prose(page)):
            if target.endswith(".md") and anchor:
                assert anchor[1:] in anchors(PROJECT / target), f"{page.name}: {target}{anchor}"


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", sorted((DOCS / "zh").glob("*.md")), ids=name_of)
def test_chinese_page_has_the_headings_of_its_english_one(page: Path) -> None:
    assert levels(page) == levels(DOCS / page.name)


def test_chinese_readme_has_the_headings_of_the_english_one() -> None:
    assert levels(PROJECT / "README.zh-CN.md") == levels(PROJECT / "README.md")


def levels(page: Path) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", prose(page), re.MULTILINE)]


def test_glossary_lists_every_value() -> None:
    glossary = read(DOCS / "glossary.md")
    values = [*map(str, Status), *SIGN_KINDS, "signed", "left_erp", "gave_up", "too_old"]

    assert [value for value in values if f"| `{value}` |" not in glossary] == []
    assert f"after {TRIES} tries" in glossary


def test_readme_is_short() -> None:
    assert len(read(PROJECT / "README.md").splitlines()) <= 150


def test_pictures_are_small() -> None:
    assert all(file.stat().st_size < 150_000 for file in (DOCS / "images").iterdir())
