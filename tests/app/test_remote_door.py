"""The command line's door to another machine: what it does when it is interrupted."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from stoa.app.cli.remote import RemoteDoor
from stoa.contract import Call, Operation, Result
from stoa.contract import Request as StoaRequest


class Nothing(StoaRequest):
    pass


class Done(Result):
    pass


async def count(call: Call, request: Nothing) -> Done:
    """Count."""
    return Done()


async def ignore(message: str, done: int, total: int) -> None: ...


async def test_interrupted_while_the_run_begins() -> None:
    asked, may_answer, cancelled = asyncio.Event(), asyncio.Event(), []

    async def begin(request: Request) -> JSONResponse:
        asked.set()
        await may_answer.wait()
        return JSONResponse({"run_id": "run_1"}, status_code=202)

    async def cancel(request: Request) -> JSONResponse:
        cancelled.append(request.path_params["run"])
        return JSONResponse({})

    server = Starlette(
        routes=[
            Route("/api/tests/count", begin, methods=["POST"]),
            Route("/api/runs/{run}/cancel", cancel, methods=["POST"]),
        ]
    )
    transport = httpx.ASGITransport(server)
    async with httpx.AsyncClient(transport=transport, base_url="http://there") as client:
        door = RemoteDoor(client)
        call = asyncio.create_task(door.call("tests", Operation(count, durable=True), {}, ignore))
        await asked.wait()
        call.cancel()
        may_answer.set()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert cancelled == ["run_1"]


class Telling(httpx.AsyncByteStream):
    """The events of a run; closing the connection fails, as it may on a busy machine."""

    def __init__(self) -> None:
        self.told = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.told.set()
        yield b'id: 1\nevent: progress\ndata: {"data": {"message": "at 1"}}\n\n'
        await asyncio.sleep(60)

    async def aclose(self) -> None:
        raise httpx.ReadError("the connection is gone")


async def test_interrupted_while_the_stream_fails() -> None:
    stream, cancelled = Telling(), []

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/events"):
            return httpx.Response(200, stream=stream)
        if request.url.path.endswith("/cancel"):
            cancelled.append(request.url.path)
            return httpx.Response(200, json={})
        return httpx.Response(202, json={"run_id": "run_1"})

    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://there") as client:
        door = RemoteDoor(client)
        call = asyncio.create_task(door.call("tests", Operation(count, durable=True), {}, ignore))
        await stream.told.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert cancelled == ["/api/runs/run_1/cancel"]
