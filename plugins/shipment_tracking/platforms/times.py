"""Reads times in the spellings that platforms and the programs behind them print."""

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shipment_tracking.platforms.replies import (
    LONGEST_NUMBER,
    LONGEST_TIME,
    text_of,
    without_controls,
)

LATEST_SECONDS = 10**11
"""An epoch time below this counts seconds; one above counts a thousandth of something below it."""

_DIGITS = frozenset("0123456789")
_USUAL = re.compile(r"\d{4}-\d\d-\d\d (?:[01]\d|2[0-3]):\d\d:\d\d", re.ASCII)
_WRITTEN = re.compile(
    r"(\d{4})[-/.年] ?(\d{1,2})[-/.月] ?(\d{1,2})日?(?:(?:(?<=日)|[T\s])\s*"
    r"(\d{1,2})[:时](\d{1,2})(?:[:分](\d{1,2}))?[分秒]?(?:[.,:](\d+))?"
    r"\s*(Z|[+-]\d{1,2}(?::?\d{2})?)?)?"
)
_COMPACT = re.compile(
    r"((?:19|20)\d{2})(\d{2})(\d{2})(?:[T ]?(\d{2})(\d{2})(\d{2})?(\d{3})?(Z|[+-]\d{4})?)?"
)
_COUNTED = re.compile(r"/Date\((\d+)(?:[+-]\d{4})?\)/")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})[a-z]*\.?"
_YEAR, _DAY = r"(?P<year>\d{4})", r"(?P<day>\d{1,2})"
_LETTERED = tuple(
    re.compile(order, re.IGNORECASE)
    for order in (
        rf"{_DAY}[ -]{_MONTH}[ -]{_YEAR},?(?P<clock>.*)",
        rf"{_MONTH} {_DAY},? {_YEAR},?(?P<clock>.*)",
        rf"{_MONTH} {_DAY} (?P<clock>[\d:]+Z?) {_YEAR}",
    )
)
_HALF = re.compile(r"\s*(?:(?P<morning>上午|\ba\.?m\b\.?)|下午|\bp\.?m\b\.?)\s*", re.IGNORECASE)
_PLAINER = (
    (re.compile(r"(?:星期|周)[一二三四五六日天]"), " "),
    (re.compile(r"\b(?:mon|tue|wed|thu|fri|sat|sun)\b,?", re.IGNORECASE), " "),
    (re.compile(r"\[[\w/]+\]$|\s+(?:GMT|UTC)(?=[+-]\d)|\s+CST\b"), ""),
    (re.compile(r"\s+(?:GMT|UTC)\b"), "Z"),
    (re.compile(r"\s+"), " "),
    (re.compile(r"^(\d{4})(\d{2})(\d{2})(?=[T ]\d{1,2}:)"), r"\1-\2-\3"),
)
"""What may stand in a time without a meaning, or with a shorter word for it. CST is China's."""


def printed_time(value: Any) -> str | int | float | None:
    """
    A time as the platform prints it, fit to be stored; ``None`` if it cannot be one.

    Programs in Java print some as their parts, or as an object that counts milliseconds.
    """
    if isinstance(value, dict):
        value = value.get("time", value.get("$date"))
    if isinstance(value, list) and all(type(part) is int for part in value):
        clock = ":".join(f"{part:02}" for part in [*value[3:6], 0, 0][:3])
        value = f"{'-'.join(map(str, value[:3]))} {clock}" if len(value) > 2 else None
    if isinstance(value, str):
        return without_controls(value)[:LONGEST_TIME]
    return value if text_of(value) else None


def read_time(value: Any, zone: ZoneInfo) -> datetime:
    """
    A printed time in UTC.

    ``2026-09-18 10:43:33``, with one digit for two, other signs between or the Chinese ones, the
    same without signs or without a clock, with its month in letters, by a clock of twelve hours,
    and what counts seconds from 1970, or thousandths of them. A day that could be another is not
    guessed.

    :param zone: of a time without an offset.
    :raises ValueError: none of these, or no such time.
    """
    if isinstance(value, str) and _USUAL.fullmatch(value):
        return datetime.fromisoformat(value).replace(tzinfo=zone).astimezone(UTC)
    text = unicodedata.normalize("NFKC", text_of(value)).strip()
    counted = _COUNTED.fullmatch(text)
    digits = counted[1] if counted else text.removesuffix(".0")
    if digits and set(digits) <= _DIGITS and not _COMPACT.fullmatch(digits):
        return _since_1970(digits)
    half = ""
    found = _COMPACT.fullmatch(text) or _WRITTEN.fullmatch(text)
    if not found:
        plain, half = _in_figures(text)
        found = _WRITTEN.fullmatch(plain)
    if not found:
        raise ValueError(text)
    year, month, day, hour, minute, second, part, offset = found.groups(default="")
    day_of = date(int(year), int(month), int(day))
    hours = int(hour or 0)
    if half:
        hours = hours % 12 + (12 if half == "afternoon" else 0)
    if hours == 24 and not int(minute) + int(second or 0):
        day_of, hours = day_of + timedelta(days=1), 0
    clock = f"{hours:02}:{minute:0>2}:{second:0>2}{'.' if part else ''}{part}"
    read = datetime.fromisoformat(f"{day_of.isoformat()}T{clock}{_offset(offset)}")
    return read.replace(tzinfo=read.tzinfo or zone).astimezone(UTC)


def _in_figures(text: str) -> tuple[str, str]:
    """A time without words, its year first, and the half of the day that its clock counts in."""
    for word, shorter in _PLAINER:
        text = word.sub(shorter, text).strip()
    half = _HALF.search(text)
    if half:
        text = f"{text[: half.start()]} {text[half.end() :]}".strip()
    for order in _LETTERED:
        if found := order.fullmatch(text):
            month = _MONTHS.index(found["month"].lower()) + 1
            text = f"{found['year']}-{month}-{found['day']} {found['clock'].strip()}".strip()
            break
    if not half:
        return text, ""
    return text, "morning" if half["morning"] else "afternoon"


def _offset(printed: str) -> str:
    """An offset with two digits for its hours."""
    sign, rest = printed[:1], printed[1:]
    return f"{sign}{rest.zfill(2)}" if rest else printed


def _since_1970(digits: str) -> datetime:
    if len(digits) > LONGEST_NUMBER:
        raise ValueError("longer than any time")
    count = float(digits)
    while count >= LATEST_SECONDS:
        count /= 1000
    return datetime.fromtimestamp(count, UTC)
