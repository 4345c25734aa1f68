"""Working on runs in this process: from the queue to a final state, step by step.

The workflow function is replayed from its first line after a crash; steps that finished are read
from their records. So that a replay shows nothing twice, what the function says between steps
(progress, events) is numbered, and a number that is there already is left out. What a step says
while it works needs no number: a finished step does not run again.

Branches that run side by side number their steps and words each for itself, so that a replay finds
them whatever the order in which they came to an end.

A database that goes away is nobody's error: the run stays as it is, and is queued again when the
database is back (`sweep.py`).

A run that takes its worker down is given up in the end, and those beside it are not: who was
interrupted more than once begins after a pause by chance, so that the one at fault soon works alone. A
worker that closes in good order, and work that lasts, count for nobody.
"""

import asyncio
import itertools
import logging
import random
import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import sqlalchemy as sa
from pydantic import JsonValue, TypeAdapter, ValidationError
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, is_lost
from stoa.base.errors import Bug, Forbidden, ProviderError, SetupError, StoaError
from stoa.base.identity.caller import EDITORS, EVERYONE, OWNERS, REVIEWERS, Caller, Role
from stoa.base.identity.tables import Membership, User
from stoa.core.flows import runs
from stoa.core.flows.engine import Engine, Pace
from stoa.core.flows.records import Record, as_stoa_error, read_error, write_error
from stoa.core.flows.run import ENDED, RunState, RunView, Workflow
from stoa.core.flows.watch import Watch

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 8
"""Interrupted starts without a finished step between them, after which a run is given up."""
_LONG_STEP = 0.3
"""Seconds after which a step is shown as started; a shorter one is shown when it has finished."""
_PROGRESS_EVERY = 0.1
_FIRST_PAUSE = 0.5
_STEPS_OF_A_BRANCH = 10_000
"""Step numbers set aside for each branch; its own branches have a hundredth of them each."""
_SHARE_OF_A_BRANCH = 100
_RESULT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


class Suspended(BaseException):
    """The run waits for a person. Not an `Exception`: no workflow may take it for an error."""


@dataclass
class _Speech:
    """The last progress a step wrote, and one it has held back since."""

    at: float = 0.0
    held: tuple[str, int, int] | None = None


@dataclass(frozen=True)
class Work:
    """The run that the current task works on; `step` is set inside a step."""

    run_id: str
    workspace_id: str
    round: int
    interrupted: bool
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    failures: list[tuple[StoaError, int]] = field(default_factory=list)
    step: int | None = None
    speech: _Speech = field(default_factory=_Speech)
    path: str = ""
    """Names the branch among those of the run; empty on the trunk."""
    width: int = _STEPS_OF_A_BRANCH
    """Step numbers that a branch from here may have."""
    last: int | None = None
    """The last step number of this branch."""


@dataclass(frozen=True)
class _Begun:
    view: RunView
    caller: Caller
    workflow: str
    payload: dict[str, Any]
    round: int
    attempts: int


_current: ContextVar[Work | None] = ContextVar("stoa_run", default=None)


def current_work() -> Work | None:
    """The run that this task works on, if it does."""
    return _current.get()


