"""Waiting for a person: a run asks, one who may decides, and the run goes on.

A waiting run holds nothing: no thread, no place in a queue, no worker. `ask` writes the question,
takes the run off DBOS and leaves; `decide` writes the answer and queues the run again, which replays
its finished steps and finds the answer where it asked. Both lock the run's row, and only the one that
moves it out of WAITING wakes it: an answer that comes while the run is still leaving is not lost.

What the clock does (escalate, remind, expire) is found by one indexed question a second, however many
wait. The rules are in `approval_rows`, what is said of them in `announcements`.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, now
from stoa.base.errors import Bug, InvalidInput
from stoa.base.identity.caller import Caller, Role
from stoa.core.flows import approval_rows as rows
from stoa.core.flows import by_link, views
from stoa.core.flows.announcements import Announcements
from stoa.core.flows.approval_rows import Ballot
from stoa.core.flows.by_link import Click, LinkView
from stoa.core.flows.engine import Engine
from stoa.core.flows.execution import Execution, Suspended, current_work
from stoa.core.flows.letters import Letters
from stoa.core.flows.links import Tokens
from stoa.core.flows.questions import (
    ApprovalState,
    ApprovalView,
    Counts,
    Decision,
    HistoryEntry,
    Question,
    Sought,
)
from stoa.core.flows.tables import ApprovalRow, Run
from stoa.core.flows.watch import Watch

T = TypeVar("T")
MOST_APPROVALS = 500
_DUE_AT_ONCE = 100
_LONGEST_TICK = 0.5
"""Seconds; the thread that looks at the clock also says that this worker lives."""


class Approvals:
    """Asks, lists, decides, reassigns and expires."""

    def __init__(
        self,
        database: Database,
        engine: Engine,
        execution: Execution,
        watch: Watch,
        said: Announcements,
        tokens: Tokens,
    ) -> None:
        self._database = database
        self._engine = engine
        self._execution = execution
        self._watch = watch
        self._said = said
        self._tokens = tokens

    @property
    def letters(self) -> Letters:
        """The e-mails about questions: who wants them, and which were given up."""
        return self._said.letters

    async def ask(self, run_id: str, asked: Mapping[str, Any]) -> Decision:
        """Inside a workflow, between steps: the decision, once there is one.

        Raises:
            Bug: asked elsewhere, or the question contradicts itself.
        """
        work = current_work()
        if work is None or work.run_id != run_id or work.step is not None:
            raise Bug("A run asks a person in its own workflow, between steps.")
        words = dict(asked)
        once_asked = words.pop("once_asked", None)
        try:
            question = Question.model_validate(words)
        except ValidationError as error:
            raise Bug(f"The question can't be asked: {error.errors()[0]['msg']}.") from error
        approval_id = await self._execution.step(
            "ask", partial(self._open, run_id, question), (), 1
        )
        row = await self._read(lambda s: s.get_one(ApprovalRow, approval_id))
        if once_asked is not None and row.state == ApprovalState.OPEN:
            await once_asked()
            row = await self._read(lambda s: s.get_one(ApprovalRow, approval_id))
        if row.state in (ApprovalState.DECIDED, ApprovalState.EXPIRED):
            return rows.decision_of(row)
        # Branches beside this one feel the cancelling and may end this task: leaving goes on.
        await asyncio.shield(self._leave(run_id, approval_id))
        raise Suspended

    async def _leave(self, run_id: str, approval_id: str) -> None:
        await asyncio.to_thread(self._engine.cancel, [run_id])
        if await self._write(lambda s: rows.leave(s, run_id, approval_id, self._said), run_id):
            await asyncio.to_thread(self._engine.resume, [run_id])

    async def _open(self, run_id: str, question: Question) -> str:
        step = str(self._engine.step_number)
        return await self._write(
            lambda s: rows.open_question(s, run_id, step, question, self._said), run_id
        )

    def withdraw(self, session: Session, run: Run, by: Caller) -> None:
        """Close the open questions of a locked run, in the transaction that cancels it."""
        rows.withdraw(session, run, by, self._said)

    async def list(
        self, caller: Caller, sought: Sought | None = None, *, limit: int = 100
    ) -> list[ApprovalView]:
        """The caller's inbox: what they may decide, or might have. Without `sought`: what is open."""
        if not 1 <= limit <= MOST_APPROVALS:
            raise InvalidInput(
                f"{limit} approvals can't be listed.", hint=f"Ask for 1 to {MOST_APPROVALS}."
            )
        return await self._read(lambda s: views.search(s, caller, sought or Sought(), limit))

    async def count(self, caller: Caller) -> Counts:
        """How many open questions wait for the caller."""
        return await self._read(lambda s: views.count(s, caller))

    async def changed_at(self, caller: Caller) -> datetime | None:
        """When anything last happened to a question of the caller's workspace. One index look-up."""
        return await self._read(lambda s: views.changed_at(s, caller.workspace_id))

    async def show(self, caller: Caller, approval_id: str) -> ApprovalView:
        """Raises NotFound for another workspace's, and for one that is not the caller's to see."""
        return await self._read(
            lambda s: views.view_of(s, *rows.visible(s, caller, approval_id), caller)
        )

    async def history(self, caller: Caller, approval_id: str) -> Sequence[HistoryEntry]:
        """What happened to a question, oldest first. Raises NotFound as `show`."""
        return await self._read(lambda s: views.history(s, rows.visible(s, caller, approval_id)[0]))

    async def decide(self, caller: Caller, approval_id: str, ballot: Ballot) -> Decision:
        """Answer. The same answer again is the same decision.

        Where several people must agree, the decision's `choice` is None until they do.

        Raises:
            NotFound: not there, or not the caller's to see.
            Forbidden: asked of somebody else, or the caller is excluded.
            InvalidInput: no such choice, or a text where none was asked for.
            Conflict: decided otherwise before, expired, or the run was cancelled.
        """
        seen = await self._read(lambda s: rows.visible(s, caller, approval_id)[0])
        await self._expire_if_late(seen)

        def work(session: Session) -> rows.Outcome:
            row, _ = rows.visible(session, caller, approval_id)
            run = rows.hold(session, row)
            return rows.vote(session, caller, (row, run), ballot, self._said)

        outcome = await self._write(work, seen.run_id)
        if outcome.wake:
            await asyncio.to_thread(self._engine.resume, [seen.run_id])
        return outcome.decision

    async def reassign(
        self, caller: Caller, approval_id: str, to: Role | str, note: str = ""
    ) -> ApprovalView:
        """Put a question to somebody else: a role, or a member by id.

        Raises:
            NotFound: not there, or not the caller's to see.
            Forbidden: neither asked of the caller nor is the caller an owner.
            InvalidInput: no such member, or one who may not decide.
            Conflict: the question is not open any more.
        """
        seen = await self._read(lambda s: rows.visible(s, caller, approval_id)[0])

        def work(session: Session) -> ApprovalView:
            row, _ = rows.visible(session, caller, approval_id)
            run = rows.hold(session, row)
            rows.reassign(session, caller, (row, run), to, note, self._said)
            session.flush()
            return views.view_of(session, row, run, caller)

        return await self._write(work, seen.run_id)

    async def look(self, click: Click) -> LinkView:
        """How a link from a letter stands. Changes nothing."""
        return await self._read(lambda s: by_link.look(s, self._tokens, click))

    async def confirm(self, click: Click, text: str | None = None) -> LinkView:
        """Make the choice of a link from a letter; or say why nothing was changed.

        Raises InvalidInput: the text is too long.
        """
        view, wake = await self._database.write(
            lambda s: by_link.confirm(s, self._tokens, click, text, self._said),
            workspace=EVERY_WORKSPACE,
        )
        if view.approval is not None:
            self._watch.ring(view.approval.run_id)
        if wake is not None:
            await asyncio.to_thread(self._engine.resume, [wake])
        return view

    async def _expire_if_late(self, row: ApprovalRow) -> None:
        if row.state == ApprovalState.OPEN and row.deadline is not None and row.deadline <= now():
            await asyncio.to_thread(self._tick, [(row.id, row.run_id)])

    def tick(self) -> None:
        """Do what is due: escalate, remind, expire. Blocking; a chore of every worker."""
        query = (
            sa.select(ApprovalRow.id, ApprovalRow.run_id)
            .where(ApprovalRow.state == ApprovalState.OPEN, ApprovalRow.due_at <= now())
            .order_by(ApprovalRow.due_at)
            .limit(_DUE_AT_ONCE)
        )
        due = self._database.read_now(lambda s: s.execute(query).all(), workspace=EVERY_WORKSPACE)
        self._tick([(approval_id, run_id) for approval_id, run_id in due])

    def _tick(self, due: Sequence[tuple[str, str]]) -> None:
        until = time.monotonic() + _LONGEST_TICK
        wake = []
        for approval_id, run_id in due:
            if self._database.write_now(
                partial(rows.tick, approval_id=approval_id, said=self._said),
                workspace=EVERY_WORKSPACE,
            ):
                wake.append(run_id)
            if time.monotonic() > until:
                break
        if wake:
            self._engine.resume(wake)

    async def _read(self, work: Callable[[Session], T]) -> T:
        return await self._database.read(work, workspace=EVERY_WORKSPACE)

    async def _write(self, work: Callable[[Session], T], run_id: str) -> T:
        result = await self._database.write(work, workspace=EVERY_WORKSPACE)
        self._watch.ring(run_id)
        return result
