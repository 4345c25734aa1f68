"""Senders outside that prove themselves by a signature (Standard Webhooks) instead of an API key.

A source has a secret and the types of events that it may send. It sends CloudEvents, structured or batched, or
the plain body that the standard recommends, `{"type": …, "data": …}`, which becomes one. Which of them it is, and
all that an event says, is read from the body alone: no other header than the message's id and time is signed, so
whoever sends a message again can't make another event of it.
"""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, new_id, now
from stoa.base.errors import Conflict, Forbidden, InvalidInput, NotFound, NotSignedIn
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller
from stoa.base.secrets import SecretBox
from stoa.core.events.access import MANAGE, READ, admit
from stoa.core.events.binding import read_events
from stoa.core.events.event import CloudEvent, matches
from stoa.core.events.signing import check_signature, is_secret, new_secret
from stoa.core.events.subscriptions import checked_title, checked_types
from stoa.core.events.tables import EventSourceRow

MOST = 100


class SourceView(BaseModel):
    """A source as people see it: never its secret."""

    id: str
    title: str
    types: list[str]
    path: str
    """Where it posts its events to."""
    created_at: datetime


class Sources:
    """Adds, lists and removes sources, and reads what they send."""

    def __init__(self, database: Database, audit: AuditLog, box: SecretBox) -> None:
        self._database = database
        self._audit = audit
        self._box = box

    async def add(
        self, caller: Caller, *, title: str, types: Sequence[str], secret: str | None = None
    ) -> tuple[SourceView, str]:
        """Let somebody send events of these types. The secret is shown this once.

        Args:
            secret: the one that the sender made; None: a new one.

        Raises:
            InvalidInput: title, types or secret do not fit.
            Conflict: the workspace has as many as it may.
        """
        admit(caller, MANAGE)
        if secret is not None and not is_secret(secret):
            raise InvalidInput(
                "This is no secret of Standard Webhooks.",
                hint="It is whsec_ and 24 to 64 bytes in base64.",
            )
        chosen = secret or new_secret()
        row = EventSourceRow(
            id=new_id("source"),
            workspace_id=caller.workspace_id,
            title=checked_title(title),
            types=checked_types(types),
            secret=self._box.seal(chosen.encode()),
            created_by=caller.user_id,
            created_at=now(),
        )

        def work(session: Session) -> None:
            if session.scalar(sa.select(sa.func.count(EventSourceRow.id))) == MOST:
                raise Conflict(f"The workspace has {MOST} sources already.", hint="Remove one.")
            session.add(row)
            self._audit.record(session, caller, "event_source.added", row.id, types=row.types)

        await self._database.write(work, workspace=caller.workspace_id)
        return _view_of(row), chosen

    async def list(self, caller: Caller) -> list[SourceView]:
        """The workspace's sources, oldest first."""
        admit(caller, READ)
        query = sa.select(EventSourceRow).order_by(EventSourceRow.id)
        return await self._database.read(
            lambda s: [_view_of(row) for row in s.scalars(query)], workspace=caller.workspace_id
        )

    async def remove(self, caller: Caller, source_id: str) -> None:
        """Take no more events from it. Raises NotFound."""
        admit(caller, MANAGE)

        def work(session: Session) -> None:
            query = sa.select(EventSourceRow).where(EventSourceRow.id == source_id)
            row = session.scalars(query).one_or_none()
            if row is None:
                raise NotFound(f"There is no source '{source_id}'.", hint="List the sources.")
            session.delete(row)
            self._audit.record(session, caller, "event_source.removed", row.id)

        await self._database.write(work, workspace=caller.workspace_id)

    async def read(
        self, source_id: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[str, Sequence[CloudEvent]]:
        """The workspace, and what the source sent to it.

        Raises:
            NotSignedIn: there is no such source, or no signature of its secret: the two look the same.
            Forbidden: an event of a type that it may not send.
            InvalidInput, TooLarge, UnsupportedType: it is no event.
        """
        query = sa.select(EventSourceRow).where(EventSourceRow.id == source_id)
        row = await self._database.read(
            lambda s: s.scalars(query).one_or_none(), workspace=EVERY_WORKSPACE
        )
        secret = new_secret() if row is None else self._box.open(row.secret).decode()
        message_id = check_signature(secret, headers, body, at=time.time())
        if row is None:
            raise NotSignedIn("The signature does not fit.")
        events = _events(row.id, message_id, headers, body)
        for event in events:
            if not matches(row.types, event.type):
                raise Forbidden(
                    f"This source may not send {event.type}.", hint=f"It may: {row.types}."
                )
        return row.workspace_id, events


def _events(
    source_id: str, message_id: str, headers: Mapping[str, str], body: bytes
) -> list[CloudEvent]:
    if any(name.startswith("ce-") for name in headers):
        raise InvalidInput(
            "A signature does not cover what stands in ce- headers.",
            hint="Send the event in structured mode.",
        )
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The body is not JSON.", hint="Send CloudEvents or JSON.") from error
    if isinstance(found, list):
        return read_events({"content-type": "application/cloudevents-batch+json"}, body)
    as_event = {"content-type": "application/cloudevents+json"}
    if isinstance(found, dict) and "specversion" in found:
        return read_events(as_event, body)
    if not isinstance(found, dict) or not isinstance(found.get("type"), str):
        raise InvalidInput("The message has no type.", hint='Send {"type": …, "data": …}.')
    plain = {
        "specversion": "1.0",
        "id": message_id,
        "source": f"/sources/{source_id}",
        "type": found["type"],
        "data": found.get("data", {}),
    }
    return read_events(as_event, json.dumps(plain).encode())


def _view_of(row: EventSourceRow) -> SourceView:
    return SourceView(
        id=row.id,
        title=row.title,
        types=row.types,
        path=f"/api/events/sources/{row.id}",
        created_at=row.created_at,
    )
