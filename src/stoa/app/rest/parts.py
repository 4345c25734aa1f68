"""What the routers are made of: the dispatcher, who calls, and the sign that the server stops."""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Header, Request, Security
from fastapi.security import APIKeyCookie, HTTPBearer

from stoa.app.callers import SESSION_COOKIE, WORKSPACE_HEADER, Callers
from stoa.base.identity.caller import Caller
from stoa.dispatch import Dispatcher

_BEARER = HTTPBearer(auto_error=False, description="An API key, `stoa_…`.")
_COOKIE = APIKeyCookie(name=SESSION_COOKIE, auto_error=False, description="A signed-in browser.")


@dataclass(frozen=True)
class Parts:
    """One value for all routers."""

    dispatcher: Dispatcher
    callers: Callers
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server begins to stop, so that endless answers end."""

    async def caller(
        self,
        request: Request,
        _bearer: Annotated[object, Security(_BEARER)],
        _cookie: Annotated[object, Security(_COOKIE)],
        _workspace: Annotated[
            str | None,
            Header(alias=WORKSPACE_HEADER, description="For people in several workspaces."),
        ] = None,
    ) -> Caller:
        """The dependency of every route that somebody must be signed in for.

        The parameters are there for the OpenAPI document; the proof is read from the request.
        """
        return await self.callers.of(request)
