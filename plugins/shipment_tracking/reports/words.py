"""The report's words in English and Chinese."""

import csv
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def words(language: str) -> dict[str, str]:
    """All words of a language by key."""
    text = files("shipment_tracking.reports").joinpath("words.csv").read_text(encoding="utf-8")
    return {row["key"]: row[language] for row in csv.DictReader(text.splitlines())}


GROUPS = {
    "became": ("status",),
    "status": ("status",),
    "status_now": ("status",),
    "stage": ("stage", "status"),
    "difference": ("difference",),
    "severity": ("severity",),
}
"""By column, whose values are words: where their translations are looked for."""


def named(column: str, value: Any, language: str) -> Any:
    """A value of a column as people read it; itself where it is no word of ours."""
    known = words(language)
    keys = (f"{group}.{value}" for group in GROUPS.get(column, ()))
    return next((known[key] for key in keys if key in known), value)