class Execution:
    """Runs workflows, records their steps, and writes how they end."""

    def __init__(
        self,
        database: Database,
        engine: Engine,
        watch: Watch,
        workflows: Mapping[str, Workflow],
        pace: Pace,
    ) -> None:
        self._pace = pace
        self._database = database
        self._engine = engine
        self._watch = watch
        self._workflows = workflows
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._closing = False

    async def run(self, run_id: str) -> None:
        """Work on a run until it ends, waits, or is interrupted."""
        task = asyncio.current_task()
        if self._closing or task is None:
            raise asyncio.CancelledError
        self._tasks[run_id] = task
        try:
            begun = await self._write(run_id, partial(_begin, run_id=run_id))
            if isinstance(begun, int):
                await asyncio.sleep(random.uniform(0, self._pace.rest * 2**begun))
                begun = await self._write(run_id, partial(_begin, run_id=run_id, rested=True))
            if begun is None:
                self._watch.ring(run_id, ended=True)
            else:
                async with _after(self._pace.settled, partial(self._forgive, [run_id])):
                    await self._work_on(begun)
        except Exception as error:
            _let_go_if_lost(error)
            raise
        finally:
            if self._tasks.get(run_id) is task:
                del self._tasks[run_id]

    async def _work_on(self, begun: _Begun) -> None:
        run_id = begun.view.id
        work = Work(run_id, begun.caller.workspace_id, begun.round, begun.attempts > 1)
        _current.set(work)
        try:
            if begun.attempts > MOST_ATTEMPTS:
                raise Bug(
                    f"The run was interrupted {MOST_ATTEMPTS} times at the same place.",
                    hint="It may take more memory than the worker has. Resume it to try again.",
                )
            result = _RESULT.validate_python(
                await self._workflow(begun)(begun.view, begun.caller, begun.payload)
            )
        except Suspended:
            raise asyncio.CancelledError from None  # leaves DBOS's own state as it is
        except ValidationError as error:
            unkept = Bug("The workflow's result is not plain JSON.", hint="Dump it with mode=json.")
            unkept.__cause__ = error
            await self._fail(work, unkept)
        except BaseExceptionGroup as group:  # of a workflow that made tasks of its own
            if group.subgroup(Suspended) is not None:
                raise asyncio.CancelledError from None
            await self._fail(work, _first(group))
        except Exception as error:  # noqa: BLE001 - the edge: it becomes the run's error
            _let_go_if_lost(error)
            await self._fail(work, error)
        else:
            end = partial(runs.finish, run_id=run_id, result=result)
            await self._write(run_id, end, ends=True)

    def _workflow(self, begun: _Begun) -> Workflow:
        if begun.workflow not in self._workflows:
            raise SetupError(
                f"This worker knows no workflow '{begun.workflow}'.",
                hint="Start all workers from one version of Stoa, then resume the run.",
            )
        return self._workflows[begun.workflow]

    async def _fail(self, work: Work, error: Exception) -> None:
        told = as_stoa_error(error, where=f"run {work.run_id}")
        chain = set(_chain(error))
        step = next((step for failure, step in work.failures if failure in chain), None)
        end = partial(runs.fail, run_id=work.run_id, error=told, failed_step=step)
        await self._write(work.run_id, end, ends=True)

    async def step(
        self, name: str, work: Callable[..., Awaitable[Any]], arguments: tuple[Any, ...], tries: int
    ) -> Any:
        """Run `work(*arguments)` as a recorded step; just run it outside a workflow or in a step."""
        current = _current.get()
        if current is None or current.step is not None:
            return await _try(work, arguments, tries)
        if current.last is not None and self._engine.count() >= current.last:
            raise Bug("A branch has too many steps.", hint="Make fewer, larger steps.")
        record = Record(work)

        async def once() -> dict[str, Any]:
            inside = replace(current, step=self._engine.step_number, speech=_Speech())
            _current.set(inside)
            return await self._once(inside, name, record, partial(_try, work, arguments, tries))

        kept = await self._engine.step(name, once)
        if "error" in kept:
            error = read_error(kept["error"])
            current.failures.append((error, kept["step"]))
            raise error
        return record.read(kept["result"])

    async def _once(
        self, inside: Work, name: str, record: Record, work: Callable[[], Awaitable[Any]]
    ) -> dict[str, Any]:
        started = time.monotonic()
        tell = partial(self._note, inside, "step", {"name": name, "state": "started"}, ".started")
        kept: dict[str, Any]
        async with _after(_LONG_STEP, tell):
            try:
                kept = {"result": record.write(await work())}
            except Exception as error:  # noqa: BLE001 - the edge: it becomes the step's record
                _let_go_if_lost(error)
                told = as_stoa_error(error, where=f"step {name} of run {inside.run_id}")
                kept = {"error": write_error(told), "step": inside.step}
        await self._say_held(inside)
        told_data = {
            "name": name,
            "state": "failed" if "error" in kept else "finished",
            "seconds": round(time.monotonic() - started, 3),
        }
        await self._note(inside, "step", told_data, "")
        return kept

    async def _note(self, work: Work, kind: str, data: dict[str, Any], suffix: str) -> None:
        key = f"{work.round}.{work.step}{suffix}"
        alive = work.interrupted and data["state"] == "finished"
        columns: dict[str, Any] = {"attempts": 1} if alive else {}
        await self._write(
            work.run_id,
            partial(runs.note, run_id=work.run_id, kind=kind, data=data, key=key, **columns),
        )

    async def progress(self, run_id: str, message: str, done: int, total: int) -> None:
        """Note how far the run is. Within a step at most ten times a second."""
        work = _current.get()
        if work is None or work.run_id != run_id:
            await self._say(run_id, (message, done, total), None)
        elif work.step is None:
            key = f"progress.{work.path}{next(work.numbers)}"
            await self._say(run_id, (message, done, total), key)
        elif time.monotonic() - work.speech.at < _PROGRESS_EVERY:
            work.speech.held = (message, done, total)
        else:
            work.speech.at, work.speech.held = time.monotonic(), None
            await self._say(run_id, (message, done, total), None)

    async def _say_held(self, work: Work) -> None:
        if work.speech.held is not None:
            await self._say(work.run_id, work.speech.held, None)

    async def _say(self, run_id: str, said: tuple[str, int, int], key: str | None) -> None:
        message, *counts = said
        await self._write(
            run_id,
            partial(
                runs.progress,
                run_id=run_id,
                message=message,
                counts=(counts[0], counts[1]),
                key=key,
            ),
        )

    async def emit(self, run_id: str, data: dict[str, Any]) -> None:
        """Add an event of the work itself to the history."""
        work = _current.get()
        mine = work is not None and work.run_id == run_id and work.step is None
        key = f"emit.{work.path}{next(work.numbers)}" if work is not None and mine else None
        await self._write(
            run_id, partial(runs.note, run_id=run_id, kind="emit", data=data, key=key)
        )

    async def side_by_side(
        self, works: Sequence[Callable[[], Awaitable[Any]]], at_once: int
    ) -> list[Any]:
        """Do all `works`, at most `at_once` at a time; their results in the order of `works`.

        The first error ends the others and is raised as it is.
        """
        if at_once < 1:
            raise Bug("Nothing can be done zero at a time.")
        current = _current.get()
        if current is not None and current.step is not None:
            current = None  # within a step nothing is recorded, so nothing is numbered
        width = current.width if current is not None else 0
        first = self._engine.reserve(len(works), width) if current is not None else 0
        places = asyncio.Semaphore(at_once)

        async def branch(start: int, work: Callable[[], Awaitable[Any]]) -> Any:
            async with places:
                if current is not None:
                    self._engine.branch(start)
                    _current.set(_branch_of(current, start))
                return await work()

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(branch(first + position * width, work))
                    for position, work in enumerate(works)
                ]
        except BaseExceptionGroup as errors:
            raise _foremost(errors) from None
        return [task.result() for task in tasks]

    @property
    def working(self) -> Collection[str]:
        """Ids of the runs that this process works on now."""
        return self._tasks.keys()

    def interrupt(self, run_id: str) -> None:
        """Stop what this process does for a run, wherever it awaits."""
        task = self._tasks.get(run_id)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        """Interrupt everything. It stays begun, for whoever takes it over."""
        self._closing = True
        run_ids, tasks = list(self._tasks), list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if run_ids:
            await self._forgive(run_ids)

    async def _forgive(self, run_ids: Sequence[str]) -> None:
        """Their starts so far were no sign of harm. What can't be written now is as it was."""
        forgive = partial(runs.forgive, run_ids=run_ids)
        with suppress(SetupError):
            await self._database.write(forgive, workspace=EVERY_WORKSPACE)

    async def _write(
        self, run_id: str, work: Callable[[Session], Any], *, ends: bool = False
    ) -> Any:
        result = await self._database.write(work, workspace=EVERY_WORKSPACE)
        self._watch.ring(run_id, ended=ends)
        return result


