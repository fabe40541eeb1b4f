"""
A gateway that answers what a test tells it, and the product's real steps run against it.

Times are Beijing time, written ``2026-09-20 09:00``. What a platform answers is set between two
runs and holds from then on.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, Row, insert, text

from sandbox.erp import erp_order
from sandbox.receiver import Receiver
from shipment_tracking.channels.port import Channels, Destination
from shipment_tracking.channels.webhook import Webhook
from shipment_tracking.domain.models import Run
from shipment_tracking.erp.sql import SqlErp
from shipment_tracking.platforms.dialects import client
from shipment_tracking.platforms.gateway import Gateway
from shipment_tracking.platforms.ports import Account, PlatformClient
from shipment_tracking.steps import (
    extract_orders,
    fetch_waybills,
    gather_traces,
    load_traces,
    mark_signed,
    notify_changes,
    report_stalled,
    show_trace,
)
from shipment_tracking.warehouse.lanes import LaneContext

SHANGHAI = ZoneInfo("Asia/Shanghai")
BUDGET = timedelta(minutes=5)
DIALECTS = {"platform_1688": "param2", "platform_taobao": "top", "platform_tmall": "router"}
PLATFORMS = {"platform_1688": "1688", "platform_taobao": "taobao", "platform_tmall": "1688"}
"""The account named after Tmall speaks to a router, in its form for 1688."""

TOP = "platform_taobao"
SELF = "已签收，签收人：本人"
GOT = ("2026-09-18 20:00:00", "快件已揽收")
OUT = ("2026-09-20 08:00:00", "快件派送中，请保持电话畅通")
SIGNED = ("2026-09-20 09:00:00", SELF)

Step = tuple[str, ...]
"""Time, text, and on Taobao the action."""


def beijing(written: str) -> datetime:
    """A Beijing time as the tests write it."""
    return datetime.fromisoformat(written).replace(tzinfo=SHANGHAI)


class Unlimited:
    """A quota without an end."""

    def acquire(self) -> None:
        """May be called at any time."""

    def block(self, seconds: float) -> None:
        """Nobody is kept waiting."""

    def close(self) -> None:
        """Holds nothing."""


@dataclass
class Answers:
    """What the gateway answers, by API and order; raw bodies go out as they are."""

    parcels: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    traces: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    unshipped: set[str] = field(default_factory=set)
    raw: dict[tuple[str, str], tuple[bytes, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, params: Mapping[str, str]) -> tuple[bytes, str]:
        """Body and content type."""
        kind, order = self._question(path, params)
        self.asked.append(f"{kind} {order}")
        if (kind, order) in self.raw:
            return self.raw[kind, order]
        body = getattr(self, f"_{self._form(path, params)}_{kind}")(order)
        return json.dumps(body, ensure_ascii=False).encode(), "application/json;charset=UTF-8"

    @staticmethod
    def _form(path: str, params: Mapping[str, str]) -> str:
        if "param2/" in path:
            return "param2"
        return "router" if "param2" in params else "top"

    def _question(self, path: str, params: Mapping[str, str]) -> tuple[str, str]:
        name = params.get("method") or path
        business = json.loads(unquote_plus(params["param2"])) if "param2" in params else params
        order = business.get("orderId") or business.get("tid") or business.get("billNo") or ""
        if any(word in name for word in ("getLogisticsInfos", "orders.get", "trade.ship")):
            return "parcels", order
        return ("traces" if "race" in name else "lines"), order

    def _param2_parcels(self, order: str) -> Any:
        return {
            "success": True,
            "result": [
                {
                    "logisticsId": each["id"],
                    "logisticsBillNo": each["waybill"],
                    "logisticsCompanyNo": each["carrier"],
                    "status": each["status"],
                }
                for each in self.parcels.get(order, [])
            ],
        }

    def _param2_traces(self, order: str) -> Any:
        parts = [
            {
                "orderId": order,
                "logisticsId": each["id"],
                "logisticsBillNo": each["waybill"],
                "logisticsSteps": self.traces[order, each["id"]],
            }
            for each in self.parcels.get(order, [])
            if (order, each["id"]) in self.traces
        ]
        return {"success": "true", "logisticsTrace": parts}

    def _param2_lines(self, order: str) -> Any:
        status = "1" if order in self.unshipped else "2"
        return {"success": "true", "result": {"productItems": [{"logisticsStatus": status}]}}

    def _top_parcels(self, order: str) -> Any:
        rows = [
            {
                "tid": order,
                "order_code": each["id"],
                "out_sid": each["waybill"],
                "company_name": "圆通速递",
                "status": each["status"],
            }
            for each in self.parcels.get(order, [])
        ]
        body = {"shippings": {"shipping": rows}, "total_results": len(rows)}
        return {"logistics_orders_get_response": body}

    def _top_traces(self, order: str) -> Any:
        parts = [
            {
                "out_sid": each["waybill"],
                "tid": order,
                "trace_list": {"transit_step_info": self.traces[order, each["id"]]},
            }
            for each in self.parcels.get(order, [])
            if (order, each["id"]) in self.traces
        ]
        result = {"transit_step_result": {"transit_step_result": parts}}
        return {"logistics_trace_get_response": {"result": result}}

    def _top_lines(self, order: str) -> Any:
        status = "SELLER_CONSIGNED_PART" if order in self.unshipped else "TRADE_FINISHED"
        return {"trade_get_response": {"trade": {"tid": order, "status": status}}}

    def _router_parcels(self, order: str) -> Any:
        rows = [
            {"logisticsCode": each["carrier"], "billNo": each["waybill"]}
            for each in self.parcels.get(order, [])
        ]
        return {"response": {"logisticsOrders": rows}}

    def _router_traces(self, waybill: str) -> Any:
        steps, status = [], "UNSIGN"
        for order, parcels in self.parcels.items():
            for each in parcels:
                if each["waybill"] == waybill:
                    steps, status = self.traces.get((order, each["id"]), []), each["status"]
        nodes = [{"time": each["time"], "desc": each["desc"]} for each in steps]
        return {"response": {"traceList": nodes, "signStatus": status}}


class Field:
    """An ERP, a gateway, a warehouse and a receiver of notices, driven run by run."""

    def __init__(self, warehouse: Engine, erp: SqlErp, receiver: Receiver) -> None:
        self.warehouse, self.erp_database, self.receiver = warehouse, erp, receiver
        self.answers = Answers()
        self.accounts: dict[str, str] = {}
        self.runs = 0
        self.now = beijing("2026-09-18 00:00")
        self._server = _serve(self.answers)
        self._clients: dict[str, PlatformClient] = {}

    def close(self) -> None:
        """End the gateway."""
        for each in self._clients.values():
            each.close()
        self._server.shutdown()
        self._server.server_close()

    def order(
        self, order: str, shipped: str, account: str = "platform_1688", **columns: Any
    ) -> None:
        """The ERP ships an order; its ``order_no`` is ``SO`` and the platform's number."""
        self.accounts[order] = account
        shipped_at = datetime.fromisoformat(shipped)
        values = {
            "order_no": f"SO{order}",
            "platform": PLATFORMS[account],
            "shop": account,
            "platform_order_id": order,
            "status": "SHIPPED",
            "shipped_at": shipped_at,
            "updated_at": shipped_at,
        }
        with self.erp_database.engine.begin() as connection:
            connection.execute(insert(erp_order).values(**values | columns))

    def parcel(
        self,
        order: str,
        id: str = "LP1",
        waybill: str = "YT1",
        status: str = "",
        carrier: str = "YTO",
    ) -> None:
        """The platform lists a parcel of the order, or lists it otherwise than before."""
        default = {"param2": "TRANSPORT", "top": "SENDING", "router": "UNSIGN"}
        status = status or default[DIALECTS[self.accounts[order]]]
        listed = [each for each in self.answers.parcels.get(order, []) if each["id"] != id]
        new = {"id": id, "waybill": waybill, "status": status, "carrier": carrier}
        self.answers.parcels[order] = [*listed, new]

    def trace(self, order: str, *steps: Step, id: str = "LP1") -> None:
        """The platform's trace of a parcel is these steps, oldest first."""
        shape = {"param2": _step_1688, "top": _step_taobao, "router": _step_router}
        as_printed = shape[DIALECTS[self.accounts[order]]]
        self.answers.traces[order, id] = [as_printed(*step) for step in steps]

    def run(self, at: str) -> None:
        """One run of the pipeline, every step in its order."""
        self.now = now = beijing(at)
        self.runs += 1
        run = Run(f"run_{self.runs}", "scheduled", now)
        lanes = extract_orders.run(
            self.erp_database, self.warehouse, run, knows_account=DIALECTS.__contains__, now=now
        )
        for account in lanes:
            for step in (fetch_waybills.run, gather_traces.run):
                client = self._client(account)
                step(LaneContext(self.warehouse, client, run, run.run_id, BUDGET, lambda: now))
        self.load(run)
        mark_signed.run(self.warehouse, self.erp_database, run, now=now)
        show_trace.run(self.warehouse, self.erp_database, run)
        options: dict[str, Any] = {"channels": self._channels, "owner": run.run_id, "now": now}
        notify_changes.run(self.warehouse, run, open_erp=lambda: self.erp_database, **options)
        report_stalled.run(self.warehouse, run, **options)

    def load(self, run: Run) -> None:
        """Only the loading of a run."""
        load_traces.run(self.warehouse, run, now=run.started_at)

    def erp(self, order: str) -> Row[Any]:
        """The order's row at the ERP."""
        query = text("select * from erp_order where order_no = :key")
        with self.erp_database.engine.connect() as connection:
            return connection.execute(query, {"key": f"SO{order}"}).one()

    def signed_at(self, order: str = "1001") -> str:
        """When the ERP holds the order for signed, empty for an order it does not."""
        return str(self.erp(order).signed_at or "")[:19]

    def select(self, query: str, **binds: Any) -> list[Row[Any]]:
        """Rows of the warehouse, of its views first of all."""
        with self.warehouse.connect() as connection:
            return list(connection.execute(text(f"select {query}"), binds))

    def row(self, order: str) -> Row[Any]:
        """The order in ``analytics.orders``."""
        return self.select("* from analytics.orders where platform_order_id = :id", id=order)[0]

    def shipments(self, order: str) -> list[Row[Any]]:
        """Its parcels in ``analytics.shipments``."""
        query = "* from analytics.shipments where platform_order_id = :id order by consignment_id"
        return self.select(query, id=order)

    def events(self, order: str) -> list[Row[Any]]:
        """Its trace events in ``analytics.trace_events``, by time."""
        query = "* from analytics.trace_events where platform_order_id = :id order by occurred_at"
        return self.select(query, id=order)

    def notices(self) -> list[tuple[str, str]]:
        """From and to status of every notice that was received, in order."""
        return [
            (body["from_status"], body["to_status"])
            for body in self.messages()
            if "to_status" in body
        ]

    def messages(self) -> list[dict[str, Any]]:
        """All that the receiver got."""
        return [delivery.body for delivery in self.receiver.deliveries()]

    def _channels(self, accounts: Any) -> Channels:
        channel = Webhook(self.receiver.url("ops"), self.receiver.secret("ops"))
        return Channels([Destination("ops", "ops", channel)], {})

    def _client(self, account: str) -> PlatformClient:
        if account not in self._clients:
            found = Account(
                account,
                PLATFORMS[account],
                DIALECTS[account],
                f"http://127.0.0.1:{self._server.server_port}",
                "key",
                "secret",
                "token",
                None,
                1000,
            )
            gateway = Gateway(found, Unlimited(), sleep=lambda seconds: None)
            self._clients[account] = client(gateway)
        return self._clients[account]


def _step_1688(at: str, said: str) -> dict[str, Any]:
    return {"acceptTime": at, "remark": said}


def _step_taobao(at: str, said: str, action: str = "") -> dict[str, Any]:
    return {"status_time": at, "status_desc": said} | ({"action": action} if action else {})


def _step_router(at: str, said: str) -> dict[str, Any]:
    return {"time": at, "desc": said}


def _serve(answers: Answers) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            self._answer(dict(parse_qsl(body)))

        def do_GET(self) -> None:
            self._answer(dict(parse_qsl(urlsplit(self.path).query)))

        def _answer(self, params: dict[str, str]) -> None:
            body, kind = answers.answer(urlsplit(self.path).path, params)
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server
