"""A platform that says whatever a test wants it to say, over real HTTP."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import Engine

from shipment_tracking.platforms.gateway import Gateway
from shipment_tracking.platforms.ports import Account
from shipment_tracking.warehouse.quota import Quota


class Talker:
    """Gives its answers in turn, the last one for ever, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes, dict[str, str]]] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.url = ""

    def says(
        self, body: Any, status: int = 200, kind: str = "application/json", **headers: str
    ) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append((status, content, {"Content-Type": kind} | headers))


@pytest.fixture
def talker() -> Iterator[Talker]:
    """A gateway of one's own."""
    told = Talker()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            self.answer(path, query)

        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.answer(self.path, form)

        def answer(self, path: str, params: str) -> None:
            told.asked.append((path, dict(parse_qsl(params, keep_blank_values=True))))
            status, content, headers = (
                told.answers.pop(0) if len(told.answers) > 1 else told.answers[0]
            )
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def quotas(new_database: Callable[..., Any], warehouse_template: str) -> Engine:
    """A warehouse for nothing but quotas; each test has an app key of its own there."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    return create_engine(new_database(warehouse_template), poolclass=NullPool)


@pytest.fixture
def gateway(talker: Talker, quotas: Engine) -> Iterator[Gateway]:
    """The way to the talker; nobody waits between two tries."""
    account = Account(
        conn_id="platform_1688",
        platform="1688",
        dialect="param2",
        gateway=talker.url,
        app_key="1688000001",
        app_secret="app-secret-of-the-test",
        access_token="access-token-of-the-test",
        refresh_token="refresh-token-of-the-test",
        qps=1000,
    )
    quota = Quota(quotas, gateway=talker.url, app_key="1688000001", account="a", qps=1000)
    opened = Gateway(account, quota, sleep=lambda seconds: None)
    yield opened
    opened.close()
