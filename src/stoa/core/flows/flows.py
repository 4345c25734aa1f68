"""Durable work: runs that survive kill -9, wait for people, report progress, cancel and resume.

DBOS workflows in the one database do the work; this room gives them Stoa's words and tenancy.
It knows no solution: it runs registered functions by name.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar, Unpack

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.base.errors import Bug, Conflict, InvalidInput
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller
from stoa.base.mail import Mail
from stoa.base.outbox import Outbox
from stoa.base.secrets import load_secret
from stoa.base.settings import Settings
from stoa.core.flows import runs
from stoa.core.flows.announcements import Announcements
from stoa.core.flows.approvals import Approvals
from stoa.core.flows.engine import Engine, Pace
from stoa.core.flows.execution import Execution
from stoa.core.flows.keeper import Chore, Keeper
from stoa.core.flows.letters import Letters, Post
from stoa.core.flows.links import Tokens
from stoa.core.flows.questions import Asking, Decision
from stoa.core.flows.retention import Retention
from stoa.core.flows.run import ENDED, RunEvent, RunState, RunView, Workflow
from stoa.core.flows.schedules import Scheduled, Schedules, ScheduleView
from stoa.core.flows.sweep import Sweep
from stoa.core.flows.tables import Run
from stoa.core.flows.watch import Watch
from stoa.core.flows.workers import Workers, name_of_process, new_executor_id

__all__ = ["Flows", "RunEvent", "RunState", "RunView", "Workflow"]

T = TypeVar("T")
MOST_RUNS = 500
_KEY_LIMIT = 200
_PAGE = 200
_LOOK_ANYWAY = 2.0
"""Seconds after which a reader looks although nobody woke it."""


class Flows:
    """Starts, watches, cancels and resumes runs. One per process."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        events: Outbox | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Raises SetupError: the mail server's settings can't be used."""
        self._database = database
        self._pace = pace = pace or Pace()
        self._workflows: dict[str, Workflow] = {}
        self._launched = self._closed = False
        name = name_of_process(settings.executor_id)
        self._engine = Engine(database, new_executor_id(name), settings.worker_concurrency, pace)
        self._workers = Workers(database, self._engine, name, settings.home)
        self._watch = Watch(database, pace.watch)
        self._execution = Execution(database, self._engine, self._watch, self._workflows, pace)
        self._sweep = Sweep(
            database, self._engine, 2 * pace.sweep, lambda: [*self._execution.working]
        )
        self._schedules = Schedules(database, self._engine)
        self._retention = Retention(database, self._engine)
        self._keepers: list[Keeper] = []
        post = Post(
            Mail.of(settings),
            Tokens(load_secret(settings)),
            settings.resolved_public_url(),
            pause=15 * pace.beat,
        )
        said = Announcements(AuditLog(database), events, Letters(database, post))
        self.approvals = Approvals(
            database, self._engine, self._execution, self._watch, said, post.tokens
        )
        """The questions that runs have put to people: list, show, decide."""

    def register(self, name: str, workflow: Workflow) -> None:
        """Make `workflow` startable by name. Before `launch`, in every process, the same."""
        if self._launched:
            raise Bug(f"Workflow '{name}' was registered after the launch.")
        if name in self._workflows:
            raise Bug(f"Two workflows are called '{name}'.")
        self._workflows[name] = workflow

    def schedule(self, name: str, cron: str, call: Scheduled) -> None:
        """Call `call(tick)` at each tick of `cron` (five fields, UTC), once among all workers.

        Before `launch`, in every process the same. It may be called again for the same tick after
        a crash: let it start runs under a key made from the tick.

        Raises:
            InvalidInput: `cron` does not parse.
        """
        if self._launched:
            raise Bug(f"Schedule '{name}' was registered after the launch.")
        self._schedules.register(name, cron, call)

    async def launch(self, *, works: bool = True) -> None:
        """Start. `works=False`: only start and watch runs, leave the work to worker processes.

        Raises:
            SetupError: another process works under the same name, or another Flows in this one.
        """
        if self._launched:
            raise Bug("These flows were launched before; make new ones.")
        self._launched = True
        await asyncio.to_thread(self._engine.open)
        if works:
            await asyncio.to_thread(self._workers.join)
            await self._engine.work(self._execution.run, self._schedules.call)
            self._keepers.append(Keeper("flows-keeper", self._chores()))
            letters = self.approvals.letters
            if letters.enabled:  # a thread of its own: a mail server may be slow
                chore = Chore("letters", self._pace.beat, letters.send_due)
                self._keepers.append(Keeper("flows-letters", (chore,)))
            for keeper in self._keepers:
                keeper.start()

    def _chores(self) -> tuple[Chore, ...]:
        beat, sweep = self._pace.beat, self._pace.sweep
        return (
            Chore("beat", beat, self._workers.beat),
            Chore("reap", beat, lambda: self._workers.reap(self._pace.dead_after)),
            Chore("deadlines", beat, self.approvals.tick),
            Chore("schedules", beat, self._schedules.look),
            Chore("adopt", sweep, self._workers.adopt),
            Chore("sweep", sweep, self._sweep.do),
            Chore("analyse", self._pace.analyse, self._database.analyse),
        )

    async def close(self) -> None:
        """Stop taking work; unfinished runs go on at the next launch, here or elsewhere. Also after a launch
        that failed."""
        if not self._launched or self._closed:
            return
        self._closed = True
        async with AsyncExitStack() as stack:  # each is done, whatever becomes of those before it
            stack.push_async_callback(asyncio.to_thread, self._engine.close)
            stack.push_async_callback(asyncio.to_thread, self._workers.leave)
            stack.push_async_callback(self._watch.close)
            stack.push_async_callback(self._engine.stop)
            for keeper in self._keepers:
                await asyncio.to_thread(keeper.stop)
            await self._execution.close()

    async def start(
        self,
        workflow: str,
        *,
        caller: Caller,
        solution: str,
        operation: str,
        payload: dict[str, Any],
        key: str | None = None,
    ) -> str:
        """Start a run; return its id. The same `key` in the same workspace starts it once.

        Raises:
            InvalidInput: nobody registered `workflow`, or the key is empty or too long.
        """
        self._known(workflow)
        if key is not None and not 0 < len(key) <= _KEY_LIMIT:
            raise InvalidInput(
                "The key does not fit.", hint=f"Give 1 to {_KEY_LIMIT} characters, or none."
            )
        self._engine.client  # noqa: B018 - refuses before it writes

        def insert(session: Session) -> str:
            if key is not None:
                found = runs.find_by_key(session, caller.workspace_id, key)
                if found is not None:
                    return found
            run = runs.insert(
                session,
                caller,
                workflow=workflow,
                solution=solution,
                operation=operation,
                payload=payload,
                key=key,
            )
            session.flush()
            self._engine.enqueue(session, run.id, caller.workspace_id)
            return run.id

        try:
            return await self._write(insert)
        except IntegrityError:
            if key is None:
                raise
            return await self._write(insert)  # another process was first with this key

    async def step(
        self, name: str, work: Callable[..., Awaitable[T]], *arguments: Any, retries: int = 0
    ) -> T:
        """Inside a workflow: run `work(*arguments)` once and keep its result. Outside: just run it.

        The result is read back from its record, here and on every replay, as what the function's
        return annotation says. A `ProviderError` that is retryable is tried again `retries` times.
        It may run twice when the process is killed between its end and its record: let it be
        idempotent, or write under a key.

        Raises:
            StoaError: what the step raised; anything unexpected comes as a `Bug`.
        """
        result: T = await self._execution.step(name, work, arguments, retries + 1)
        return result

    async def side_by_side(
        self, *works: Callable[[], Awaitable[Any]], at_once: int = 8
    ) -> list[Any]:
        """Inside a workflow: do `works`, at most `at_once` at a time; results in their order.

        Each may have up to 10,000 steps, which replay in whatever order they ended. One that asks a
        person stops the others where they are until the decision is there. The first error ends them
        all and is raised. Outside a workflow: the same, without records.
        """
        return await self._execution.side_by_side(works, at_once)

    async def progress(self, run_id: str, message: str, done: int, total: int) -> None:
        """Inside a workflow: note how far it is."""
        await self._execution.progress(run_id, message, done, total)

    async def emit(self, run_id: str, data: dict[str, Any]) -> None:
        """Inside a workflow: add an event of its own to the run's history."""
        await self._execution.emit(run_id, data)

    async def ask_person(
        self, run_id: str, *, question: str, choices: Sequence[str], **more: Unpack[Asking]
    ) -> Decision:
        """Inside a workflow, between steps: wait for a person, holding no thread and no place.

        Args:
            question: what the person reads.
            choices: what there is to choose from, such as `approve` and `reject`.
            more: whom to ask, what to show, how many must agree, until when (see `Asking`).

        Raises:
            Bug: asked within a step, or the question contradicts itself.
        """
        asked = {"question": question, "choices": [*choices], **more}
        return await self.approvals.ask(run_id, asked)

    async def add_schedule(
        self,
        caller: Caller,
        name: str,
        cron: str,
        *,
        workflow: str,
        target: tuple[str, str],
        payload: dict[str, Any],
    ) -> ScheduleView:
        """Start a run at each tick of `cron` (five fields, UTC) as `caller`; replaces one of the name.

        Args:
            target: solution and operation of the runs.

        Raises:
            InvalidInput: `cron` does not parse, the name does not fit, or nobody knows `workflow`.
        """
        self._known(workflow)
        return await self._schedules.add(
            caller, name, cron, workflow=workflow, target=target, payload=payload
        )

    async def remove_schedule(self, caller: Caller, name: str) -> None:
        """No more runs from here on. Raises NotFound."""
        await self._schedules.remove(caller, name)

    async def schedules(self, caller: Caller) -> Sequence[ScheduleView]:
        """The workspace's schedules by name."""
        return await self._schedules.list(caller)

    async def show(self, caller: Caller, run_id: str) -> RunView:
        """Raises NotFound for another workspace's run, and for another member's.

        Editors see those of others without their words.
        """
        return await self._read(lambda s: runs.view_for(caller, runs.visible(s, caller, run_id)))

    async def list(self, caller: Caller, *, limit: int = 50) -> list[RunView]:
        """Newest first: a member's own, all of the workspace for owners and editors."""
        if not 1 <= limit <= MOST_RUNS:
            raise InvalidInput(f"{limit} runs can't be listed.", hint=f"Ask for 1 to {MOST_RUNS}.")
        return await self._read(lambda s: runs.newest(s, caller, limit))

    async def events(
        self, caller: Caller, run_id: str, *, after: int = 0
    ) -> AsyncIterator[RunEvent]:
        """History from `after`, then live, until the run ends."""
        with self._watch.bell(run_id) as bell:
            while True:
                bell.clear()
                view, page = await self._read(partial(_history, caller, run_id, after))
                for event in page:
                    yield event
                    after = event.number
                if len(page) == _PAGE:
                    continue
                if view.state.ended:
                    return
                await _wait(bell)

    async def wait(self, caller: Caller, run_id: str) -> RunView:
        """Until the run has ended."""
        with self._watch.bell(run_id, at_end=True) as bell:
            while True:
                bell.clear()
                view = await self.show(caller, run_id)
                if view.state.ended:
                    return view
                await _wait(bell)

    async def cancel(self, caller: Caller, run_id: str) -> RunView:
        """Stop at the next step, or at once where it awaits. A run that has ended stays as it is."""

        def mark(session: Session) -> RunView:
            runs.visible(session, caller, run_id)
            run = runs.locked(session, run_id)
            if run.state not in ENDED:
                runs.move(session, run, RunState.CANCELLED, by=caller.user_id)
                self.approvals.withdraw(session, run, caller)
            return runs.view_for(caller, run)

        view = await self._write(mark)
        if view.state is RunState.CANCELLED:
            await asyncio.to_thread(self._engine.cancel, [run_id])
            self._execution.interrupt(run_id)
        self._watch.ring(run_id, ended=view.state.ended)
        return view

    async def resume(self, caller: Caller, run_id: str) -> RunView:
        """Go on with a failed or cancelled run after its last finished step.

        Raises:
            Conflict: the run is done.
        """

        def mark(session: Session) -> tuple[RunView, Run | None]:
            runs.visible(session, caller, run_id)
            run = runs.locked(session, run_id)
            if run.state == RunState.DONE:
                raise Conflict(f"Run '{run_id}' is done.", hint="Start it anew to do it again.")
            if run.state not in ENDED:
                return runs.view_for(caller, run), None
            run.error, run.round, run.attempts = None, run.round + 1, 0
            runs.move(session, run, RunState.QUEUED, by=caller.user_id)
            return runs.view_for(caller, run), run

        # Asked while the run's row says it has ended: then what DBOS has is an end it has yet to
        # hear of. Once the row says "queued", it may be the run's new beginning.
        unheard = await asyncio.to_thread(self._engine.is_active, run_id)
        view, ended = await self._write(mark)
        if ended is not None:
            await asyncio.to_thread(self._queue_again, ended, unheard=unheard)
        self._watch.ring(run_id, ended=view.state.ended)
        return view

    def _queue_again(self, run: Run, *, unheard: bool) -> None:
        """Queue a resumed run, unless the sweep found it waiting for that and was first. Blocking."""
        claim = partial(runs.claim, run_id=run.id, seen=run.updated_at)
        if self._database.write_now(claim, workspace=EVERY_WORKSPACE):
            if unheard:
                self._engine.cancel([run.id])
            self._engine.requeue(run.id, run.workspace_id, run.failed_step)

    async def open_runs(self, run_ids: Collection[str]) -> set[str]:
        """Those of these runs that have not ended, in whatever workspace: for the core only."""
        states = await self.states(run_ids)
        return {run_id for run_id, state in states.items() if not state.ended}

    async def states(self, run_ids: Collection[str]) -> dict[str, RunState]:
        """Where each of these runs stands, in whatever workspace: for the core only."""
        if not run_ids:
            return {}
        query = sa.select(Run.id, Run.state).where(Run.id.in_(run_ids))
        rows = await self._read(lambda s: s.execute(query).all())
        return {run_id: RunState(state) for run_id, state in rows}

    async def prune(self, older_than: timedelta) -> int:
        """Forget runs of all workspaces that ended longer ago; how many that were."""
        return await asyncio.to_thread(self._retention.prune, older_than)

    async def forget(self, workspace_id: str) -> int:
        """Stop and forget all runs and schedules of a workspace; how many runs that were."""
        return await asyncio.to_thread(self._retention.forget, workspace_id)

    def _known(self, workflow: str) -> None:
        if workflow not in self._workflows:
            raise InvalidInput(f"There is no workflow '{workflow}'.", hint="Register it first.")

    async def _read(self, work: Callable[[Session], T]) -> T:
        return await self._database.read(work, workspace=EVERY_WORKSPACE)

    async def _write(self, work: Callable[[Session], T]) -> T:
        return await self._database.write(work, workspace=EVERY_WORKSPACE)


def _history(
    caller: Caller, run_id: str, after: int, session: Session
) -> tuple[RunView, Sequence[RunEvent]]:
    view = runs.view_of(runs.visible(session, caller, run_id))
    return view, runs.events_after(session, caller, view, after, _PAGE)


async def _wait(bell: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(bell.wait(), _LOOK_ANYWAY)
    except TimeoutError:
        return
