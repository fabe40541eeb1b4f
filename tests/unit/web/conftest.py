"""What the tests of the page share: the application below a prefix, and people who ask it."""

from collections.abc import Callable
from datetime import datetime

import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from shipment_tracking.web.access import FormTokens, User
from shipment_tracking.web.app import create_app
from shipment_tracking.web.dependencies import Site
from tests import factories
from tests.factories import NOW

PREFIX = "/airflow/shipments/"
PEOPLE = {"edda": User("edda", may_act=True), "vera": User("vera", may_act=False)}


def who_asks(request: Request) -> User:
    """The user whose name is in a header; without one there is no login."""
    name = request.headers.get("x-login")
    if name is None:
        raise HTTPException(401, "Not authenticated")
    if name not in PEOPLE:
        raise HTTPException(403, "Forbidden")
    return PEOPLE[name]


def page_app(warehouse: Callable[[], Engine]) -> FastAPI:
    """The page's application on a warehouse."""
    return create_app(Site(warehouse, lambda: NOW, FormTokens(b"secret" * 6)), who_asks)


def below_airflow(app: FastAPI) -> FastAPI:
    """An application as Airflow mounts it, with ``base_url`` ending in /airflow."""
    airflow = FastAPI(root_path="/airflow")
    airflow.mount("/shipments", app)
    return airflow


@pytest.fixture
def client(warehouse: Engine) -> Callable[..., TestClient]:
    """A browser in which a person is logged in: an editor unless named otherwise."""
    app = below_airflow(page_app(lambda: warehouse))

    def make(name: str | None = "edda", language: str = "en") -> TestClient:
        headers = {"accept-language": language} | ({"x-login": name} if name else {})
        return TestClient(
            app, base_url=f"http://airflow.test{PREFIX}", headers=headers, follow_redirects=False
        )

    return make


@pytest.fixture
def story(warehouse: Engine, at: Callable[..., datetime]) -> dict[str, int]:
    """Order 291 with its ERP row SO1 and its stalled parcel YT1, of which one scan is withdrawn."""
    order_id = factories.order(warehouse, status="in_transit", next_poll_at=at(hours=1))
    factories.erp_row(warehouse, order_id, status="in_transit", waybill_nos="YT1")
    shipment_id = factories.shipment(warehouse, order_id, status="in_transit")
    factories.insert(
        warehouse, "shipment_waybill", shipment_id=shipment_id, waybill_no="YT1", first_seen_at=at()
    )
    for hours, status, text, changes in (
        (-30, "picked_up", "【杭州市】已揽收", {"decided_by": "picked_up_by", "city": "杭州市"}),
        (-20, "in_transit", "快件已到达 测试转运中心", {"decided_by": "model"}),
        (-10, "signed", "已签收", {"withdrawn_at": at(hours=-8), "decided_by": "action"}),
    ):
        factories.trace_event(
            warehouse, shipment_id, status, at(hours=hours), description=text, **changes
        )
    event_id = factories.status_change(warehouse, shipment_id, "in_transit", at(hours=-19))
    factories.notification(
        warehouse,
        shipment_id,
        event_id,
        "in_transit",
        at(hours=-19),
        audience="ops",
        channel="phone",
        state="dead",
        attempts=8,
        last_error="ops/phone: HTTP 404",
    )
    stall_id = factories.insert(
        warehouse,
        "stall",
        shipment_id=shipment_id,
        stage="in_transit",
        since=at(hours=-20),
        threshold_hours=12,
        opened_at=at(hours=-8),
    )
    reply_id = factories.trace_reply(warehouse, order_id, '{"remark": "*"}', at(hours=-8))
    with warehouse.connect() as connection:
        notice = connection.exec_driver_sql("select notification_id from tracking.notification")
        notice_id = notice.scalar_one()
    factories.insert(
        warehouse,
        "shipment_eta",
        shipment_id=shipment_id,
        status="in_transit",
        estimated_at=at(hours=-1),
        eta_p50=at(hours=20),
        eta_p90=at(hours=44),
        eta_basis="YTO, in_transit: 43 parcels signed 2026-01-01 to 2026-03-01",
        expected_by=at(hours=2),
    )
    return {
        "order": order_id,
        "shipment": shipment_id,
        "stall": stall_id,
        "reply": reply_id,
        "notice": notice_id,
    }
