"""Databases that stay open between questions, and are closed when nobody asks."""

from pathlib import Path

import pytest

from stoa.core.tables.databases import ReadOnlyDatabase
from stoa.core.tables.opening import OpenDatabases


def _maker(url: str, made: list[ReadOnlyDatabase]) -> ReadOnlyDatabase:
    made.append(ReadOnlyDatabase(url))
    return made[-1]


async def test_one_database_serves_all_questions_under_its_key(sqlite_shop: str) -> None:
    made: list[ReadOnlyDatabase] = []
    opened = OpenDatabases()
    for _ in range(3):
        async with opened.use("key", lambda: _maker(sqlite_shop, made)) as database:
            await database.run("SELECT 1", seconds=5, rows=1, bytes=100)
    assert len(made) == 1
    await opened.close()


async def test_idle_ones_are_closed(sqlite_shop: str) -> None:
    made: list[ReadOnlyDatabase] = []
    opened = OpenDatabases(idle_seconds=-1)
    for _ in range(3):
        async with opened.use("key", lambda: _maker(sqlite_shop, made)):
            pass
    assert len(made) == 3
    await opened.close()


async def test_the_longest_idle_is_closed_where_there_are_too_many(sqlite_shop: str) -> None:
    made: list[ReadOnlyDatabase] = []
    opened = OpenDatabases(most=2)
    for key in ("a", "b", "c", "b", "c", "a"):
        async with opened.use(key, lambda: _maker(sqlite_shop, made)):
            pass
    assert len(made) == 4
    await opened.close()


async def test_a_key_that_can_not_be_opened_leaves_nothing(tmp_path: Path) -> None:
    opened = OpenDatabases()
    with pytest.raises(Exception, match="no such file"):
        async with opened.use("key", lambda: ReadOnlyDatabase(f"sqlite:///{tmp_path}/none")):
            pass
    await opened.drop("key")
    await opened.close()
