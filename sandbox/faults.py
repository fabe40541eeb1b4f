"""Faults the sandbox injects: by seeded chance, or scripted for the next calls of an order."""

import itertools
import json
import random
import re
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

JSON_TYPE = "application/json;charset=UTF-8"

# Instead of an answer.
HTTP_FAULTS = frozenset(
    {
        "http_429",
        "http_500",
        "http_502",
        "qos_200",
        "qos_400",
        "reset",
        "hang",
        "html",
        "token_expired",
    }
)
# Done to a good answer of a logistics API.
ANSWER_FAULTS = frozenset({"half_json", "empty", "duplicated", "reordered", "nan", "garbage"})
# Done to any good answer; it says the same all the same, but for what cannot be decoded.
FORM_FAULTS = frozenset({"bom", "raw_control", "gbk", "bad_bytes"})
FORMS = (
    "bom",
    "raw_control",
    "gbk",
    "fresh_links",
    "loose_times",
    "numbered_lists",
    "lists_in_texts",
    "named_gbk",
    "twelve_hours",
    "times_in_parts",
    "code_of_success",
)
"""How the answers about an order may always come. Links, lists and times are alike in all of them.
"""

KINDS = HTTP_FAULTS | ANSWER_FAULTS | FORM_FAULTS

STEP_LISTS = ("logisticsSteps", "transit_step_info", "traceList")
STEP_TIMES = ("acceptTime", "status_time", "time")
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
STEP_TEXTS = ("remark", "status_desc", "desc")


@dataclass(slots=True)
class Fault:
    """
    One rule.

    :param kind: one of KINDS.
    :param probability: share of matching calls it strikes.
    :param times: how many calls it strikes in all; None has no end.
    :param api: only calls of this API; `order_id`, `account` likewise.
    :param seconds: Retry-After of `http_429` (whole seconds), silence of `hang`.
    """

    kind: str
    probability: float = 1.0
    times: int | None = None
    api: str | None = None
    order_id: str | None = None
    account: str | None = None
    seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; known: {', '.join(sorted(KINDS))}")

    def matches(self, api: str, order_id: str, account: str) -> bool:
        return (
            self.api in (None, api)
            and self.order_id in (None, order_id)
            and self.account in (None, account)
        )


@dataclass(frozen=True, slots=True)
class Latency:
    """How long an answer takes, in milliseconds; a share of the answers is slow."""

    usual_ms: float = 0
    slow_ms: float = 0
    slow_share: float = 0


