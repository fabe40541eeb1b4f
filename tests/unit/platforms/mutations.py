"""Replies as they must never come: real ones with a few places spoilt, down to the bytes."""

import json
import math
import os
from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

CASES = int(os.environ.get("FUZZ_CASES", "60"))
"""Of each property; a long run sets more, and then each run tries others."""
REPLIES = Path(__file__).parents[2] / "replies"
KINDS = (
    "application/json;charset=UTF-8",
    "application/json;charset=GBK",
    "text/html",
    "text/plain; charset=latin-1",
    "x; charset=utf-99",
)


class Twice(list[Any]):
    """The values of one key that stands more than once in an object."""


class Raw(str):
    """A piece of JSON that is written out as it is."""

    __slots__ = ()


def recorded(*beginnings: str) -> list[Any]:
    """The bodies of the recorded replies whose names begin so."""
    return [
        json.loads(file.read_text(encoding="utf-8"))["body"]
        for file in sorted(REPLIES.glob("*.json"))
        if file.stem.startswith(beginnings)
    ]


ODD: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        [
            None,
            True,
            "",
            " ",
            "\t\n",
            "null",
            0,
            -1,
            10**18,
            10**40,
            -(10**400),
            1e308,
            0.1,
            1789873200,
            1789873200000,
            1789873200.5,
            "9" * 5000,
            "０９１８",
            "9999-12-31 23:59:59+08:00",
            "0001-01-01 00:00:00",
            "1970-01-01",
            "2026-02-30 12:00:00",
            "20260918104333000+9999",
            "2026-09-18T10:00:00Z",
            "\x00",
            "前\ud83d后",
            "\udc00",
            "\u200b\ufeff",
            "<b>&#0;&lt;</b>",
            "x" * 20_000,
            "【" * 3000,
            "SIGN",
            [],
            {},
            [None],
            [[]],
            [{}],
            {"": None},
        ]
    ),
    st.integers(1, 20_000).map(lambda depth: Raw("[" * depth + "]" * depth)),
    st.sampled_from([math.nan, math.inf, -math.inf, Raw("1e999"), Raw("9" * 5000)]),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.characters(categories=["Cc", "Cs", "Co", "Zl"]),
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=6,
    ),
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each value inside a reply."""
    inner: Any = enumerate(value) if isinstance(value, list) else ()
    if isinstance(value, dict):
        inner = value.items()
    found = [at] if at else []
    for key, each in inner:
        found += places(each, (*at, key))
    return found


@st.composite
def spoilt(draw: st.DrawFn, bodies: list[Any]) -> Any:
    """A reply with one to four places spoilt."""
    body = deepcopy(draw(st.sampled_from(bodies)))
    for _ in range(draw(st.integers(1, 4))):
        found = places(body)
        if not found:
            break
        *way, key = draw(st.sampled_from(found))
        inside = body
        for step in way:
            inside = inside[step]
        what = draw(st.sampled_from(["replace", "replace", "replace", "drop", "repeat", "turn"]))
        if what == "drop":
            del inside[key]
        elif what == "repeat" and isinstance(inside, list):
            inside.insert(key, deepcopy(inside[key]))
        elif what == "repeat" and not isinstance(inside[key], Twice):
            both = Twice([deepcopy(draw(ODD)), inside[key]])
            inside[key] = both if draw(st.booleans()) else Twice(both[::-1])
        elif what == "turn" and isinstance(inside[key], list):
            inside[key].reverse()
        else:
            inside[key] = deepcopy(draw(ODD))
    return doubled(body) if draw(st.integers(0, 3)) == 0 else body


def doubled(value: Any) -> Any:
    """A reply in which whatever stands in a list stands there twice, spoilt or not."""
    if isinstance(value, dict):
        return {key: doubled(inner) for key, inner in value.items()}
    if isinstance(value, list) and not isinstance(value, Twice):
        return [deepcopy(each) for each in map(doubled, value) for _ in range(2)]
    return value


def written(value: Any, *, escaped: bool) -> str:
    """JSON with what Python's own writer cannot write, such as keys that stand twice."""
    if isinstance(value, Raw):
        return value
    if isinstance(value, dict):
        pairs = [
            f"{json.dumps(key, ensure_ascii=escaped)}:{written(one, escaped=escaped)}"
            for key, inner in value.items()
            for one in (inner if isinstance(inner, Twice) else [inner])
        ]
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(each, escaped=escaped) for each in value) + "]"
    return json.dumps(value, ensure_ascii=escaped)


@st.composite
def sent(draw: st.DrawFn, bodies: list[Any]) -> tuple[bytes, str]:
    """Bytes and content type of a spoilt reply."""
    text = written(draw(spoilt(bodies)), escaped=draw(st.booleans()))
    if draw(st.integers(0, 9)) == 0:
        text = text.replace(":", ":\n", 3).replace("2026", "2026\x01\n")
    kind = draw(st.sampled_from(KINDS))
    coding = "gb18030" if "GBK" in kind and draw(st.booleans()) else "utf-8"
    content = text.encode(coding, "surrogatepass" if coding == "utf-8" else "replace")
    if draw(st.integers(0, 9)) == 0:
        content = b"\xef\xbb\xbf" + content
    for _ in range(draw(st.sampled_from([0, 0, 0, 0, 1, 3]))):
        place = draw(st.integers(0, len(content)))
        content = draw(
            st.sampled_from(
                [
                    content[:place],
                    content[:place] + b"\xff" + content[place:],
                    content[:place] + b"\x00" + content[place:],
                    content[:place] + b"\\" + content[place:],
                    content[:place] + content[place + 1 :],
                    content[:place] + content[place // 2 :],
                ]
            )
        )
    return content, kind
