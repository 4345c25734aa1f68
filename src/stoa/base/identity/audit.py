"""The audit log: who did what to what, and when; written with the change, never changed after."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, new_id, now
from stoa.base.errors import Forbidden, InvalidInput
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.tables import AuditEvent, Membership

MOST_EVENTS = 500


class AuditView(BaseModel):
    """One event. `id` grows with time: the `before` of the next page."""

    id: str
    at: datetime
    user_id: str
    actor: str
    action: str
    subject: str
    details: dict[str, Any]


class AuditLog:
    """Records events inside the transaction of the change, and lists them for owners."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self, session: Session, caller: Caller | None, action: str, subject: str, **details: Any
    ) -> None:
        """Add an event to the write transaction of `session`, so that both happen or neither.

        Args:
            session: of the write transaction that makes the change.
            caller: who did it; None for Stoa itself or someone unknown.
            action: verb and noun, such as `key.created`.
            subject: id of what it was done to.
            details: JSON-able facts; never a secret.
        """
        session.add(
            AuditEvent(
                id=new_id("event"),
                workspace_id=caller.workspace_id if caller else "",
                at=now(),
                user_id=caller.user_id if caller else "",
                actor=caller.name if caller else "",
                action=action,
                subject=subject[:200],
                details=details,
            )
        )

    async def list(
        self, caller: Caller, limit: int = 100, before: str | None = None
    ) -> list[AuditView]:
        """Newest first: of the caller's workspace, and the sign-ins of its members.

        `before` is the id that the last page ended with.

        Raises:
            Forbidden: the caller is not an owner.
        """
        if caller.role is not Role.OWNER or not caller.may("admin"):
            raise Forbidden(
                "Only owners read the audit log.", hint="Ask an owner of the workspace."
            )
        if not 1 <= limit <= MOST_EVENTS:
            raise InvalidInput(
                f"{limit} events can't be listed.", hint=f"Ask for 1 to {MOST_EVENTS}."
            )
        members = sa.select(Membership.user_id).where(
            Membership.workspace_id == caller.workspace_id
        )
        query = (
            sa.select(AuditEvent)
            .where(
                sa.or_(
                    AuditEvent.workspace_id == caller.workspace_id,
                    sa.and_(AuditEvent.workspace_id == "", AuditEvent.subject.in_(members)),
                )
            )
            .order_by(AuditEvent.id.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(AuditEvent.id < before)
        rows = await self._database.read(
            lambda s: s.scalars(query).all(), workspace=EVERY_WORKSPACE
        )
        return [AuditView.model_validate(row, from_attributes=True) for row in rows]
