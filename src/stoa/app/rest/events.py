"""Server-sent events: encoding, heartbeats, and an end when the client or the server leaves.

Whoever answers with events hands over a function that is given `send` and works until it is done.
When the client leaves, that work is cancelled where it stands: nothing goes on for nobody.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import anyio
from fastapi.sse import format_sse_event
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from stoa.app.problems import problem_of, unforeseen
from stoa.base.errors import StoaError
from stoa.base.telemetry import get_logger

HEARTBEAT_SECONDS = 15.0
_log = get_logger("stoa.events")


@dataclass(frozen=True)
class Event:
    """One event: `data` is JSON text; `id` is what a reader sends back as Last-Event-ID."""

    name: str
    data: str
    id: str | None = None


SendEvent = Callable[[Event], Awaitable[None]]
Work = Callable[[SendEvent], Awaitable[None]]
Closing = Callable[[], Awaitable[Any]]


class EventStream(Response):
    """A response that streams what `work` sends until it returns.

    An error of `work` becomes a last event `error` with the problem, since the status has been sent
    by then. `closing` returns when the server stops: the reader comes back with Last-Event-ID.
    """

    media_type = "text/event-stream"

    def __init__(self, work: Work, *, closing: Closing, request_id: str) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._work = work
        self._closing = closing
        self._request_id = request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        async with anyio.create_task_group() as group:

            async def end_after(wait: Callable[[], Awaitable[Any]]) -> None:
                await wait()
                group.cancel_scope.cancel()

            group.start_soon(end_after, lambda: _disconnected(receive))
            group.start_soon(end_after, self._closing)
            group.start_soon(_heartbeats, send)
            await self._run(send)
            group.cancel_scope.cancel()
        await send({"type": "http.response.body", "body": b""})

    async def _run(self, send: Send) -> None:
        async def send_event(event: Event) -> None:
            await _write(send, format_sse_event(data_str=event.data, event=event.name, id=event.id))

        try:
            await self._work(send_event)
        except StoaError as error:
            problem = problem_of(error, self._request_id)
            await send_event(Event("error", problem.model_dump_json(exclude_none=True)))
        except Exception:  # noqa: BLE001 - the edge: logged with its id, told as an id
            _log.exception("unforeseen error", request_id=self._request_id)
            problem = problem_of(unforeseen(self._request_id), self._request_id)
            await send_event(Event("error", problem.model_dump_json(exclude_none=True)))


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _heartbeats(send: Send) -> None:
    """Comments that keep proxies from closing a quiet stream."""
    while True:
        await anyio.sleep(HEARTBEAT_SECONDS)
        await _write(send, b": heartbeat\n\n")


async def _write(send: Send, content: bytes) -> None:
    await send({"type": "http.response.body", "body": content, "more_body": True})
