"""A strict webhook receiver on loopback: it keeps what is rightly signed and fails when told to."""

import contextlib
import hmac
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl
from uuid import UUID

HOOKS = "/hooks/"
CONTROL = "/control/"
TOLERANCE = 300.0  # seconds between the sender's clock and ours
MODES = ("up", "status", "reset", "hang", "lost")
LARGEST_BODY = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message that was taken; ``at`` is aware real time."""

    at: datetime
    channel: str
    event_id: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """One request that was not taken, and why."""

    at: datetime
    channel: str
    why: str


@dataclass(slots=True)
class Mood:
    """
    How an endpoint treats what it gets.

    :param mode: ``up``; ``status`` answers with ``status`` and ``headers``; ``reset`` drops the
        connection; ``hang`` says nothing for ``seconds``; ``lost`` takes the message and then
        drops the connection, so that the sender does not know.
    :param seconds: how long ``up`` and ``lost`` take too.
    """

    mode: str = "up"
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


class Receiver:
    """
    Endpoints ``/hooks/<name>``: ``with Receiver("ops", "shop") as receiver: receiver.url("ops")``.

    :param names: the endpoints.
    :param told: called with every delivery, in the thread that took it.
    """

    def __init__(
        self,
        *names: str,
        port: int = 0,
        told: Callable[[Delivery], None] = lambda delivery: None,
    ) -> None:
        self.names = names
        self._told = told
        self._port = port
        self._lock = threading.Lock()
        self._deliveries: list[Delivery] = []
        self._refusals: list[Refusal] = []
        self._moods = {name: Mood() for name in names}
        self._woken = threading.Event()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Serve on a thread."""
        self._server = _Server(("127.0.0.1", self._port), self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Serve no more; whoever hangs is let go."""
        self._woken.set()
        if self._server and self._thread:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
        self._server = self._thread = None

    @property
    def base_url(self) -> str:
        """``http://127.0.0.1:<port>``, once started."""
        if self._server is None:
            raise RuntimeError("the receiver is not started")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def url(self, name: str) -> str:
        """Where the endpoint is reached."""
        return url(self.base_url, name)

    def secret(self, name: str) -> str:
        """What messages to the endpoint are signed with."""
        return secret(name)

    def connection(self, *names: str, **fields: Any) -> dict[str, Any]:
        """
        The Airflow connection of an audience whose channels are these endpoints, as JSON.

        :param fields: further fields of each channel, such as ``language``.
        """
        return connection(self.base_url, *names, **fields)

    def deliveries(self, name: str | None = None) -> list[Delivery]:
        """What was taken, in order; by one endpoint, or by all."""
        with self._lock:
            return [each for each in self._deliveries if name in (None, each.channel)]

    def notices(self, name: str | None = None) -> list[dict[str, Any]]:
        """The bodies of what was taken, without alarms."""
        return [each.body for each in self.deliveries(name) if "items" not in each.body]

    def alarms(self, name: str | None = None) -> list[dict[str, Any]]:
        """The items of all alarms that were taken."""
        return [item for each in self.deliveries(name) for item in each.body.get("items", [])]

    def refusals(self, name: str | None = None) -> list[Refusal]:
        """What was not taken, in order."""
        with self._lock:
            return [each for each in self._refusals if name in (None, each.channel)]

    def clear(self) -> None:
        """Forget what was taken and refused."""
        with self._lock:
            self._deliveries.clear()
            self._refusals.clear()

    def set_mood(self, name: str, mode: str = "up", **changes: Any) -> None:
        """
        Let an endpoint be up, slow or down from now on; see ``Mood``.

        :raises KeyError: no endpoint has this name.
        :raises ValueError: no such mode.
        """
        if mode not in MODES:
            raise ValueError(f"mode is {mode!r}, not one of {', '.join(MODES)}")
        mood = Mood(mode, **changes)
        with self._lock:
            if name not in self._moods:
                raise KeyError(name)
            self._moods[name] = mood
            self._woken.set()
            self._woken = threading.Event()

    def go_down(self, name: str, mode: str = "status", **changes: Any) -> None:
        """Take nothing from now on: 503, or as told."""
        self.set_mood(name, mode, **changes)

    def come_back(self, name: str) -> None:
        """Take everything again, at once."""
        self.set_mood(name)

    def take(self, name: str, headers: Message, body: bytes) -> "Answer | None":
        """What one request is answered with; nothing: the connection is to be dropped."""
        with self._lock:
            mood, woken = self._moods.get(name), self._woken
        if mood is None:
            return self._refuse(name, 404, "no such endpoint")
        if mood.mode == "status":
            return self._refuse(name, mood.status, f"down: {mood.status}", mood.headers)
        if mood.mode == "reset":
            return self._refuse(name, 0, "down: reset")
        if mood.seconds:
            woken.wait(mood.seconds)
        if mood.mode == "hang":
            return self._refuse(name, 0, "down: hang")
        problem = _problem(self.secret(name), headers, body)
        if problem:
            return self._refuse(name, *problem)
        found = json.loads(body)
        delivery = Delivery(datetime.now(UTC), name, found["event_id"], found)
        with self._lock:
            self._deliveries.append(delivery)
        self._told(delivery)
        return None if mood.mode == "lost" else Answer(204, {})

    def control(self, method: str, path: str, wanted: Mapping[str, Any]) -> Any:
        """One ``/control/`` question or order; the answer is JSON."""
        if (method, path) == ("GET", "deliveries"):
            return [asdict(each) for each in self.deliveries(wanted.get("channel"))]
        if (method, path) == ("GET", "refusals"):
            return [asdict(each) for each in self.refusals(wanted.get("channel"))]
        if (method, path) == ("POST", "clear"):
            self.clear()
        elif (method, path) == ("POST", "mood"):
            changes = dict(wanted)
            self.set_mood(changes.pop("channel"), changes.pop("mode", "up"), **changes)
        else:
            raise KeyError(path)
        return {"ok": True}

    def _refuse(
        self, name: str, status: int, why: str, headers: Mapping[str, str] | None = None
    ) -> "Answer | None":
        with self._lock:
            self._refusals.append(Refusal(datetime.now(UTC), name, why))
        return Answer(status, headers or {}, why) if status else None


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and words of an answer."""

    status: int
    headers: Mapping[str, str]
    words: str = ""


def _problem(secret: str, headers: Message, body: bytes) -> tuple[int, str] | None:
    """Status and reason why a message is not taken, if it is not."""
    stamp = headers.get("X-Timestamp", "")
    if not stamp.isdecimal() or abs(time.time() - int(stamp)) > TOLERANCE:
        return 401, "X-Timestamp is missing or more than 5 minutes off"
    signature = hmac.new(secret.encode(), f"{stamp}.".encode() + body, "sha256").hexdigest()
    if not hmac.compare_digest(headers.get("X-Signature", ""), f"sha256={signature}"):
        return 401, "X-Signature is not right"
    if not headers.get("Content-Type", "").startswith("application/json"):
        return 415, "Content-Type is not application/json"
    try:
        found = json.loads(body)
        event_id = str(UUID(headers.get("X-Event-Id", "")))
    except ValueError:
        return 400, "the body is no JSON, or X-Event-Id no UUID"
    if not isinstance(found, dict) or found.get("event_id") != event_id:
        return 400, "X-Event-Id is not the body's event_id"
    return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], receiver: Receiver) -> None:
        self.receiver = receiver
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer would look up the host's full name, which can take seconds.
        TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:
        """Deliveries are told of otherwise."""

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            self.close_connection = True
            return self._send(Answer(413, {}, "the body is too large"))
        body = self.rfile.read(int(length))
        path, _, query = self.path.partition("?")
        if path.startswith(CONTROL):
            return self._control(path.removeprefix(CONTROL), query, body)
        if not path.startswith(HOOKS):
            return self._send(Answer(404, {}, "no such path"))
        if self.command != "POST":
            return self._send(Answer(405, {}, "only POST"))
        answer = self.server.receiver.take(path.removeprefix(HOOKS), self.headers, body)
        if answer is None:
            return self._drop()
        return self._send(answer)

    def _control(self, path: str, query: str, body: bytes) -> None:
        try:
            wanted = json.loads(body) if body else dict(parse_qsl(query))
            found = self.server.receiver.control(self.command, path, wanted)
            answer = Answer(200, {}, json.dumps(found, ensure_ascii=False, default=str))
        except KeyError as error:
            answer = Answer(404, {}, f"unknown: {error}")
        except (TypeError, ValueError) as error:
            answer = Answer(400, {}, str(error))
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        content = answer.words.encode() if answer.status != 204 else b""
        with contextlib.suppress(OSError):
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def _drop(self) -> None:
        # Closing with a zero linger resets the connection instead of ending it politely.
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
        self.close_connection = True


def url(base_url: str, name: str) -> str:
    """Where an endpoint is reached."""
    return f"{base_url}{HOOKS}{name}"


def secret(name: str) -> str:
    """What messages to an endpoint are signed with; invented, good for the sandbox only."""
    return f"sandbox-hook-secret-{name}"


def connection(base_url: str, *names: str, **fields: Any) -> dict[str, Any]:
    """The Airflow connection of an audience whose channels are endpoints of a receiver."""
    channels = [
        {"type": "webhook", "name": name, "url": url(base_url, name), "secret": secret(name)}
        | fields
        for name in names
    ]
    return {"conn_type": "generic", "extra": {"channels": channels}}


def connections(receiver: Receiver, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """A connection ``notify_<name>`` for each endpoint."""
    return {f"notify_{name}": receiver.connection(name) for name in names}
