"""DuckDB, opened so that a statement can read tables and nothing else.

A read-only DuckDB still copies to files, reads files and loads extensions: `enable_external_access` is
off and the configuration is locked. What is not one SELECT by DuckDB's own parser does not run.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stoa.base.errors import SetupError
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
from stoa.core.tables.drivers.duckdb_structure import read_structure
from stoa.core.tables.kinds import kind_of

if TYPE_CHECKING:
    import duckdb

_CONFIG: Final[dict[str, Any]] = {
    "access_mode": "READ_ONLY",
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "memory_limit": "1GB",
    "temp_directory": "",  # else it writes beside the file what does not fit in memory
    "threads": "4",
    "lock_configuration": "true",
}


class DuckdbDriver:
    """One DuckDB file."""

    dialect: Dialect = "duckdb"

    def __init__(self, path: Path) -> None:
        try:
            import duckdb  # noqa: PLC0415 - an optional part
        except ImportError as error:
            raise SetupError(
                "DuckDB is not installed here.", hint="pip install stoa[tables]."
            ) from error
        self._duckdb = duckdb
        self._path = path
        self._lock = threading.Lock()
        self._base: duckdb.DuckDBPyConnection | None = None

    def run(self, sql: str, bounds: Bounds, running: Running) -> Rows:
        """Run one query; rows stream, they are never all in memory."""
        with self._cursor(running) as cursor:
            self._only_select(cursor, sql)
            cursor.execute(sql)
            columns = tuple(
                (each[0], kind_of(str(each[1]), self.dialect)) for each in cursor.description or ()
            )
            collector = Collector(bounds)
            collector.take(cursor.fetchmany, running)
        return Rows(columns, collector.rows, collector.truncated, 0.0)

    def explain(self, sql: str, running: Running) -> str:
        """The physical plan."""
        with self._cursor(running) as cursor:
            self._only_select(cursor, sql)
            return lines((row[-1],) for row in cursor.execute(f"EXPLAIN {sql}").fetchall())

    def check(self) -> Health:
        """Open the file and read from it."""
        with self._cursor(Running(30)) as cursor:
            found = cursor.execute("SELECT version()").fetchone()
        return Health(self.dialect, str(found[0]) if found else "", read_only=True)

    def structure(self) -> Catalogue:
        """Read from DuckDB's own tables about tables."""
        with self._cursor(Running(60)) as cursor:
            return read_structure(cursor)

    def close(self) -> None:
        """Close the file."""
        if self._base is not None:
            self._base.close()
            self._base = None

    @contextmanager
    def _cursor(self, running: Running) -> Iterator["duckdb.DuckDBPyConnection"]:
        cursor = self._opened().cursor()
        try:
            running.begins(cursor.interrupt)
            yield cursor
        except self._duckdb.Error as error:
            if running.due:
                raise timed_out() from error
            raise failed(error) from error
        finally:
            running.ends()
            cursor.close()

    def _opened(self) -> "duckdb.DuckDBPyConnection":
        with self._lock:
            if self._base is None:
                self._base = self._open()
            return self._base

    def _open(self) -> "duckdb.DuckDBPyConnection":
        if not self._path.is_file():
            raise unreadable(self._path.name, "a DuckDB file")
        try:
            return self._duckdb.connect(str(self._path), config=_CONFIG)
        except self._duckdb.Error as error:
            raise unreadable(
                self._path.name, "a DuckDB file that nothing else writes to"
            ) from error

    def _only_select(self, cursor: "duckdb.DuckDBPyConnection", sql: str) -> None:
        statements = cursor.extract_statements(sql)
        select = self._duckdb.StatementType.SELECT
        if len(statements) != 1 or statements[0].type != select:
            raise failed(ValueError("only one SELECT statement runs here"))
