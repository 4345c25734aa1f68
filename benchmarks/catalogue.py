"""Seconds to reflect 1,000 tables with their columns and keys, against the limit of 5 s.

    python -m benchmarks.catalogue

On a real PostgreSQL and on SQLite; 10 columns, a primary and a foreign key each. The structure alone:
how long values take is the data's affair, and bounded by a time of its own.
"""

import asyncio
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psycopg
from tests.postgres import running_server

from benchmarks.results import record
from stoa.core.tables.databases import Profiling, ReadOnlyDatabase

TABLES = 1000
LIMIT_SECONDS = 5.0


def definitions() -> list[str]:
    """Each table points at the one before."""
    return [
        f"CREATE TABLE table{n} (id INTEGER PRIMARY KEY, name VARCHAR(80), region VARCHAR(20),"
        " amount DECIMAL(10,2), day DATE, a INTEGER, b INTEGER, c TEXT, d TEXT,"
        f" parent_id INTEGER{f' REFERENCES table{n - 1} (id)' if n else ''})"
        for n in range(TABLES)
    ]


async def measure(name: str, url: str) -> None:
    """Reflect once, from a cold connection."""
    async with ReadOnlyDatabase(url) as database:
        began = time.perf_counter()
        found = await database.reflect(Profiling(values=False))
        seconds = time.perf_counter() - began
    assert len(found.tables) == TABLES
    assert sum(len(table.foreign_keys) for table in found.tables) == TABLES - 1
    record(f"catalogue, {name}", seconds, "s", "limit", LIMIT_SECONDS, f"{TABLES} tables")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="stoa-bench-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "wide.sqlite"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(";".join(definitions()))
        asyncio.run(measure("SQLite", f"sqlite:///{path}"))
        with running_server(Path(folder)) as url:
            with psycopg.connect(url, autocommit=True) as server:
                server.execute(";".join(definitions()).encode())
            asyncio.run(measure("PostgreSQL", url))


if __name__ == "__main__":
    main()
