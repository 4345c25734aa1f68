"""Connections: databases that people connected, and the way from a name to an open one.

A URL may hold a password, so it is sealed at rest, shown without its login, and never logged. Files of
this machine are connected by whoever owns the local workspace (they may read the machine anyway), or
from the folders that the operator named; Stoa's own data folder is nobody's to ask.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stoa.base.database import new_id, now
from stoa.base.errors import Conflict, Forbidden, InvalidInput, NotFound
from stoa.base.identity.caller import OWNERS
from stoa.base.identity.people import SAMPLE_WORKSPACE
from stoa.base.secrets import SecretBox, load_secret
from stoa.base.settings import Settings
from stoa.contract import Call
from stoa.core.tables.databases import Health, ReadOnlyDatabase
from stoa.core.tables.location import Rules, names_file
from stoa.solutions.ask_data.schema import (
    Connect,
    Connections,
    ConnectionView,
    DatabaseRequest,
    Done,
    HealthView,
    ListConnections,
    TryConnection,
)
from stoa.solutions.ask_data.tables import CatalogueRow, ConnectionRow, DescriptionRow

_PURPOSE = "ask_data.connection"
_PORT = 5432
SAMPLE_FOLDER = Path(__file__).resolve().parent / "sample"
"""Anybody may ask the sample."""


async def connect(call: Call, request: Connect) -> ConnectionView:
    """Connect a database: try it, read its catalogue, and keep its URL sealed.

    Use a login that can only read; where it can do more, the connection says so in its warnings.
    """
    url = checked_url(call, request.url)
    async with _database(call, url) as database:
        health = await database.check()
        await call.progress("Reading tables, columns and values")
        catalogue = await database.reflect()
    moment = now()
    row = ConnectionRow(
        id=new_id("db"),
        name=request.name,
        dialect=health.dialect,
        address=address_of(url),
        sealed_url=_box(call.platform.settings).seal(url.encode()),
        read_only=health.read_only,
        warnings=list(health.warnings),
        tables=len(catalogue.tables),
        version=1,
        refreshed_at=moment,
        added_by=call.caller.user_id,
        added_by_name=call.caller.name,
        added_at=moment,
    )
    content = CatalogueRow(
        id=new_id("cat"),
        connection_id=row.id,
        version=1,
        content=catalogue.model_dump_json(),
        reflected_at=moment,
    )

    def keep(session: Session) -> ConnectionView:
        session.add(row)
        session.flush()
        session.add(content)
        session.flush()
        return _view(session, row)

    try:
        return await call.platform.database.write(keep, workspace=call.caller.workspace_id)
    except IntegrityError as error:
        raise Conflict(
            f"There is a connection '{request.name}' already.", hint="Choose another name."
        ) from error


async def test(call: Call, request: TryConnection) -> HealthView:
    """Try a connection: does it answer, which database is it, and can its login only read?"""
    if bool(request.database) == bool(request.url):
        raise InvalidInput("Give a database or a URL.", hint="One of the two, not both.")
    if request.url:
        if call.caller.role not in OWNERS:
            raise Forbidden("Only owners try URLs.", hint="Name a database that is connected.")
        async with _database(call, checked_url(call, request.url)) as database:
            return _health(await database.check())
    row = await find(call, request.database)
    async with opened(call, row) as database:
        health = await database.check()

    def note(session: Session) -> None:
        kept = session.get(ConnectionRow, row.id)
        if kept is not None:
            kept.read_only, kept.warnings = health.read_only, list(health.warnings)

    await call.platform.database.write(note, workspace=call.caller.workspace_id)
    return _health(health)


async def connections(call: Call, request: ListConnections) -> Connections:
    """List the databases that can be asked."""

    def load(session: Session) -> list[ConnectionView]:
        rows = session.scalars(sa.select(ConnectionRow).order_by(ConnectionRow.name)).all()
        return [_view(session, row) for row in rows]

    found = await call.platform.database.read(load, workspace=call.caller.workspace_id)
    return Connections(connections=found)


async def disconnect(call: Call, request: DatabaseRequest) -> Done:
    """Remove a connection with all that is kept about it: catalogue, questions, saved queries."""
    row = await find(call, request.database)
    await call.platform.database.write(
        lambda session: session.execute(sa.delete(ConnectionRow).where(ConnectionRow.id == row.id)),
        workspace=call.caller.workspace_id,
    )
    await call.platform.databases.drop(_key(row))
    await call.platform.objects.delete_prefix(f"{call.caller.workspace_id}/ask_data/{row.id}")
    return Done(id=row.id)


async def find(call: Call, name: str) -> ConnectionRow:
    """The connection of that id or name in the caller's workspace. Raises NotFound."""
    return await call.platform.database.read(
        lambda session: named(session, name), workspace=call.caller.workspace_id
    )


