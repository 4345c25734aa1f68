"""Waking those who wait for a run: at once for changes made here, soon for those made elsewhere.

One poller per process asks one question for all runs that somebody waits for: has the number of
their last event changed? It sleeps while nobody waits.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.core.flows.run import ENDED
from stoa.core.flows.tables import Run


class Watch:
    """Bells, one per waiting reader, rung when a run has a new event or has ended."""

    def __init__(self, database: Database, every: float) -> None:
        self._database = database
        self._every = every
        self._readers: dict[str, list[asyncio.Event]] = {}
        self._waiters: dict[str, list[asyncio.Event]] = {}
        self._poller: asyncio.Task[None] | None = None

    def ring(self, run_id: str, *, ended: bool = False) -> None:
        """Wake everyone here who reads this run's events, and when it ended those who wait for that."""
        bells = self._readers.get(run_id, [])
        if ended:
            bells = bells + self._waiters.get(run_id, [])
        for bell in bells:
            bell.set()

    @contextmanager
    def bell(self, run_id: str, *, at_end: bool = False) -> Iterator[asyncio.Event]:
        """A bell for the time of the block; clear it before looking, then wait for it."""
        bells = self._waiters if at_end else self._readers
        bell = asyncio.Event()
        bells.setdefault(run_id, []).append(bell)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            yield bell
        finally:
            bells[run_id].remove(bell)
            if not bells[run_id]:
                del bells[run_id]

    async def close(self) -> None:
        """Stop polling."""
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)

    async def _poll(self) -> None:
        last: dict[str, tuple[int, str]] = {}
        while watched := list({*self._readers, *self._waiters}):
            seen = await self._database.read(
                partial(_last_events, run_ids=watched), workspace=EVERY_WORKSPACE
            )
            for run_id in watched:
                if run_id not in seen or seen[run_id] != last.get(run_id):
                    self.ring(run_id, ended=run_id not in seen or seen[run_id][1] in ENDED)
            last = seen
            await asyncio.sleep(self._every)


def _last_events(session: Session, run_ids: list[str]) -> dict[str, tuple[int, str]]:
    rows = session.execute(sa.select(Run.id, Run.events, Run.state).where(Run.id.in_(run_ids)))
    return {run_id: (events, state) for run_id, events, state in rows}
