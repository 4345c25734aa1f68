"""Operations on a Stoa server, over its REST face."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from stoa.app.following import outcome
from stoa.app.problems import error_of
from stoa.base.errors import Bug, SetupError
from stoa.contract import Operation
from stoa.core.flows.flows import RunView

OnProgress = Callable[[str, int, int], Awaitable[None]]
_PAUSES = (0.2, 0.5, 1, 2, 4, 8, 15)
"""Seconds to wait before following a run again when the stream broke off, as at a restart."""
_TIMEOUT = httpx.Timeout(10.0, read=600.0, write=600.0)


class RemoteDoor:
    """Operations over HTTP."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str, key: str | None) -> AsyncIterator["RemoteDoor"]:
        """A door to the server at `url`.

        Raises:
            SetupError: nobody answers there.
        """
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            async with httpx.AsyncClient(
                base_url=url.rstrip("/"), headers=headers, timeout=_TIMEOUT
            ) as client:
                yield cls(client)
        except httpx.TransportError as error:
            raise SetupError(
                f"{url} does not answer: {type(error).__name__}.",
                hint="Check --url, and that 'stoa serve' runs there.",
            ) from error

    async def upload(self, path: Path) -> str:
        """Store a file; return its id."""
        with path.open("rb") as content:
            response = await self._client.post("/api/files", files={"file": (path.name, content)})
        return str(_answer(response)["id"])

    async def call(
        self, solution: str, operation: Operation, payload: dict[str, Any], on_progress: OnProgress
    ) -> dict[str, Any]:
        """The result of an operation, as data."""
        posting = asyncio.ensure_future(self._post(solution, operation, payload))
        if not operation.durable:
            return await posting
        try:
            started = await asyncio.shield(posting)
            run = await self._followed(str(started["run_id"]), on_progress)
        except asyncio.CancelledError:  # Ctrl-C arrives here; the run may have begun just now
            await self._client.post(f"/api/runs/{(await posting)['run_id']}/cancel")
            raise
        return outcome(run)

    async def _post(
        self, solution: str, operation: Operation, payload: dict[str, Any]
    ) -> dict[str, Any]:
        return _answer(await self._client.post(f"/api/{solution}/{operation.name}", json=payload))

    async def _followed(self, run_id: str, on_progress: OnProgress) -> RunView:
        """Read the run's events to their end; where the stream breaks off, go on after the last."""
        last = "0"
        for pause in (*_PAUSES, None):
            try:
                async for name, number, data in self._events(run_id, last):
                    last = number or last
                    if name == "end":
                        return RunView.model_validate(data)
                    if name == "progress":
                        await on_progress(*_note(data))
            except httpx.TransportError as error:
                if _is_interrupted():  # closing the stream failed, which hid why it was closed
                    raise asyncio.CancelledError from error
                if pause is None:
                    raise
            await asyncio.sleep(pause or 0)
        raise SetupError(
            f"The server stopped telling about run {run_id}.",
            hint=f"Look at it later: GET /api/runs/{run_id}.",
        )

    async def _events(
        self, run_id: str, after: str
    ) -> AsyncIterator[tuple[str, str, dict[str, Any]]]:
        request = self._client.stream(
            "GET", f"/api/runs/{run_id}/events", headers={"Last-Event-ID": after}
        )
        async with request as response:
            if response.is_error:
                await response.aread()
                _answer(response)
            fields: dict[str, str] = {}
            async for line in response.aiter_lines():
                if line:
                    name, _, value = line.partition(":")
                    fields[name] = value.removeprefix(" ")
                elif "data" in fields:
                    yield fields.get("event", ""), fields.get("id", ""), json.loads(fields["data"])
                    fields = {}


def _is_interrupted() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _note(event: dict[str, Any]) -> tuple[str, int, int]:
    note = event.get("data", {})
    return note.get("message", ""), note.get("done", 0), note.get("total", 0)


def _answer(response: httpx.Response) -> dict[str, Any]:
    """The body of an answer, or the error it tells of."""
    try:
        body = response.json()
    except json.JSONDecodeError as error:
        raise SetupError(
            f"{response.url} answered {response.status_code}, and not as Stoa does.",
            hint="Check --url.",
        ) from error
    if response.is_error:
        raise error_of(body)
    if not isinstance(body, dict):
        raise Bug("an operation answered something that is no object")
    return body
