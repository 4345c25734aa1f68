"""The one SQL database: SQLite (WAL) or PostgreSQL, behind one idea: a transaction is a function.

    titles = await database.read(lambda s: s.scalars(select(Document.title)).all(), workspace=w)

The function runs in a worker thread with a session of its own, so blocking work never touches the
event loop, and it may run again when the database asks for it (a lock, a deadlock, a lost
connection): it must not do anything outside the session. A server that is restarted is waited for.

Tenancy is kept here, not by memory. Rows of a class that inherits `WorkspaceRow` are filtered to
the given workspace in every SELECT, UPDATE and DELETE, and refused on insert when they carry another;
only code that says `EVERY_WORKSPACE` sees across. What knows tables lives above: this file knows none.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import event
from sqlalchemy.exc import DataError, DBAPIError, OperationalError
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    ORMExecuteState,
    Session,
    mapped_column,
    sessionmaker,
    with_loader_criteria,
)

from stoa.base.errors import Bug, InvalidInput, SetupError

T = TypeVar("T")


class _Scope(Enum):
    EVERY_WORKSPACE = "every workspace"


EVERY_WORKSPACE: Final = _Scope.EVERY_WORKSPACE
Workspace = str | _Scope
_POOL = 16
_ATTEMPTS = 5
_ANALYSED_ROWS = 1000
_MIGRATION_LOCK = 0x57_0A  # any constant: two processes that start at once migrate one by one
_PATIENCE = 30.0
"""Seconds to wait for a server that has answered before and is gone, as in a restart."""
_PAUSE = 0.1
_LOST_SQLSTATES = {"57P01", "57P02", "57P03", "08000", "08001", "08003", "08004", "08006"}
_TRANSIENT_SQLSTATES = {"40001", "40P01", "55P03"} | _LOST_SQLSTATES


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """Aware datetimes in, aware datetimes out, UTC in between, on every backend."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime: say datetime.now(UTC)")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Row(DeclarativeBase):
    """Base of every table."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own protocol
        datetime: UtcDateTime(),
        dict[str, Any]: sa.JSON(none_as_null=True),
        list[str]: sa.JSON(none_as_null=True),
        list[Any]: sa.JSON(none_as_null=True),
    }
    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class WorkspaceRow:
    """Mixin of every table that belongs to a workspace: the tenant column, and the guard on it."""

    workspace_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("workspace.id", ondelete="CASCADE"), index=True
    )


def new_id(prefix: str) -> str:
    """A sortable, unguessable id such as `doc_01k9x…`: 48 bits of time, 80 of chance."""
    number = (int(time.time() * 1000) << 80) | secrets.randbits(80)
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    digits = []
    for _ in range(26):
        number, digit = divmod(number, 32)
        digits.append(alphabet[digit])
    return f"{prefix}_{''.join(reversed(digits))}"


def now() -> datetime:
    """The time, aware, in UTC."""
    return datetime.now(UTC)


class Database:
    """Opens the engine and runs transactions. One per process."""

    def __init__(self, url: str) -> None:
        self.url = _with_driver(url)
        self.engine = _open_engine(self.url)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._threads = ThreadPoolExecutor(_POOL, thread_name_prefix="database")

    @property
    def is_sqlite(self) -> bool:
        """Whether one writer at a time is the rule here."""
        return self.engine.dialect.name == "sqlite"

    async def read(self, work: Callable[[Session], T], *, workspace: Workspace) -> T:
        """Run `work` in a read transaction. Nothing it changes is kept."""
        return await self._in_thread(self.read_now, work, workspace)

    async def write(self, work: Callable[[Session], T], *, workspace: Workspace) -> T:
        """Run `work` in a write transaction; commit when it returns, roll back when it raises."""
        return await self._in_thread(self.write_now, work, workspace)

    async def _in_thread(
        self,
        run: Callable[..., T],
        work: Callable[[Session], T],
        workspace: Workspace,
    ) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: run(work, workspace=workspace))

    def read_now(self, work: Callable[[Session], T], *, workspace: Workspace) -> T:
        """`read` for code that is already in a thread of its own."""
        return self._attempt(work, workspace, writes=False)

    def write_now(self, work: Callable[[Session], T], *, workspace: Workspace) -> T:
        """`write` for code that is already in a thread of its own."""
        return self._attempt(work, workspace, writes=True)

    def _attempt(self, work: Callable[[Session], T], workspace: Workspace, *, writes: bool) -> T:
        for attempt in range(_ATTEMPTS):
            try:
                return self._once(work, workspace, writes=writes)
            except DataError as error:  # a NUL in a text, a number out of range
                raise InvalidInput(
                    "A value does not fit the database.", hint="Check texts and numbers."
                ) from error
            except DBAPIError as error:
                if attempt == _ATTEMPTS - 1 or not (
                    _is_transient(error) or (attempt == 0 and _is_duplicate(error))
                ):
                    if is_lost(error):
                        raise SetupError(
                            "The database does not answer.",
                            hint="It may be starting; try again soon.",
                        ) from error
                    raise
                time.sleep(0.02 * 2**attempt)
        raise Bug("unreachable: every attempt returns or raises")

    def _once(self, work: Callable[[Session], T], workspace: Workspace, *, writes: bool) -> T:
        with self._sessions() as session:
            session.info["workspace"] = workspace
            if self.is_sqlite:
                # Taking the write lock at the start waits its turn; upgrading later would fail.
                session.execute(sa.text("BEGIN IMMEDIATE" if writes else "BEGIN"))
            result = work(session)
            if writes:
                session.commit()
            # A read ends by closing: an explicit rollback would expire the rows it returns.
            return result

    def migrate(self, folders: list[Path]) -> None:
        """Bring the tables up to date from the migration folders of all rooms and solutions."""
        config = alembic_config(folders)
        try:
            with self.engine.connect() as connection:
                if self.is_sqlite:
                    connection.execute(sa.text("BEGIN EXCLUSIVE"))
                else:
                    connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
                config.attributes["connection"] = connection
                command.upgrade(config, "heads")
                connection.commit()
            self.analyse()
        except OperationalError as error:
            raise SetupError(
                f"The database does not answer: {error.orig}.", hint="Check STOA_DATABASE_URL."
            ) from error

    def analyse(self) -> None:
        """Let SQLite's planner know how large the tables are; PostgreSQL sees to that itself. Blocking.

        Without figures it takes any index for selective, and reads a whole workspace to find thirty
        rows by id. A sample of each index is enough (milliseconds). Connections read the figures
        when they open, so the idle ones are replaced.
        """
        if not self.is_sqlite:
            return
        with self.engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA analysis_limit={_ANALYSED_ROWS}")
            connection.exec_driver_sql("ANALYZE")
        self.engine.dispose()

    def close(self) -> None:
        """Give back connections and threads."""
        self._threads.shutdown(wait=True)
        self.engine.dispose()


def alembic_config(folders: list[Path]) -> Config:
    """Alembic's configuration over these migration folders."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migration"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(str(folder) for folder in folders))
    return config


