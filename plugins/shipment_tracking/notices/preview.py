"""Every text of notices, written for sample parcels: on the terminal, or as a page to read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby, product
from typing import Any

from shipment_tracking.channels.port import LANGUAGES, MARKDOWN, SHORT, TEXT
from shipment_tracking.domain.stalls import AT_ONCE, HOURS
from shipment_tracking.domain.statuses import Status
from shipment_tracking.errors import MessageError
from shipment_tracking.notices.messages import (
    ALARM,
    ALERT,
    ALERT_CLEARED,
    CLEARED,
    DIGEST,
    ENDINGS,
    EXAMPLES,
    NOTICE,
    STALLED,
    TROUBLE,
    Messages,
    sparse,
    words_of,
)

USUAL, SPARSE = "usual", "little is known"
HEADINGS = {TEXT: "plain text", MARKDOWN: "chat robot", SHORT: "field of a template"}
CARRIERS = (
    ("圆通速递", "YT8800000000001"),
    ("中通快递", "73000000000002"),
    ("顺丰速运", "SF1000000000003"),
)
TRACES: dict[str, str] = {
    Status.INFO_RECEIVED: "商家已下单，等待快递员上门揽收",
    Status.PICKED_UP: "【云溪市】云溪网点已揽收",
    Status.IN_TRANSIT: "【云溪市】快件已到达【云溪转运中心】，发往【南湖转运中心】",
    Status.OUT_FOR_DELIVERY: "【南湖市】南湖网点派件员*（*）正在派件",
    Status.READY_FOR_PICKUP: "快件已存放至南湖驿站，请凭取件码*取件",
    Status.SIGNED: "【南湖市】您的快件已签收，签收人：本人",
    Status.DELIVERY_FAILED: "快件派送不成功：收件人电话无人接听",
    Status.RETURNING: "快件退回中，已离开【南湖转运中心】",
    Status.RETURNED: "退回件已由寄件人签收",
    Status.EXCEPTION: "快件外包装破损，已登记",
    Status.UNKNOWN: "星管家交接",
}
"""What the newest scan of a parcel with a status may say."""


SECOND_TROUBLE = {
    "kind": "dead_notices",
    "subject": "customers/aliyun_sms",
    "hours": 26.0,
    "detail": "3 notices were given up, the last with: the receiver answers "
    "isv.AMOUNT_NOT_ENOUGH: pay for the account, or open the service; not tried again",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """
    One text.

    :param sample: ``usual``, or ``little is known`` of the parcel.
    """

    word: str
    language: str
    medium: str
    sample: str
    text: str


@dataclass(frozen=True, slots=True)
class Preview:
    """All texts in the order of ``EXAMPLES``, and the mistakes with file and line."""

    shown: Sequence[Shown]
    mistakes: Sequence[str]


def render() -> Preview:
    """Write every text in every language and medium; an owner's texts count."""
    shown: list[Shown] = []
    mistakes: list[str] = []
    for word, language, medium in product(EXAMPLES, LANGUAGES, ENDINGS):
        if word not in words_of(medium):
            continue
        try:
            shown += _texts(Messages(language, medium), word, language, medium)
        except MessageError as error:
            mistakes.append(str(error))
    return Preview(shown, mistakes)


def _texts(messages: Messages, word: str, language: str, medium: str) -> list[Shown]:
    facts = _facts(word)
    usual = Shown(word, language, medium, USUAL, messages.text(word, facts))
    little = Shown(word, language, medium, SPARSE, messages.text(word, sparse(facts)))
    return [usual] if little.text == usual.text else [usual, little]


def as_text(preview: Preview) -> str:
    """The texts for a terminal, each below the name of its file."""
    lines = []
    for each in preview.shown:
        note = f" ({each.sample})" if each.sample != USUAL else ""
        lines.append(f"{each.language}/{each.word}{ENDINGS[each.medium]}{note}")
        lines += [f"    {line}".rstrip() for line in each.text.split("\n")]
        lines.append("")
    return "\n".join(lines)


def as_page(preview: Preview) -> str:
    """The texts as one page of HTML that needs nothing else."""
    sections = [
        f'<section id="{word}">\n<h2>{word}</h2>\n{_languages(list(shown))}</section>'
        for word, shown in groupby(preview.shown, key=lambda each: each.word)
    ]
    links = " ".join(f'<a href="#{word}">{word}</a>' for word in EXAMPLES)
    return _PAGE.format(links=links, sections="\n".join(sections), mistakes=_list(preview.mistakes))


