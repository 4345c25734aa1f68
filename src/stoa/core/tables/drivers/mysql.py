"""MySQL and MariaDB, used so that a statement can read tables and nothing else.

Each query runs alone (the protocol takes no second statement) in a READ ONLY transaction with a time
limit that the server keeps, and is stopped with KILL QUERY. LOAD DATA LOCAL is off. A login with powers
over files, users or the server is refused. What is not a SELECT by its first word does not run.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from stoa.base.errors import QueryFailed, SetupError
from stoa.core.tables.catalogue import Catalogue, Dialect, Kind
from stoa.core.tables.drivers.driver import (
    CONNECT_SECONDS,
    Bounds,
    Collector,
    Health,
    Rows,
    Running,
    failed,
    lines,
    timed_out,
    unreachable,
)
from stoa.core.tables.drivers.inspector import inspect_structure
from stoa.core.tables.location import Location

try:
    import pymysql
    from pymysql.constants import FIELD_TYPE
    from pymysql.cursors import SSCursor
except ImportError:  # the extra that brings it is not installed
    pymysql = FIELD_TYPE = None

_POOL: Final = 4
_DEAD_SECONDS: Final = 15
"""How long after a query's own limit a server that says nothing is given up."""
_SELECTS: Final = re.compile(r"[\s(]*(SELECT|WITH|VALUES)\b", re.IGNORECASE)
_MODE: Final = "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION"
"""Backslashes escape and double quotes are texts: what the guard's printer assumes."""
_READS: Final = frozenset({"SELECT", "USAGE", "SHOW VIEW", "SHOW DATABASES", "PROCESS"})
_POWERFUL: Final = frozenset(
    {"FILE", "SUPER", "ALL PRIVILEGES", "ALL", "CREATE USER", "GRANT OPTION", "SHUTDOWN", "RELOAD"}
)
_GRANT: Final = re.compile(r"GRANT (.+?) ON (\S+|`[^`]+`\.\S+) TO ", re.IGNORECASE)
_STOPPED: Final = {1317, 1969, 3024, 2013}
"""Interrupted, max_statement_time (MariaDB), max_execution_time (MySQL), connection lost."""
_GONE: Final = {2003, 2006, 2013, 1040, 1044, 1045, 1049}
_BINARY: Final = 63


def _codes(names: str) -> frozenset[int]:
    return frozenset(getattr(FIELD_TYPE, name) for name in names.split() if FIELD_TYPE)


_BLOBS: Final = _codes("TINY_BLOB MEDIUM_BLOB LONG_BLOB BLOB VAR_STRING STRING BIT")
_WIRE: Final[dict[int, Kind]] = {
    **dict.fromkeys(_codes("TINY SHORT INT24 LONG LONGLONG YEAR"), "integer"),
    **dict.fromkeys(_codes("DECIMAL NEWDECIMAL FLOAT DOUBLE"), "number"),
    **dict.fromkeys(_codes("DATE NEWDATE"), "date"),
    **dict.fromkeys(_codes("DATETIME TIMESTAMP"), "timestamp"),
    **dict.fromkeys(_codes("TIME"), "time"),
    **dict.fromkeys(_codes("GEOMETRY JSON"), "other"),
}


