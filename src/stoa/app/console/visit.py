"""One open page of one signed-in person: who they are, checked again before everything they do.

A page lives as long as its socket, and much may change meanwhile: the session ends, the role is taken
away. So no action trusts what was true when the page was built.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from nicegui import background_tasks, ui
from nicegui.client import Client
from pydantic import BaseModel
from starlette.requests import Request

from stoa.app.callers import SESSION_COOKIE
from stoa.app.following import OnProgress, follow, outcome
from stoa.base.errors import NotSignedIn, StoaError
from stoa.base.identity.caller import Caller
from stoa.contract import Platform, Solution
from stoa.dispatch import Dispatcher
from stoa.ui.elements import say


class Visit:
    """The person on a page, and the door to everything they may do there."""

    def __init__(self, dispatcher: Dispatcher, caller: Caller, request: Request) -> None:
        self.dispatcher = dispatcher
        self.caller = caller
        self.path = request.url.path
        self.parameters: Mapping[str, str] = request.path_params
        self.query: Mapping[str, str] = request.query_params
        self._token = request.cookies.get(SESSION_COOKIE, "")

    @property
    def platform(self) -> Platform:
        """The core."""
        return self.dispatcher.platform

    async def check(self) -> Caller:
        """Who is on the page now.

        Raises:
            NotSignedIn: the session has ended meanwhile; the browser goes to the sign-in page.
            NotFound: no member of the page's workspace any more.
        """
        try:
            self.caller = await self.platform.accounts.caller_of_session(
                self._token, self.caller.workspace_id
            )
        except NotSignedIn:
            ui.navigate.to("/sign-in")
            raise
        return self.caller

    def live(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` beside the page for as long as the page is open."""
        client = ui.context.client
        slot = ui.context.slot

        async def begin() -> None:
            await client.connected()
            try:
                with slot:
                    await work()
            except StoaError as error:
                with slot:
                    say(str(error), bad=True)

        task = background_tasks.create(begin(), name=f"live {self.path}")
        _stop_with(client, task)


class SolutionVisit:
    """A visit of one solution's page: the `PageContext` that the page is given."""

    def __init__(self, visit: Visit, solution: Solution) -> None:
        self._visit = visit
        self._solution = solution

    @property
    def caller(self) -> Caller:
        """Who is on the page, as of the last check."""
        return self._visit.caller

    async def call(self, operation: str, request: BaseModel | dict[str, Any]) -> Any:
        """Call an operation; a durable one is awaited to its end."""
        found = self._solution.operation(operation)
        if found is not None and found.durable:
            return await self.follow(await self.start(operation, request), _unheard)
        caller = await self._visit.check()
        return await self._visit.dispatcher.call(caller, self._solution.name, operation, request)

    async def start(self, operation: str, request: BaseModel | dict[str, Any]) -> str:
        """Start a durable operation; return its run id."""
        caller = await self._visit.check()
        started = await self._visit.dispatcher.start(
            caller, self._solution.name, operation, request
        )
        return started.run_id

    async def follow(self, run_id: str, on_progress: OnProgress) -> Any:
        """Follow a run to its end; return its result. Raises what it failed with."""
        caller = await self._visit.check()
        run = await follow(self._visit.platform.flows, caller, run_id, on_progress)
        _, operation = self._visit.dispatcher.find(run.solution, run.operation)
        return operation.result.model_validate(outcome(run))

    async def upload(self, name: str, content: bytes | Path) -> str:
        """Store an uploaded file; return its `file_…` id."""
        caller = await self._visit.check()
        return (await self._visit.platform.files.add(caller, name, content)).id

    async def stream(
        self,
        operation: str,
        request: BaseModel | dict[str, Any],
        on_event: Callable[[BaseModel], Awaitable[None]],
    ) -> Any:
        """Call an operation and receive what it emits while it works."""
        caller = await self._visit.check()
        return await self._visit.dispatcher.call(
            caller, self._solution.name, operation, request, on_event=on_event
        )


async def _unheard(_message: str, _done: int, _total: int) -> None:
    """Progress that nobody on the page is shown."""


def _stop_with(client: Client, task: "asyncio.Task[Any]") -> None:
    def stop() -> None:
        task.cancel()

    client.on_delete(stop)
