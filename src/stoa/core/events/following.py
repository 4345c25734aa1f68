"""Following a workspace's events as they come: at once for those spread here, soon for others.

One poller per process asks one question for all workspaces that somebody follows: has the number of the last
event changed? It sleeps while nobody follows.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.core.events.event import CloudEvent, matches
from stoa.core.events.tables import EventLogRow, EventRow

T = TypeVar("T")
log = logging.getLogger(__name__)
_PAGE = 200
_LOOK_ANYWAY = 5.0
"""Seconds after which a reader looks although nobody woke it."""


class Following:
    """Readers of this process, and what wakes them."""

    def __init__(self, database: Database, every: float) -> None:
        self._database = database
        self._every = every
        self._bells: dict[str, list[asyncio.Event]] = {}
        self._poller: asyncio.Task[None] | None = None

    def ring(self, last: dict[str, int]) -> None:
        """Workspaces have new events."""
        for workspace in last:
            for bell in self._bells.get(workspace, []):
                bell.set()

    async def follow(
        self, workspace: str, types: Collection[str], after: int | None
    ) -> AsyncIterator[tuple[int, CloudEvent]]:
        """Number and event, in order, without end; `after` None: only what comes from now on."""
        with self._bell(workspace) as bell:
            while True:
                bell.clear()
                if after is None:
                    after = await self._read(workspace, _last)
                page = await self._read(workspace, partial(_after, after=after))
                for number, type_, event in page:
                    if matches(types, type_):
                        yield number, event
                    after = number
                if len(page) < _PAGE:
                    await _wait(bell)

    async def close(self) -> None:
        """Stop polling."""
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)

    @contextmanager
    def _bell(self, workspace: str) -> Iterator[asyncio.Event]:
        bell = asyncio.Event()
        self._bells.setdefault(workspace, []).append(bell)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            yield bell
        finally:
            self._bells[workspace].remove(bell)
            if not self._bells[workspace]:
                del self._bells[workspace]

    async def _poll(self) -> None:
        seen: dict[str, int] = {}
        while watched := list(self._bells):
            try:
                found = await self._read(None, partial(_lasts, workspaces=watched))
            except Exception:  # the edge: a database that is away for a while comes back
                log.exception("new events could not be looked for")
            else:
                self.ring({each: last for each, last in found.items() if seen.get(each) != last})
                seen = found
            await asyncio.sleep(self._every)

    async def _read(self, workspace: str | None, work: Callable[[Session], T]) -> T:
        return await self._database.read(work, workspace=workspace or EVERY_WORKSPACE)


def _last(session: Session) -> int:
    return session.scalar(sa.select(EventLogRow.last)) or 0


def _lasts(session: Session, workspaces: list[str]) -> dict[str, int]:
    query = sa.select(EventLogRow.workspace_id, EventLogRow.last)
    rows = session.execute(query.where(EventLogRow.workspace_id.in_(workspaces)))
    return {row.workspace_id: row.last for row in rows}


def _after(session: Session, after: int) -> list[tuple[int, str, CloudEvent]]:
    query = (
        sa.select(EventRow.number, EventRow.type, EventRow.envelope)
        .where(EventRow.number > after)
        .order_by(EventRow.number)
        .limit(_PAGE)
    )
    return [
        (number, type_, CloudEvent.model_validate(envelope))
        for number, type_, envelope in session.execute(query)
        if number is not None
    ]


async def _wait(bell: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(bell.wait(), _LOOK_ANYWAY)
    except TimeoutError:
        return
