"""What every driver does, and the means they share: a statement that can be stopped, rows with caps.

A driver blocks: it is called in a thread. Whatever statement reaches it, it only reads, reaches no
file and no network, and ends in time; it does not rely on anybody having looked at the statement.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from typing import Any, Final, Protocol

from stoa.base.errors import ProviderError, QueryFailed, QueryTimeout
from stoa.core.tables.catalogue import Catalogue, Dialect, Kind

CONNECT_SECONDS: Final = 5
"""How long a server may take to accept a connection."""
_FIRST_BATCH = 8
_LARGEST_BATCH = 1000
_BATCH_BYTES = 2**20


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


@dataclass(frozen=True)
class Bounds:
    """How much one statement may take: seconds, rows, bytes of all values together."""

    seconds: float
    rows: int
    bytes: int


class Running:
    """One statement under way, which another thread may stop."""

    def __init__(self, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds
        self.stopped = False
        self._lock = threading.Lock()
        self._stopper: Callable[[], None] | None = None

    @property
    def due(self) -> bool:
        """It should have ended."""
        return self.stopped or time.monotonic() > self.deadline

    @property
    def left(self) -> float:
        """Seconds left, at least a hundredth."""
        return max(0.01, self.deadline - time.monotonic())

    def begins(self, stopper: Callable[[], None]) -> None:
        """From now on `stopper` stops it. Raises QueryTimeout where it was stopped before."""
        with self._lock:
            if self.due:
                raise timed_out()
            self._stopper = stopper

    def ends(self) -> None:
        """Nothing is left to stop, so that a late stop can't hit the next statement."""
        with self._lock:
            self._stopper = None

    def stop(self) -> None:
        """Stop it; returns when the database has been told. To be told again until it ends: a word
        that comes between two statements of a session stops neither."""
        with self._lock:
            self.stopped = True
            if self._stopper is not None:
                self._stopper()


class Driver(Protocol):
    """One kind of database, opened for reading."""

    dialect: Dialect

    def run(self, sql: str, bounds: Bounds, running: Running) -> Rows:
        """Run one query. Raises QueryFailed, QueryTimeout, ProviderError (unreachable)."""
        ...

    def explain(self, sql: str, running: Running) -> str:
        """The plan of one query, which does not run. Raises as `run`."""
        ...

    def check(self) -> Health:
        """What this login may do. Raises ProviderError where there is no connection."""
        ...

    def structure(self) -> Catalogue:
        """Tables, columns, keys and comments; no counts and no values. Raises as `check`."""
        ...

    def close(self) -> None:
        """Give back all connections."""
        ...


@dataclass
class Collector:
    """Takes rows until a cap is reached. Memory is bounded by the caps and one batch."""

    bounds: Bounds
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    bytes: int = 0
    truncated: bool = False

    def take(self, fetch: Callable[[int], list[Any]], running: Running) -> None:
        """Fetch batches, growing while rows are small, until the rows or a cap end."""
        batch = _FIRST_BATCH
        while not self.truncated:
            before = self.bytes
            fetched = fetch(batch)
            if not fetched:
                return
            for row in fetched:
                if not self._add(row):
                    return
            if running.due:
                raise timed_out()
            small = self.bytes - before < _BATCH_BYTES // 4
            batch = min(_LARGEST_BATCH, batch * 4) if small else max(1, batch // 4)

    def _add(self, row: Any) -> bool:
        values = tuple(plain(value) for value in row)
        size = sum(_size(value) for value in values)
        if len(self.rows) >= self.bounds.rows or self.bytes + size > self.bounds.bytes:
            self.truncated = True
            return False
        self.bytes += size
        self.rows.append(values)
        return True


def plain(value: Any) -> Any:
    """A value as one of the plain types of `Rows`."""
    match value:
        case None | bool() | int() | float() | Decimal() | str() | bytes():
            return value
        case datetime() | date() | clock() | timedelta():
            return value
        case memoryview() | bytearray():
            return bytes(value)
        case dict() | list():
            return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | bytes) else 8


def timed_out() -> QueryTimeout:
    """The query was stopped."""
    return QueryTimeout(
        "The query took too long and was stopped.",
        hint="Ask for less: a shorter period, fewer tables, or a filter.",
    )


def failed(error: Exception) -> QueryFailed:
    """What the database said, on one line."""
    text = str(error.args[-1] if error.args else error)
    first = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
    return QueryFailed(f"The database says: {first[:300]}", hint="Change the query.")


def unreachable(place: str, error: BaseException | None = None) -> ProviderError:
    """No connection. Never carries the URL: it may hold a password."""
    reason = f" ({type(error).__name__})" if error is not None else ""
    return ProviderError(
        f"The database {place} does not answer{reason}.",
        hint="Check that it runs and is reached from here, and that name and password are right.",
        retryable=True,
    )


def unreadable(name: str, what: str) -> ProviderError:
    """A file that can't be opened."""
    return ProviderError(f"{name} can't be read.", hint=f"Give {what}.", retryable=True)


def lines(rows: Iterator[Any] | list[Any]) -> str:
    """Rows of a plan as text."""
    return "\n".join("  ".join(str(cell) for cell in row if cell is not None) for row in rows)
