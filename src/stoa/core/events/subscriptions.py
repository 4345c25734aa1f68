"""Webhooks: who wants which events and where, with secrets that can be replaced without a gap."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.orm import Session

from stoa.base.database import Database, new_id, now
from stoa.base.errors import Conflict, InvalidInput, NotFound
from stoa.base.fetch import check_place
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller
from stoa.base.post import host_of
from stoa.base.secrets import SecretBox
from stoa.core.events.access import MANAGE, READ, admit
from stoa.core.events.signing import new_secret
from stoa.core.events.tables import DeliveryRow, DeliveryState, SubscriptionRow

T = TypeVar("T")
MOST = 100
"""Subscriptions of one workspace."""
OVERLAP = timedelta(hours=24)
"""How long the secret before signs too, after it was replaced."""
_TITLE_LIMIT = 200
_URL_LIMIT = 2000
_TYPE_LIMIT = 200
_MOST_TYPES = 50


class SubscriptionView(BaseModel):
    """A webhook as people see it: never its secret."""

    id: str
    title: str
    url: str
    types: list[str]
    """Patterns of event types; `*` stands for any characters."""
    active: bool
    reason: str
    """Why it is not active."""
    failures: int
    """Attempts that failed since the last one that did not."""
    waiting: int
    dead: int
    delivered_at: datetime | None
    created_at: datetime


class Subscriptions:
    """Adds, lists, changes and removes webhooks of a workspace."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        box: SecretBox,
        *,
        allow_private: bool,
        setting: str,
    ) -> None:
        self._database = database
        self._audit = audit
        self._box = box
        self._allow_private = allow_private
        self._setting = setting

    async def add(
        self, caller: Caller, *, url: str, types: Sequence[str] = ("*",), title: str = ""
    ) -> tuple[SubscriptionView, str]:
        """Send events of these types, from now on, to `url`. The secret is shown this once.

        Raises:
            InvalidInput: the address or a type does not fit, or leads to a private host.
            Conflict: the workspace has as many as it may.
            Forbidden: the caller may not.
        """
        admit(caller, MANAGE)
        await self._check_url(url)
        row = SubscriptionRow(
            id=new_id("webhook"),
            workspace_id=caller.workspace_id,
            title=checked_title(title or host_of(url)),
            url=url,
            types=checked_types(types),
            secret=b"",
            active=True,
            reason="",
            failures=0,
            created_by=caller.user_id,
            created_at=now(),
        )
        secret = new_secret()
        row.secret = self._box.seal(secret.encode())

        def work(session: Session) -> SubscriptionView:
            if session.scalar(sa.select(sa.func.count(SubscriptionRow.id))) == MOST:
                raise Conflict(
                    f"The workspace has {MOST} webhooks already.", hint="Remove one first."
                )
            session.add(row)
            details = {"host": host_of(url), "types": row.types}
            self._audit.record(session, caller, "webhook.added", row.id, **details)
            return _view_of(row, {})

        return await self._write(caller, work), secret

    async def list(self, caller: Caller) -> list[SubscriptionView]:
        """The workspace's webhooks, oldest first."""
        admit(caller, READ)

        def work(session: Session) -> list[SubscriptionView]:
            counts = _counts(session)
            query = sa.select(SubscriptionRow).order_by(SubscriptionRow.id)
            return [_view_of(row, counts.get(row.id, {})) for row in session.scalars(query)]

        return await self._database.read(work, workspace=caller.workspace_id)

    async def show(self, caller: Caller, subscription_id: str) -> SubscriptionView:
        """One of them. Raises NotFound."""
        admit(caller, READ)

        def work(session: Session) -> SubscriptionView:
            row = _found(session, subscription_id)
            return _view_of(row, _counts(session).get(row.id, {}))

        return await self._database.read(work, workspace=caller.workspace_id)

    async def change(
        self,
        caller: Caller,
        subscription_id: str,
        *,
        url: str | None = None,
        types: Sequence[str] | None = None,
        title: str | None = None,
        active: bool | None = None,
    ) -> SubscriptionView:
        """Change what is given. While it is not active, it is sent nothing and gets no new events.

        Raises:
            InvalidInput: the address, a type or the title does not fit.
            NotFound: there is none of that id.
        """
        admit(caller, MANAGE)
        if url is not None:
            await self._check_url(url)

        def work(session: Session) -> SubscriptionView:
            row = _found(session, subscription_id)
            row.url = url if url is not None else row.url
            row.types = checked_types(types) if types is not None else row.types
            row.title = checked_title(title) if title is not None else row.title
            if active is not None and active != row.active:
                row.active, row.failures, row.rests_until = active, 0, None
                row.reason = "" if active else f"Paused by {caller.name or caller.user_id}."[:200]
            details = {"host": host_of(row.url), "types": row.types, "active": row.active}
            self._audit.record(session, caller, "webhook.changed", row.id, **details)
            return _view_of(row, _counts(session).get(row.id, {}))

        return await self._write(caller, work)

    async def rotate(
        self, caller: Caller, subscription_id: str, *, overlap: timedelta = OVERLAP
    ) -> str:
        """A new secret, shown this once. For the time of `overlap` the one before signs too.

        Raises:
            NotFound: there is none of that id.
        """
        admit(caller, MANAGE)
        secret = new_secret()

        def work(session: Session) -> None:
            row = _found(session, subscription_id)
            row.old_secret, row.old_until = row.secret, now() + overlap
            row.secret = self._box.seal(secret.encode())
            self._audit.record(session, caller, "webhook.secret_replaced", row.id)

        await self._write(caller, work)
        return secret

    async def remove(self, caller: Caller, subscription_id: str) -> None:
        """Send it nothing more, and forget what it was sent. Raises NotFound."""
        admit(caller, MANAGE)

        def work(session: Session) -> None:
            row = _found(session, subscription_id)
            session.execute(sa.delete(DeliveryRow).where(DeliveryRow.consumer == row.id))
            session.delete(row)
            self._audit.record(session, caller, "webhook.removed", row.id, host=host_of(row.url))

        await self._write(caller, work)

    async def _check_url(self, url: str) -> None:
        if len(url) > _URL_LIMIT:
            raise InvalidInput(
                "The address is too long.", hint=f"Give at most {_URL_LIMIT} characters."
            )
        await check_place(url, allow_private=self._allow_private, setting=self._setting)

    async def _write(self, caller: Caller, work: Callable[[Session], T]) -> T:
        return await self._database.write(work, workspace=caller.workspace_id)


