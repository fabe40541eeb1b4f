"""No route answers without a login; what changes something or shows a reply needs an editor."""

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from tests.unit.web.conftest import PREFIX, below_airflow, page_app

VALUES = {
    "name": "page.css",
    "key:path": "SO1",
    "number:path": "YT1",
    "kind": "poll_next",
}
EDITORS = {
    ("GET", "/orders/{order_id}/replies/{reply_id}"),
    ("GET", "/acts/{kind}/{subject_id}"),
    ("POST", "/acts/{kind}/{subject_id}"),
}


def warehouse_is_not_asked():
    raise AssertionError("the warehouse was asked before the user")


APP = page_app(warehouse_is_not_asked)


def routes(app: FastAPI) -> list[tuple[str, str]]:
    return list(methods_and_paths(app))


def methods_and_paths(app: FastAPI) -> Iterator[tuple[str, str]]:
    for route in app.routes:
        assert isinstance(route, APIRoute), f"{route} answers without a login"
        for method in sorted(route.methods):
            yield method, route.path


def address(path: str) -> str:
    return re.sub(r"\{([\w:]+)\}", lambda found: VALUES.get(found[1], "1"), path.lstrip("/"))


def asking(name: str | None) -> TestClient:
    headers = {"x-login": name} if name else {}
    return TestClient(below_airflow(APP), base_url=f"http://airflow.test{PREFIX}", headers=headers)


@pytest.mark.parametrize(("method", "path"), routes(APP))
def test_every_route_asks_for_a_login(method, path):
    reply = asking(None).request(method, address(path))

    assert reply.status_code == 401
    assert "location" not in reply.headers, "Airflow's frame may not end in a loop of redirects"


@pytest.mark.parametrize(("method", "path"), routes(APP))
def test_every_route_refuses_who_may_not_read_the_dag(method, path):
    assert asking("stranger").request(method, address(path)).status_code == 403


@pytest.mark.parametrize(("method", "path"), sorted(EDITORS))
def test_a_viewer_may_not_act(method, path):
    assert asking("vera").request(method, address(path)).status_code == 403


def test_the_routes_of_editors_are_known():
    assert set(routes(APP)) >= EDITORS


@pytest.mark.parametrize("path", ["docs", "redoc", "openapi.json", "docs/oauth2-redirect"])
def test_there_is_no_open_description(path):
    assert asking(None).get(path).status_code in (401, 404)


@pytest.mark.parametrize("path", ["board", "missing", "static/page.css", "api/orders/SO1"])
def test_every_answer_has_the_headers(path):
    headers = asking(None).get(path).headers

    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
