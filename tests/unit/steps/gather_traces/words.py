"""What the tests of gather_traces share."""

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from shipment_tracking.domain.models import ApiUsage
from shipment_tracking.errors import (
    PlatformError,
)
from shipment_tracking.platforms.ports import Account

MINUTE = timedelta(minutes=1)

BUDGET = 5 * MINUTE

ACCOUNT = Account(
    "platform_1688", "1688", "param2", "http://127.0.0.1", "key", "secret", "token", None, 100
)

Select = Callable[..., list[Any]]

Execute = Callable[..., None]


def traces(remark: str = "快件已揽收") -> dict[str, Any]:
    steps = [{"acceptTime": "2026-03-01 10:00:00", "remark": remark}]
    part = {"logisticsId": "LP1", "logisticsBillNo": "YT8800000000001", "logisticsSteps": steps}
    return {"logisticsTrace": [part], "crossPackageFulfillmentDTO": []}


class Platform:
    """The port, answering from a table: a reply or an error by order id."""

    account = ACCOUNT

    def __init__(self, answers: dict[str, Any] | None = None) -> None:
        self.answers = answers or {}
        self.asked: list[str] = []
        self.waybills: Mapping[str, list[str]] = {}
        self.before_answering: Callable[[str], None] = lambda order_id: None
        self._lock = threading.Lock()

    def fetch_traces(self, order_id: str, waybills: Mapping[str, list[str]]) -> dict[str, Any]:
        self.waybills = waybills
        with self._lock:
            self.asked.append(order_id)
        self.before_answering(order_id)
        answer = self.answers.get(order_id, traces())
        if isinstance(answer, PlatformError):
            raise answer
        return dict(answer)

    def warnings(self) -> list[str]:
        return []

    def drain_usage(self) -> list[ApiUsage]:
        return [ApiUsage("traces", "ok", 1, 0.1)]