@asynccontextmanager
async def _after(
    seconds: float, work: Callable[[], Coroutine[Any, Any, None]]
) -> AsyncIterator[None]:
    """Do `work` beside the block once that has taken so long; what was begun is waited for."""
    tasks: set[asyncio.Task[None]] = set()
    later = asyncio.get_running_loop().call_later(
        seconds, lambda: tasks.add(asyncio.create_task(work()))
    )
    try:
        yield
    finally:
        later.cancel()
    await asyncio.gather(*tasks)


def _begin(session: Session, run_id: str, rested: bool = False) -> _Begun | int | None:
    """Mark a run as running; None where nothing is left to do, its starts where it is to rest first."""
    run = runs.lock(session, run_id)
    if run is None or run.state in ENDED:
        return None
    caller = runs.read_caller(run.workspace_id, run.user_id, run.caller)
    if not _is_still(session, caller):
        refused = Forbidden(
            "Whoever started this run may no longer do so here.",
            hint="Someone with the role it takes can start it anew.",
        )
        runs.fail(session, run_id, refused, None)
        return None
    if 1 < run.attempts < MOST_ATTEMPTS and not rested:
        return run.attempts
    run.attempts += 1
    run.failed_step = None
    again = {"again": True} if run.attempts > 1 else {}
    runs.move(session, run, RunState.RUNNING, **again)
    return _Begun(runs.view_of(run), caller, run.workflow, run.payload, run.round, run.attempts)


