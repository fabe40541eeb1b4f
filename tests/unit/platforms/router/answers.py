"""Answers of the router, and the signature as the article computes it."""

import hashlib
from typing import Any

ORDER = "2338123456789000"
WAYBILL = "YT8800000000001"
KNOWN = {WAYBILL: [f"YTO:{WAYBILL}"]}
SECRET = "app-secret-of-the-test"
TRANSIT = {"time": "2026-03-02 09:30:00", "desc": "快件已到达【杭州转运中心】", "city": "杭州市"}
SIGNED = {"time": "2026-03-03 10:00:00", "desc": "快件已签收，签收人：本人", "city": "宁波市"}


def trace(*nodes: dict[str, Any], **result: Any) -> dict[str, Any]:
    return {"result": {"signStatus": "UNSIGN", "traceList": list(nodes)} | result}


def articles_sign(params: dict[str, str]) -> str:
    """As the article's client computes it, word for word."""
    filtered = sorted((k, v) for k, v in params.items() if v is not None)
    qs = "".join(f"{k}{v}" for k, v in filtered)
    raw = f"{SECRET}{qs}{SECRET}"
    return hashlib.md5(raw.encode("utf-8")).hexdigest().upper()
