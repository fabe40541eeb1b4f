"""A platform that says whatever a test wants it to say, over real HTTP."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from sqlalchemy import Engine
from werkzeug import Request, Response

from shipment_tracking.platforms.check import Pause
from shipment_tracking.platforms.gateway import Gateway
from shipment_tracking.platforms.ports import Account


class Talker:
    """Gives its answers in turn, the last one for ever, and remembers what it was asked."""

    def __init__(self, server: HTTPServer) -> None:
        self.answers: list[Response] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.url = server.url_for("").rstrip("/")
        server.expect_request(re.compile("")).respond_with_handler(self._answer)

    def says(
        self, body: Any, status: int = 200, kind: str = "application/json", **headers: str
    ) -> None:
        """Answer so after all answers before; ``Retry_After`` is the header ``Retry-After``."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append(Response(content, status, named, content_type=kind))

    def _answer(self, request: Request) -> Response:
        self.asked.append((request.path, (request.form or request.args).to_dict()))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def talker(httpserver: HTTPServer) -> Talker:
    """A gateway of one's own."""
    return Talker(httpserver)


@pytest.fixture(scope="session")
def quotas(new_database: Callable[..., Any], warehouse_template: str) -> Engine:
    """A warehouse for nothing but quotas; each test has an app key of its own there."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    return create_engine(new_database(warehouse_template), poolclass=NullPool)


@pytest.fixture
def gateway(talker: Talker) -> Iterator[Gateway]:
    """The way to the talker; nobody waits between two tries, or after one too many."""
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
    opened = Gateway(account, Pause(account.qps, shortest=0), sleep=lambda seconds: None)
    yield opened
    opened.close()
