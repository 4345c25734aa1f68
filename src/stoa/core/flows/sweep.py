"""Putting right what a kill between two writes left: runs that DBOS and our rows disagree about.

Starting a run is one transaction, but ending, cancelling, waiting and waking are a write of ours and
one of DBOS's, in an order that leaves the run's row telling the truth. This makes DBOS follow it.

A run that this process owns and yet does not work on, because the database went away under it, is
queued again too.
"""

from collections.abc import Callable, Collection
from datetime import timedelta
from functools import partial
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, now
from stoa.base.errors import Bug
from stoa.core.flows import runs
from stoa.core.flows.engine import ACTIVE, QUEUE, Engine
from stoa.core.flows.run import RunState
from stoa.core.flows.tables import Run

T = TypeVar("T")
_PAGE = 200
_WORKING = (RunState.QUEUED, RunState.RUNNING)
_RECENT = timedelta(hours=1)


class Sweep:
    """Looks at a page of quiet runs at a time, round and round."""

    def __init__(
        self,
        database: Database,
        engine: Engine,
        quiet: float,
        working: Callable[[], Collection[str]],
    ) -> None:
        """`working`: the runs that this process works on at the moment it is called."""
        self._database = database
        self._engine = engine
        self._working = working
        self._stranded: set[str] = set()
        self._quiet = timedelta(seconds=quiet)
        self._after = ""

    def do(self) -> None:
        """One page."""
        self._cancel_again()
        self._pick_up()
        quiet = self._database.read_now(self._page, workspace=EVERY_WORKSPACE)
        self._after = quiet[-1].id if len(quiet) == _PAGE else ""
        statuses = self._engine.statuses([run.id for run in quiet]) if quiet else {}
        for run in quiet:
            status = statuses.get(run.id)
            if status is None:
                lost = Bug("The record of this run is gone.", hint="Start it anew.")
                self._write(partial(runs.fail, run_id=run.id, error=lost, failed_step=None))
            elif status not in ACTIVE and self._write(
                partial(runs.claim, run_id=run.id, seen=run.updated_at)
            ):
                self._engine.requeue(run.id, run.workspace_id, run.failed_step)

    def _page(self, session: Session) -> list[Run]:
        query = (
            sa.select(Run)
            .where(Run.state.in_(_WORKING), Run.updated_at < now() - self._quiet)
            .where(Run.id > self._after)
            .order_by(Run.id)
            .limit(_PAGE)
        )
        return list(session.scalars(query))

    def _cancel_again(self) -> None:
        query = sa.select(Run.id).where(
            Run.state == RunState.CANCELLED, Run.updated_at > now() - _RECENT
        )
        cancelled = self._database.read_now(
            lambda s: list(s.scalars(query)), workspace=EVERY_WORKSPACE
        )
        statuses = self._engine.statuses(cancelled) if cancelled else {}
        active = [run_id for run_id, status in statuses.items() if status in ACTIVE]
        if active:
            self._engine.cancel(active)

    def _pick_up(self) -> None:
        """Seen twice, so that one which is just being taken off the queue is left alone."""
        owned = {
            id_ for id_, queue in self._engine.owned_by(self._engine.executor_id) if queue == QUEUE
        }
        idle = owned - set(self._working())
        if again := idle & self._stranded:
            self._engine.resume(sorted(again))
        self._stranded = idle - again

    def _write(self, work: Callable[[Session], T]) -> T:
        return self._database.write_now(work, workspace=EVERY_WORKSPACE)