def named(session: Session, name: str) -> ConnectionRow:
    """The connection of that id or name. Raises NotFound."""
    row = session.scalar(
        sa.select(ConnectionRow).where(sa.or_(ConnectionRow.id == name, ConnectionRow.name == name))
    )
    if row is None:
        raise NotFound(
            f"There is no database '{name}'.",
            hint="See `connections` for those there are, or connect it.",
        )
    return row


@asynccontextmanager
async def opened(call: Call, row: ConnectionRow) -> AsyncIterator[ReadOnlyDatabase]:
    """The database of a connection, open; it stays open for the next question."""

    def make() -> ReadOnlyDatabase:
        url = _box(call.platform.settings).open(row.sealed_url).decode()
        return _database(call, checked_url(call, url))

    async with call.platform.databases.use(_key(row), make) as database:
        yield database


def _database(call: Call, url: str) -> ReadOnlyDatabase:
    return ReadOnlyDatabase(url, rules_of(call.platform.settings))


def rules_of(settings: Settings) -> Rules:
    """What nobody may connect: Stoa's own stores."""
    servers: set[tuple[str, int, str]] = set()
    files = [settings.home.resolve()]
    for address in (settings.resolved_database_url(), settings.index_url):
        url = sa.make_url(address) if "://" in address else None
        if url is None:
            continue
        if names_file(url):
            files.append(Path(url.database or "").resolve())
        elif url.get_backend_name().startswith("postgres"):
            servers.add((url.host or "", url.port or _PORT, url.database or ""))
    return Rules(
        own_files=tuple(files),
        own_servers=frozenset(servers),
        private=settings.database_private,
    )


def checked_url(call: Call, url: str) -> str:
    """The URL, if the caller may connect there; a file's with its full path.

    Raises:
        InvalidInput: it is no database URL.
        Forbidden: it is a file that this caller may not reach.
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise InvalidInput(
            "This is no database URL.",
            hint="Write it as sqlite:///file, postgresql://user:password@host/name, mysql://… or duckdb:///file.",
        ) from error
    if names_file(parsed):
        path = _checked_file(call, parsed)
        return parsed.set(database=str(path)).render_as_string(hide_password=False)
    return url


def _checked_file(call: Call, url: sa.URL) -> Path:
    name = url.database or ""
    if not name or name.startswith(":") or name.startswith("file:") or url.query:
        raise InvalidInput(
            "The URL of a database file is its path and nothing else.",
            hint="Write it as sqlite:////folder/file.sqlite.",
        )
    settings = call.platform.settings
    path = Path(name).resolve()
    home = settings.home.resolve()
    if path.is_relative_to(home):
        raise Forbidden("Stoa's own data folder can't be asked.", hint="Copy the file out of it.")
    roots = [Path(each.strip()) for each in settings.source_folders.split(",") if each.strip()]
    open_to_all = path.parent == SAMPLE_FOLDER or call.caller.workspace_id == SAMPLE_WORKSPACE
    if not open_to_all and not any(path.is_relative_to(root.resolve()) for root in roots):
        raise Forbidden(
            "Files of this machine can't be connected from here.",
            hint="The operator names folders for it in STOA_SOURCE_FOLDERS.",
        )
    if not path.is_file():
        raise InvalidInput(f"There is no file '{path.name}'.", hint="Check the path in the URL.")
    return path


def address_of(url: str) -> str:
    """Where a URL leads, without user, password and options."""
    parsed = sa.make_url(url)
    if names_file(parsed):
        return f"{parsed.get_backend_name()}: {Path(parsed.database or '').name}"
    port = f":{parsed.port}" if parsed.port else ""
    return (
        f"{parsed.get_backend_name()}: {parsed.host or 'localhost'}{port}/{parsed.database or ''}"
    )


def _box(settings: Settings) -> SecretBox:
    return SecretBox(load_secret(settings), _PURPOSE)


def _key(row: ConnectionRow) -> str:
    return f"{row.id}.{hashlib.sha256(row.sealed_url).hexdigest()[:16]}"


def _health(health: Health) -> HealthView:
    return HealthView(
        dialect=health.dialect,
        server_version=health.server_version,
        read_only=health.read_only,
        warnings=list(health.warnings),
    )


def _view(session: Session, row: ConnectionRow) -> ConnectionView:
    described = sa.select(sa.func.count(sa.distinct(DescriptionRow.table_key))).where(
        DescriptionRow.connection_id == row.id, DescriptionRow.column == ""
    )
    return ConnectionView(
        id=row.id,
        name=row.name,
        dialect=row.dialect,
        address=row.address,
        read_only=row.read_only,
        warnings=list(row.warnings),
        tables=row.tables,
        version=row.version,
        described=session.scalar(described) or 0,
        refreshed_at=row.refreshed_at,
        added_by=row.added_by_name or row.added_by,
    )
