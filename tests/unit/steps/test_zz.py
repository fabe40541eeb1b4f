"""One real-world scan becomes one row, one change and at most one notice, whatever happens."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from shipment_tracking import parcels
from shipment_tracking.platforms.ali1688 import PARCEL_STATUSES, read_traces
from shipment_tracking.steps import load_traces

ACCOUNT = "platform_1688"
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")

COLLECTED = "已揽收"
MOVING = "快件已到达测试转运中心"
LEFT = "快件离开测试转运中心，发往测试网点"
OUT = "派件中"
STORED = "快件已暂存至测试驿站，请及时取件"
SIGNED = "快件已签收，签收人：本人"
FAILED = "派送不成功，改日派送"
REFUSED = "客户拒收，快件退回中"
NONSENSE = "快件因天气原因延误"

Scan = tuple[float, str]


def parcel(consignment_id: str, *scans: Scan, waybill_no: str = "") -> dict[str, Any]:
    """A parcel's part of a reply; a scan is hours from noon and a text."""
    return {
        "logisticsId": consignment_id,
        "logisticsBillNo": waybill_no or consignment_id.replace("LP", "YT"),
        "logisticsSteps": [
            {
                "acceptTime": f"{(NOON + timedelta(hours=hours)).astimezone(SHANGHAI):%F %T}",
                "remark": said,
            }
            for hours, said in scans
        ],
    }


@pytest.fixture
def track(warehouse) -> Callable[..., int]:
    """Track an order that was asked for its parcels and polled just now; returns its id."""

    def add(number: int = 1, *, waybills: tuple[str | None, ...] = (None,), **changes: Any) -> int:
        fields = {
            "platform": "1688",
            "account": ACCOUNT,
            "platform_order_id": f"29{number}",
            "first_seen_at": NOON - timedelta(days=1),
            "parcels_asked_at": NOON,
            "ask_parcels_at": NOON + timedelta(days=1),
            "last_polled_at": NOON,
            "next_poll_at": NOON + timedelta(minutes=15),
            "has_unshipped_lines": False,
        } | changes
        names = ", ".join(fields)
        values = ", ".join(f":{name}" for name in fields)
        with warehouse.begin() as connection:
            order_id = connection.execute(
                text(
                    f"insert into tracking.tracked_order ({names}) values ({values})"  # noqa: S608
                    " returning order_id"
                ),
                fields,
            ).scalar_one()
            for suffix, waybill_no in enumerate(waybills):
                connection.execute(
                    text(
                        "insert into tracking.erp_row (erp_key, order_id, platform, account,"
                        " platform_order_id, waybill_no, listed, first_seen_at)"
                        " values (:key, :order_id, '1688', :account, :id, :waybill_no, true, now())"
                    ),
                    {
                        "key": f"SO{number}" + (f"-{suffix}" if suffix else ""),
                        "order_id": order_id,
                        "account": ACCOUNT,
                        "id": fields["platform_order_id"],
                        "waybill_no": waybill_no,
                    },
                )
        return order_id

    return add


@pytest.fixture
def lists(warehouse) -> Callable[..., None]:
    """Let the platform list an order's parcels: ``lists(order, LP1="SIGN")``."""

    def keep(order: int, *, hours: float = 0, announce: bool = True, **codes: str) -> None:
        rows = [
            {
                "order_id": order,
                "account": ACCOUNT,
                "consignment_id": consignment_id,
                "waybill_no": consignment_id.replace("LP", "YT"),
                "carrier_code": "YTO",
                "carrier_name": "圆通速递",
                "platform_code": code,
                "platform_status": str(PARCEL_STATUSES[code]),
                "seen_at": NOON + timedelta(hours=hours),
                "announce": announce,
            }
            for consignment_id, code in codes.items()
        ]
        with warehouse.begin() as connection:
            parcels.keep(connection, rows)

    return keep


@pytest.fixture
def reply(warehouse) -> Callable[..., int]:
    """Store a gathered reply; returns its id."""

    def store(
        order: int,
        *parts: dict[str, Any],
        hours: float = 0,
        announce: bool = True,
        dialect: str = "param2",
    ) -> int:
        with warehouse.begin() as connection:
            return connection.execute(
                text(
                    "insert into tracking.trace_reply"
                    " (order_id, dialect, fetched_at, fingerprint, body, announce, run_id)"
                    " values (:order, :dialect, :at, '', cast(:body as jsonb), :announce, 'g')"
                    " returning reply_id"
                ),
                {
                    "order": order,
                    "dialect": dialect,
                    "at": NOON + timedelta(hours=hours),
                    "body": json.dumps({"logisticsTrace": parts}),
                    "announce": announce,
                },
            ).scalar_one()

    return store


@pytest.fixture
def load(warehouse, new_run) -> Callable[..., dict[str, int]]:
    """Load what waits, so many hours from noon."""

    def run(hours: float = 0, *, readers: Any = None, chunk: int = 500) -> dict[str, int]:
        options = {"readers": readers} if readers else {}
        return load_traces.run(
            warehouse, new_run(), now=NOON + timedelta(hours=hours), chunk=chunk, **options
        )

    return run


@pytest.fixture
def statuses(select) -> Callable[[], dict[str, str]]:
    """Each parcel's status."""
    return lambda: dict(map(tuple, select("consignment_id, status from tracking.shipment")))


@pytest.fixture
def notices(select) -> Callable[[], list[tuple[Any, ...]]]:
    """Each change's status, its notice's state and reason, and whether it may be sent."""
    return lambda: list(
        map(
            tuple,
            select(
                "to_status, state, reason, due_at is not null from tracking.notification"
                " inner join tracking.status_change using (event_id)"
                " order by notification_id, occurred_at"
            ),
        )
    )


@pytest.fixture
def erp_row(select) -> Callable[..., Any]:
    """An ERP row as analysts see it."""
    return lambda key="SO1": select("* from analytics.orders where erp_key = :key", key=key)[0]



import glob, os
@pytest.mark.parametrize("n", range(150))
def test_dl(n, track, reply, load, postgres):
    orders = [track(number) for number in range(12)]
    for order in orders:
        for hours in (-3, -2):
            reply(order, parcel(f"LP{order // 2}", (hours, MOVING)), parcel("LP-ALL", (-1, OUT)))
    with ThreadPoolExecutor(4) as pool:
        try:
            list(pool.map(lambda _: load(chunk=3), range(4)))
        except Exception:
            for f in glob.glob('/tmp/**/log', recursive=True):
                t=open(f,errors='replace').read() if os.path.isfile(f) else ''
                if 'deadlock' in t: print(f, t[t.index('deadlock')-200:][:7000])
            raise
