"""Waybill numbers as people and platforms write them, and the one form they are compared in."""

import re
import unicodedata

_BETWEEN = re.compile(r"[,;/|、，；／\r\n]+")
_WORD = re.compile(r"[0-9A-Za-z]+")
_NOT_A_CHARACTER = re.compile(r"[\s\x00-\x1f\x7f\u200b-\u200f\u2060\ufeff]+")


def fold(waybill_no: str | None) -> str | None:
    """
    The number without blanks and control characters, full-width forms as plain ones, upper case.

    ``None`` where nothing is left. Numbers are stored and written as they came, compared folded.
    """
    if waybill_no is None:
        return None
    plain = unicodedata.normalize("NFKC", waybill_no)
    return _NOT_A_CHARACTER.sub("", plain).upper() or None


def words(waybill_nos: str) -> list[str]:
    """What a text holds between blanks, signs and Chinese characters: numbers, and other words."""
    return _WORD.findall(unicodedata.normalize("NFKC", waybill_nos))


def split(waybill_nos: str) -> list[str]:
    """The numbers that a text holds, as they came; a blank does not part two of them."""
    return [part.strip() for part in _BETWEEN.split(waybill_nos) if fold(part)]
