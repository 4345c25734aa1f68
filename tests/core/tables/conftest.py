"""The shop on each of the four databases, once a session: nothing in these tests can change it."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from stoa.core.tables.databases import ReadOnlyDatabase
from tests.conftest import fresh_postgres, lacking

try:
    from tests.core.tables import servers
except ImportError:
    servers = None  # type: ignore[assignment]

DIALECTS = ("sqlite", "duckdb", "postgresql", "mysql")


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[str]:
    """Administrator's URL of a real MariaDB."""
    if _servers().mariadb_program() is None:
        lacking("MariaDB (apt install mariadb-server)")
    with tempfile.TemporaryDirectory(prefix="stoa-mariadb-", ignore_cleanup_errors=True) as folder:
        with _servers().running_mariadb(Path(folder)) as url:
            yield url


@pytest.fixture(scope="session")
def sqlite_shop(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The shop on SQLite."""
    return str(_servers().sqlite_shop(tmp_path_factory.mktemp("shop") / "shop.sqlite"))


@pytest.fixture(scope="session")
def duckdb_shop(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The shop on DuckDB."""
    return str(_servers().duckdb_shop(tmp_path_factory.mktemp("shop") / "shop.duckdb"))


@pytest.fixture(scope="session")
def postgresql_shop(postgres_server: str) -> Iterator[str]:
    """The shop on PostgreSQL."""
    with fresh_postgres(postgres_server) as admin:
        url = _servers().postgres_shop(admin)
        yield url
        _servers().drop_reader(admin, url)


@pytest.fixture(scope="session")
def mysql_shop(mariadb_server: str) -> str:
    """The shop on MariaDB."""
    return str(_servers().mariadb_shop(mariadb_server))


def _servers() -> ModuleType:
    if servers is None:
        lacking("the drivers (pip install stoa[tables])")
    return servers


@pytest.fixture(params=DIALECTS)
def shop_url(request: pytest.FixtureRequest) -> str:
    """URL of the shop on each database, for a login that may only read."""
    return str(request.getfixturevalue(f"{request.param}_shop"))


@pytest.fixture
async def shop(shop_url: str) -> AsyncIterator[ReadOnlyDatabase]:
    """The shop, opened."""
    async with ReadOnlyDatabase(shop_url) as opened:
        yield opened
