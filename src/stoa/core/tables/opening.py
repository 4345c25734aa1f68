"""Keeps connected databases open between questions: one pool each. Those that nobody
asked for a while are closed when the next one is done with.

A database is made by whoever knows its URL, under a key that changes with the URL. It knows no
workspace and no rights: those are checked by whoever asks for the key.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from stoa.core.tables.databases import ReadOnlyDatabase

IDLE_SECONDS = 300.0
MOST_OPEN = 32


@dataclass
class _Opened:
    database: ReadOnlyDatabase
    users: int = 0
    used_at: float = 0.0


class OpenDatabases:
    """The open databases of this process."""

    def __init__(self, *, idle_seconds: float = IDLE_SECONDS, most: int = MOST_OPEN) -> None:
        self._idle = idle_seconds
        self._most = most
        self._open: dict[str, _Opened] = {}

    @asynccontextmanager
    async def use(
        self, key: str, make: Callable[[], ReadOnlyDatabase]
    ) -> AsyncIterator[ReadOnlyDatabase]:
        """The database under `key`, made by `make()` where it is not open yet.

        Raises:
            UserError: the URL can't be used.
        """
        opened = self._open.get(key)
        if opened is None:
            opened = self._open[key] = _Opened(make())
        opened.users += 1
        try:
            yield opened.database
        finally:
            opened.users -= 1
            opened.used_at = time.monotonic()
            await self._tidy()

    async def drop(self, key: str) -> None:
        """Close what is open under `key`; whoever is using it sees their query fail."""
        opened = self._open.pop(key, None)
        if opened is not None:
            await opened.database.close()

    async def close(self) -> None:
        """Close all of them."""
        opened, self._open = list(self._open.values()), {}
        await asyncio.gather(*(each.database.close() for each in opened))

    async def _tidy(self) -> None:
        """Close what is idle, and the longest idle ones where there are too many."""
        moment = time.monotonic()
        resting = sorted(
            (key for key, each in self._open.items() if not each.users),
            key=lambda key: self._open[key].used_at,
        )
        surplus = max(0, len(self._open) - self._most)
        leaving = [
            self._open.pop(key).database  # all at once: others use and tidy while these close
            for place, key in enumerate(resting)
            if place < surplus or moment - self._open[key].used_at > self._idle
        ]
        await asyncio.gather(*(database.close() for database in leaving))
