"""What the fields of a WeChat template may hold, and our facts in that form."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

SHORT = "short"
"""The text of ``<status>.short.txt``."""
IDS = ("erp_key", "platform_order_id", "waybill_no")
TIMES = ("occurred_at", "detected_at")
FACTS = (SHORT, *IDS, "carrier_name", "latest_trace", *TIMES)
UNKNOWN = "-"
"""WeChat refuses a message with an empty value."""

_NAME = re.compile(r"([a-z_]+)\d{1,3}")
_CHINESE = re.compile(r"[\u4e00-\u9fff]{1,5}")
_NO_MARK = re.compile(r"[^\x21-\x7e]")
_EMOJI = re.compile("[\u2600-\u27bf\ufe0e\ufe0f\u20e3\U00010000-\U0010ffff]")
"""What WeChat may refuse, and what follows such a character."""


@dataclass(frozen=True, slots=True)
class Kind:
    """
    A type of template field, which its name begins with.

    :param facts: what it can hold.
    :param form: makes a value of a fact that is known.
    """

    facts: tuple[str, ...]
    form: Callable[[str], str]


def _thing(text: str) -> str:
    longest = 20
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _character_string(text: str) -> str:
    return _NO_MARK.sub("", text)[:32]


def _phrase(text: str) -> str:
    found = _CHINESE.search(text)
    return found[0] if found else ""


KINDS = {
    "thing": Kind(FACTS, _thing),
    "character_string": Kind(IDS, _character_string),
    "phrase": Kind((SHORT,), _phrase),
    "time": Kind(TIMES, str),
    "date": Kind(TIMES, str),
}


def kind_of(field: str) -> Kind | None:
    """The type of a template's field such as ``thing1``; None: none that holds our facts."""
    found = _NAME.fullmatch(field)
    return KINDS.get(found[1]) if found else None


def value(field: str, fact: str, facts: Mapping[str, Any]) -> str:
    """
    A fact in the form that a template's field takes.

    :param field: one that ``kind_of`` knows.
    :param facts: of a message and its order; a time is ISO 8601.
    """
    kind = kind_of(field)
    known = facts.get(fact) or (facts.get("detected_at") if fact in TIMES else None)
    if kind is None or known is None:
        return UNKNOWN
    text = _chinese_time(str(known)) if fact in TIMES else _plain(str(known))
    return kind.form(text) or UNKNOWN


def _plain(text: str) -> str:
    kept = "".join(
        character for character in text if character.isprintable() or character.isspace()
    )
    return " ".join(_EMOJI.sub("", kept).split())


def _chinese_time(text: str) -> str:
    time = datetime.fromisoformat(text)
    return f"{time.year}年{time.month}月{time.day}日 {time:%H:%M}"
