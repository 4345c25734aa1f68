"""Waiting for a person: a run asks, one who may decides, and the run goes on.

A waiting run holds nothing: no thread, no place in a queue, no worker. `ask` writes the question,
takes the run off DBOS and leaves; `decide` writes the answer and queues the run again, which replays
its finished steps and finds the answer where it asked. Both lock the run's row, and only the one that
moves it out of WAITING wakes it: an answer that comes while the run is still leaving is not lost.

Telling people by e-mail that something waits for them would hang on `ask`; nothing does yet.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, new_id, now
from stoa.base.errors import Bug, Conflict, Forbidden, InvalidInput, NotFound
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller, Role
from stoa.core.flows import runs
from stoa.core.flows.engine import Engine
from stoa.core.flows.execution import Execution, Suspended, current_work
from stoa.core.flows.questions import ApprovalState, Decision, Question
from stoa.core.flows.run import ENDED, RunState
from stoa.core.flows.tables import ApprovalRow, Run
from stoa.core.flows.watch import Watch

T = TypeVar("T")
MOST_APPROVALS = 500
_TEXT_LIMIT = 1_000_000
_EXPIRE_AT_ONCE = 100


class ApprovalView(BaseModel):
    """A question as people see it in the inbox."""

    id: str
    run_id: str
    solution: str
    operation: str
    question: str
    context: dict[str, Any]
    choices: list[str]
    to_role: str | None
    to_user: str | None
    editable_text: str | None
    state: ApprovalState
    choice: str | None
    text: str | None
    decided_by: str | None
    decided_by_name: str
    decided_at: datetime | None
    deadline: datetime | None
    created_at: datetime


class Approvals:
    """Asks, lists, decides and expires."""

    def __init__(
        self, database: Database, engine: Engine, execution: Execution, watch: Watch
    ) -> None:
        self._database = database
        self._engine = engine
        self._execution = execution
        self._watch = watch
        self._audit = AuditLog(database)

    async def ask(self, run_id: str, asked: Mapping[str, Any]) -> Decision:
        """Inside a workflow, between steps: the decision, once there is one."""
        work = current_work()
        if work is None or work.run_id != run_id or work.step is not None:
            raise Bug("A run asks a person in its own workflow, between steps.")
        question = Question.model_validate(asked)
        approval_id = await self._execution.step(
            "ask", partial(self._open, run_id, question), (), 1
        )
        row = await self._read(lambda s: s.get_one(ApprovalRow, approval_id))
        if row.state in (ApprovalState.DECIDED, ApprovalState.EXPIRED):
            return _decision_of(row)
        await asyncio.to_thread(self._engine.cancel, [run_id])
        if await self._write(lambda s: _leave(s, run_id, approval_id), run_id):
            await asyncio.to_thread(self._engine.resume, [run_id])
        raise Suspended

    async def _open(self, run_id: str, question: Question) -> str:
        step = str(self._engine.step_number)
        return await self._write(lambda s: _open(s, run_id, step, question), run_id)

    async def list(
        self, caller: Caller, *, state: ApprovalState | None = ApprovalState.OPEN, limit: int = 100
    ) -> list[ApprovalView]:
        """The caller's inbox, newest first: what he or she may decide, or has decided."""
        if not 1 <= limit <= MOST_APPROVALS:
            raise InvalidInput(
                f"{limit} approvals can't be listed.", hint=f"Ask for 1 to {MOST_APPROVALS}."
            )
        return await self._read(lambda s: _inbox(s, caller, state, limit))

    async def show(self, caller: Caller, approval_id: str) -> ApprovalView:
        """Raises NotFound for another workspace's, and for one that is not the caller's to see."""
        return await self._read(lambda s: _view_of(*_visible(s, caller, approval_id)))

    async def decide(
        self, caller: Caller, approval_id: str, choice: str, text: str | None = None
    ) -> Decision:
        """Answer. The same answer again is the same decision.

        Args:
            choice: one of the question's choices.
            text: the edited text, where the question came with one; None leaves it as it is.

        Raises:
            NotFound: not there, or not the caller's to see.
            Forbidden: asked of somebody else.
            InvalidInput: no such choice, or a text where none was asked for.
            Conflict: decided otherwise before, expired, or the run was cancelled.
        """
        seen = await self._read(lambda s: _visible(s, caller, approval_id)[0])
        await self._expire_if_late(seen)
        wake, decision = await self._write(
            lambda s: self._decide(s, caller, approval_id, choice, text), seen.run_id
        )
        if wake:
            await asyncio.to_thread(self._engine.resume, [seen.run_id])
        return decision

    def _decide(
        self, session: Session, caller: Caller, approval_id: str, choice: str, text: str | None
    ) -> tuple[bool, Decision]:
        row, run = _visible(session, caller, approval_id)
        run = runs.locked(session, run.id)
        session.refresh(row, with_for_update=True)
        if not _may_decide(caller, row, run):
            asked = row.to_role or "another person"
            raise Forbidden("This was not asked of you.", hint=f"It waits for {asked}.")
        text = _check(row, choice, text)
        if row.state == ApprovalState.DECIDED and (row.choice, row.text) == (choice, text):
            return False, _decision_of(row)
        if row.state != ApprovalState.OPEN:
            raise _too_late(row)
        row.state, row.choice, row.text = ApprovalState.DECIDED, choice, text
        row.decided_by, row.decided_by_name, row.decided_at = caller.user_id, caller.name, now()
        self._audit.record(session, caller, "approval.decided", row.id, choice=choice, run=run.id)
        wake = _wake(session, run, approval=row.id, choice=choice, by=caller.user_id)
        return wake, _decision_of(row)

    async def _expire_if_late(self, row: ApprovalRow) -> None:
        if row.state == ApprovalState.OPEN and row.deadline is not None and row.deadline <= now():
            await asyncio.to_thread(self._expire, row)

    def expire(self) -> None:
        """Close the questions whose deadline has passed. Blocking; a chore of every worker."""
        query = (
            sa.select(ApprovalRow)
            .where(ApprovalRow.state == ApprovalState.OPEN, ApprovalRow.deadline <= now())
            .limit(_EXPIRE_AT_ONCE)
        )
        for row in self._database.read_now(
            lambda s: s.scalars(query).all(), workspace=EVERY_WORKSPACE
        ):
            self._expire(row)

    def _expire(self, row: ApprovalRow) -> None:
        wake = self._database.write_now(lambda s: _expire(s, row), workspace=EVERY_WORKSPACE)
        if wake:
            self._engine.resume([row.run_id])

    async def _read(self, work: Callable[[Session], T]) -> T:
        return await self._database.read(work, workspace=EVERY_WORKSPACE)

    async def _write(self, work: Callable[[Session], T], run_id: str) -> T:
        result = await self._database.write(work, workspace=EVERY_WORKSPACE)
        self._watch.ring(run_id)
        return result


