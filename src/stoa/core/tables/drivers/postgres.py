"""PostgreSQL, used so that a statement can read tables and nothing else.

Each query is declared as a cursor inside a READ ONLY transaction with a statement time-out: the server
itself takes nothing but one SELECT or VALUES there. A login that may do more than tables (superuser,
server files, programs) is refused: no transaction mode holds such a login. What a query set on its
session is discarded after it.
"""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa

from stoa.base.errors import SetupError
from stoa.core.tables.catalogue import Catalogue, Dialect
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
from stoa.core.tables.kinds import kind_of
from stoa.core.tables.location import Location

try:
    import psycopg
except ImportError:  # the extra that brings it is not installed
    psycopg = None  # type: ignore[assignment]

_POOL: Final = 4
_DEAD_SECONDS: Final = 15
"""After how long a server that does not even answer on the wire is given up."""
_POWERS: Final = """
SELECT r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolreplication, r.rolbypassrls,
  coalesce((SELECT bool_or(pg_has_role(r.oid, g.oid, 'MEMBER')) FROM pg_roles g WHERE g.rolname IN
    ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')), false),
  coalesce((SELECT bool_or(pg_has_role(r.oid, g.oid, 'MEMBER')) FROM pg_roles g WHERE g.rolname IN
    ('pg_write_all_data', 'pg_maintain', 'pg_signal_backend', 'pg_database_owner')), false)
FROM pg_roles r WHERE r.rolname = current_user"""
_WRITABLE: Final = """
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f', 'v') AND n.nspname NOT LIKE 'pg\\_%' AND
  n.nspname <> 'information_schema' AND
  has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')"""
_CREATABLE: Final = """
SELECT has_database_privilege(current_database(), 'CREATE') OR coalesce((
  SELECT bool_or(has_schema_privilege(oid, 'CREATE')) FROM pg_namespace
  WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'), false)"""


class PostgresDriver:
    """One PostgreSQL database."""

    dialect: Dialect = "postgresql"

    def __init__(self, location: Location) -> None:
        if psycopg is None:
            raise SetupError(
                "PostgreSQL's driver is not installed.", hint="pip install stoa[tables]."
            )
        self._place = location.shown
        self._location = location
        self._trusted = False
        self._engine = sa.create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            pool_size=_POOL,
            max_overflow=0,
            pool_timeout=30,
            pool_pre_ping=True,
            hide_parameters=True,
        )

    def _connect(self) -> Any:
        return psycopg.connect(
            **self._location.arguments(),
            connect_timeout=CONNECT_SECONDS,
            application_name="stoa",
            prepare_threshold=None,
            tcp_user_timeout=_DEAD_SECONDS * 1000,
            keepalives_idle=_DEAD_SECONDS,
            keepalives_interval=_DEAD_SECONDS // 3,
        )

    def run(self, sql: str, bounds: Bounds, running: Running) -> Rows:
        """Run one query through a server-side cursor; rows stream in batches."""
        with self._connected(running) as connection:
            with connection.cursor(name="stoa") as cursor:
                cursor.execute(sql)
                columns = tuple(
                    (each.name, kind_of(each.type_display, self.dialect))
                    for each in cursor.description or ()
                )
                collector = Collector(bounds)
                collector.take(cursor.fetchmany, running)
        return Rows(columns, collector.rows, collector.truncated, 0.0)

    def explain(self, sql: str, running: Running) -> str:
        """The plan. `prepare` sends it by a protocol that takes one statement only."""
        with self._connected(running) as connection:
            return lines(
                connection.execute(f"EXPLAIN (ANALYZE false) {sql}", prepare=True).fetchall()
            )

    def check(self) -> Health:
        """What this login may write, asked of the server."""
        with self._connected(Running(30), any_login=True) as connection:
            powers = connection.execute(_POWERS).fetchone()
            writable = connection.execute(_WRITABLE).fetchone()[0]
            creates = connection.execute(_CREATABLE).fetchone()[0]
            version = connection.execute("SHOW server_version").fetchone()[0]
        warnings = _warnings(powers, writable, creates)
        return Health(self.dialect, str(version), not warnings, tuple(warnings))

    def structure(self) -> Catalogue:
        """The inspector's, in a read-only transaction."""
        try:
            with self._engine.connect() as connection:
                connection.exec_driver_sql("SET TRANSACTION READ ONLY")
                return inspect_structure(connection, self.dialect)
        except (psycopg.Error, sa.exc.DBAPIError) as error:
            raise unreachable(self._place, error) from error

    def close(self) -> None:
        """Close the pool."""
        self._engine.dispose()

    @contextmanager
    def _connected(self, running: Running, *, any_login: bool = False) -> Iterator[Any]:
        try:
            pooled = self._engine.raw_connection()
        except (psycopg.Error, sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
            raise unreachable(self._place, error) from error
        connection: Any = pooled.driver_connection
        clean = False
        try:
            connection.rollback()
            connection.read_only = True
            if not any_login:
                self._refuse_powers(connection)
            running.begins(lambda: connection.cancel_safe(timeout=CONNECT_SECONDS))
            # set_config, because SET takes no parameters
            connection.execute(
                "SELECT set_config('statement_timeout', %s, true)",
                [str(int(running.left * 1000) + 1)],
            )
            yield connection
            running.ends()
            _discard(connection)
            clean = True
        except psycopg.Error as error:
            if running.due or isinstance(error, psycopg.errors.QueryCanceled):
                raise timed_out() from error
            if connection.closed:
                raise unreachable(self._place, error) from error
            clean = _discarded(connection)
            raise failed(error) from error
        finally:
            running.ends()
            if clean:
                pooled.close()
            else:  # a cancel may still be on its way to this session
                pooled.invalidate()

    def _refuse_powers(self, connection: Any) -> None:
        if self._trusted:
            return
        powers = connection.execute(_POWERS).fetchone()
        if powers[0] or powers[5]:
            raise SetupError(
                "This login is a superuser or may reach the server's files: it is not used.",
                hint="Make a login that may only SELECT; docs/guide/databases.md says how.",
            )
        self._trusted = True


def _warnings(powers: Any, writable: int, creates: bool) -> list[str]:
    superuser, *manages, files, writes = powers
    found = []
    if superuser:
        found.append("The login is a superuser: queries will be refused.")
    elif files:
        found.append("The login may reach the server's files or programs: queries will be refused.")
    if any(manages) and not superuser:
        found.append("The login may manage roles, databases, replication or pass row security.")
    if (writable or writes) and not superuser:
        found.append(f"The login may write: {writable} tables.")
    if creates and not superuser:
        found.append("The login may create schemas or tables.")
    return found


def _discard(connection: Any) -> None:
    """Forget everything a query may have set on its session."""
    connection.rollback()
    connection.read_only = None
    connection.autocommit = True
    try:
        connection.execute("DISCARD ALL")
    finally:
        connection.autocommit = False


def _discarded(connection: Any) -> bool:
    with contextlib.suppress(psycopg.Error):
        _discard(connection)
        return True
    return False
