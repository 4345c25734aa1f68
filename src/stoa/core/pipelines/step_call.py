"""What a step is given: who calls, progress of its own, jobs, people, and the call it is part of."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar, Unpack

from stoa.base.database import Database
from stoa.base.identity.caller import Caller
from stoa.core.flows.questions import Asking, Decision
from stoa.core.jobs.job import JobView, Launch
from stoa.core.jobs.jobs import Jobs
from stoa.core.pipelines import rows
from stoa.core.pipelines.views import StepState

T = TypeVar("T")


class Place(Protocol):
    """Where a pipeline runs: a call of an operation is one."""

    @property
    def caller(self) -> Caller:
        """Who calls."""
        ...

    @property
    def run_id(self) -> str | None:
        """Id of the durable run, or None outside one."""
        ...

    async def step(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Run once, also after a crash."""
        ...

    async def progress(self, message: str, done: int = 0, total: int = 0) -> None:
        """Tell those who wait."""
        ...

    async def ask_person(
        self, question: str, *, choices: Sequence[str], **more: Unpack[Asking]
    ) -> Decision:
        """Wait for a person."""
        ...


@dataclass(frozen=True)
class StepServices:
    """What steps use of the house."""

    database: Database
    jobs: Jobs


class Bustle:
    """How many steps of a run are at work. Asking a person stops the run, so it waits for the rest."""

    def __init__(self) -> None:
        self._at_work = 0
        self._changed = asyncio.Event()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """For the time of the block one more is at work."""
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1
            self._changed.set()

    @asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """Wait until no other step is at work; for the block this one is not either."""
        self._at_work -= 1
        self._changed.set()
        try:
            while self._at_work:
                self._changed.clear()
                await self._changed.wait()
            self._changed.set()  # others may wait for the same
            yield
        finally:
            self._at_work += 1


class StepCall:
    """One step, or one item of a step that goes over several."""

    def __init__(
        self,
        services: StepServices,
        bustle: Bustle,
        place: Place,
        pipeline: str,
        step: tuple[str, str, int],
    ) -> None:
        id_, name, item = step
        self._services = services
        self._bustle = bustle
        self.call: Any = place
        """The call that the pipeline was started in; of a solution it is its `Call`."""
        self.pipeline = pipeline
        self.pipeline_run_id = id_
        self.name = name if item < 0 else f"{name}[{item}]"
        """Unique within the run."""
        self._step = step

    @property
    def caller(self) -> Caller:
        """Who calls."""
        caller: Caller = self.call.caller
        return caller

    @property
    def run_id(self) -> str | None:
        """Id of the durable run."""
        run_id: str | None = self.call.run_id
        return run_id

    async def step(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Run `work` once within this step: its result is kept through a crash."""
        place: Place = self.call
        return await place.step(work, *arguments)

    async def progress(self, message: str, done: int = 0, total: int = 0) -> None:
        """Tell how far this step is: shown in the graph, and as the progress of the run."""
        await self._change(message=message[:500], done=done, total=total)
        await self.call.progress(f"{self.name}: {message}"[:500], done, total)

    async def job(self, launch: Launch, name: str = "") -> JobView:
        """Do a job within this step; `name` tells several jobs of one step apart.

        Raises:
            JobFailed: it did not get done in all its attempts.
        """
        key = f"{self.run_id or self.pipeline_run_id}.{self.pipeline}.{self.name}"
        if name:
            key = f"{key}.{name}"
        work = partial(
            self._services.jobs.run,
            self.caller,
            launch,
            key=key,
            run_id=self.run_id,
            on_progress=self.progress,
            on_start=self._note_job,
        )
        return await self.step(work)

    async def ask_person(
        self, question: str, *, choices: Sequence[str], **more: Unpack[Asking]
    ) -> Decision:
        """Wait for a person; the graph shows that it waits. Steps at work come to their ends first."""
        await self._change(state=StepState.WAITING)
        place: Place = self.call
        async with self._bustle.quiet():
            decision = await place.ask_person(question, choices=choices, **more)
        await self._change(state=StepState.RUNNING)
        return decision

    async def _note_job(self, job_id: str) -> None:
        id_, name, item = self._step
        await self._services.database.write(
            lambda s: rows.add_job(s, id_, name, item, job_id),
            workspace=self.caller.workspace_id,
        )

    async def _change(self, **columns: Any) -> None:
        id_, name, item = self._step
        await self._services.database.write(
            lambda s: rows.change(s, id_, name, item, **columns),
            workspace=self.caller.workspace_id,
        )
