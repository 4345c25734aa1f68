"""Databases that stay open between questions, and are closed when nobody asks."""

import asyncio
from pathlib import Path

import pytest

from stoa.base.errors import ProviderError, QueryTimeout
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


async def test_two_may_tidy_at_once(sqlite_shop: str) -> None:
    opened = OpenDatabases(idle_seconds=0.01)
    both = asyncio.Event()

    async def use(key: str) -> None:
        async with opened.use(key, lambda: ReadOnlyDatabase(sqlite_shop)) as database:
            await database.run("SELECT 1", seconds=30, rows=1, bytes=100)
            await both.wait()

    async with asyncio.TaskGroup() as tasks:
        for key in ("a", "b", "c", "d"):
            tasks.create_task(use(key))
        both.set()
    both.clear()
    late = [asyncio.create_task(use(key)) for key in ("e", "f")]
    await asyncio.sleep(0.05)  # longer than they may be idle
    both.set()
    await asyncio.gather(*late)
    await opened.close()


async def test_whoever_uses_one_that_is_dropped_is_told(sqlite_shop: str) -> None:
    opened = OpenDatabases()
    async with opened.use("key", lambda: ReadOnlyDatabase(sqlite_shop)) as database:
        slow = f"SELECT count(*) FROM {', '.join(f'orders {name}' for name in 'abcdefghijklmno')}"
        asking = [
            asyncio.create_task(database.run(slow, seconds=0.5, rows=1, bytes=100))
            for _ in range(9)  # more than it has threads, so that some wait
        ]
        await asyncio.sleep(0)
        await opened.drop("key")
        for each in await asyncio.gather(*asking, return_exceptions=True):
            assert isinstance(each, ProviderError | QueryTimeout), repr(each)
        with pytest.raises(ProviderError):
            await database.run("SELECT 1", seconds=5, rows=1, bytes=100)