def withdraw(session: Session, run_id: str) -> None:
    """Close the open questions of a run that is being cancelled."""
    session.execute(
        sa.update(ApprovalRow)
        .where(ApprovalRow.run_id == run_id, ApprovalRow.state == ApprovalState.OPEN)
        .values(state=ApprovalState.WITHDRAWN)
    )


def _open(session: Session, run_id: str, step: str, question: Question) -> str:
    """The id of this question of the run, which is there already where the step runs again."""
    run = runs.locked(session, run_id)
    query = sa.select(ApprovalRow).where(ApprovalRow.run_id == run_id, ApprovalRow.step == step)
    asked = session.scalar(query)
    if asked is not None and asked.question == question.question:
        return asked.id
    deadline = question.deadline
    row = ApprovalRow(
        id=new_id("approval"),
        workspace_id=run.workspace_id,
        run_id=run_id,
        step=step if asked is None else f"{step}.{run.round}",
        question=question.question,
        context=question.context,
        choices=question.choices,
        to_role=question.to if isinstance(question.to, Role) else None,
        to_user=None if isinstance(question.to, Role) else question.to,
        editable_text=question.editable_text,
        state=ApprovalState.OPEN,
        decided_by_name="",
        deadline=now() + deadline if isinstance(deadline, timedelta) else deadline,
        created_at=now(),
    )
    session.add(row)
    return row.id


