"""Reads replies without trusting their shape: the JSON of a body, and the values inside it."""

import json
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from shipment_tracking.domain.masking import normalise
from shipment_tracking.domain.models import Parcel, ParcelTrace
from shipment_tracking.domain.statuses import Status
from shipment_tracking.errors import PersonNeededError, ReplyError

LONGEST_ID = 200
LONGEST_TIME = 64
LONGEST_WORD = 60
LONGEST_TEXT = 10_000
LONGEST_NUMBER = 19
LARGEST_NUMBER = 1e40
LATEST_SECONDS = 10**11
"""An epoch time below this counts seconds, one above milliseconds."""

UNREADABLE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What code raises that met another shape than it was written for."""

_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_CHINESE = frozenset({"gb2312", "gbk", "gb18030", "cp936", "ms936", "x-gbk"})
_WRITTEN_TIME = re.compile(
    r"(\d{4})[-/.年] ?(\d{1,2})[-/.月] ?(\d{1,2})日?(?:(?:(?<=日)|[T\s])\s*"
    r"(\d{1,2})[:时](\d{1,2})(?:[:分](\d{1,2}))?[分秒]?(\.\d+)?\s*(Z|[+-]\d{2}:?\d{2})?)?"
)
_COMPACT_TIME = re.compile(
    r"((?:19|20)\d{2})(\d{2})(\d{2})(?:[T ]?(\d{2})(\d{2})(\d{2})?(\d{3})?(Z|[+-]\d{4})?)?"
)
_MAY_NOT_STORE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])|\x00")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DIGITS = frozenset("0123456789")


class NotANumberError(ValueError):
    """A body holds ``NaN`` or a number that no database can hold."""


@contextmanager
def reading(what: str, error: type[Exception]) -> Iterator[None]:
    """
    Raise ``error`` when the code inside meets a shape that it was not written for.

    :param what: what the reply should be; it stands in the error's text.
    """
    try:
        yield
    except (error, PersonNeededError):
        raise
    except UNREADABLE as problem:
        told = normalise(f"{type(problem).__name__} {problem}"[:LONGEST_ID])
        raise error(f"not {what}: {told}") from None


def unless_unusable(found: list[ParcelTrace], body: Mapping[str, Any]) -> list[ParcelTrace]:
    """
    What was read of a stored reply, each parcel once.

    :raises ReplyError: nothing, though the reply is not empty.
    """
    if not found and (not body or any(parts != [] for parts in body.values())):
        raise ReplyError("none of the reply's parts names a parcel")
    traces: dict[str, ParcelTrace] = {}
    for trace in found:
        known = traces.get(trace.consignment_id)
        traces[trace.consignment_id] = _together(known, trace) if known else trace
    return list(traces.values())


def _together(one: ParcelTrace, other: ParcelTrace) -> ParcelTrace:
    """A parcel that came in two parts: the scans of both, each once."""
    scans = {
        (event.occurred_at, event.event_hash): event
        for event in sorted(
            (*other.events, *one.events),
            key=lambda event: (str(event.occurred_at), event.position),
        )
    }
    return replace(
        one,
        waybill_no=one.waybill_no or other.waybill_no,
        events=tuple(
            replace(event, position=position) for position, event in enumerate(scans.values())
        ),
        platform_code=one.platform_code or other.platform_code,
        platform_status=one.platform_status or other.platform_status,
        rejected=tuple(dict.fromkeys((*one.rejected, *other.rejected))),
    )


def decode(content: bytes, content_type: str) -> str:
    """
    The text of a body: in the Chinese charset that its ``Content-Type`` names, else in UTF-8.

    :raises UnicodeDecodeError: it is not; no character is ever replaced.
    """
    named = _CHARSET.search(content_type)
    if named and named[1].lower() in _CHINESE:
        return content.decode("gb18030")
    return content.decode(json.detect_encoding(content)).removeprefix("\ufeff")


def parse(text: str) -> Any:
    """
    The parsed body, without what no database text can hold; ``None`` if it is not JSON.

    Control characters inside texts are let through, of a key that comes twice the last value
    stays, and whole numbers longer than any id become text.

    :raises NotANumberError: a value is ``NaN`` or infinite.
    """
    try:
        body = json.loads(
            text,
            strict=False,
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_whole,
        )
        return _storable(body) if _MAY_NOT_STORE.search(text) else body
    except NotANumberError:
        raise
    except (ValueError, RecursionError):
        return None


def text_of(value: Any) -> str:
    """A text or number as text; empty for anything else."""
    if isinstance(value, str):
        return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number and abs(value) < LARGEST_NUMBER else ""


def id_of(value: Any) -> str:
    """An id without blanks at its ends and control characters; empty if it cannot be one."""
    if isinstance(value, float):
        return ""  # rounded: another id's
    found = _CONTROL.sub("", text_of(value)).strip()
    return found if len(found) <= LONGEST_ID else ""


def without_id(order_id: str) -> Parcel:
    """What stands for the parcels of an order that its platform lists without an id."""
    return Parcel(f"{order_id}:no id", None, None, None, "", Status.UNKNOWN)


def word_of(value: Any) -> str:
    """A status, action or error code; empty if it cannot be one."""
    return _CONTROL.sub("", text_of(value)).strip()[:LONGEST_WORD]


def masked_text(value: Any) -> str:
    """A description as it is stored: masked, on one line, and never longer than anybody reads."""
    return normalise(text_of(value)[:LONGEST_TEXT])


def printed_time(value: Any) -> str | int | float | None:
    """A time as the platform prints it, fit to be stored; ``None`` if it cannot be one."""
    if isinstance(value, str):
        return _CONTROL.sub("", value)[:LONGEST_TIME]
    return value if text_of(value) else None


def read_time(value: Any, zone: ZoneInfo) -> datetime:
    """
    A printed time in UTC.

    ``2026-09-18 10:43:33``, with one digit for two, other signs between or the Chinese ones, the
    same without signs or without a clock, and what counts seconds or milliseconds from 1970. A day
    that does not begin with its year is not guessed.

    :param zone: of a time without an offset.
    :raises ValueError: none of these, or no such time.
    """
    text = unicodedata.normalize("NFKC", text_of(value)).strip()
    if text and set(text.removesuffix(".0")) <= _DIGITS and not _COMPACT_TIME.fullmatch(text):
        return _counted(text.removesuffix(".0"))
    found = _COMPACT_TIME.fullmatch(text) or _WRITTEN_TIME.fullmatch(text)
    if not found:
        raise ValueError(text)
    year, month, day, hour, minute, second, part, offset = found.groups(default="")
    iso = f"{year}-{month:0>2}-{day:0>2}T{hour:0>2}:{minute:0>2}:{second:0>2}"
    read = datetime.fromisoformat(f"{iso}{part if part.startswith('.') else ''}{offset}")
    return read.replace(tzinfo=read.tzinfo or zone).astimezone(UTC)


def _counted(digits: str) -> datetime:
    if len(digits) > LONGEST_NUMBER:
        raise ValueError("longer than any time")
    count = int(digits)
    return datetime.fromtimestamp(count if count < LATEST_SECONDS else count / 1000, UTC)


def _refuse(constant: str) -> Any:
    raise NotANumberError(constant)


def _finite(digits: str) -> float:
    found = float(digits)
    if not math.isfinite(found):
        raise NotANumberError(digits[:LONGEST_WORD])
    return found


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= LONGEST_NUMBER + 1 else digits


def _storable(value: Any) -> Any:
    """The value without NUL, with a question mark for half of a surrogate pair."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(each) for key, each in value.items()}
    return value
