"""The web application: routers, console, gateway and MCP around one dispatcher.

It knows no solution and no provider; what there is comes from the dispatcher.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib.metadata import version

from fastapi import FastAPI
from starlette.routing import Route

from stoa.app.callers import Callers
from stoa.app.console.shell import mount as mount_console
from stoa.app.house import at_work
from stoa.app.rest.approvals import approvals
from stoa.app.rest.cloud_events import cloud_events
from stoa.app.rest.envelope import Envelope
from stoa.app.rest.failures import Described, handle_failures
from stoa.app.rest.files import files
from stoa.app.rest.gateway import gateway
from stoa.app.rest.hot import HotRoad
from stoa.app.rest.mcp_route import McpRoute
from stoa.app.rest.oidc import oidc
from stoa.app.rest.operations import operations
from stoa.app.rest.parts import Parts
from stoa.app.rest.runs import runs
from stoa.app.rest.sample import SampleVisitors
from stoa.app.rest.session import session
from stoa.app.rest.system import system
from stoa.base.errors import StoaError
from stoa.base.telemetry import get_logger
from stoa.dispatch import Dispatcher

_log = get_logger("stoa.app")
_DESCRIPTION = (
    "Every operation of every solution is one POST. Errors are problem+json with a hint. Durable "
    "operations answer 202 and a run to follow; streaming ones answer server-sent events to a client "
    "that accepts them."
)


def create_app(dispatcher: Dispatcher, *, sample: bool = False, works: bool = True) -> FastAPI:
    """The application that `stoa serve` serves.

    Args:
        sample: sign browsers on this machine in as the owner of the sample workspace.
        works: also work on durable runs; False leaves them to `stoa worker` processes.
    """
    platform = dispatcher.platform
    callers = Callers(platform.accounts, public_url=platform.settings.resolved_public_url())
    parts = Parts(dispatcher, callers)
    mcp = McpRoute(dispatcher, callers)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(at_work(dispatcher, works=works, serves=True))
            await stack.enter_async_context(mcp.running())
            await stack.enter_async_context(_warming(dispatcher, sample=sample))
            yield
            parts.closing.set()

    app = Described(
        title="Stoa",
        version=version("stoa"),
        description=_DESCRIPTION,
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        max_body_size=platform.settings.upload_limit_mb * 2**20 + 2**20,
    )
    app.state.parts = parts
    handle_failures(app)
    for router in (system, session, oidc, files, runs, approvals, cloud_events, operations):
        app.include_router(router(parts))
    app.include_router(gateway(dispatcher, parts.caller))
    app.router.routes.append(Route("/mcp", mcp))
    mount_console(app, dispatcher)
    app.add_middleware(HotRoad, parts=parts)
    if sample:
        app.add_middleware(SampleVisitors, parts=parts)
    app.add_middleware(Envelope, settings=platform.settings, callers=callers)
    return app


@asynccontextmanager
async def _warming(dispatcher: Dispatcher, *, sample: bool) -> AsyncIterator[None]:
    """Load the embedder and fill the sample workspace beside the first requests, not before them."""

    async def warm() -> None:
        platform = dispatcher.platform
        try:
            if stale := await platform.knowledge.prepare():
                _log.warning("documents wait for 'stoa admin rebuild-index'", documents=stale)
            if sample:
                await dispatcher.fill(await platform.accounts.ensure_sample())
        except StoaError as error:
            _log.warning("not all is warm", error=str(error))

    warming = asyncio.create_task(warm())
    try:
        yield
    finally:
        warming.cancel()
        with suppress(asyncio.CancelledError):
            await warming
