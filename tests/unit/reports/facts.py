"""Facts of a day as the warehouse would give them; a test names what matters to it."""

from datetime import UTC, date, datetime
from typing import Any

from shipment_tracking.reports.frames import Report, build
from shipment_tracking.warehouse.report import (
    AlertRow,
    CarrierRow,
    DailyRow,
    DifferenceRow,
    ExceptionRow,
    Facts,
    FreshnessRow,
    ReconciliationRow,
    RunsRow,
    StageRow,
    StallRow,
)

DAY = date(2026, 3, 1)
AT = datetime(2026, 3, 1, 15, 59, 59, tzinfo=UTC)
"""A second before midnight in Shanghai."""
DAYS_AGO = datetime(2026, 2, 26, 3, 20, tzinfo=UTC)
ORDER_ID = "2900000000000000017"


def daily(day: date = DAY, account: str = "platform_1688", **changes: Any) -> DailyRow:
    numbers = ("shipped", "picked_up", "signed", "failed", "returned", "exceptions")
    row = {"carrier_code": "YTO", "carrier_name": "圆通速递"} | dict.fromkeys(numbers, 0)
    return DailyRow(day, account, **row | changes)  # type: ignore[arg-type]


def trouble(**changes: Any) -> ExceptionRow:
    row = {
        "account": "platform_1688",
        "erp_keys": "SO1",
        "platform_order_ids": ORDER_ID,
        "waybill_no": "YT1",
        "carrier_name": "圆通速递",
        "became": "exception",
        "occurred_at": AT,
        "status_now": "signed",
        "last_event": "快件外包装破损，已登记",
    }
    return ExceptionRow(**row | changes)  # type: ignore[arg-type]


def stall(**changes: Any) -> StallRow:
    row = {
        "stage": "in_transit",
        "account": "platform_1688",
        "erp_keys": "SO1",
        "platform_order_ids": ORDER_ID,
        "waybill_no": "YT1",
        "carrier_name": "圆通速递",
        "since": AT,
        "opened_at": AT,
        "last_event": "快件已到达【云溪转运中心】",
    }
    return StallRow(**row | changes)  # type: ignore[arg-type]


def difference(**changes: Any) -> ReconciliationRow:
    row = {
        "difference": "signed, not written yet",
        "account": "platform_1688",
        "erp_key": "SO1",
        "platform_order_id": ORDER_ID,
        "status": "signed",
        "signed_at": AT,
        "outcome": None,
        "detail": None,
        "since": AT,
    }
    return ReconciliationRow(**row | changes)  # type: ignore[arg-type]


def facts(**changes: Any) -> Facts:
    """A day on which nothing happened, but for what is given."""
    names = [name for name in Facts.__dataclass_fields__ if name != "day"]
    return Facts(DAY, **dict.fromkeys(names, ()) | changes)  # type: ignore[arg-type]


def report(**changes: Any) -> Report:
    return build(facts(**changes))


def sample() -> Facts:
    """A day of a shop, for the documentation."""
    week = [(31, 22), (40, 35), (38, 30), (52, 41), (44, 47), (29, 38)]
    before = [
        daily(date(2026, 2, 23 + n), shipped=shipped, signed=signed)
        for n, (shipped, signed) in enumerate(week)
    ]
    zto = {"carrier_code": "ZTO", "carrier_name": "中通快递"}
    today = [
        daily(shipped=28, picked_up=27, signed=24, failed=2, exceptions=1),
        daily(shipped=12, picked_up=12, signed=9, returned=1, **zto),
        daily(account="platform_tmall", shipped=15, picked_up=13, signed=11, failed=1, **zto),
    ]
    return facts(
        daily=before + today,
        exceptions=[
            trouble(),
            trouble(
                erp_keys="SO7",
                waybill_no="73000000000002",
                carrier_name="中通快递",
                became="delivery_failed",
                status_now="delivery_failed",
                last_event="快件派送不成功：收件人电话无人接听",
            ),
        ],
        slowest_carriers=[
            CarrierRow("YTO", "圆通速递", 131, 71.5, 118.0),
            CarrierRow("ZTO", "中通快递", 144, 52.0, 83.4),
            CarrierRow("SF", "顺丰速运", 20, 26.5, 41.0),
        ],
        stages=[StageRow("in_transit", 6, 2, 3, DAYS_AGO), StageRow("pickup", 2, 1, 0, AT)],
        stalls=[
            stall(since=DAYS_AGO),
            stall(erp_keys="SO9", waybill_no="YT2", stage="pickup", last_event=None),
        ],
        alerts=[
            AlertRow(
                "locked_out",
                "platform_1688",
                "platform_1688",
                "critical",
                AT,
                None,
                "the access token has expired",
            )
        ],
        runs=[RunsRow(48, 1210, 388, 205, 44, 61, 0, 0, 3)],
        freshness=[
            FreshnessRow("platform_1688", 151, 14.2, 29.8, 33, 0.4, 1.1),
            FreshnessRow("platform_tmall", 54, 16.0, 30.0, 11, 0.5, 1.0),
        ],
        differences=[DifferenceRow("signed, not written yet", 1)],
        reconciliation=[difference()],
    )