def _with_driver(url: str) -> str:
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)


def _open_engine(url: str) -> sa.Engine:
    if url.startswith("sqlite"):
        path = sa.make_url(url).database
        if path and path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(
            url, pool_size=_POOL, connect_args={"timeout": 30}, hide_parameters=True
        )
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    try:
        engine = sa.create_engine(
            url, pool_size=_POOL, max_overflow=4, pool_pre_ping=True, hide_parameters=True
        )
    except (sa.exc.ArgumentError, ModuleNotFoundError) as error:
        raise SetupError(
            f"The database URL can't be used: {error}.",
            hint="Use sqlite:///path or postgresql://…; PostgreSQL needs stoa[postgres].",
        ) from error
    wait_out_restarts(engine)
    return engine


def wait_out_restarts(engine: sa.Engine) -> None:
    """Let new connections wait for a server that has answered before and is gone for a while.

    One that never answered is not waited for: its address or password may be wrong.
    """
    answered = False

    def connect(dialect: Any, _record: Any, arguments: Any, named: Any) -> Any:
        nonlocal answered
        patience = time.monotonic() + (_PATIENCE if answered else 0.0)
        while True:
            try:
                connection = dialect.connect(*arguments, **named)
            except dialect.loaded_dbapi.OperationalError:
                if time.monotonic() >= patience:
                    raise
                time.sleep(_PAUSE)
            else:
                answered = True
                return connection

    event.listen(engine, "do_connect", connect)


def is_lost(error: BaseException) -> bool:
    """Whether the database went away, so that nothing is wrong with what was asked of it."""
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", "")
    if state is None:  # of PostgreSQL's driver, and not of the server: no connection came about
        return isinstance(error, OperationalError)
    return state in _LOST_SQLSTATES


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "busy_timeout=30000",
        "secure_delete=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _is_transient(error: DBAPIError) -> bool:
    if is_lost(error):
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state in _TRANSIENT_SQLSTATES
    return "database is locked" in str(error.orig) or "database table is locked" in str(error.orig)


def _is_duplicate(error: DBAPIError) -> bool:
    """Whether PostgreSQL found the key taken.

    "Read, find nothing, insert" loses that race to a writer that committed in between; run once
    more, it finds the row. SQLite has one writer at a time, so there it is never a race.
    """
    return getattr(error.orig, "sqlstate", None) == "23505"


@event.listens_for(Session, "do_orm_execute")
def _keep_to_workspace(state: ORMExecuteState) -> None:
    workspace = state.session.info.get("workspace", EVERY_WORKSPACE)
    if workspace is EVERY_WORKSPACE or state.is_column_load or state.is_relationship_load:
        return
    if state.is_select or state.is_update or state.is_delete:
        state.statement = state.statement.options(
            with_loader_criteria(
                WorkspaceRow,
                lambda row: row.workspace_id == workspace,
                include_aliases=True,
            )
        )


@event.listens_for(Session, "before_flush")
def _refuse_foreign_rows(session: Session, _context: Any, _instances: Any) -> None:
    workspace = session.info.get("workspace", EVERY_WORKSPACE)
    if workspace is EVERY_WORKSPACE:
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if not isinstance(row, WorkspaceRow):
            continue
        if row.workspace_id is None and row in session.new:
            row.workspace_id = workspace
        elif row.workspace_id != workspace:
            raise Bug(f"{type(row).__name__} of another workspace in a scoped session")