def _leave(session: Session, run_id: str, approval_id: str) -> bool:
    """Let the run wait; True where the answer came meanwhile and it must be queued again."""
    run = runs.locked(session, run_id)
    row = session.get_one(ApprovalRow, approval_id, with_for_update=True)
    if run.state in ENDED:
        return False
    if row.state == ApprovalState.WITHDRAWN:
        row.state = ApprovalState.OPEN
    if row.state != ApprovalState.OPEN:
        return True
    runs.move(session, run, RunState.WAITING, approval=row.id, question=row.question)
    run.attempts = 0
    return False


def _wake(session: Session, run: Run, **data: Any) -> bool:
    if run.state != RunState.WAITING:
        return False
    runs.move(session, run, RunState.QUEUED, **data)
    return True


def _expire(session: Session, seen: ApprovalRow) -> bool:
    run = runs.locked(session, seen.run_id)
    row = session.get_one(ApprovalRow, seen.id, with_for_update=True)
    if row.state != ApprovalState.OPEN:
        return False
    row.state, row.decided_at = ApprovalState.EXPIRED, now()
    return _wake(session, run, approval=row.id, expired=True)


def _inbox(
    session: Session, caller: Caller, state: ApprovalState | None, limit: int
) -> list[ApprovalView]:
    mine = ApprovalRow.to_user == caller.user_id
    of_role: list[sa.ColumnElement[bool]] = [ApprovalRow.to_user.is_(None)]
    if caller.role is not Role.OWNER:
        of_role.append((ApprovalRow.to_role == caller.role) | ApprovalRow.to_role.is_(None))
    query = (
        sa.select(ApprovalRow, Run)
        .join(Run, Run.id == ApprovalRow.run_id)
        .where(ApprovalRow.workspace_id == caller.workspace_id, mine | sa.and_(*of_role))
        .order_by(ApprovalRow.created_at.desc(), ApprovalRow.id.desc())
        .limit(limit)
    )
    if state is not None:
        query = query.where(ApprovalRow.state == state)
    return [_view_of(row, run) for row, run in session.execute(query)]


def _visible(session: Session, caller: Caller, approval_id: str) -> tuple[ApprovalRow, Run]:
    row = session.get(ApprovalRow, approval_id)
    if row is not None and row.workspace_id == caller.workspace_id:
        run = session.get_one(Run, row.run_id)
        if runs.may_see(caller, run) or _may_decide(caller, row, run):
            return row, run
    raise NotFound(f"There is no approval '{approval_id}'.", hint="Look into the inbox.")


def _may_decide(caller: Caller, row: ApprovalRow, run: Run) -> bool:
    if not caller.may(f"{run.solution}.{run.operation}"):
        return False
    if row.to_user is not None:
        return row.to_user == caller.user_id
    return row.to_role is None or caller.role in (row.to_role, Role.OWNER)


def _check(row: ApprovalRow, choice: str, text: str | None) -> str | None:
    if choice not in row.choices:
        raise InvalidInput(
            f"'{choice}' is not offered.", hint=f"Choose one of: {', '.join(row.choices)}."
        )
    if text is not None and row.editable_text is None:
        raise InvalidInput("There is no text to edit.", hint="Send the choice alone.")
    if text is not None and len(text) > _TEXT_LIMIT:
        raise InvalidInput("The text is too long.", hint=f"At most {_TEXT_LIMIT} characters.")
    return row.editable_text if text is None else text


def _too_late(row: ApprovalRow) -> Conflict:
    if row.state == ApprovalState.DECIDED:
        who = row.decided_by_name or row.decided_by
        return Conflict(
            f"{who} has decided: {row.choice}.", hint="A decision stands.", choice=row.choice
        )
    if row.state == ApprovalState.EXPIRED:
        return Conflict("The deadline has passed.", hint="Start the run anew to be asked again.")
    return Conflict("The run was cancelled.", hint="Resume the run to be asked again.")


def _decision_of(row: ApprovalRow) -> Decision:
    return Decision(
        approval_id=row.id,
        choice=row.choice,
        text=row.text,
        decided_by=row.decided_by,
        decided_by_name=row.decided_by_name,
        decided_at=row.decided_at,
        expired=row.state == ApprovalState.EXPIRED,
    )


def _view_of(row: ApprovalRow, run: Run) -> ApprovalView:
    fields = {name: getattr(row, name) for name in ApprovalView.model_fields if hasattr(row, name)}
    return ApprovalView(**fields, solution=run.solution, operation=run.operation)
