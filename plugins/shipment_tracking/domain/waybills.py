"""Waybill numbers as people and platforms write them, and the one form they are compared in."""

import re
import unicodedata

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
