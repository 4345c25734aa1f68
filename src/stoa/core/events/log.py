"""The event log of a workspace: what happened, who has been told, what was given up, and telling again."""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.orm import Session

from stoa.base.database import Database, now
from stoa.base.errors import InvalidInput, NotFound
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller
from stoa.core.events.access import MANAGE, READ, admit
from stoa.core.events.event import CloudEvent, matches
from stoa.core.events.tables import DeliveryRow, DeliveryState, EventRow, SubscriptionRow

MOST = 200
_SCANNED = 5000
"""Events that one page of a filtered log looks at, at most."""


class EventView(BaseModel):
    """An event in the log. Newest ones may have no number yet."""

    id: str
    number: int | None
    event: CloudEvent
    received: bool
    """It came from outside."""
    at: datetime
    waiting: int
    delivered: int
    dead: int


class DeliveryView(BaseModel):
    """One event and one consumer."""

    event_id: str
    type: str
    consumer: str
    """Id of a subscription, or name of the operation that reacts."""
    title: str
    state: DeliveryState
    attempts: int
    next_at: datetime | None
    """While it waits: when it is due."""
    status: int | None
    error: str
    at: datetime
    ended_at: datetime | None


class EventLog:
    """Reads the log and its deliveries; sends again."""

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit

    async def list(
        self,
        caller: Caller,
        *,
        types: Sequence[str] = (),
        subject: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[EventView]:
        """Newest first, all or those about `subject`. `before`: the id that the last page ended with.

        Raises:
            InvalidInput: `limit` is out of bounds.
            NotFound: there is no event `before`.
        """
        admit(caller, READ)
        _check(limit)

        def work(session: Session) -> list[EventView]:
            query = sa.select(EventRow).order_by(EventRow.moment.desc(), EventRow.id.desc())
            if subject is not None:
                query = query.where(EventRow.subject == subject)
            if before is not None:
                last = _event(session, before)
                query = query.where(
                    sa.or_(
                        EventRow.moment < last.moment,
                        sa.and_(EventRow.moment == last.moment, EventRow.id < last.id),
                    )
                )
            rows: list[EventRow] = []
            for row in session.scalars(query.limit(_SCANNED if types else limit)):
                if not types or matches(types, row.type):
                    rows.append(row)
                if len(rows) == limit:
                    break
            counts = _counts(session, [row.id for row in rows])
            return [_view_of(row, counts.get(row.id, {})) for row in rows]

        return await self._database.read(work, workspace=caller.workspace_id)

    async def show(self, caller: Caller, event_id: str) -> EventView:
        """One event. Raises NotFound."""
        admit(caller, READ)

        def work(session: Session) -> EventView:
            row = _event(session, event_id)
            return _view_of(row, _counts(session, [row.id]).get(row.id, {}))

        return await self._database.read(work, workspace=caller.workspace_id)

    async def deliveries(
        self,
        caller: Caller,
        *,
        event_id: str | None = None,
        consumer: str | None = None,
        state: DeliveryState | None = None,
        limit: int = 50,
    ) -> Sequence[DeliveryView]:
        """Of one event, one consumer, one state, or all; newest events first.

        Raises:
            InvalidInput: `limit` is out of bounds.
        """
        admit(caller, READ)
        _check(limit)
        query = (
            sa.select(DeliveryRow, EventRow, SubscriptionRow.title)
            .join(EventRow, EventRow.id == DeliveryRow.event_id)
            .outerjoin(SubscriptionRow, SubscriptionRow.id == DeliveryRow.consumer)
            .order_by(DeliveryRow.event_id.desc(), DeliveryRow.consumer)
            .limit(limit)
        )
        for column, value in (
            (DeliveryRow.event_id, event_id),
            (DeliveryRow.consumer, consumer),
            (DeliveryRow.state, state),
        ):
            if value is not None:
                query = query.where(column == value)
        return await self._database.read(
            lambda s: [_delivery_of(*row) for row in s.execute(query)],
            workspace=caller.workspace_id,
        )

    async def replay(
        self,
        caller: Caller,
        *,
        consumer: str | None = None,
        event_ids: Collection[str] | None = None,
    ) -> int:
        """Send again, from the first attempt on; how many deliveries that are.

        Args:
            consumer: only to this one; None: to whoever had the events.
            event_ids: these events, delivered or dead; None: every one that is dead.
        """
        admit(caller, MANAGE)

        def work(session: Session) -> int:
            update = sa.update(DeliveryRow).where(
                DeliveryRow.workspace_id == caller.workspace_id,
                DeliveryRow.state != DeliveryState.WAITING
                if event_ids is not None
                else DeliveryRow.state == DeliveryState.DEAD,
            )
            if consumer is not None:
                update = update.where(DeliveryRow.consumer == consumer)
            if event_ids is not None:
                update = update.where(DeliveryRow.event_id.in_(event_ids))
            again = session.execute(
                update.values(
                    state=DeliveryState.WAITING, attempts=0, next_at=now(), error="", ended_at=None
                ).returning(DeliveryRow.event_id)
            )
            count = len(again.all())
            self._audit.record(
                session, caller, "events.replayed", consumer or "all", deliveries=count
            )
            return count

        return await self._database.write(work, workspace=caller.workspace_id)


def _check(limit: int) -> None:
    if not 1 <= limit <= MOST:
        raise InvalidInput(f"{limit} can't be listed.", hint=f"Ask for 1 to {MOST}.")


def _event(session: Session, event_id: str) -> EventRow:
    row = session.scalars(sa.select(EventRow).where(EventRow.id == event_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no event '{event_id}'.", hint="List the events.")
    return row


def _counts(session: Session, event_ids: list[str]) -> dict[str, dict[str, int]]:
    query = (
        sa.select(DeliveryRow.event_id, DeliveryRow.state, sa.func.count())
        .where(DeliveryRow.event_id.in_(event_ids))
        .group_by(DeliveryRow.event_id, DeliveryRow.state)
    )
    found: dict[str, dict[str, int]] = {}
    for event_id, state, count in session.execute(query):
        found.setdefault(event_id, {})[state] = count
    return found


def _view_of(row: EventRow, counts: dict[str, int]) -> EventView:
    return EventView(
        id=row.id,
        number=row.number,
        event=CloudEvent.model_validate(row.envelope),
        received=row.received,
        at=row.at,
        waiting=counts.get(DeliveryState.WAITING, 0),
        delivered=counts.get(DeliveryState.DELIVERED, 0),
        dead=counts.get(DeliveryState.DEAD, 0),
    )


def _delivery_of(row: DeliveryRow, event: EventRow, title: str | None) -> DeliveryView:
    waits = row.state == DeliveryState.WAITING
    return DeliveryView(
        event_id=row.event_id,
        type=event.type,
        consumer=row.consumer,
        title=title or row.consumer,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        next_at=row.next_at if waits else None,
        status=row.status,
        error=row.error,
        at=event.at,
        ended_at=row.ended_at,
    )
