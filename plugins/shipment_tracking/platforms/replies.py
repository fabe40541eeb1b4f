"""Reads replies without trusting their shape: the JSON of a body, and the values inside it."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from shipment_tracking.domain.masking import normalise
from shipment_tracking.domain.models import Parcel, ParcelTrace
from shipment_tracking.domain.statuses import Status
from shipment_tracking.errors import PersonNeededError, RejectedError, ReplyError
from shipment_tracking.platforms.ports import Json

LONGEST_ID = 200
LONGEST_TIME = 64
LONGEST_WORD = 60
LONGEST_TEXT = 10_000
LONGEST_NUMBER = 19
LARGEST_NUMBER = 1e40

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
_THREE_BYTES = re.compile(r"[\u0800-\uffff]")
"""What UTF-8 writes with three bytes, as it does all common Chinese characters."""
_MAY_NOT_STORE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])|\x00")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


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

    Chinese that can be read as UTF-8 is UTF-8, whatever is named: text in another charset cannot.

    :raises UnicodeDecodeError: it is not; no character is ever replaced.
    """
    named = _CHARSET.search(content_type)
    if named and named[1].lower() in _CHINESE and not _is_chinese_utf8(content):
        return content.decode("gb18030")
    return content.decode(json.detect_encoding(content)).removeprefix("\ufeff")


def _is_chinese_utf8(content: bytes) -> bool:
    try:
        return _THREE_BYTES.search(content.decode()) is not None
    except UnicodeDecodeError:
        return False


def parse(text: str) -> Any:
    """
    The parsed body, without what no database text can hold; ``None`` if it is not JSON.

    An object that was written out as a text once more is read. Control characters inside texts are
    let through, of a key that comes twice the last value stays, and whole numbers longer than any
    id become text.

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
        if isinstance(body, str) and body.lstrip().startswith("{"):
            return parse(body)
        return _storable(body) if _MAY_NOT_STORE.search(text) else body
    except NotANumberError:
        raise
    except (ValueError, RecursionError):
        return None


def rows(value: Any, name: str = "") -> list[Json]:
    """
    The objects of a list field, in any shape that other programs give a list.

    A list, one object in its place, a list under ``name`` or alone under another, the object with
    numbers for names that PHP makes of a list, and each of these as JSON within a text. What is no
    object is left out; a list may be missing.

    :raises ValueError: a text begins as JSON and is none.
    """
    value = within_text(value)
    if isinstance(value, dict):
        if name in value:
            return rows(value[name])
        within = list(value.values())
        if len(within) == 1 and isinstance(within[0], list):
            return rows(within[0])
        is_numbered = all(key.isdecimal() for key in value)
        value = [value[key] for key in sorted(value, key=int)] if is_numbered else [value]
    found = map(within_text, value) if isinstance(value, list) else ()
    return [row for row in found if isinstance(row, dict) and row]


def within_text(value: Any) -> Any:
    """
    The value, or what it is as JSON within a text.

    :raises ValueError: a text begins as JSON and is none.
    """
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    found = parse(value)
    if found is None:
        raise ValueError("a text begins as JSON and is none")
    return found


def refuse_other(body: Mapping[str, Any], known: Iterable[str]) -> None:
    """
    Refuse an answer that says something, and nothing of what it was asked for.

    :param known: the fields that were asked for.
    :raises RejectedError: it has none of them, but others that hold something.
    """
    wanted = set(known)
    others = [name for name, value in body.items() if isinstance(value, dict | list) and value]
    if others and not wanted & body.keys():
        told = ", ".join(name[:LONGEST_WORD] for name in others)
        raise RejectedError(f"the answer holds {told} instead of {' or '.join(sorted(wanted))}")


def without_controls(text: str) -> str:
    """A text without control characters."""
    return _CONTROL.sub("", text)


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
