"""Answers of TOP, the gateway of Taobao and Tmall."""

import json
from pathlib import Path
from typing import Any

REPLIES = Path(__file__).parents[3] / "replies"
ORDER = "43895470821219993"
WAYBILL = "YT8800000000001"
NOON = "2026-09-18 12:00:00"
LIST, EMPTY_LIST = "top_logistics_orders_get", "top_logistics_orders_empty"
NO_PACKAGE = {"error_response": {"code": 11, "sub_code": "isv.permission-api-package-limit"}}


def recorded(name: str) -> dict[str, Any]:
    return json.loads((REPLIES / f"{name}.json").read_text(encoding="utf-8"))


def shippings(*rows: dict[str, Any], total: int | None = None) -> dict[str, Any]:
    """A parcel list."""
    row = {"tid": int(ORDER), "order_code": "LP1", "out_sid": WAYBILL, "status": "SENDING"}
    listed = {"shipping": [row | changes for changes in rows]}
    total = len(rows) if total is None else total
    return {"logistics_orders_get_response": {"shippings": listed, "total_results": total}}


def part(*steps: tuple[str, str, str | None], **changes: Any) -> dict[str, Any]:
    """One parcel's trace, its steps as time, text and action."""
    printed = [
        {"status_time": at, "status_desc": said} | ({"action": action} if action else {})
        for at, said, action in steps
    ]
    trace_list = {"trace_list": {"transit_step_info": printed}} if printed else {}
    return {"out_sid": WAYBILL, "tid": int(ORDER)} | trace_list | changes


def traces(*parts: dict[str, Any]) -> dict[str, Any]:
    """An answer of trace.get."""
    return {"logistics_trace_get_response": {"result": {"transit_step_result": list(parts)}}}
