"""What the tests of load_traces share."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

ACCOUNT = "platform_1688"
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
HOUR = timedelta(hours=1)
COLLECTED = "已揽收"
MOVING = "快件已到达测试转运中心"
LEFT = "快件离开测试转运中心，发往测试网点"
OUT = "派件中"
STORED = "快件已暂存至测试驿站，请及时取件"
SIGNED = "快件已签收，签收人：本人"
FAILED = "派送不成功，改日派送"
REFUSED = "客户拒收，快件退回中"
NONSENSE = "客服已受理您的咨询"

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


def broken(consignment_id: str) -> dict[str, Any]:
    """A part that names no parcel."""
    return parcel(consignment_id, (-1, OUT)) | {"logisticsId": None}
