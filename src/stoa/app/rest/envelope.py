"""Around every request: its id, its line in the log, security headers, and the host it was sent to.

Plain ASGI, so that streams and WebSockets pass untouched. This is one of the edges where an error
nobody foresaw is caught: it is logged with the request's id, and the caller learns the id only.
"""

import random
import re
import time
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stoa.app.callers import Callers
from stoa.app.problems import problem_of, unforeseen
from stoa.app.rest.failures import answer
from stoa.base.errors import Forbidden, NotFound, StoaError
from stoa.base.settings import Settings
from stoa.base.telemetry import get_logger, metrics

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
MACHINE_PATHS: Final = ("/api/", "/v1/", "/mcp", "/objects/", "/metrics", "/health")
"""Paths that answer data; everything else is the console."""

_log = get_logger("stoa.access")
_SLOW = 0.25
_GIVEN_ID = re.compile(r"^[A-Za-z0-9_.-]{8,64}$")
_SECRET_PATH = re.compile(r"^(/objects/|/setup/|/password/|/decide/).+$")
_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
_CONSOLE_POLICY = (  # the page library compiles its templates in the browser: it needs eval
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' ws: wss:; media-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class Envelope:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, *, settings: Settings, callers: Callers) -> None:
        self._app = app
        self._callers = callers
        self._hosts = _served_hosts(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, in its envelope."""
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A page of another site must not open a socket with the visitor's cookie."""
        connection = HTTPConnection(scope)
        foreign = "origin" in connection.headers and not self._callers.is_own_origin(connection)
        if foreign or not self._serves(connection.headers):
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        status = 0

        async def send_dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _dress(message, scope["path"], request_id)
            await send(message)

        try:
            if not self._serves(headers):
                await _refuse(_wrong_host(), request_id, scope, receive, send_dressed)
                return
            if "\0" in scope["path"]:  # no name of anything, and not storable
                await _refuse(_no_such_path(), request_id, scope, receive, send_dressed)
                return
            await self._app(scope, receive, send_dressed)
        except Exception:  # the edge: logged with its id, told as an id
            _log.exception("unforeseen error", request_id=request_id)
            if status:
                raise  # an answer has begun: cutting the connection is all that is left
            await _refuse(unforeseen(request_id), request_id, scope, receive, send_dressed)
        finally:
            _note(scope, status, time.perf_counter() - started, request_id)

    def _serves(self, headers: Headers) -> bool:
        if self._hosts is None:
            return True
        return urlsplit(f"//{headers.get('host', '')}").hostname in self._hosts


def _served_hosts(settings: Settings) -> frozenset[str] | None:
    """Names we answer to; None for any. On loopback, a foreign name that resolves to us is how a web
    page reaches a service on the visitor's own machine (DNS rebinding)."""
    public = urlsplit(settings.resolved_public_url()).hostname or ""
    if settings.host in LOOPBACK_NAMES or settings.public_url:
        return LOOPBACK_NAMES | {public, settings.host}
    return None


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if _GIVEN_ID.match(given) else _made_id()


def _made_id() -> str:
    """Sorts by time and is told apart; nobody gains by guessing one, so no system call is spent."""
    return f"req_{int(time.time() * 1000):011x}{random.getrandbits(60):015x}"


def _dress(message: Message, path: str, request_id: str) -> None:
    """Plain lists instead of header objects: this stands in the way of every answer."""
    headers = message.setdefault("headers", [])
    if not isinstance(headers, list):
        headers = message["headers"] = list(headers)
    there = {name.lower() for name, _ in headers}
    if b"x-request-id" in there:
        headers[:] = [each for each in headers if each[0].lower() != b"x-request-id"]
    headers.append((b"x-request-id", request_id.encode("latin-1")))
    for each in _MACHINE_HEADERS if path.startswith(MACHINE_PATHS) else _CONSOLE_HEADERS:
        if each[0] not in there:
            headers.append(each)


def _fixed_headers(policy: str, **more: str) -> list[tuple[bytes, bytes]]:
    named = {
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "x-frame-options": "DENY",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "content-security-policy": policy,
        **more,
    }
    return [(name.encode(), value.encode()) for name, value in named.items()]


_CONSOLE_HEADERS: Final = _fixed_headers(_CONSOLE_POLICY)
_MACHINE_HEADERS: Final = _fixed_headers(_DATA_POLICY, **{"cache-control": "no-store"})


def _wrong_host() -> StoaError:
    return Forbidden(
        "This server does not answer to that host name.",
        hint="Set STOA_PUBLIC_URL to the address that people use.",
    )


def _no_such_path() -> StoaError:
    return NotFound("There is nothing at this path.", hint="Check the address.")


async def _refuse(
    error: StoaError, request_id: str, scope: Scope, receive: Receive, send: Send
) -> None:
    response = answer(problem_of(error, request_id))
    await response(scope, receive, send)


def _note(scope: Scope, status: int, seconds: float, request_id: str) -> None:
    """One line in the log and one count; the route and not the path, so that counts stay few."""
    method, route = scope["method"], _route(scope)
    metrics.http_requests.labels(method, route, status or "cut off").inc()
    metrics.http_seconds.labels(method, route).observe(seconds)
    if status == 200 and seconds < _SLOW and getattr(scope.get("route"), "is_hot", False):
        _tally.add(route, seconds)
        return
    _log.info(
        "request",
        method=method,
        path=_SECRET_PATH.sub(r"\1…", scope["path"]),
        status=status or "cut off",
        milliseconds=round(seconds * 1000, 1),
        request_id=request_id,
    )


class _Tally:
    """Hot routes get a line a second and not a line a request: writing it costs more than answering.

    What fails or is slow still has a line of its own.
    """

    def __init__(self) -> None:
        self._since = 0.0
        self._seconds: dict[str, list[float]] = {}

    def add(self, route: str, seconds: float) -> None:
        """One more request; says so at most once a second."""
        self._seconds.setdefault(route, []).append(seconds)
        at = time.monotonic()
        if at - self._since < 1:
            return
        counted, self._seconds, self._since = self._seconds, {}, at
        for name, taken in counted.items():
            _log.info(
                "requests",
                route=name,
                count=len(taken),
                slowest_milliseconds=round(max(taken) * 1000, 1),
            )


def _route(scope: Scope) -> str:
    path: str = getattr(scope.get("route"), "path", "")
    return path if path and scope["path"].startswith(MACHINE_PATHS) else "console"


_tally: Final = _Tally()
