"""The outbox: functions that write events inside a transaction, and number what has been committed.

An event row is written in the transaction of the change that it tells of, so that there is never one
without the other. It gets its number later, from whoever spreads it: transactions commit in another
order than they begin in, and a reader who follows by number must never be handed 5 and then find that
4 has come up behind. Numbers are given while the workspace's row in `event_log` is held, to rows that
are committed, in the order in which they were added: so they have no gaps and only ever grow.
"""

import json
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from stoa.base.database import Row, new_id, now
from stoa.base.errors import InvalidInput, TooLarge
from stoa.core.events.event import CloudEvent
from stoa.core.events.tables import EventLogRow, EventRow

EVENT_LIMIT: Final = 256 * 2**10
"""Bytes of one event as JSON. Larger things are stored, and the event names them."""
_KEY_LIMIT = 200
_clock = threading.Lock()
_last_moment = 0


def compose(**attributes: Any) -> CloudEvent:
    """A new event of ours.

    Raises:
        InvalidInput: an attribute does not fit CloudEvents, or `data` is not plain JSON.
    """
    try:
        json.dumps(attributes["data"], allow_nan=False)
        return CloudEvent(id=new_id("event"), **attributes)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(
            f"The event's {where or 'attributes'} can't be told: {first['msg']}.",
            hint="See CloudEvents 1.0 for what an attribute may hold.",
        ) from error
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            "The event's data are not plain JSON.", hint="Give texts, numbers, lists and dicts."
        ) from error


def insert(
    session: Session, workspace: str, event: CloudEvent, *, key: str | None, received: bool
) -> bool:
    """Write an event; False where the workspace has it, or one of that key, already.

    Raises:
        TooLarge: the event is over the limit.
        InvalidInput: the key is empty or too long.
    """
    if key is not None and not 0 < len(key) <= _KEY_LIMIT:
        raise InvalidInput("The key does not fit.", hint=f"Give 1 to {_KEY_LIMIT} characters.")
    envelope = event.as_json()
    if len(json.dumps(envelope)) > EVENT_LIMIT:
        raise TooLarge(
            f"The event is larger than {EVENT_LIMIT // 1024} KiB.",
            hint="Store what it tells of, and let the event name it.",
        )
    at = now()
    row = {
        "id": event.id if not received else new_id("event"),
        "workspace_id": workspace,
        "moment": _moment(),
        "number": None,
        "name": event.name,
        "key": key,
        "type": event.type,
        "source": event.source,
        "subject": event.subject,
        "received": received,
        "envelope": envelope,
        "at": at,
    }
    return insert_once(session, EventRow, row)


def insert_once(session: Session, table: type[Row], row: dict[str, Any]) -> bool:
    """Insert a row unless one of its unique keys is taken, also by a transaction that runs now."""
    kind = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = kind.insert(table).values(row).on_conflict_do_nothing().returning(sa.literal(1))
    return session.connection().execute(statement).first() is not None


def of_key(session: Session, workspace: str, key: str) -> CloudEvent | None:
    """The event that was added under that key."""
    query = sa.select(EventRow.envelope).where(
        EventRow.workspace_id == workspace, EventRow.key == key
    )
    envelope = session.scalar(query)
    return None if envelope is None else CloudEvent.model_validate(envelope)


def unnumbered(session: Session) -> list[str]:
    """The workspaces that have events without a number."""
    query = sa.select(EventRow.workspace_id).where(EventRow.number.is_(None)).distinct()
    return sorted(session.scalars(query))


def number(session: Session, workspace: str, limit: int) -> Sequence[EventRow]:
    """Give the next events of a workspace their numbers; returns those, in order.

    It holds the workspace's row until the transaction ends, so processes take turns.
    """
    log = _log_of(session, workspace)
    query = (
        sa.select(EventRow)
        .where(EventRow.workspace_id == workspace, EventRow.number.is_(None))
        .order_by(EventRow.moment, EventRow.id)
        .limit(limit)
    )
    rows = session.scalars(query).all()
    for row in rows:
        log.last += 1
        row.number = log.last
    session.flush()
    return rows


def _log_of(session: Session, workspace: str) -> EventLogRow:
    """The workspace's row, held; made where this is its first event."""
    query = sa.select(EventLogRow).where(EventLogRow.workspace_id == workspace).with_for_update()
    found = session.scalars(query).one_or_none()
    if found is None:
        first = {"id": new_id("log"), "workspace_id": workspace, "last": 0}
        insert_once(session, EventLogRow, first)
        found = session.scalars(query).one()
    return found


def _moment() -> int:
    """The time in nanoseconds; in one process every call gives a larger one."""
    global _last_moment
    with _clock:
        _last_moment = max(time.time_ns(), _last_moment + 1)
        return _last_moment
