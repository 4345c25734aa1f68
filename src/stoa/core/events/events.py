"""Events: told in the transaction of the change, kept, and brought to everyone who subscribes.

An outbox in the one database, webhooks (Standard Webhooks), a live stream, and parts of this house that
react. Events are CloudEvents 1.0. This room knows no solution and no face.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.base.errors import Bug, Forbidden
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller
from stoa.base.post import Poster
from stoa.base.secrets import SecretBox
from stoa.base.settings import Settings
from stoa.core.events import outbox
from stoa.core.events.access import PUBLISH, READ, admit
from stoa.core.events.deliverer import Deliverer
from stoa.core.events.event import CloudEvent
from stoa.core.events.following import Following
from stoa.core.events.log import EventLog
from stoa.core.events.pace import Pace
from stoa.core.events.reactions import React
from stoa.core.events.retention import Retention
from stoa.core.events.sending import Sender
from stoa.core.events.sources import Sources
from stoa.core.events.subscriptions import Subscriptions

log = logging.getLogger(__name__)
OWN_TYPES = "stoa."
OWN_SOURCES = "/stoa/"
_SETTING = "STOA_WEBHOOK_PRIVATE"
_PRUNE_EVERY = 3600.0


class Events:
    """Adds, receives, and hands on events. One per process."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        audit: AuditLog,
        *,
        secret: bytes,
        pace: Pace | None = None,
    ) -> None:
        self._database = database
        self._pace = pace or Pace()
        self._keep = timedelta(days=settings.events_days)
        self._allow_private = settings.webhook_private
        self._types: dict[str, Collection[str]] = {}
        self._reactions: dict[str, React] = {}
        self._launched = False
        self._deliverer: Deliverer | None = None
        self._poster: Poster | None = None
        self._pruning: asyncio.Task[None] | None = None
        self._following = Following(database, self._pace.look)
        self._retention = Retention(database)
        self._box = SecretBox(secret, "webhooks")
        self.log = EventLog(database, audit)
        """What happened, who was told, and telling again."""
        self.subscriptions = Subscriptions(
            database, audit, self._box, allow_private=self._allow_private, setting=_SETTING
        )
        """Webhooks."""
        self.sources = Sources(database, audit, self._box)
        """Senders outside that sign instead of having a key."""

    def react(self, name: str, types: Collection[str], start: React) -> None:
        """Call `start(workspace, event)` for each event of these types (`*` for any characters).

        Before `launch`, in every process the same. It is called at least once per event, by one
        process at a time, until it returns: let it start a run under a key made from `name` and
        `event.name`. An event that it refuses (`UserError`) is a dead letter at once.
        """
        if self._launched:
            raise Bug(f"'{name}' was registered after the launch.")
        if name in self._reactions:
            raise Bug(f"Two parts react as '{name}'.")
        self._types[name] = tuple(types)
        self._reactions[name] = start

    async def launch(self, *, works: bool = True) -> None:
        """Begin to hand events on. `works=False`: only number them, leave the rest to workers."""
        if self._launched:
            raise Bug("These events were launched before; make new ones.")
        self._launched = True
        self._poster = Poster(
            seconds=self._pace.attempt, allow_private=self._allow_private, setting=_SETTING
        )
        sender = Sender(self._poster, self._box, self._reactions, self._pace)
        self._deliverer = Deliverer(
            self._database,
            self._pace,
            sender.attempt,
            self._types,
            self._following.ring,
            works=works,
        )
        if works:
            self._pruning = asyncio.create_task(self._prune_now_and_then())

    async def close(self) -> None:
        """Hand on no more; attempts under way end. What waits is handed on elsewhere, or later."""
        if self._deliverer is None or self._poster is None:
            return
        deliverer, self._deliverer = self._deliverer, None
        if self._pruning is not None:
            self._pruning.cancel()
            await asyncio.gather(self._pruning, return_exceptions=True)
        await deliverer.close()
        await self._following.close()
        await self._poster.close()

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
            self._wake_after(session)
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
        return await self.receive_all(workspace, [event]) == 1

    async def receive_all(self, workspace: str, events: Sequence[CloudEvent]) -> int:
        """Take events from outside in, all or none; how many had not come before.

        Raises:
            Forbidden: one says that it is of Stoa itself.
        """
        for event in events:
            if event.type.startswith(OWN_TYPES) or event.source.startswith(OWN_SOURCES):
                raise Forbidden(
                    "This event says that it is of Stoa itself.",
                    hint=f"Types {OWN_TYPES}* and sources {OWN_SOURCES}* are Stoa's own.",
                )

        def work(session: Session) -> int:
            fresh = [
                outbox.insert(session, workspace, each, key=None, received=True) for each in events
            ]
            self._wake_after(session)
            return sum(fresh)

        return await self._database.write(work, workspace=workspace)

    def admit_publisher(self, caller: Caller) -> None:
        """Raises Forbidden where the caller may not send events in."""
        admit(caller, PUBLISH)

    def follow(
        self, caller: Caller, types: Collection[str] = ("*",), *, after: int | None = None
    ) -> AsyncIterator[tuple[int, CloudEvent]]:
        """The workspace's events with their numbers, in order, live, without end.

        Args:
            types: patterns; `*` stands for any characters.
            after: number of the last one seen; None: only what comes from now on.

        Raises:
            Forbidden: the caller may not.
        """
        admit(caller, READ)
        return self._following.follow(caller.workspace_id, types, after)

    @property
    def reactions(self) -> dict[str, Collection[str]]:
        """The parts of this house that react, and the types each wants."""
        return dict(self._types)

    def wake(self) -> None:
        """There may be something to hand on: look at once. From any thread."""
        if self._deliverer is not None:
            self._deliverer.wake()

    async def prune(self, older_than: timedelta) -> int:
        """Forget events of all workspaces that are older and not on their way; how many."""
        return await asyncio.to_thread(self._retention.prune, older_than)

    async def forget(self, workspace: str) -> int:
        """Forget all events, webhooks and sources of a workspace; how many events that were."""
        return await asyncio.to_thread(self._retention.forget, workspace)

    def _wake_after(self, session: Session) -> None:
        """Once the transaction has committed, what it added is handed on at once."""
        if session.info.get("wakes_events"):
            return
        session.info["wakes_events"] = True
        sa.event.listen(session, "after_commit", lambda _session: self.wake())

    async def _prune_now_and_then(self) -> None:
        while True:
            try:
                await self.prune(self._keep)
            except Exception:  # the edge: old events are forgotten an hour later
                log.exception("old events could not be forgotten")
            await asyncio.sleep(_PRUNE_EVERY)
