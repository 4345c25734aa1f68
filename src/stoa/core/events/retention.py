"""Forgetting events: those that are old, and all of a workspace that is deleted. Blocking."""

from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, Row, now
from stoa.core.events.tables import (
    DeliveryRow,
    DeliveryState,
    EventLogRow,
    EventRow,
    EventSourceRow,
    SubscriptionRow,
)

_PAGE = 500


class Retention:
    """Deletes events with their deliveries, a page at a time, so that writers wait for none."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def prune(self, older_than: timedelta) -> int:
        """Delete events added longer ago; how many that were.

        One with a delivery that is still attempted stays; what has been due for all that time, as of
        a webhook that was paused, goes.
        """
        before = now() - older_than
        deleted = 0
        for workspace in self._workspaces():
            while count := self._database.write_now(
                partial(_remove_old, workspace=workspace, before=before),
                workspace=EVERY_WORKSPACE,
            ):
                deleted += count
        return deleted

    def forget(self, workspace: str) -> int:
        """Delete all of a workspace: events, deliveries, webhooks, sources; how many events."""
        deleted = 0
        while count := self._database.write_now(
            partial(_remove_all, workspace=workspace), workspace=EVERY_WORKSPACE
        ):
            deleted += count
        for table in (DeliveryRow, SubscriptionRow, EventSourceRow, EventLogRow):
            self._database.write_now(
                partial(_empty, table=table, workspace=workspace), workspace=EVERY_WORKSPACE
            )
        return deleted

    def _workspaces(self) -> list[str]:
        return self._database.read_now(
            lambda s: list(s.scalars(sa.select(EventLogRow.workspace_id))),
            workspace=EVERY_WORKSPACE,
        )


def _remove_old(session: Session, workspace: str, before: datetime) -> int:
    moment = int(before.timestamp() * 1e9)
    waits = sa.exists().where(
        DeliveryRow.event_id == EventRow.id,
        DeliveryRow.state == DeliveryState.WAITING,
        DeliveryRow.next_at > before,
    )
    query = (
        sa.select(EventRow.id)
        .where(EventRow.workspace_id == workspace, EventRow.moment < moment)
        .where(EventRow.number.is_not(None), ~waits)
        .limit(_PAGE)
    )
    return _remove(session, list(session.scalars(query)))


def _remove_all(session: Session, workspace: str) -> int:
    query = sa.select(EventRow.id).where(EventRow.workspace_id == workspace).limit(_PAGE)
    return _remove(session, list(session.scalars(query)))


def _remove(session: Session, ids: list[str]) -> int:
    session.execute(sa.delete(EventRow).where(EventRow.id.in_(ids)))
    return len(ids)


def _empty(session: Session, table: type[Row], workspace: str) -> None:
    session.execute(sa.delete(table).where(table.__table__.c.workspace_id == workspace))
