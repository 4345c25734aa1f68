"""A database somebody connected, opened for reading only.

    async with ReadOnlyDatabase("postgresql://reader@host/shop") as shop:
        rows = await shop.run(guarded.sql, seconds=30, rows=1000, bytes=2**20)

Whatever reaches it can't write, can't reach files or the network, and ends in time: that holds by the
driver and the server alone, also for a statement that nobody guarded. Cancelling the task stops the
statement in the database.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import Final, Self, TypeVar

from stoa.base.errors import Bug
from stoa.core.tables.catalogue import Catalogue, Dialect
from stoa.core.tables.drivers.driver import (
    Bounds,
    Driver,
    Health,
    Rows,
    Running,
    timed_out,
    unreachable,
)
from stoa.core.tables.location import Location, Rules, locate
from stoa.core.tables.profiling import Profiling, profile

__all__ = ["Health", "Profiling", "ReadOnlyDatabase", "Rows"]
T = TypeVar("T")
ANYWHERE: Final = Rules()
EVERYTHING: Final = Profiling()
_THREADS = 4
_GRACE = 5.0
"""Seconds a stopped statement has to end before its connection is given up."""
_AGAIN = 0.25
_OWN_LIMIT = 0.2
"""Seconds a server has to keep the time limit itself, before it is told to."""
_STRUCTURE_SECONDS = 120.0


class ReadOnlyDatabase:
    """One database by URL, with a small pool of connections that can only read."""

    def __init__(self, url: str, rules: Rules = ANYWHERE) -> None:
        """Connects to nothing yet.

        Raises:
            InvalidInput: no URL of a kind we open, or a place that the rules do not allow.
            SetupError: its driver is not installed.
        """
        self._location = locate(url, rules)
        self._driver = _driver(self._location)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tables")

    @property
    def dialect(self) -> Dialect:
        """Which SQL it speaks."""
        return self._location.dialect

    @property
    def shown(self) -> str:
        """Its URL without the login."""
        return self._location.shown

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def run(self, sql: str, *, seconds: float, rows: int, bytes: int) -> Rows:
        """Run one query.

        Args:
            seconds: it is stopped in the database after this long, waiting for a connection included.
            rows: most rows; `truncated` says whether there were more.
            bytes: most bytes of all values together.

        Raises:
            QueryTimeout: it took longer than `seconds`.
            QueryFailed: the database refused or could not run it; `message` says what it said.
            ProviderError: the database does not answer; retryable.
            SetupError: the login is too powerful to be used.
        """
        began = time.monotonic()
        bounds = Bounds(seconds, rows, bytes)
        found = await self._stoppable(
            lambda running: self._driver.run(sql, bounds, running), seconds
        )
        return replace(found, seconds=time.monotonic() - began)

    async def explain(self, sql: str, *, seconds: float = 10) -> str:
        """The plan of a query, without running it. Raises as `run`."""
        return await self._stoppable(lambda running: self._driver.explain(sql, running), seconds)

    async def reflect(self, profiling: Profiling = EVERYTHING) -> Catalogue:
        """All tables with their columns, keys, comments, counts and values.

        Args:
            profiling: what to read of the values, and what to leave alone.

        Raises:
            ProviderError: the database does not answer; retryable.
        """
        structure = await self._stoppable(lambda _: self._driver.structure(), _STRUCTURE_SECONDS)
        return await profile(self, structure, profiling)

    async def check(self) -> Health:
        """Connect and look what this login may do. Raises ProviderError where there is no answer."""
        return await self._stoppable(lambda _: self._driver.check(), 30)

    async def close(self) -> None:
        """Give all connections back; statements under way are waited for."""
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)
        await asyncio.to_thread(self._driver.close)

    async def _stoppable(self, work: Callable[[Running], T], seconds: float) -> T:
        """Run blocking work in a thread; stop it in the database on time-out and on cancellation."""
        running = Running(seconds)
        try:
            submitted = self._threads.submit(work, running)
        except RuntimeError as error:  # closed meanwhile: disconnected, or the house shuts down
            raise unreachable(self.shown) from error
        future = asyncio.wrap_future(submitted)
        try:
            done, _ = await asyncio.wait({future}, timeout=seconds + _OWN_LIMIT)
        except asyncio.CancelledError:
            submitted.cancel()  # where it has not begun
            await _stop(running, future)
            raise
        if not done:
            submitted.cancel()
            await _stop(running, future)
            raise timed_out() if future.done() else unreachable(self.shown)
        if future.cancelled():  # closed before its turn came; not the caller's own cancellation
            raise unreachable(self.shown)
        return future.result()


async def _stop(running: Running, future: "asyncio.Future[T]") -> None:
    """Tell the database, and wait a moment for the thread to hear of it."""
    patience = time.monotonic() + _GRACE
    while not future.done() and time.monotonic() < patience:
        await asyncio.to_thread(running.stop)
        await asyncio.wait({future}, timeout=_AGAIN)
    if future.done() and not future.cancelled():
        future.exception()  # heard: it is not for anybody else


def _driver(location: Location) -> Driver:
    """The driver's module is read when it is first needed: each brings a library of its own."""
    match location.dialect, location.path:
        case "postgresql", _:
            from stoa.core.tables.drivers.postgres import PostgresDriver  # noqa: PLC0415

            return PostgresDriver(location)
        case "mysql", _:
            from stoa.core.tables.drivers.mysql import MysqlDriver  # noqa: PLC0415

            return MysqlDriver(location)
        case "sqlite", path if path is not None:
            from stoa.core.tables.drivers.sqlite import SqliteDriver  # noqa: PLC0415

            return SqliteDriver(path)
        case "duckdb", path if path is not None:
            from stoa.core.tables.drivers.duckdb import DuckdbDriver  # noqa: PLC0415

            return DuckdbDriver(path)
    raise Bug(f"no driver for {location.dialect}")
