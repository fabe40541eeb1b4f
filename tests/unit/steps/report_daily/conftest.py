"""Runs of `send_report`, and receivers of the day's report."""

import email
import json
import socket
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from sandbox.robots import PATHS, SECRET, Robot
from shipment_tracking.channels.port import Destination
from shipment_tracking.channels.registry import destinations
from shipment_tracking.steps import send_report

DAY = date(2026, 3, 1)


@pytest.fixture
def send(warehouse, to, destination, new_run, now) -> Callable[..., dict[str, int]]:
    """Send the report of March 1 to these channels of ops, so many hours from noon."""

    def run(
        *wanted: Any,
        hours: float = 0,
        day: date = DAY,
        broken: dict[str, Any] | None = None,
        **of_run: Any,
    ) -> dict[str, int]:
        found = [
            destination("ops", each, report=True) if isinstance(each, str) else each
            for each in wanted
        ]
        counts = send_report.run(
            warehouse,
            new_run(now + timedelta(hours=hours), **of_run),
            day=day,
            place=lambda day: f"/srv/reports/{day}",
            channels=to(*found, **broken or {}),
            owner="run",
            now=now + timedelta(hours=hours),
        )
        return {name: count for name, count in counts.items() if count}

    return run


@pytest.fixture
def mailbox() -> Iterator[tuple[dict[str, Any], list[EmailMessage]]]:
    """The fields of a mail server's channel, and the mails that it took."""
    taken: list[EmailMessage] = []

    class Inbox:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            mail = email.message_from_bytes(envelope.content, policy=default)
            assert isinstance(mail, EmailMessage)
            taken.append(mail)
            return "250 OK"

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    server = Controller(Inbox(), hostname="127.0.0.1", port=port)
    server.start()
    fields = {
        "type": "email",
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "shop@example.com",
        "to": ["boss@example.com"],
        "report": "only",
    }
    yield fields, taken
    server.stop()


@pytest.fixture
def robots(httpserver: HTTPServer) -> dict[str, Robot]:
    """A strict robot of each kind."""
    found = {kind: Robot(kind) for kind in PATHS}
    for kind, robot in found.items():

        def handle(request: Request, robot: Robot = robot) -> Response:
            answer = robot.answer(request.path, request.args, request.get_data())
            return Response(json.dumps(answer), content_type="application/json")

        httpserver.expect_request(PATHS[kind].partition("?")[0]).respond_with_handler(handle)
    return found


@pytest.fixture
def group(httpserver: HTTPServer) -> Callable[..., Destination]:
    """A robot's channel that gets the report and nothing else."""

    def make(kind: str, **fields: Any) -> Destination:
        listed = {"type": kind, "url": httpserver.url_for(PATHS[kind]), "report": "only"}
        secret = {} if kind == "wecom" else {"secret": SECRET}
        (found,) = destinations("ops", [listed | secret | fields])
        return found

    return make