class MysqlDriver:
    """One MySQL or MariaDB database."""

    dialect: Dialect = "mysql"

    def __init__(self, location: Location) -> None:
        if pymysql is None:
            raise SetupError("MySQL's driver is not installed.", hint="pip install stoa[tables].")
        self._place = location.shown
        self._location = location
        self._trusted = False
        self._engine = sa.create_engine(
            "mysql+pymysql://",
            creator=self._connect,
            pool_size=_POOL,
            max_overflow=0,
            pool_timeout=30,
            pool_pre_ping=True,
            hide_parameters=True,
        )

    def _connect(self) -> Any:
        return pymysql.connect(
            **self._location.arguments(),
            connect_timeout=CONNECT_SECONDS,
            read_timeout=CONNECT_SECONDS,  # of the greeting; each query sets its own
            charset="utf8mb4",
            local_infile=False,
        )

    def run(self, sql: str, bounds: Bounds, running: Running) -> Rows:
        """Run one query; rows stream, they are never all in memory."""
        _only_select(sql)
        with self._session(running) as session:
            cursor = session.connection.cursor(SSCursor)
            session.spent = True  # until all rows are read
            try:
                cursor.execute(sql)
                if cursor.description is None:
                    raise failed(ValueError("this statement gives no rows"))
                columns = tuple(_column(field) for field in cursor._result.fields)
                collector = Collector(bounds)
                collector.take(lambda size: list(cursor.fetchmany(size)), running)
                session.spent = collector.truncated
            finally:
                if session.spent:
                    _leave(cursor)
                else:
                    cursor.close()
        return Rows(columns, collector.rows, collector.truncated, 0.0)

    def explain(self, sql: str, running: Running) -> str:
        """The plan."""
        _only_select(sql)
        with self._session(running) as session, session.connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {sql}")
            return lines(list(cursor.fetchall()))

    def check(self) -> Health:
        """What this login may write, from its grants."""
        with self._session(Running(30), any_login=True) as session:
            privileges = _privileges(session.connection)
            version = session.connection.get_server_info()
        beyond = sorted(privileges - _READS)
        warnings = []
        if privileges & _POWERFUL:
            warnings.append("The login has powers over the server: queries will be refused.")
        if beyond:
            warnings.append(f"The login may do more than read: {', '.join(beyond)}.")
        return Health(self.dialect, str(version), not beyond, tuple(warnings))

    def structure(self) -> Catalogue:
        """The inspector's."""
        try:
            with self._engine.connect() as connection:
                return inspect_structure(connection, self.dialect)
        except (pymysql.MySQLError, sa.exc.DBAPIError) as error:
            raise unreachable(self._place, error) from error

    def close(self) -> None:
        """Close the pool."""
        self._engine.dispose()

    @contextmanager
    def _session(self, running: Running, *, any_login: bool = False) -> Iterator["_Session"]:
        try:
            pooled = self._engine.raw_connection()
        except (pymysql.MySQLError, sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
            raise unreachable(self._place, error) from error
        connection: Any = pooled.driver_connection
        session = _Session(connection)
        clean = False
        try:
            if not any_login:
                self._refuse_powers(connection)
            _prepare(connection, running.left)
            running.begins(lambda: self._kill(connection.thread_id()))
            yield session
            running.ends()
            if not session.spent:
                _reset(connection)
                clean = True
        except pymysql.MySQLError as error:
            code = error.args[0] if error.args else 0
            if running.due or (code in _STOPPED and code != 2013):
                raise timed_out() from error
            if code in _GONE:
                raise unreachable(self._place, error) from error
            raise failed(error) from error
        finally:
            running.ends()
            if clean:
                pooled.close()
            else:  # rows may be left on the wire, or a KILL on its way
                with suppress(AttributeError):
                    connection._force_close()
                pooled.invalidate()

    def _kill(self, thread: int) -> None:
        """Stop a statement from another connection; where that fails the server's limit does it."""
        with suppress(pymysql.MySQLError, OSError):
            other = self._connect()
            try:
                other.cursor().execute(f"KILL QUERY {int(thread)}")
            finally:
                other.close()

    def _refuse_powers(self, connection: Any) -> None:
        if self._trusted:
            return
        held = _privileges(connection) & _POWERFUL
        if held:
            raise SetupError(
                f"This login has powers over the server ({', '.join(sorted(held))}): it is not used.",
                hint="Make a login that may only SELECT; docs/guide/databases.md says how.",
            )
        self._trusted = True


@dataclass
class _Session:
    """A connection in use. `spent`: it can't be used again."""

    connection: Any
    spent: bool = False


def _only_select(sql: str) -> None:
    if _SELECTS.match(sql) is None:
        raise QueryFailed("Only a SELECT statement runs here.", hint="Begin with SELECT or WITH.")


def _leave(cursor: Any) -> None:
    """Let go of a cursor without reading what is left, which closing it would do."""
    if cursor._result is not None:
        cursor._result.unbuffered_active = False
    cursor.connection = None


def _prepare(connection: Any, seconds: float) -> None:
    """A read-only transaction with a time limit, whatever an earlier query left behind."""
    maria = "mariadb" in connection.get_server_info().lower()
    limit = (
        f"max_statement_time = {seconds:.3f}"
        if maria
        else f"max_execution_time = {int(seconds * 1000) + 1}"
    )
    connection._read_timeout = seconds + _DEAD_SECONDS
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION sql_mode = '{_MODE}', {limit}")
        cursor.execute("START TRANSACTION READ ONLY")


def _reset(connection: Any) -> None:
    """Forget variables, locks and settings of the session (COM_RESET_CONNECTION)."""
    connection.rollback()
    connection._execute_command(0x1F, b"")
    connection._read_ok_packet()


def _privileges(connection: Any) -> frozenset[str]:
    """What the login may do anywhere, by the names of GRANT."""
    found: set[str] = set()
    with connection.cursor() as cursor:
        cursor.execute("SHOW GRANTS FOR CURRENT_USER()")
        for (grant,) in cursor.fetchall():
            matched = _GRANT.match(grant)
            if matched is None:
                continue
            names = re.sub(r"\([^)]*\)", "", matched[1]).split(",")
            found |= {name.strip().upper() for name in names}
            if "WITH GRANT OPTION" in grant.upper():
                found.add("GRANT OPTION")
    if "ALL PRIVILEGES" in found:
        found.add("INSERT")
    return frozenset(found)


def _column(field: Any) -> tuple[str, Kind]:
    """Name and kind from the wire. A blob and a text differ by their character set only."""
    code = field.type_code
    if code in _BLOBS and field.charsetnr == _BINARY:
        return field.name, "bytes"
    if code == FIELD_TYPE.TINY and field.length == 1:
        return field.name, "boolean"
    return field.name, _WIRE.get(code, "text")
