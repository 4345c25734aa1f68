"""Work by the clock, exactly once per tick however many workers there are.

Two kinds. Functions of the code, registered before launch: each tick is a DBOS workflow whose id is
the name and the minute, so that every worker may queue it and one does it, again after a crash.
Schedules of a workspace, rows that people add and remove: whoever moves `next_at` on starts the run,
in that transaction. After a pause of all workers a workspace's schedule catches up with one run;
ticks of functions that nobody was there for are left out.

Cron has five fields, UTC.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from croniter import CroniterError, croniter
from pydantic import BaseModel
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, new_id, now
from stoa.base.errors import Bug, InvalidInput, NotFound
from stoa.base.identity.caller import Caller
from stoa.core.flows import runs
from stoa.core.flows.engine import Engine
from stoa.core.flows.records import as_stoa_error
from stoa.core.flows.tables import ScheduleRow

log = logging.getLogger(__name__)
Scheduled = Callable[[datetime], Awaitable[None]]
_FIELDS = 5
_AT_ONCE = 100
_NAME_LIMIT = 200


class ScheduleView(BaseModel):
    """A workspace's schedule as people see it."""

    id: str
    name: str
    cron: str
    solution: str
    operation: str
    payload: dict[str, Any]
    next_at: datetime
    last_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class _Function:
    cron: str
    call: Scheduled


class Schedules:
    """The functions of this process and the schedules of all workspaces."""

    def __init__(self, database: Database, engine: Engine) -> None:
        self._database = database
        self._engine = engine
        self._functions: dict[str, _Function] = {}
        self._checked = now()

    def register(self, name: str, cron: str, call: Scheduled) -> None:
        """Call `call(tick)` at each tick. Before launch, in every process the same."""
        if name in self._functions:
            raise Bug(f"Two schedules are called '{name}'.")
        self._functions[name] = _Function(checked_cron(cron), call)

    async def call(self, name: str, at: datetime) -> None:
        """Do what is registered for one tick; an error is logged, the next tick is another chance."""
        function = self._functions.get(name)
        if function is None:
            log.warning("nobody registered the schedule '%s'", name)
            return
        try:
            await function.call(at)
        except Exception as error:  # noqa: BLE001 - the edge: nobody waits for a tick
            told = as_stoa_error(error, where=f"schedule {name} at {at}")
            log.warning("schedule '%s' failed: %s", name, told)

    def look(self) -> None:
        """Queue what is due. Blocking; a chore of every worker."""
        until = now()
        for name, function in self._functions.items():
            for at in _ticks(function.cron, self._checked, until):
                self._engine.enqueue_tick(name, at)
        self._checked = until
        due = self._database.read_now(lambda s: _due(s, until), workspace=EVERY_WORKSPACE)
        for row in due:
            self._database.write_now(
                partial(self._start, seen=row),
                workspace=EVERY_WORKSPACE,
            )

    def _start(self, session: Session, seen: ScheduleRow) -> None:
        """Start the run of one tick, if this process is the first to move the schedule on."""
        following = next_tick(seen.cron, max(now(), seen.next_at))
        first = (
            sa.update(ScheduleRow)
            .where(ScheduleRow.id == seen.id, ScheduleRow.next_at == seen.next_at)
            .values(next_at=following, last_at=seen.next_at)
            .returning(ScheduleRow.id)
        )
        key = f"{seen.id} {seen.next_at:%Y-%m-%dT%H:%M}"
        if session.scalar(first) is None or runs.find_by_key(session, seen.workspace_id, key):
            return  # another worker was first, or the clock was set back
        run = runs.insert(
            session,
            runs.read_caller(seen.workspace_id, seen.user_id, seen.caller),
            workflow=seen.workflow,
            solution=seen.solution,
            operation=seen.operation,
            payload=seen.payload,
            key=key,
        )
        session.flush()
        self._engine.enqueue(session, run.id, run.workspace_id)

    async def add(
        self,
        caller: Caller,
        name: str,
        cron: str,
        *,
        workflow: str,
        target: tuple[str, str],
        payload: dict[str, Any],
    ) -> ScheduleView:
        """Start `target` (solution, operation) at each tick as the caller; replaces one of the name.

        Raises:
            InvalidInput: the cron line does not parse, or the name is empty or too long.
        """
        if not 0 < len(name) <= _NAME_LIMIT:
            raise InvalidInput(
                "The name does not fit.", hint=f"Give 1 to {_NAME_LIMIT} characters."
            )
        fields = {
            "cron": checked_cron(cron),
            "workflow": workflow,
            "solution": target[0],
            "operation": target[1],
            "user_id": caller.user_id,
            "caller": runs.write_caller(caller),
            "payload": payload,
            "next_at": next_tick(cron, now()),
        }

        def put(session: Session) -> ScheduleView:
            row = _of_name(session, caller, name)
            if row is None:
                row = ScheduleRow(
                    id=new_id("schedule"),
                    workspace_id=caller.workspace_id,
                    name=name,
                    created_at=now(),
                    **fields,
                )
                session.add(row)
            else:
                for field, value in fields.items():
                    setattr(row, field, value)
            return _view_of(row)

        return await self._database.write(put, workspace=EVERY_WORKSPACE)

    async def remove(self, caller: Caller, name: str) -> None:
        """No more ticks from here on. Raises NotFound."""

        def delete(session: Session) -> None:
            row = _of_name(session, caller, name)
            if row is None:
                raise NotFound(f"There is no schedule '{name}'.", hint="List the schedules.")
            session.delete(row)

        await self._database.write(delete, workspace=EVERY_WORKSPACE)

    async def list(self, caller: Caller) -> list[ScheduleView]:
        """The workspace's schedules by name."""
        query = (
            sa.select(ScheduleRow)
            .where(ScheduleRow.workspace_id == caller.workspace_id)
            .order_by(ScheduleRow.name)
        )
        return await self._database.read(
            lambda s: [_view_of(row) for row in s.scalars(query)], workspace=EVERY_WORKSPACE
        )


def checked_cron(cron: str) -> str:
    """The line. Raises InvalidInput where it is not five fields that make sense."""
    try:
        if len(cron.split()) == _FIELDS:
            next_tick(cron, now())  # a line such as 30 February has none
            return cron
    except CroniterError as error:
        raise _no_schedule(cron) from error
    raise _no_schedule(cron)


def _no_schedule(cron: str) -> InvalidInput:
    return InvalidInput(
        f"'{cron[:80]}' is no schedule.", hint="Five fields in UTC, such as '*/15 * * * *'."
    )


def next_tick(cron: str, after: datetime) -> datetime:
    """The first tick after a time."""
    following: datetime = croniter(cron, after).get_next(datetime)
    return following


def _ticks(cron: str, after: datetime, until: datetime) -> list[datetime]:
    """The ticks in (after, until], of the last hour at most."""
    ticks = []
    at = next_tick(cron, max(after, until - timedelta(hours=1)))
    while at <= until:
        ticks.append(at)
        at = next_tick(cron, at)
    return ticks


def _due(session: Session, until: datetime) -> list[ScheduleRow]:
    query = sa.select(ScheduleRow).where(ScheduleRow.next_at <= until).limit(_AT_ONCE)
    return list(session.scalars(query))


def _of_name(session: Session, caller: Caller, name: str) -> ScheduleRow | None:
    query = sa.select(ScheduleRow).where(
        ScheduleRow.workspace_id == caller.workspace_id, ScheduleRow.name == name
    )
    return session.scalar(query)


def _view_of(row: ScheduleRow) -> ScheduleView:
    return ScheduleView(**{name: getattr(row, name) for name in ScheduleView.model_fields})
