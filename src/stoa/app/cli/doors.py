"""The two ways from the command line to an operation: in this process, or over HTTP. Same answers.

In this process the caller is the owner of the local workspace, the one that `stoa serve --sample`
shows too: whoever may read the data folder may do everything with it anyway.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from stoa.app.cli.remote import RemoteDoor
from stoa.app.cli.target import Target
from stoa.app.following import follow, outcome
from stoa.app.house import at_work
from stoa.base import telemetry
from stoa.base.identity.caller import Caller
from stoa.base.loading import loading
from stoa.base.settings import Settings
from stoa.contract import Operation
from stoa.dispatch import Dispatcher
from stoa.wiring import build

OnProgress = Callable[[str, int, int], Awaitable[None]]


class Door(Protocol):
    """What a command needs."""

    async def upload(self, path: Path) -> str:
        """Store a file; return its id."""
        ...

    async def call(
        self, solution: str, operation: Operation, payload: dict[str, Any], on_progress: OnProgress
    ) -> dict[str, Any]:
        """The result of an operation, as data. A durable one is waited for; cancelling the wait
        cancels the run."""
        ...


class LocalDoor:
    """Operations in this process."""

    def __init__(self, dispatcher: Dispatcher, caller: Caller) -> None:
        self._dispatcher = dispatcher
        self._caller = caller

    async def upload(self, path: Path) -> str:
        """Store a file; return its id."""
        view = await self._dispatcher.platform.files.add(self._caller, path.name, path)
        return view.id

    async def call(
        self, solution: str, operation: Operation, payload: dict[str, Any], on_progress: OnProgress
    ) -> dict[str, Any]:
        """The result of an operation, as data."""
        if operation.durable:
            return await self._run(solution, operation, payload, on_progress)
        result = await self._dispatcher.call(
            self._caller, solution, operation.name, payload, on_progress=on_progress
        )
        return result.model_dump(mode="json")

    async def _run(
        self, solution: str, operation: Operation, payload: dict[str, Any], on_progress: OnProgress
    ) -> dict[str, Any]:
        flows = self._dispatcher.platform.flows
        starting = asyncio.ensure_future(
            self._dispatcher.start(self._caller, solution, operation.name, payload)
        )
        try:
            started = await asyncio.shield(starting)
            run = await follow(flows, self._caller, started.run_id, on_progress)
        except asyncio.CancelledError:  # Ctrl-C arrives here; the run may have begun just now
            await flows.cancel(self._caller, (await starting).run_id)
            raise
        return outcome(run)


@asynccontextmanager
async def opened_door(target: Target) -> AsyncIterator[Door]:
    """The door that the target names, closed when the block ends."""
    if target.url:
        async with RemoteDoor.opened(target.url, target.key) as remote:
            yield remote
        return
    async with local_house() as (dispatcher, caller):
        yield LocalDoor(dispatcher, caller)


@asynccontextmanager
async def local_house() -> AsyncIterator[tuple[Dispatcher, Caller]]:
    """The house built from the settings and launched, and the local owner in it."""
    settings = Settings.load()
    set_up_quietly(settings)
    with loading():
        dispatcher = build(settings)
    platform = dispatcher.platform
    try:
        caller = await platform.accounts.ensure_sample()
        async with at_work(dispatcher):
            yield dispatcher, caller
    finally:
        platform.database.close()


def set_up_quietly(settings: Settings) -> None:
    """Logs on standard error, warnings only unless a level was asked for: people read results."""
    asked = "log_level" in settings.model_fields_set
    level = settings.log_level if asked else "WARNING"
    telemetry.setup(settings.model_copy(update={"log_level": level}))
