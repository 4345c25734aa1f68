"""Events: told in the transaction of the change, kept, and brought to everyone who subscribes.

An outbox in the one database, webhooks (Standard Webhooks), a live stream, and parts of this house that
react. Events are CloudEvents 1.0. This room knows no solution and no face.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import Any

from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.base.errors import Bug
from stoa.base.settings import Settings
from stoa.core.events import outbox
from stoa.core.events.event import CloudEvent

React = Callable[[str, CloudEvent], Awaitable[None]]


class Events:
    """Adds, receives, and hands on events. One per process."""

    def __init__(self, settings: Settings, database: Database, *, secret: bytes) -> None:
        self._settings = settings
        self._database = database
        self._secret = secret
        self._launched = False
        self._reactions: dict[str, tuple[tuple[str, ...], React]] = {}

    def add(
        self,
        session: Session,
        *,
        workspace: str,
        type: str,
        source: str,
        subject: str | None = None,
        data: dict[str, Any],
        key: str | None = None,
    ) -> CloudEvent:
        """Tell of a change, inside the write transaction that makes it: both happen or neither.

        Args:
            session: of the transaction.
            workspace: whose event it is.
            type: what kind of thing happened, such as `stoa.approval.decided`.
            source: who tells, a URI reference such as `/stoa/approvals`.
            subject: id of what it happened to.
            data: plain JSON; never a secret.
            key: the same key in the same workspace adds one event and returns the first.

        Raises:
            InvalidInput: an attribute does not fit CloudEvents, or the data are too large.
        """
        scope = session.info.get("workspace", EVERY_WORKSPACE)
        if scope is not EVERY_WORKSPACE and scope != workspace:
            raise Bug("an event of another workspace in a scoped session")
        event = outbox.compose(type=type, source=source, subject=subject, data=data)
        if outbox.insert(session, workspace, event, key=key, received=False):
            return event
        first = outbox.of_key(session, workspace, key or "")
        if first is None:
            raise Bug("an event was neither added nor there")
        return first

    async def publish(
        self,
        workspace: str,
        *,
        type: str,
        source: str,
        subject: str | None = None,
        data: dict[str, Any],
        key: str | None = None,
    ) -> CloudEvent:
        """`add` in a transaction of its own."""
        return await self._database.write(
            lambda s: self.add(
                s,
                workspace=workspace,
                type=type,
                source=source,
                subject=subject,
                data=data,
                key=key,
            ),
            workspace=workspace,
        )

    async def receive(self, workspace: str, event: CloudEvent) -> bool:
        """Take an event from outside in; False where one of its source and id has come before."""
        return await self._database.write(
            lambda s: outbox.insert(s, workspace, event, key=None, received=True),
            workspace=workspace,
        )

    def react(self, name: str, types: Collection[str], start: React) -> None:
        """Call `start(workspace, event)` for each event of these types (`*` for any characters).

        Before `launch`, in every process the same. It is called at least once per event, by one
        process, until it returns: let it start a run under a key made from `name` and `event.name`.
        """
        if self._launched:
            raise Bug(f"'{name}' was registered after the launch.")
        if name in self._reactions:
            raise Bug(f"Two parts react as '{name}'.")
        self._reactions[name] = (tuple(types), start)
