"""A database somebody connected, opened for reading only.

    async with ReadOnlyDatabase("postgresql://reader@host/shop") as shop:
        rows = await shop.run(guarded.sql, seconds=30, rows=1000, bytes=2**20)

Whatever reaches it can't write, can't reach files or the network, and ends in time: that holds by the
driver and the server alone, also for a statement that nobody guarded.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from stoa.core.tables.catalogue import Catalogue, Dialect, Kind


@dataclass(frozen=True)
class Rows:
    """What a query gave. Values are None, bool, int, float, Decimal, str, bytes, date, datetime,
    time, timedelta, or text for what has no plain type."""

    columns: tuple[tuple[str, Kind], ...]
    rows: list[tuple[Any, ...]]
    truncated: bool
    """There was more than the given cap of rows or bytes."""
    seconds: float


@dataclass(frozen=True)
class Health:
    """What a connection is."""

    dialect: Dialect
    server_version: str
    read_only: bool
    """The login itself can't write, whatever we do."""
    warnings: tuple[str, ...] = ()


class ReadOnlyDatabase:
    """One database by URL, with a small pool of connections that can only read."""

    def __init__(self, url: str) -> None:
        raise NotImplementedError

    @property
    def dialect(self) -> Dialect:
        """Which SQL it speaks."""
        raise NotImplementedError

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

        Raises:
            QueryFailed: the database refused or could not run it; `message` is the database's.
            QueryTimeout: it took longer than `seconds` and was stopped on the server.
            DatabaseUnreachable: the database does not answer.
        """
        raise NotImplementedError

    async def explain(self, sql: str, *, seconds: float = 10) -> str:
        """The plan of a query, without running it. Raises as `run`."""
        raise NotImplementedError

    async def reflect(self) -> Catalogue:
        """All tables with their columns, keys, comments, counts and values."""
        raise NotImplementedError

    async def check(self) -> Health:
        """Connect and look what this login may do."""
        raise NotImplementedError

    async def close(self) -> None:
        """Give all connections back."""
        raise NotImplementedError
