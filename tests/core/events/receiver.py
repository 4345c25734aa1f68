"""A consumer of webhooks for the tests: a real HTTP server on loopback that behaves as it is told.

`/ok` takes all, `/fail` answers 500, `/gone` 410, `/away` redirects, `/busy` 429 with Retry-After, `/hang`
never answers, `/slow` late, `/flaky` fails each event's first attempt. What came is in `received`.
"""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Message:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Receiver:
    url: str
    received: list[Message] = field(default_factory=list)
    free: threading.Event = field(default_factory=threading.Event)
    """Set at the end, so that what hangs lets go."""
    answers: dict[str, int] = field(default_factory=dict)
    """Other statuses than those of the paths."""

    def ids(self, path: str = "") -> Counter[str]:
        return Counter(
            each.event["id"] for each in list(self.received) if each.path.startswith(path)
        )

    async def until(self, count: int, path: str = "") -> None:
        """Wait for so many messages; the test's own time-out ends it."""
        while sum(self.ids(path).values()) < count:  # noqa: ASYNC110 - a server in a thread
            await asyncio.sleep(0.01)

    def wait(self, count: int, path: str = "") -> None:
        """As `until`, for tests without an event loop of their own."""
        while sum(self.ids(path).values()) < count:
            time.sleep(0.01)


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:  # whoever sent it was killed half-way
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        name = self.path[1:].split("/")[0]
        earlier = self.receiver.ids(self.path)
        message = Message(self.path, headers, body)
        self.receiver.received.append(message)
        if name == "hang":
            self.receiver.free.wait()
        elif name == "slow":
            self.receiver.free.wait(0.3)
        status = {"fail": 500, "gone": 410, "away": 302, "busy": 429}.get(name, 204)
        if name == "flaky" and not earlier[message.event["id"]]:
            status = 503
        status = self.receiver.answers.get(self.path, status)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", f"{self.receiver.url}/ok/elsewhere")
        if status == 429:
            self.send_header("Retry-After", "3600")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that gave up are what the tests are about."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver for the time of the block."""
    receiver = Receiver("")
    handler = type("Handler", (_Handler,), {"receiver": receiver})
    server = _Server(("127.0.0.1", 0), handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield receiver
    finally:
        receiver.free.set()
        server.shutdown()
        server.server_close()