def _is_still(session: Session, caller: Caller) -> bool:
    """Whether the caller's membership still gives what its role gave when the run was started.

    A caller that is no user (Stoa itself, acting by schedule) has no membership to lose.
    """
    if session.get(User, caller.user_id) is None:
        return True
    query = sa.select(Membership.role).where(
        Membership.workspace_id == caller.workspace_id, Membership.user_id == caller.user_id
    )
    role = session.scalar(query)
    return role is not None and all(
        Role(role) in group
        for group in (OWNERS, EDITORS, REVIEWERS, EVERYONE)
        if caller.role in group
    )


async def _try(work: Callable[..., Awaitable[Any]], arguments: tuple[Any, ...], tries: int) -> Any:
    for attempt in range(1, tries):
        try:
            return await work(*arguments)
        except ProviderError as error:
            if not error.retryable:
                raise
            await asyncio.sleep(_FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.8, 1.2))
    return await work(*arguments)


def _first(group: BaseExceptionGroup[BaseException]) -> Exception:
    """The first error of a group that may hold groups. Raises the group where there is none."""
    errors, others = group.split(Exception)
    if errors is None or others is not None:
        raise group
    first: Exception = errors
    while isinstance(first, ExceptionGroup):
        first = first.exceptions[0]
    return first


def _branch_of(current: Work, start: int) -> Work:
    return replace(
        current,
        numbers=itertools.count(1),
        path=f"{start}.",
        width=max(1, current.width // _SHARE_OF_A_BRANCH),
        last=start + current.width,
    )


def _foremost(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Of the errors of branches the one that says most: that the run waits, that it was stopped, or
    the first that went wrong."""
    leaves = _leaves(group)
    others = [leaf for leaf in leaves if not isinstance(leaf, Exception)]
    waits = [leaf for leaf in others if isinstance(leaf, Suspended)]
    return [*waits, *others, *leaves][0]


def _leaves(error: BaseException) -> list[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [leaf for each in error.exceptions for leaf in _leaves(each)]


def _let_go_if_lost(error: Exception) -> None:
    """Interrupt instead of failing where the database is away: the run is queued again later."""
    if any(is_lost(each) for each in _chain(error)):
        log.warning("the database went away: a run is let go and will be queued again")
        raise asyncio.CancelledError from error


def _chain(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain
