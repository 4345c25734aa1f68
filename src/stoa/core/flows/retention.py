"""Forgetting runs: those that ended long ago, and all of a workspace that is deleted."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, now
from stoa.core.flows.engine import Engine
from stoa.core.flows.run import ENDED
from stoa.core.flows.tables import Run, ScheduleRow

_PAGE = 200


class Retention:
    """Deletes runs with all that hangs on them, here and in DBOS. Blocking."""

    def __init__(self, database: Database, engine: Engine) -> None:
        self._database = database
        self._engine = engine

    def prune(self, older_than: timedelta) -> int:
        """Delete runs that ended longer ago; how many that were."""
        return self._delete(partial(_ended, before=now() - older_than))

    def forget(self, workspace_id: str) -> int:
        """Delete all runs and schedules of a workspace; how many runs that were."""
        self._database.write_now(
            lambda s: s.execute(
                sa.delete(ScheduleRow).where(ScheduleRow.workspace_id == workspace_id)
            ),
            workspace=EVERY_WORKSPACE,
        )
        return self._delete(partial(_all_of, workspace_id=workspace_id))

    def _delete(self, page: Callable[[Session], list[str]]) -> int:
        deleted = 0
        while ids := self._database.read_now(page, workspace=EVERY_WORKSPACE):
            self._engine.cancel(ids)
            self._engine.delete(ids)
            self._database.write_now(
                partial(_remove, ids=ids),
                workspace=EVERY_WORKSPACE,
            )
            deleted += len(ids)
        return deleted


def _remove(session: Session, ids: list[str]) -> None:
    session.execute(sa.delete(Run).where(Run.id.in_(ids)))


def _ended(session: Session, before: datetime) -> list[str]:
    query = sa.select(Run.id).where(Run.state.in_(ENDED), Run.ended_at < before).limit(_PAGE)
    return list(session.scalars(query))


def _all_of(session: Session, workspace_id: str) -> list[str]:
    query = sa.select(Run.id).where(Run.workspace_id == workspace_id).limit(_PAGE)
    return list(session.scalars(query))
