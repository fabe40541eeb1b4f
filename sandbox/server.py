"""The sandbox's HTTP server: the platforms on loopback, and `/control/` for other processes."""

import contextlib
import json
import socket
import socketserver
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote

from sandbox.clock import Clock
from sandbox.defaults import App, apps_for, connection
from sandbox.faults import (
    ANSWER_FAULTS,
    FORM_FAULTS,
    FORMS,
    JSON_TYPE,
    Fault,
    Faults,
    Latency,
    nan_in,
    respelled,
    spelled,
)
from sandbox.platform_1688 import (
    INFOS,
    TOKEN_HOURS,
    TRACES,
    Answer,
    Platform1688,
    Tokens,
    has_steps,
    qos_error,
    token_error,
)
from sandbox.platform_router import (
    ORDER_STATUS,
    ROUTER_PATHS,
    TOO_FAST,
    WAYBILL_TRACE,
    WAYBILLS,
    PlatformRouter,
)
from sandbox.platform_taobao import (
    FLOW_CONTROL,
    PARCELS,
    PATH,
    TRACE_GET,
    TRACE_SEARCH,
    PlatformTaobao,
    render_xml,
)
from sandbox.world import Order, World, dialect_of

HTML = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
HTML_PAGE = "<!DOCTYPE html><html><body>系统繁忙，请稍后再试</body></html>".encode()
XML_TYPE = "text/xml;charset=UTF-8"
OVER_QUOTA = frozenset({"gw.QosAppFrequencyLimit", FLOW_CONTROL, TOO_FAST})
TRACE_APIS = frozenset({TRACES, TRACE_GET, TRACE_SEARCH, WAYBILL_TRACE})
MAX_LOGGED_CALLS = 1_000_000
PHRASES = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Call:
    """
    One call the platform got.

    :param arrived: monotonic seconds; `at` is the world's time.
    :param part: the order lines or the waybill that it asks for; empty is the whole order.
    """

    arrived: float
    at: datetime
    app_key: str
    account: str
    api: str
    order_id: str
    part: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: tuple[str, ...] = ()


class Dropped(Exception):
    """The connection ends without an answer."""


