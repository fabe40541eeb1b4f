"""Text for the cells of spreadsheets, which must not become a formula there."""

from datetime import datetime
from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""
What a spreadsheet takes for the beginning of a formula, a Chinese one in full width too, or skips
before it looks for one.
"""

MARK = "\ufeff"
"""A CSV without it is in the local code page to Excel."""


def cell(value: Any) -> str:
    """A value as text that a spreadsheet does not execute."""
    if value is None:
        return ""
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    text = text.replace("\0", "")
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text
