"""Values as databases keep them, read by what they mean."""

import math
import re
from decimal import Decimal

from shipment_tracking.domain.waybills import fold

LARGEST_EXACT = 2**53
"""Whole numbers beyond it are rounded in a float."""

_ROUNDED = re.compile(r"\d(?:[.]\d+)?[eE][+]?\d+")


def read_flag(value: object) -> bool:
    """
    A yes or no of the ERP: a boolean, 0 or 1 as a number or a text, or one bit.

    :raises ValueError: it is none of these.
    """
    plain = value.strip() if isinstance(value, str) else value
    for flag, spellings in ((False, (0, "0", b"\0")), (True, (1, "1", b"\1"))):
        if plain in spellings:
            return flag
    raise ValueError(f"{value!r} is neither 0 nor 1")


def read_waybill_no(value: object) -> str | None:
    """
    The waybill number as the ERP has it, and a whole number by its digits; none where it is blank.

    :raises ValueError: it is binary, or its digits are lost.
    """
    if _is_binary(value):
        raise ValueError("waybill_no is binary, not text")
    if isinstance(value, float) and abs(value) >= LARGEST_EXACT:
        raise ValueError(f"waybill_no is {value!r}: a float has rounded its digits")
    if isinstance(value, float | Decimal) and math.isfinite(value) and value == int(value):
        return str(int(value))
    text = None if value is None else plain(value)
    folded = fold(text)
    if folded is not None and _ROUNDED.fullmatch(folded):
        raise ValueError(f"waybill_no is {text!r}: a spreadsheet has rounded its digits")
    return text if folded else None


def read_phone(value: object) -> str | None:
    """A phone number as text; none where it is none or a float has rounded it."""
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return f"{value:.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return read_text(value) if isinstance(value, str) else None


def read_text(value: object) -> str | None:
    """Text without blanks around it; none where nothing is left, or where it is binary."""
    if value is None or _is_binary(value):
        return None
    return str(value).strip() or None


def read_stamp(value: object) -> str | None:
    """
    A stamp as text.

    :raises ValueError: it is binary.
    """
    if _is_binary(value):
        raise ValueError("erp_stamp is binary, not text")
    return None if value is None else plain(value)


def plain(value: object) -> str:
    """A value as text that PostgreSQL can store."""
    return str(value).replace("\0", "")


def _is_binary(value: object) -> bool:
    return isinstance(value, bytes | bytearray | memoryview)