class Sandbox:
    """
    The stand-in platforms: `with Sandbox(world, clock) as sandbox: sandbox.url`.

    :param apps: app keys and their accounts; those of the world's accounts when left out.
    :param latency: how long answers take; more by `faults`.
    :param token_hours: life of an access token on the sandbox's clock; None lives for ever.
    :param qos_status: HTTP status of 1688's quota error, 400 or 200.
    :param odd_forms: some orders' answers always come in a form that other programs write: with a
        byte order mark, with raw control characters, in GBK.
    :param host: where it listens; another address than loopback is for containers.
    """

    def __init__(
        self,
        world: World,
        clock: Clock,
        apps: Sequence[App] | None = None,
        *,
        faults: Faults | None = None,
        latency: Latency | None = None,
        token_hours: float | None = TOKEN_HOURS,
        qos_status: int = 400,
        odd_forms: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.world = world
        self.clock = clock
        self.apps = tuple(apps or apps_for(world.accounts))
        self.faults = faults or Faults(world.seed)
        if latency:
            self.faults.latency = latency
        by_dialect: dict[str, list[App]] = {"param2": [], "top": [], "router": []}
        for app in self.apps:
            by_dialect[app.dialect].append(app)
        self.platform = Platform1688(
            world, clock, by_dialect["param2"], token_hours=token_hours, qos_status=qos_status
        )
        self.taobao = PlatformTaobao(world, clock, by_dialect["top"], token_hours=token_hours)
        self.router = PlatformRouter(world, clock, by_dialect["router"], token_hours=token_hours)
        self.calls: list[Call] = []
        self._odd_forms = odd_forms
        self._address = (host, port)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

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

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>`, once started."""
        if self._server is None:
            raise RuntimeError("the sandbox is not started")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def clock_url(self) -> str:
        """GET answers `{"now": "<ISO 8601>"}`."""
        return f"{self.url}/clock"

    def start(self) -> str:
        """Serve on a thread; returns the base URL."""
        self._stopping.clear()
        self._server = _Server(self._address, _Handler, self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()
        return self.url

    def stop(self) -> None:
        """Stop serving and close every connection."""
        self._stopping.set()
        if self._server and self._thread:
            self._server.shutdown()
            self._server.server_close()
            self._server.close_connections()
            self._thread.join()
        self._server = self._thread = None

    def connection(self, account: str, *, qps: float | None = None) -> dict[str, Any]:
        """The Airflow connection of an account, as JSON."""
        return connection(account, self.url, self.apps, qps=qps)

    def freeze(self, at: datetime | None) -> None:
        """Let the platform answer as of `at` from then on; None lets the world go on."""
        self.world.freeze(at)

    def expire_token(self, account: str) -> None:
        self._tokens(account).expire(account)

    def replace_token(self, account: str) -> dict[str, str]:
        """A new pair for the account; the old tokens are dead."""
        return self._tokens(account).replace(account)

    def lose_messages(self, account: str) -> None:
        """Another program of the account's app consumes all that waits in its queue."""
        self.taobao.lose_messages(account, self.clock.now())

    def _tokens(self, account: str) -> Tokens:
        by_dialect = {
            "param2": self.platform.tokens,
            "top": self.taobao.tokens,
            "router": self.router.tokens,
        }
        return by_dialect[dialect_of(account)]

    def usage(self) -> dict[str, Any]:
        """Calls by API and outcome; per app key the busiest second and what the quota refused."""
        calls = list(self.calls)
        counts = Counter((call.api, call.outcome) for call in calls)
        by_app: dict[str, list[float]] = {app.key: [] for app in self.apps}
        for call in calls:
            by_app.setdefault(call.app_key, []).append(call.arrived)
        refused = Counter(call.app_key for call in calls if call.outcome == "refused_by_quota")
        return {
            "calls": [
                {"api": api, "outcome": outcome, "calls": number}
                for (api, outcome), number in sorted(counts.items())
            ],
            "total": len(calls),
            "most_in_any_second": {key: most_in_any_second(by_app[key]) for key in by_app},
            "refused_by_quota": {key: refused[key] for key in by_app},
        }

    def clear_calls(self) -> None:
        """Forget the call log, and with it the usage."""
        self.calls.clear()

    def handle(self, path: str, params: Mapping[str, str], arrived: float) -> Response:
        """Answer one platform call, faults and latency included."""
        app_key = params.get("app_key")
        is_router = path == ROUTER_PATHS[WAYBILLS] or params.get("method") in ROUTER_PATHS
        if app_key in self.router.apps or (is_router and app_key not in self.taobao.apps):
            answer = self.router.answer(path, params, arrived)
        elif path == PATH:
            answer = self.taobao.answer(params, arrived)
        else:
            answer = self.platform.answer(path, params, arrived)
        if answer.outcome in OVER_QUOTA:
            answer.outcome = "refused_by_quota"
            return self._respond(answer, arrived)
        order = self._order_of(answer)
        if order is not None and order.has_nan and answer.api in TRACE_APIS:
            answer.body = nan_in(answer.body)
        fault = self.faults.pick(
            answer.api, answer.order_id, answer.account, lambda kind: _can_strike(kind, answer)
        )
        delay = self.faults.delay()
        if delay:
            self._stopping.wait(delay)
        if fault is None:
            return self._respond(answer, arrived)
        answer.outcome = f"fault_{fault.kind}"
        if fault.kind in ("reset", "hang"):
            self._log(answer, arrived)
            if fault.kind == "hang":
                self._stopping.wait(fault.seconds)
            raise Dropped
        return self._respond(answer, arrived, fault)

    def _respond(self, answer: Answer, arrived: float, fault: Fault | None = None) -> Response:
        self._log(answer, arrived)
        if fault is None:
            return self._in_its_form(answer)
        is_top = answer.api.startswith("taobao.")
        is_router = answer.api in ROUTER_PATHS
        match fault.kind:
            case "http_429":
                wait = f"Retry-After: {max(1, round(fault.seconds))}"
                return Response(429, b"", "text/plain", (wait,))
            case "http_500":
                return Response(500, b"Internal Server Error", "text/plain")
            case "http_502":
                return Response(502, HTML, "text/html")
            case "html":
                return Response(200, HTML_PAGE, "text/html;charset=UTF-8")
            case "qos_200" | "qos_400" if is_router:
                return _rendered(self.router.qos_error(answer, int(fault.kind[-3:])))
            case "qos_200" | "qos_400" if is_top:
                return _rendered(self.taobao.qos_error(answer, fault.seconds))
            case "qos_200" | "qos_400":
                return _json_response(
                    qos_error(answer, 400).body, 200 if fault.kind == "qos_200" else 400
                )
            case "token_expired" if is_router:
                return _rendered(self.router.token_error(answer))
            case "token_expired" if is_top:
                return _rendered(self.taobao.token_error(answer))
            case "token_expired":
                return _json_response(token_error(answer).body, 401)
            case "half_json":
                whole = _rendered(answer)
                return Response(whole.status, whole.body[: len(whole.body) // 2])
            case kind if kind in FORM_FAULTS:
                body = respelled(self._form_of(answer), answer.body)
                return Response(answer.status, *spelled(kind, body))
            case _:
                answer.body = self.faults.spoil(fault.kind, answer.body)
                return self._in_its_form(answer)

    def _in_its_form(self, answer: Answer) -> Response:
        """An answer as its order's answers always come."""
        form = self._form_of(answer)
        return Response(answer.status, *spelled(form, answer.body)) if form else _rendered(answer)

    def _form_of(self, answer: Answer) -> str:
        """The odd form of the answers about an order; empty where they have none."""
        order = self._order_of(answer) if self._odd_forms and not answer.as_xml else None
        number = order.quirk // 7 % 20 if order else len(FORMS)
        return FORMS[number] if number < len(FORMS) else ""

    def _order_of(self, answer: Answer) -> Order | None:
        """The order that a good answer is about."""
        if answer.order_id and answer.account and answer.status == 200:
            return self.world.find(answer.account, answer.order_id)
        return None

    def _log(self, answer: Answer, arrived: float) -> None:
        if len(self.calls) < MAX_LOGGED_CALLS:
            self.calls.append(
                Call(
                    arrived,
                    self.clock.now(),
                    answer.app_key,
                    answer.account,
                    answer.api,
                    answer.order_id,
                    answer.part,
                    answer.outcome,
                )
            )

    def control(self, method: str, path: str, wanted: Mapping[str, Any]) -> Any:
        """One `/control/` question or order; the answer is JSON."""
        controls: dict[tuple[str, str], Callable[[Mapping[str, Any]], Any]] = {
            ("GET", "/clock"): self._show_clock,
            ("GET", "/control/clock"): self._show_clock,
            ("POST", "/control/clock"): self._move_clock,
            ("POST", "/control/faults"): self._set_faults,
            ("POST", "/control/tokens"): self._change_token,
            ("POST", "/control/freeze"): self._freeze,
            ("GET", "/control/usage"): lambda _: self.usage(),
            ("GET", "/control/calls"): self._show_calls,
            ("GET", "/control/truth"): self._show_truth,
        }
        return controls[method, path](wanted)

    def _show_clock(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return {"now": self.clock.now().isoformat(), "speed": self.clock.speed}

    def _move_clock(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """`{"set": iso}`, `{"advance": minutes}`, `{"speed": factor}`."""
        if "set" in wanted:
            self.clock.set(datetime.fromisoformat(wanted["set"]))
        if "advance" in wanted:
            self.clock.advance(minutes=float(wanted["advance"]))
        if "speed" in wanted:
            self.clock.run(float(wanted["speed"]))
        return self._show_clock(wanted)

    def _set_faults(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """`{"clear": true, "add": [{"kind": ..., "times": 3}], "latency": {"usual_ms": 50}}`."""
        if wanted.get("clear"):
            self.faults.clear()
        if "latency" in wanted:
            self.faults.latency = Latency(**wanted["latency"])
        for rule in wanted.get("add", ()):
            self.faults.add(**rule)
        return {"ok": True}

    def _change_token(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """`{"account": name, "do": "expire" | "replace"}`."""
        if wanted["do"] == "replace":
            return dict(self.replace_token(wanted["account"]))
        if wanted["do"] != "expire":
            raise ValueError("do is expire or replace")
        self.expire_token(wanted["account"])
        return {"ok": True}

    def _freeze(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """`{"at": iso}`, or `{"at": null}` to let the world go on."""
        self.freeze(datetime.fromisoformat(wanted["at"]) if wanted.get("at") else None)
        return {"ok": True}

    def _show_calls(self, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The log, from the call with number `since` on."""
        calls = self.calls[int(wanted.get("since", 0)) :]
        return [asdict(call) for call in calls]

    def _show_truth(self, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
        at = datetime.fromisoformat(wanted["at"]) if "at" in wanted else self.clock.now()
        return [asdict(order) for order in self.world.truth(at).values()]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    allow_reuse_address = True

    def __init__(
        self, address: tuple[str, int], handler: type["_Handler"], sandbox: Sandbox
    ) -> None:
        self.sandbox = sandbox
        self._open: set[socket.socket] = set()
        super().__init__(address, handler)

    def server_bind(self) -> None:
        # HTTPServer would look up the host's full name, which can take seconds.
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""

    def close_connections(self) -> None:
        for connected in list(self._open):
            with contextlib.suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)


class _Handler(socketserver.StreamRequestHandler):
    """HTTP/1.1 with keep-alive and nothing else: many calls a second matter here."""

    disable_nagle_algorithm = True
    rbufsize = 65536
    server: _Server

    def handle(self) -> None:
        while self._handle_one():
            pass

    def _handle_one(self) -> bool:
        line = self.rfile.readline(65537)
        arrived = time.monotonic()
        if not line.strip():
            return False
        headers = self._headers()
        body = self.rfile.read(int(headers.get(b"content-length", 0)))
        try:
            method, target, _ = line.decode("latin-1").split()
        except ValueError:
            self._send(Response(400, b"", "text/plain"))
            return False
        try:
            response = self._answer(method, target, body, arrived)
        except Dropped:
            # Closing with a zero linger resets the connection instead of ending it politely.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
            return False
        self._send(response)
        return headers.get(b"connection", b"").lower() != b"close"

    def _headers(self) -> dict[bytes, bytes]:
        headers: dict[bytes, bytes] = {}
        while (line := self.rfile.readline(65537)) not in (b"\r\n", b"\n", b""):
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        return headers

    def _answer(self, method: str, target: str, body: bytes, arrived: float) -> Response:
        path, _, query = target.partition("?")
        params = dict(parse_qsl(query, keep_blank_values=True))
        if path.startswith("/openapi/") or path == PATH:
            if method == "POST" and path != ROUTER_PATHS[WAYBILLS]:
                params.update(parse_qsl(body.decode(), keep_blank_values=True))
            elif method != "GET":
                return Response(405, b"", "text/plain")
            return self.server.sandbox.handle(unquote(path), params, arrived)
        try:
            wanted = json.loads(body) if body else params
            return _json_response(self.server.sandbox.control(method, path, wanted), 200)
        except KeyError as error:
            return _json_response({"error": f"unknown: {error}"}, 404)
        except (TypeError, ValueError) as error:
            return _json_response({"error": str(error)}, 400)

    def _send(self, response: Response) -> None:
        head = (
            f"HTTP/1.1 {response.status} {PHRASES[response.status]}\r\n"
            f"Content-Type: {response.content_type}\r\n"
            f"Content-Length: {len(response.body)}\r\n"
        )
        extra = "".join(f"{header}\r\n" for header in response.headers)
        self.connection.sendall(f"{head}{extra}\r\n".encode() + response.body)


def most_in_any_second(times: Iterable[float]) -> int:
    """The most calls in any half-open window of one second."""
    ordered = sorted(times)
    most = first = 0
    for last, time_of_last in enumerate(ordered):
        while ordered[first] <= time_of_last - 1:
            first += 1
        most = max(most, last - first + 1)
    return most


def _can_strike(kind: str, answer: Answer) -> bool:
    """Faults in an answer need a good one of a logistics API; the others always make sense."""
    if kind == "token_expired" and answer.api == ORDER_STATUS:
        return False
    if kind in FORM_FAULTS:
        return answer.outcome == "ok" and not answer.as_xml
    if kind not in ANSWER_FAULTS or kind == "half_json":
        return True
    if answer.outcome != "ok":
        return False
    if answer.api in (INFOS, TRACES):
        return kind == "empty" or has_steps(answer.body)
    if answer.api in (PARCELS, WAYBILLS, ORDER_STATUS):
        return kind == "empty"
    return answer.api in TRACE_APIS


def _rendered(answer: Answer) -> Response:
    if answer.as_xml:
        return Response(answer.status, render_xml(answer.body), XML_TYPE)
    return _json_response(answer.body, answer.status)


def _json_response(body: Any, status: int) -> Response:
    content = json.dumps(body, ensure_ascii=False, default=_as_text)
    return Response(status, content.encode())


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"not JSON: {type(value).__name__}")
