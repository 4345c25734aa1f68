"""Every gold query that runs passes the guard, and gives the same with it and without it."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stoa.base.errors import QueryFailed
from stoa.core.tables.databases import Profiling, ReadOnlyDatabase
from stoa.core.tables.guard import Policy, guard
from tests.conftest import fresh_postgres, lacking

try:
    from tests.core.tables import gold
except ImportError:
    gold = None  # type: ignore[assignment]

BOUNDS: dict[str, Any] = {"seconds": 60, "rows": 20_000, "bytes": 2**26}
DATABASES = ("academic", "broker", "ewallet", "restaurants")

pytestmark = pytest.mark.slow


@pytest.fixture(params=DATABASES)
def filled(request: pytest.FixtureRequest, postgres_server: str, tmp_path: Path) -> Any:
    """(name, URL of a reader on PostgreSQL, URL on SQLite) of one database of the data."""
    if gold is None:
        lacking("psycopg (pip install stoa[tables])")
    if not gold.DATA.is_dir():
        pytest.skip("needs the development data beside the repository")
    name = str(request.param)
    with fresh_postgres(postgres_server) as admin:
        gold.fill_postgres(admin, name)
        with gold.reader(admin) as url:
            yield name, url, gold.copy_to_sqlite(admin, tmp_path / f"{name}.sqlite")


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
async def test_gold_queries_lose_nothing(filled: tuple[str, str, str], dialect: str) -> None:
    name, postgres, sqlite = filled
    asked = [
        each.sql for each in gold.gold_queries() if (each.database, each.dialect) == (name, dialect)
    ]
    run = 0
    async with ReadOnlyDatabase(postgres if dialect == "postgresql" else sqlite) as database:
        catalogue = await database.reflect(Profiling(values=False))
        for sql in asked:
            try:
                plain = await database.run(sql, **BOUNDS)
            except QueryFailed:
                continue  # the data hold a few that run nowhere
            guarded = guard(sql, catalogue, Policy(), limit=20_000)
            assert guard(guarded.sql, catalogue, Policy(), limit=20_000) == guarded
            found = await database.run(guarded.sql, **BOUNDS)
            assert [name for name, _ in found.columns] == [name for name, _ in plain.columns]
            assert Counter(found.rows) == Counter(plain.rows), sql
            run += 1
    assert run >= 0.95 * len(asked)
    assert run > 10
