"""`/mcp`, loaded when somebody first asks: importing the MCP library takes a good part of a second."""

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.types import ASGIApp, Receive, Scope, Send

from stoa.app.callers import Callers
from stoa.dispatch import Dispatcher


class McpRoute:
    """An ASGI application that becomes the MCP server with its first request."""

    def __init__(self, dispatcher: Dispatcher, callers: Callers) -> None:
        self._dispatcher = dispatcher
        self._callers = callers
        self._wanted = asyncio.Event()
        self._server: asyncio.Future[ASGIApp] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ready to be asked while the block lasts."""
        self._server = asyncio.get_running_loop().create_future()
        living = asyncio.create_task(self._live(self._server))
        try:
            yield
        finally:
            living.cancel()
            with suppress(asyncio.CancelledError):
                await living

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        assert self._server is not None, "requests before the application has started"
        self._wanted.set()
        server = await asyncio.shield(self._server)
        await server(scope, receive, send)

    async def _live(self, server: "asyncio.Future[ASGIApp]") -> None:
        """One task from beginning to end, as the library's task group wants it."""
        await self._wanted.wait()
        module = await asyncio.to_thread(importlib.import_module, "stoa.app.mcp")
        mcp = module.McpOverHttp(self._dispatcher, self._callers)
        async with mcp.running():
            server.set_result(mcp)
            await asyncio.Event().wait()