def checked_types(types: Sequence[str]) -> list[str]:
    """Patterns of event types, each once. Raises InvalidInput."""
    given = list(dict.fromkeys(each.strip() for each in types))
    if not 0 < len(given) <= _MOST_TYPES or not all(0 < len(each) <= _TYPE_LIMIT for each in given):
        raise InvalidInput(
            "These are no event types.",
            hint=f"Give 1 to {_MOST_TYPES}, such as stoa.approval.* or *.",
        )
    return given


def checked_title(title: str) -> str:
    """A title without the spaces around it. Raises InvalidInput."""
    title = title.strip()
    if not 0 < len(title) <= _TITLE_LIMIT:
        raise InvalidInput("The title does not fit.", hint=f"Give 1 to {_TITLE_LIMIT} characters.")
    return title


def _found(session: Session, subscription_id: str) -> SubscriptionRow:
    query = sa.select(SubscriptionRow).where(SubscriptionRow.id == subscription_id)
    row = session.scalars(query).one_or_none()
    if row is None:
        raise NotFound(
            f"There is no webhook '{subscription_id}'.", hint="List the webhooks to see their ids."
        )
    return row


def _counts(session: Session) -> dict[str, dict[str, int]]:
    """How much waits for each consumer, and how much was given up."""
    query = (
        sa.select(DeliveryRow.consumer, DeliveryRow.state, sa.func.count())
        .where(DeliveryRow.state.in_((DeliveryState.WAITING, DeliveryState.DEAD)))
        .group_by(DeliveryRow.consumer, DeliveryRow.state)
    )
    found: dict[str, dict[str, int]] = {}
    for consumer, state, count in session.execute(query):
        found.setdefault(consumer, {})[state] = count
    return found


def _view_of(row: SubscriptionRow, counts: dict[str, int]) -> SubscriptionView:
    return SubscriptionView(
        id=row.id,
        title=row.title,
        url=row.url,
        types=row.types,
        active=row.active,
        reason=row.reason,
        failures=row.failures,
        waiting=counts.get(DeliveryState.WAITING, 0),
        dead=counts.get(DeliveryState.DEAD, 0),
        delivered_at=row.delivered_at,
        created_at=row.created_at,
    )