def _facts(word: str) -> dict[str, Any]:
    """The facts of a word that are usually known."""
    if word == STALLED:
        stages = (*HOURS, *AT_ONCE)
        return {"items": [_stalled(stage, place) for place, stage in enumerate(stages)]}
    if word == CLEARED:
        return {"items": [_stalled(Status.IN_TRANSIT, place) for place in (0, 1)]}
    if word in (ALERT, ALERT_CLEARED):
        return {"items": [*TROUBLE["items"], TROUBLE["items"][0] | SECOND_TROUBLE]}
    if word == DIGEST:
        groups = [_group(Status.EXCEPTION, 0), _group(Status.SIGNED, 1, 20)]
        return {"count": sum(group["count"] for group in groups), "groups": groups}
    if word in set(Status):
        statuses = list(map(str, Status))
        parcel = _parcel(statuses.index(word))
        change = {"to_status": word, "reason": word, "latest_trace": TRACES.get(word)}
        return NOTICE | parcel | change
    return EXAMPLES[word]


def _parcel(place: int) -> dict[str, Any]:
    carrier, waybill_no = CARRIERS[place % len(CARRIERS)]
    order = {"erp_key": f"SO{1001 + place}", "platform_order_id": f"{29 * 10**16 + place}"}
    return {"orders": [order], "carrier_name": carrier, "waybill_no": waybill_no}


def _stalled(stage: str, place: int) -> dict[str, Any]:
    facts = {"stage": str(stage), "latest_trace": TRACES.get(stage)}
    hours = HOURS.get(stage, -0.5) + 0.5
    return {**ALARM["items"][0], **_parcel(place), **facts, "hours": hours}


def _group(status: str, place: int, more: int = 0) -> dict[str, Any]:
    parcels = [
        NOTICE | _parcel(place + number) | {"latest_trace": TRACES[status]} for number in (0, 1)
    ]
    return {"status": str(status), "count": 2 + more, "parcels": parcels, "more": more}


def _languages(shown: Sequence[Shown]) -> str:
    columns = [
        f'<div lang="{language}">\n{_media(list(texts))}</div>\n'
        for language, texts in groupby(shown, key=lambda each: each.language)
    ]
    return "".join(columns)


def _media(shown: Sequence[Shown]) -> str:
    parts = []
    for each in shown:
        name = f"{HEADINGS[each.medium]}, {each.language}/{each.word}{ENDINGS[each.medium]}"
        note = "" if each.sample == USUAL else f"; {each.sample}"
        body = _chat(each.text) if each.medium == MARKDOWN else f"<p>{escape(each.text)}</p>"
        parts.append(f'<h3>{name}{note}</h3>\n<div class="{each.medium}">{body}</div>\n')
    return "".join(parts)


def _chat(text: str) -> str:
    """The Markdown that our texts use, as a chat shows it: bold, quotes and lists."""
    blocks = []
    for is_item, lines in groupby(text.split("\n"), key=lambda line: line.startswith("- ")):
        bold = [re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(line)) for line in lines if line]
        if is_item:
            blocks.append("<ul>" + "".join(f"<li>{line[2:]}</li>" for line in bold) + "</ul>")
        else:
            blocks += [
                f"<blockquote>{line.removeprefix('&gt; ')}</blockquote>"
                if line.startswith("&gt; ")
                else f"<p>{line}</p>"
                for line in bold
            ]
    return "".join(blocks)


def _list(mistakes: Sequence[str]) -> str:
    if not mistakes:
        return ""
    found = "".join(f"<li>{escape(each)}</li>" for each in mistakes)
    return f'<ul class="mistakes">{found}</ul>\n'


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Texts of notices</title>
<style>
body {{ margin: 0 auto; max-width: 70rem; padding: 1rem; color: #222; background: #fff;
  font: 1rem/1.5 system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; }}
nav a {{ margin-right: .6rem; white-space: nowrap; }}
section {{ display: grid; grid-template-columns: 1fr 1fr; gap: 0 2rem; margin-top: 2rem;
  border-top: 1px solid #ccc; }}
section > h2 {{ grid-column: 1 / -1; margin: .6rem 0 0; font-size: 1.3rem; }}
section > div {{ min-width: 0; overflow-wrap: anywhere; }}
h3 {{ margin: 1rem 0 .2rem; font-size: .8rem; font-weight: normal; color: #666; }}
p, ul, blockquote {{ margin: .2rem 0; }}
ul {{ padding-left: 1.2rem; }}
.text p {{ white-space: pre-wrap; }}
.text, .markdown {{ padding: .5rem .8rem; border-radius: .5rem; background: #f4f4f4; }}
.markdown {{ background: #e8f1fb; }}
.short p {{ display: inline-block; padding: 0 .6rem; border: 1px solid #999;
  border-radius: .3rem; }}
blockquote {{ padding-left: .6rem; border-left: 3px solid #9ab; color: #444; }}
.mistakes {{ color: #a00; }}
@media (max-width: 45rem) {{ section {{ grid-template-columns: 1fr; }} }}
</style>
</head>
<body>
<h1>Texts of notices</h1>
<p>Every text as <code>shipment-tracking preview --html FILE</code> writes it for sample parcels,
in Chinese and English.</p>
{mistakes}<nav>{links}</nav>
{sections}
</body>
</html>
"""
