"""SQLite, opened so that a statement can read tables and nothing else.

`mode=ro` opens the file read-only, but ATTACH, PRAGMA and functions with effects would still work: an
authorizer refuses every action but SELECT, READ and a built-in function that SQLite calls innocuous,
also recursion and the schema tables. A progress handler ends what takes too long, limits bound texts
and expressions.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy as sa

from stoa.core.tables.catalogue import Catalogue, Dialect
from stoa.core.tables.drivers.driver import (
    Bounds,
    Collector,
    Health,
    Rows,
    Running,
    failed,
    lines,
    timed_out,
    unreadable,
)
from stoa.core.tables.drivers.inspector import inspect_structure
from stoa.core.tables.kinds import kind_of_values

_INNOCUOUS = 0x200000
_ADDED: Final = frozenset(
    [
        "->",
        "->>",
        "json",
        "json_array",
        "json_array_length",
        "json_extract",
        "json_group_array",
        "json_group_object",
        "json_object",
        "json_quote",
        "json_type",
        "json_valid",
        "like",
        "glob",
    ]
)
"""Functions that are innocuous though older versions do not say so."""
_LOOKS: Final = frozenset(
    {
        "database_list",
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "read_uncommitted",
        "table_info",
        "table_list",
        "table_xinfo",
    }
)
"""Pragmas that the inspector asks with."""
_LIMITS: Final = {
    # Within one function nothing is interrupted, and `replace` takes the square of a text's length.
    sqlite3.SQLITE_LIMIT_LENGTH: 1_000_000,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 200_000,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 500,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 100,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_STEPS = 5_000
_KEPT = 4


class SqliteDriver:
    """One SQLite file."""

    dialect: Dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()

    def run(self, sql: str, bounds: Bounds, running: Running) -> Rows:
        """Run one query."""
        with self._connected(running) as connection:
            cursor = connection.execute(sql)
            if cursor.description is None:
                raise failed(ValueError("this statement gives no rows"))
            collector = Collector(bounds)
            collector.take(cursor.fetchmany, running)
            names = [each[0] for each in cursor.description]
            cursor.close()
        columns = tuple(
            (name, kind_of_values(row[place] for row in collector.rows))
            for place, name in enumerate(names)
        )
        return Rows(columns, collector.rows, collector.truncated, 0.0)

    def explain(self, sql: str, running: Running) -> str:
        """The query plan."""
        with self._connected(running) as connection:
            rows = connection.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
        return lines((row[-1],) for row in rows)

    def check(self) -> Health:
        """Open the file and read from it."""
        with self._connected(Running(30)) as connection:
            connection.execute("SELECT 1").fetchone()
        look = self._open(looks=True)
        try:
            look.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.DatabaseError as error:
            raise unreadable(self._path.name, "a SQLite database") from error
        finally:
            look.close()
        return Health(self.dialect, sqlite3.sqlite_version, read_only=True)

    def structure(self) -> Catalogue:
        """The inspector's, over a connection whose authorizer also lets it look at the schema."""
        engine = sa.create_engine(
            "sqlite://", creator=lambda: self._open(looks=True), poolclass=sa.pool.NullPool
        )
        try:
            with engine.connect() as connection:
                return inspect_structure(connection, self.dialect)
        except sa.exc.DBAPIError as error:
            raise unreadable(self._path.name, "a SQLite database") from error
        finally:
            engine.dispose()

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _connected(self, running: Running) -> Iterator[sqlite3.Connection]:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        connection = connection or self._open(looks=False)
        connection.set_progress_handler(lambda: running.due, _STEPS)
        try:
            running.begins(connection.interrupt)
            yield connection
        except sqlite3.Error as error:
            if running.due:
                raise timed_out() from error
            raise failed(error) from error
        finally:
            running.ends()
            connection.set_progress_handler(None, 0)
            with self._lock:
                keep = len(self._idle) < _KEPT
                if keep:
                    self._idle.append(connection)
            if not keep:
                connection.close()

    def _open(self, *, looks: bool) -> sqlite3.Connection:
        uri = f"file:{quote(str(self._path))}?mode=ro"
        try:
            connection = sqlite3.connect(
                uri, uri=True, check_same_thread=False, isolation_level=None, timeout=5
            )
        except sqlite3.Error as error:
            raise unreadable(self._path.name, "a SQLite database") from error
        try:
            for limit, most in _LIMITS.items():
                connection.setlimit(limit, most)
            connection.set_authorizer(_authorizer(_innocuous(connection), looks=looks))
        except sqlite3.DatabaseError as error:
            connection.close()
            raise unreadable(self._path.name, "a SQLite database") from error
        return connection


def _innocuous(connection: sqlite3.Connection) -> frozenset[str]:
    found = connection.execute("SELECT name, flags FROM pragma_function_list WHERE builtin")
    return frozenset(name for name, flags in found if flags & _INNOCUOUS) | _ADDED


def _authorizer(functions: frozenset[str], *, looks: bool) -> Callable[..., int]:
    def decide(action: int, first: Any, second: Any, _database: Any, _trigger: Any) -> int:
        if action == sqlite3.SQLITE_SELECT:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ:
            hidden = first.lower().startswith(("sqlite_", "pragma_", "dbstat", "fsdir"))
            return sqlite3.SQLITE_OK if looks or not hidden else sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_FUNCTION:
            return sqlite3.SQLITE_OK if second.lower() in functions else sqlite3.SQLITE_DENY
        if looks and action == sqlite3.SQLITE_PRAGMA and first.lower() in _LOOKS:
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY

    return decide