class Faults:
    """The rules in force; they may change while the sandbox runs."""

    def __init__(self, seed: int = 0, *, latency: Latency | None = None) -> None:
        self.latency = latency or Latency()
        self._dice = random.Random(f"{seed}/faults")
        self._rules: list[Fault] = []
        self._lock = threading.Lock()

    def add(
        self,
        kind: str,
        *,
        probability: float = 1.0,
        times: int | None = None,
        api: str | None = None,
        order_id: str | None = None,
        account: str | None = None,
        seconds: float = 1.0,
    ) -> Self:
        """Put a rule in force, see `Fault`; returns itself, so that calls can be chained."""
        with self._lock:
            self._rules.append(Fault(kind, probability, times, api, order_id, account, seconds))
        return self

    def clear(self) -> None:
        """Take all rules and the latency away."""
        with self._lock:
            self._rules.clear()
            self.latency = Latency()

    def pick(
        self, api: str, order_id: str, account: str, can_strike: Callable[[str], bool]
    ) -> Fault | None:
        """
        The first rule that strikes this call; a scripted one is used up.

        :param can_strike: whether a kind of fault makes sense for the answer at hand.
        """
        if not self._rules:
            return None
        with self._lock:
            for rule in self._rules:
                if rule.times == 0 or not rule.matches(api, order_id, account):
                    continue
                if not can_strike(rule.kind):
                    continue
                if rule.probability < 1 and self._dice.random() >= rule.probability:
                    continue
                if rule.times is not None:
                    rule.times -= 1
                return rule
        return None

    def delay(self) -> float:
        """Seconds the next answer takes."""
        latency = self.latency
        if not latency.usual_ms and not latency.slow_share:
            return 0.0
        with self._lock:
            slow = self._dice.random() < latency.slow_share
        return (latency.slow_ms if slow else latency.usual_ms) / 1000

    def spoil(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        """A good answer with its events missing, doubled, in another order or amid litter."""
        changes: dict[str, Callable[[list[Any]], list[Any]]] = {
            "duplicated": self._duplicated,
            "reordered": self._reordered,
            "nan": with_nan,
            "garbage": _littered,
        }
        with self._lock:
            if kind == "empty":
                return self._empty(body)
            return dict(_with_steps(body, changes[kind]))

    def _empty(self, body: Mapping[str, Any]) -> dict[str, Any]:
        root = next(iter(body), "")
        if root.endswith("_response"):
            told = {"request_id": body[root].get("request_id", "")}
            return {root: told | ({"total_results": 0} if "total_results" in body[root] else {})}
        if "logisticsTrace" not in body:
            return {"success": True, "result": []}
        return self._dice.choice(
            (
                {"success": True, "logisticsTrace": []},
                {"success": False, "errorMessage": "该订单没有物流跟踪信息"},
                {
                    "success": False,
                    "errorCode": "404",
                    "errorMessage": "无法找到相对应的物流单跟踪信息。",
                },
            )
        )

    def _duplicated(self, steps: list[Any]) -> list[Any]:
        """Some steps twice; each repeat right behind its original, which keeps their order."""
        return [step for original in steps for step in [original] * self._dice.choice((1, 1, 2))]

    def _reordered(self, steps: list[Any]) -> list[Any]:
        """Steps shuffled; those of one second keep their order, which alone tells the later one."""
        groups = [
            list(group) for _, group in itertools.groupby(sorted(steps, key=_time), key=_time)
        ]
        self._dice.shuffle(groups)
        return list(itertools.chain.from_iterable(groups))


def with_nan(steps: list[Any]) -> list[Any]:
    """A further step whose time is NaN, which Python's own writer of JSON lets pass."""
    like = next((step for step in reversed(steps) if step and isinstance(step, dict)), None)
    if like is None:
        return steps
    return [*steps, {key: float("nan") if key in STEP_TIMES else like[key] for key in like}]


def nan_in(body: dict[str, Any]) -> dict[str, Any]:
    """An answer with NaN in each of its lists of steps, and beside them."""
    return {**_with_steps(body, with_nan), "weight": float("nan")}


def respelled(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """An answer with its steps in the words of a form; the same where the form has none."""
    if kind == "code_of_success":
        is_good = body.get("success") in (True, "true")
        return {**body, "success": 1, "errorCode": "0", "errorMessage": "OK"} if is_good else body
    change = RESPELLED.get(kind)
    return dict(_with_steps(body, change)) if change else body


def spelled(kind: str, body: dict[str, Any]) -> tuple[bytes, str]:
    """
    An answer's bytes and content type, in a form that other programs write.

    :param kind: one of FORM_FAULTS or FORMS. What cannot be written in GBK comes in UTF-8.
    """
    body = respelled(kind, body)
    content = json.dumps(body, ensure_ascii=False)
    if kind == "bom":
        return b"\xef\xbb\xbf" + content.encode(), JSON_TYPE
    if kind == "raw_control":
        return content.replace(r"\n", "\n").replace(r"\u0007", "\x07").encode(), JSON_TYPE
    if kind == "bad_bytes":
        # The first half of a character, as a program writes that cuts a text by its bytes.
        return content.encode().replace("已".encode(), "已".encode()[:2]), JSON_TYPE
    if kind == "gbk":
        try:
            return content.encode("gbk"), "application/json;charset=GBK"
        except UnicodeEncodeError:
            return content.encode(), JSON_TYPE
    if kind == "named_gbk":
        return content.encode(), "application/json;charset=GBK"
    return content.encode(), JSON_TYPE


def _with_controls(steps: list[Any]) -> list[Any]:
    """Control characters around each text, which mean nothing."""
    return _with_each(steps, STEP_TEXTS, lambda told: f"\x07{told}\n")


def _with_fresh_links(steps: list[Any]) -> list[Any]:
    """Behind each text a link to its map, signed anew in every answer."""
    token = next(_TOKENS)
    link = f"，地图：https://map.example/m/{token}?sign=a{token}b"
    return _with_each(steps, STEP_TEXTS, lambda told: f"{told}{link}" if told.strip() else told)


def _with_loose_times(steps: list[Any]) -> list[Any]:
    """Times with slashes and without leading zeros."""
    return _with_each(
        steps, STEP_TIMES, lambda time: re.sub(r"(?<=[- ])0", "", time).replace("-", "/")
    )


def _numbered(steps: list[Any]) -> dict[str, Any]:
    """What PHP makes of a list that does not begin at 0."""
    return {str(number): step for number, step in enumerate(steps, 1)}


def _in_a_text(steps: list[Any]) -> str:
    """A list written out as JSON before it is put into the answer."""
    return json.dumps(steps, ensure_ascii=False)


def _by_twelve_hours(steps: list[Any]) -> list[Any]:
    """Times by a clock of twelve hours, as the locale of a server prints them."""
    return _with_times(steps, lambda time: f"{time:%Y-%m-%d %I:%M:%S %p}")


def _in_parts(steps: list[Any]) -> list[Any]:
    """Times as the lists of numbers that Java makes of them."""
    return _with_times(steps, lambda time: list(time.timetuple()[:6]))


def _with_times(steps: list[Any], printed: Callable[[datetime], Any]) -> list[Any]:
    """Steps with their times printed otherwise; one that is no time stays."""

    def change(told: str) -> Any:
        try:
            return printed(datetime.strptime(told, TIME_FORMAT))  # noqa: DTZ007
        except ValueError:
            return told

    return _with_each(steps, STEP_TIMES, change)


def _with_each(steps: list[Any], names: Collection[str], change: Callable[[str], Any]) -> list[Any]:
    """Steps with the texts under these names changed."""
    return [
        {
            key: change(told) if key in names and isinstance(told, str) else told
            for key, told in step.items()
        }
        if isinstance(step, dict)
        else step
        for step in steps
    ]


RESPELLED: dict[str, Callable[[list[Any]], Any]] = {
    "raw_control": _with_controls,
    "fresh_links": _with_fresh_links,
    "loose_times": _with_loose_times,
    "numbered_lists": _numbered,
    "lists_in_texts": _in_a_text,
    "twelve_hours": _by_twelve_hours,
    "times_in_parts": _in_parts,
}
_TOKENS = itertools.count(1000)


def _littered(steps: list[Any]) -> list[Any]:
    """Between the steps what is none, and in them what nobody asked for."""
    known = [
        {**step, "ext": {"": [None, [[], {}]], "n": 10**30, "t": "\u0000"}, "feature": None}
        for step in steps
    ]
    return [None, *known, {}, 7]


def _time(step: Mapping[str, Any]) -> str:
    return str(next((step[name] for name in STEP_TIMES if step.get(name)), ""))


def _with_steps(value: Any, change: Callable[[list[Any]], Any]) -> Any:
    """An answer with every list of steps in it changed."""
    if isinstance(value, list):
        return [_with_steps(each, change) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _changed(inner, change) if name in STEP_LISTS else _with_steps(inner, change)
        for name, inner in value.items()
    }


def _changed(steps: Any, change: Callable[[list[Any]], Any]) -> Any:
    """Steps changed; a platform may write a list of one as that one."""
    if isinstance(steps, list):
        return change(steps)
    if not isinstance(steps, dict) or not set(STEP_TEXTS) & steps.keys():
        return _with_steps(steps, change)
    changed = change([steps])
    return changed[0] if isinstance(changed, list) and len(changed) == 1 else changed
