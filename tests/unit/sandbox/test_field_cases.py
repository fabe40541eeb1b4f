"""The table of cases from the field names tests, stories and faults that there are."""

import re
from pathlib import Path

import pytest

from sandbox.faults import KINDS
from sandbox.stories import STORIES

PROJECT = Path(__file__).parents[3]
CASES = (
    *(f"A{number}" for number in range(1, 7)),
    *(f"B{number}" for number in range(1, 7)),
    *(f"C{number}" for number in range(1, 6)),
    *(f"D{number}" for number in range(1, 5)),
    *("E1", "E2", "E3", "F1", "F2", "F3", "F4"),
)


def table() -> list[dict[str, str]]:
    """The rows of the table, by their columns."""
    lines = (PROJECT / "docs" / "field-cases.md").read_text(encoding="utf-8").splitlines()
    header, _, *body = [line.strip("|").split("|") for line in lines if line.startswith("|")]
    names = [name.strip() for name in header]
    return [dict(zip(names, map(str.strip, row), strict=True)) for row in body]


def test_every_case_has_its_row():
    assert {row["kind"] for row in table()} == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_every_case_names_tests_that_there_are(case):
    sources = "\n".join(
        path.read_text(encoding="utf-8") for path in (PROJECT / "tests").rglob("test_*.py")
    )
    named = [
        name
        for row in table()
        if row["kind"] == case
        for name in re.findall(r"`(test_\w+)`", row["test"])
    ]
    assert named
    assert [name for name in named if f"def {name}(" not in sources] == []


def test_every_story_and_fault_of_the_table_is_told():
    for row in table():
        for kind, names in re.findall(
            r"(stor(?:y|ies)|faults?) ((?:`\w+`(?:, )?)+)", row["story or fault"]
        ):
            known = STORIES if kind.startswith("stor") else KINDS
            for name in re.findall(r"`(\w+)`", names):
                assert name in known
                assert kind.startswith("fault") or STORIES[name].weight
