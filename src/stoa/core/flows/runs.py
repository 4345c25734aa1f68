"""Runs and their events as rows: functions that work inside a transaction.

Every change of a run locks its row first and writes its event in the same transaction. So events are
numbered without gaps, a reader never sees number 5 before number 4, and a run ends exactly once
however often its last lines are replayed. This file knows no queue and no DBOS.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Session

from stoa.base.database import new_id, now
from stoa.base.errors import NotFound, StoaError
from stoa.base.identity.caller import EDITORS, Caller, Role
from stoa.base.telemetry import metrics
from stoa.core.flows.records import write_error
from stoa.core.flows.run import ENDED, OPEN, RunEvent, RunState, RunView
from stoa.core.flows.tables import Run, RunEventRow

MESSAGE_LIMIT = 500
_WORDLESS = frozenset({"state", "by", "name", "seconds", "done", "total"})
"""What an event tells everybody who may see its run."""


def view_of(row: Run) -> RunView:
    """The row as people see it."""
    return RunView(
        id=row.id,
        solution=row.solution,
        operation=row.operation,
        state=RunState(row.state),
        message=row.message,
        done=row.done,
        total=row.total,
        started_by=row.user_id,
        created_at=row.created_at,
        ended_at=row.ended_at,
        result=row.result,
        error=row.error,
    )


def view_for(caller: Caller, row: Run) -> RunView:
    """The row as the caller sees it: without its words, where they are not for them."""
    view = view_of(row)
    if view.is_open_to(caller):
        return view
    return view.model_copy(update={"message": "", "result": None, "error": None})


def event_for(caller: Caller, view: RunView, row: RunEventRow) -> RunEvent:
    """The row as the caller sees it, as `view_for` does."""
    data = row.data
    if not view.is_open_to(caller):
        data = {key: value for key, value in data.items() if key in _WORDLESS}
    return RunEvent(run_id=row.run_id, number=row.number, at=row.at, kind=row.kind, data=data)


def write_caller(caller: Caller) -> dict[str, Any]:
    """What a run keeps of its caller beside workspace and user."""
    scopes = None if caller.scopes is None else sorted(caller.scopes)
    return {"role": caller.role, "name": caller.name, "scopes": scopes}


def read_caller(workspace_id: str, user_id: str, kept: dict[str, Any]) -> Caller:
    """The caller as it was when the run was started."""
    scopes = None if kept["scopes"] is None else frozenset(kept["scopes"])
    return Caller(workspace_id, user_id, Role(kept["role"]), kept["name"], scopes)


def find_by_key(session: Session, workspace_id: str, key: str) -> str | None:
    """Id of the run that was started with that key."""
    query = sa.select(Run.id).where(Run.workspace_id == workspace_id, Run.key == key)
    return session.scalar(query)


def insert(
    session: Session,
    caller: Caller,
    *,
    workflow: str,
    solution: str,
    operation: str,
    payload: dict[str, Any],
    key: str | None,
) -> Run:
    """A new queued run and its first event."""
    at = now()
    run = Run(
        id=new_id("run"),
        workspace_id=caller.workspace_id,
        workflow=workflow,
        solution=solution,
        operation=operation,
        user_id=caller.user_id,
        caller=write_caller(caller),
        payload=payload,
        key=key,
        state=RunState.QUEUED,
        message="",
        done=0,
        total=0,
        events=0,
        attempts=0,
        round=0,
        created_at=at,
        updated_at=at,
    )
    session.add(run)
    add_event(session, run, "state", {"state": RunState.QUEUED})
    return run


def lock(session: Session, run_id: str) -> Run | None:
    """The run, held by this transaction until it commits."""
    return session.get(Run, run_id, with_for_update=True, populate_existing=True)


def locked(session: Session, run_id: str) -> Run:
    """As `lock`, for a run that has to be there. Raises NotFound."""
    run = lock(session, run_id)
    if run is None:
        raise _absent(run_id)
    return run


def visible(session: Session, caller: Caller, run_id: str) -> Run:
    """The run, if the caller may see it. Raises NotFound."""
    run = session.get(Run, run_id)
    if run is None or not may_see(caller, run):
        raise _absent(run_id)
    return run


def may_see(caller: Caller, run: Run) -> bool:
    """Owners and editors see every run of their workspace, others their own.

    How much an editor sees of somebody else's is another question: `RunView.is_open_to`.
    """
    if run.workspace_id != caller.workspace_id:
        return False
    return caller.role in EDITORS or run.user_id == caller.user_id


def newest(session: Session, caller: Caller, limit: int) -> list[RunView]:
    """The runs that the caller may see."""
    query = sa.select(Run).where(Run.workspace_id == caller.workspace_id)
    if caller.role not in EDITORS:
        query = query.where(Run.user_id == caller.user_id)
    rows = session.scalars(query.order_by(Run.created_at.desc(), Run.id.desc()).limit(limit))
    return [view_for(caller, row) for row in rows]


def add_event(
    session: Session, run: Run, kind: str, data: dict[str, Any], *, key: str | None = None
) -> bool:
    """Append an event to a locked run; False where one of that key is there already."""
    if key is not None:
        query = sa.select(RunEventRow.number).where(
            RunEventRow.run_id == run.id, RunEventRow.key == key
        )
        if session.scalar(query) is not None:
            return False
    run.events += 1
    run.updated_at = now()
    session.add(
        RunEventRow(
            run_id=run.id,
            workspace_id=run.workspace_id,
            number=run.events,
            at=run.updated_at,
            kind=kind,
            data=data,
            key=key,
        )
    )
    return True


def events_after(
    session: Session, caller: Caller, view: RunView, after: int, limit: int
) -> list[RunEvent]:
    """The next events of a run that the caller may see, oldest first."""
    query = (
        sa.select(RunEventRow)
        .where(RunEventRow.run_id == view.id, RunEventRow.number > after)
        .order_by(RunEventRow.number)
        .limit(limit)
    )
    return [event_for(caller, view, row) for row in session.scalars(query)]


def move(session: Session, run: Run, state: RunState, **data: Any) -> None:
    """Bring a locked run into another state, with its event. Ends are counted once they are kept."""
    run.state = state
    run.ended_at = now() if state.ended else None
    add_event(session, run, "state", {"state": state, **data})
    if state.ended:
        ended = metrics.runs.labels(run.solution, run.operation, state)
        event.listen(session, "after_commit", lambda _: ended.inc(), once=True)


def claim(session: Session, run_id: str, seen: datetime) -> bool:
    """Whether this process is the first to queue the run again since it was as it was `seen`."""
    first = (
        sa.update(Run)
        .where(Run.id == run_id, Run.updated_at == seen)
        .values(updated_at=now())
        .returning(Run.id)
    )
    return session.scalar(first) is not None


def finish(session: Session, run_id: str, result: dict[str, Any]) -> None:
    """The run is done; nothing happens to one that has ended."""
    run = lock(session, run_id)
    if run is None or run.state in ENDED:
        return
    run.result = result
    run.error = None
    move(session, run, RunState.DONE)


def fail(session: Session, run_id: str, error: StoaError, failed_step: int | None) -> None:
    """The run has failed; nothing happens to one that has ended."""
    run = lock(session, run_id)
    if run is None or run.state in ENDED:
        return
    run.error = write_error(error)
    run.failed_step = failed_step
    move(session, run, RunState.FAILED, error=run.error)


def forgive(session: Session, run_ids: Sequence[str]) -> None:
    """Count their starts as one: none of them was a sign of harm."""
    again = sa.update(Run).where(Run.id.in_(run_ids), Run.attempts > 1)
    session.execute(again.values(attempts=1))


def progress(
    session: Session, run_id: str, message: str, counts: tuple[int, int], key: str | None
) -> None:
    """Note how far a run is. One of a `key` that is there already changes nothing."""
    message = message[:MESSAGE_LIMIT]
    data = {"message": message, "done": counts[0], "total": counts[1]}
    note(session, run_id, "progress", data, key, **data)


def note(
    session: Session, run_id: str, kind: str, data: dict[str, Any], key: str | None, **columns: Any
) -> None:
    """Append an event to a run that is still open, and set columns of the run with it.

    It is written for every step, so: two statements, built once, and no objects. The UPDATE holds
    the row, as `lock` does. An event of that key that is there already leaves all as it is.
    """
    at = now()
    connection = session.connection()
    count = _COUNT if not columns else _COUNT.values(columns)
    row = connection.execute(count, {"of_run": run_id, "of_key": key, "moment": at}).first()
    if row is None:
        return
    event = {
        "run_id": run_id,
        "workspace_id": row.workspace_id,
        "number": row.events,
        "at": at,
        "kind": kind,
        "data": data,
        "key": key,
    }
    connection.execute(_APPEND, event)


_KEPT = sa.exists().where(
    RunEventRow.run_id == sa.bindparam("of_run"), RunEventRow.key == sa.bindparam("of_key")
)
_COUNT = (
    sa.update(Run)
    .where(Run.id == sa.bindparam("of_run"), Run.state.in_(OPEN), ~_KEPT)
    .values(events=Run.events + 1, updated_at=sa.bindparam("moment"))
    .returning(Run.events, Run.workspace_id)
)
_APPEND = sa.insert(RunEventRow)


def _absent(run_id: str) -> NotFound:
    return NotFound(f"There is no run '{run_id}'.", hint="List the runs to see their ids.")
