"""The page's words in English and Chinese."""

import csv
from functools import cache
from importlib.resources import files

LANGUAGES = ("en", "zh")


@cache
def words(language: str) -> dict[str, str]:
    """All words of a language by key."""
    text = files("shipment_tracking.web").joinpath("words.csv").read_text(encoding="utf-8")
    return {row["key"]: row[language] for row in csv.DictReader(text.splitlines())}


def preferred(accepted: str) -> str:
    """
    The language that a browser asks for; English where it asks for neither.

    :param accepted: its header ``Accept-Language``.
    """
    best, language = 0.0, "en"
    for part in accepted[:500].split(","):
        name, _, quality = part.partition(";q=")
        known = name.strip().lower().partition("-")[0]
        try:
            weight = float(quality or 1)
        except ValueError:
            continue
        if known in LANGUAGES and weight > best:
            best, language = weight, known
    return language
