"""Ending the processes of jobs that nobody wants any more.

A run is cancelled while its worker is dead, or a worker dies whose job belonged to no run: nobody
follows the process then, and it would go on for nothing. Every worker looks now and then at the jobs
of its machine.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.core.jobs import rows
from stoa.core.jobs.processes import this_host
from stoa.core.jobs.tables import JobRow

log = logging.getLogger(__name__)


class Sweep:
    """Looks for unwanted jobs until it is closed."""

    def __init__(
        self,
        database: Database,
        every: float,
        followed: Collection[str],
        open_runs: Callable[[Collection[str]], Awaitable[set[str]]],
        stop: Callable[[JobRow], Awaitable[None]],
    ) -> None:
        self._database = database
        self._every = every
        self._followed = followed
        self._open_runs = open_runs
        self._stop = stop
        self._task: asyncio.Task[None] | None = None
        self._bell = asyncio.Event()

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._work())

    def wake(self) -> None:
        """Look at once."""
        self._bell.set()

    async def close(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def once(self) -> int:
        """Stop what nobody wants; how many jobs there still are of that kind."""
        found = await self._database.read(rows.unended, workspace=EVERY_WORKSPACE)
        mine = [row for row in found if row.id not in self._followed and _is_here(row)]
        wanted = await self._open_runs({row.run_id for row in mine if row.run_id is not None})
        unwanted = [row for row in mine if row.run_id not in wanted]
        for row in unwanted:
            await self._stop(row)
        return len(unwanted)

    async def _work(self) -> None:
        while True:
            left = 0
            try:
                left = await self.once()
            except Exception:  # the edge: a task that dies would leave processes behind for good
                log.exception("jobs that nobody wants could not be stopped")
            try:
                await asyncio.wait_for(
                    self._bell.wait(), min(0.2, self._every) if left else self._every
                )
            except TimeoutError:
                continue
            self._bell.clear()


def _is_here(row: JobRow) -> bool:
    """Whether its process is this machine's, or has none, or is a cluster's."""
    return row.handle is None or row.handle.get("host", this_host()) == this_host()
