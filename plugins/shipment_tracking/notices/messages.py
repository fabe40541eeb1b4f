"""
The texts of notices in ``include/messages/<language>``, checked before any is sent.

Each word has ``<word>.txt``, ``<word>.short.txt`` for fields of 20 characters, and ``<word>.md``;
a digest and the daily report are never short.
"""

import traceback
from collections.abc import Collection, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, Self

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.exceptions import SecurityError
from jinja2.meta import find_undeclared_variables
from jinja2.nodes import Name
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from shipment_tracking.channels.port import DELAYED, MARKDOWN, SHORT, TEXT, Destination
from shipment_tracking.domain.statuses import Status
from shipment_tracking.errors import MessageError
from shipment_tracking.statements import include_path, include_text

OF_PARCELS = (*map(str, Status), DELAYED)
STALLED = "stalled"
CLEARED = "cleared"
ALARMS = (STALLED, CLEARED)
ALERT = "alert"
ALERT_CLEARED = "alert_cleared"
ALERTS = (ALERT, ALERT_CLEARED)
DIGEST = "digest"
REPORT = "report"
SIGN_WITHDRAWN = "sign_withdrawn"

_ORDER = {"erp_key": "SO1", "platform_order_id": "290000000000000001"}
_PARCEL: dict[str, Any] = {
    "platform": "1688",
    "account": "platform_1688",
    "orders": [_ORDER],
    "consignment_id": "LP1",
    "waybill_no": "YT1",
    "carrier_name": "圆通速递",
    "latest_trace": "快件已到达测试转运中心",
}
NOTICE: dict[str, Any] = _PARCEL | {
    "event_id": "6f0c3f0e-6a55-5b0e-9a53-0f7f6f1f4d11",
    "reason": "signed",
    "from_status": "out_for_delivery",
    "to_status": "signed",
    "occurred_at": "2026-03-02T12:00:00+08:00",
    "detected_at": "2026-03-02T12:30:00+08:00",
    "sign_kind": "self",
    "eta": "2026-03-05T18:20:00+08:00",
    "contacts": [{"erp_key": "SO1", "phone": "19900000000", "name": "测试", "language": "zh"}],
}
"""What the text of a status, or of a delay, may name; times are ISO 8601 in Shanghai."""

ALARM: dict[str, Any] = {
    "items": [
        _PARCEL
        | {
            "event_id": "6f0c3f0e-6a55-5b0e-9a53-0f7f6f1f4d11",
            "reason": "stalled",
            "stage": "in_transit",
            "status": "in_transit",
            "since": "2026-02-27T12:00:00+08:00",
            "hours": 72.5,
            "threshold_hours": 72.0,
        }
    ]
}
"""What an alarm's text may name, with an example of each."""

TROUBLE: dict[str, Any] = {
    "items": [
        {
            "event_id": "6f0c3f0e-6a55-5b0e-9a53-0f7f6f1f4d11",
            "reason": "alert",
            "kind": "locked_out",
            "account": "platform_1688",
            "subject": "platform_1688",
            "severity": "critical",
            "opened_at": "2026-03-02T12:00:00+08:00",
            "hours": 0.5,
            "detail": "the access token has expired",
        }
    ]
}
"""What the text of an alert, or of its end, may name, with an example of each."""

CHANGES: dict[str, Any] = {
    "count": 3,
    "groups": [
        {
            "status": "signed",
            "count": 3,
            "parcels": [{name: NOTICE[name] for name in NOTICE if name != "contacts"}],
            "more": 2,
        }
    ],
}
"""What a digest's text may name: changes by status, those that are listed, and how many are not."""

DAILY: dict[str, Any] = {
    "day": "2026-03-01",
    "totals": {
        "shipped": 120,
        "picked_up": 118,
        "signed": 97,
        "failed": 4,
        "returned": 2,
        "exceptions": 3,
    },
    "carriers": [
        {"carrier_name": "圆通速递", "parcels": 31, "hours_p50": 62.5, "hours_p90": 98.0},
        {"carrier_name": "中通快递", "parcels": 44, "hours_p50": 51.0, "hours_p90": 80.5},
    ],
    "stages": [
        {"stage": "in_transit", "still_open": 12, "opened": 3, "cleared": 5},
        {"stage": "pickup", "still_open": 4, "opened": 1, "cleared": 0},
    ],
    "alerts": [
        {
            "severity": "critical",
            "kind": "locked_out",
            "subject": "platform_1688",
            "detail": "the access token has expired",
            "is_over": True,
        }
    ],
    "differences": [{"difference": "signed, not written yet", "erp_rows": 2}],
    "place": "/srv/reports/2026-03-01",
}
"""What the daily report's text may name: a day's numbers, and lists, the worst first."""

_MAY_BE_NULL = ("platform", "waybill_no", "carrier_name", "latest_trace", "sign_kind", "eta")
# What a template's expressions can raise when they are given something that does not fit.
_FAILURES = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
MOST_ROUNDS = 100
"""Of a loop over ``range``."""
MOST_REPEATS = 1000
"""Of a text by ``*``."""
_PADDING = frozenset({"center", "expandtabs", "ljust", "rjust", "zfill"})

EXAMPLES = {
    **dict.fromkeys(OF_PARCELS, NOTICE),
    **dict.fromkeys(ALARMS, ALARM),
    **dict.fromkeys(ALERTS, TROUBLE),
    DIGEST: CHANGES,
    REPORT: DAILY,
}
"""What each text may name, by its word."""

_LISTS = ("items", "groups", "parcels")
ENDINGS = {TEXT: ".txt", SHORT: ".short.txt", MARKDOWN: ".md"}
LONGEST_SHORT = 20
"""Characters of a variable in an SMS and of a field in a WeChat message."""

_LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_NEUTRAL = {
    TEXT: str.maketrans("@", "＠"),
    SHORT: {},
    MARKDOWN: str.maketrans("*`[]<>~" + _LINE_ENDS, "＊｀［］＜＞～" + " " * len(_LINE_ENDS)),
}
"""Facts put nothing into a text that a chat reads: no marks, no links, no mention of members."""


def _neutral(medium: str, value: Any) -> Any:
    return value.translate(_NEUTRAL[medium]) if isinstance(value, str) else value


def words_of(medium: str) -> list[str]:
    """The words that have a text in a medium."""
    return [word for word in EXAMPLES if medium != SHORT or word not in (DIGEST, REPORT)]


def _range(*bounds: int) -> range:
    rounds = range(*bounds)
    if len(rounds) > MOST_ROUNDS:
        raise SecurityError(f"a range may have {MOST_ROUNDS} numbers, and this has {len(rounds)}")
    return rounds


class _Sandbox(SandboxedEnvironment):
    """What an owner's text runs in: a slip in it costs an error and no minutes or gigabytes."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """:raises SecurityError: the result may be huge."""
        if operator == "%" and isinstance(left, str):
            raise SecurityError("% formats texts; write facts as {{ name }}")
        if operator == "**":
            raise SecurityError("** is not allowed")
        if operator == "*":
            for one, other in ((left, right), (right, left)):
                is_repeat = not isinstance(one, int | float) and isinstance(other, int)
                if is_repeat and other > MOST_REPEATS:
                    raise SecurityError(f"a text may be repeated {MOST_REPEATS} times")
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Whether a text may use an attribute: nothing that pads to any width."""
        return attr not in _PADDING and super().is_safe_attribute(obj, attr, value)


def _sandbox(medium: str) -> SandboxedEnvironment:
    environment = _Sandbox(
        undefined=StrictUndefined,
        autoescape=False,
        finalize=partial(_neutral, medium),
    )
    environment.globals["range"] = _range
    del environment.globals["lipsum"], environment.filters["center"]
    return environment


_ENVIRONMENTS = {medium: _sandbox(medium) for medium in ENDINGS}


class Messages:
    """
    All texts of one language for one medium; one with a mistake leaves the others alone.

    :ivar mistakes: by word, why its text cannot be used; each names the file and the line.
    """

    def __init__(self, language: str, medium: str = TEXT) -> None:
        ending = ENDINGS[medium]
        self._paths = {
            word: include_path(f"messages/{language}/{word}{ending}") for word in words_of(medium)
        }
        self._templates: dict[str, Template] = {}
        self.mistakes: dict[str, MessageError] = {}
        for word, path in self._paths.items():
            try:
                self._templates[word] = _load(path, path.stat().st_mtime_ns, word, medium)
            except MessageError as error:
                self.mistakes[word] = error

    @classmethod
    def to(cls, destination: Destination) -> Self:
        """The texts in the language and medium of a destination."""
        return cls(destination.language, destination.channel.limits.medium)

    def mistakes_in(self, words: Collection[str]) -> dict[str, MessageError]:
        """The mistakes in the texts of these words."""
        return {word: error for word, error in self.mistakes.items() if word in words}

    def text(self, word: str, facts: Mapping[str, Any]) -> str:
        """
        The text for a status, or one of ``ALARMS`` and ``ALERTS``, ``DIGEST`` or ``REPORT``.

        :raises MessageError: it has a mistake, or cannot be rendered with these facts.
        """
        if word in self.mistakes:
            raise self.mistakes[word]
        return _render(self._paths[word], self._templates[word], facts)


@cache
def _load(path: Path, changed: int, word: str, medium: str) -> Template:
    """The template of a file, checked with examples of all it may be given."""
    example = EXAMPLES[word]
    environment = _ENVIRONMENTS[medium]
    source = include_text(path, MessageError)
    try:
        tree = environment.parse(source)
        template = environment.from_string(source)
    except TemplateSyntaxError as error:
        raise MessageError(f"{path}, line {error.lineno}: {error.message}") from error
    except _FAILURES as error:
        raise MessageError(f"{path}: it cannot be read: {error}; make it simpler") from error
    unknown = find_undeclared_variables(tree) - example.keys() - environment.globals.keys()
    for name in tree.find_all(Name):
        if name.name in unknown:
            raise MessageError(
                f"{path}, line {name.lineno}: {name.name} is unknown; known are "
                f"{', '.join(example)}"
            )
    for facts in (example, sparse(example)):
        text = _render(path, template, facts)
        if not text.strip():
            raise MessageError(
                f"{path}, line 1: with example facts the text is empty; write one, or delete the "
                "file to have ours"
            )
        if medium == SHORT and (len(text) > LONGEST_SHORT or "\n" in text):
            raise MessageError(
                f"{path}, line 1: a short text must be one line of at most {LONGEST_SHORT} "
                f"characters; with example facts it is {text!r}"
            )
    return template


def sparse(example: Mapping[str, Any]) -> dict[str, Any]:
    """The same facts when little is known."""
    return {
        name: None
        if name in _MAY_BE_NULL
        else [sparse(each) for each in value]
        if name in _LISTS
        else []
        if isinstance(value, list)
        else value
        for name, value in example.items()
    }


def _render(path: Path, template: Template, facts: Mapping[str, Any]) -> str:
    try:
        text = template.render(facts).strip()
        text.encode()
        return text
    except _FAILURES as error:
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == "<template>"
        ]
        line = f", line {lines[-1]}" if lines else ""
        remedy = "" if isinstance(error, SecurityError) else f"; known are {', '.join(facts)}"
        raise MessageError(f"{path}{line}: {error}{remedy}") from error
