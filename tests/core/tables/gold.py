"""The gold queries of the development data, and their databases on PostgreSQL and SQLite.

The data lie beside the repository and are not part of it.
"""

import csv
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from stoa.core.tables.catalogue import Dialect

DATA = Path(__file__).parents[4] / "shared" / "data" / "text2sql"
DATABASES = ("academic", "broker", "ewallet", "restaurants")
_CHOICE = re.compile(r"\{([^}]*)\}")


class Gold(NamedTuple):
    """One gold query."""

    database: str
    dialect: Dialect
    sql: str


def gold_queries() -> list[Gold]:
    """All of them; where any of several columns is right, with all of these."""
    found = []
    for path in sorted((DATA / "questions").glob("*.csv")):
        dialect: Dialect = "sqlite" if "sqlite" in path.stem else "postgresql"
        with path.open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if path.stem != "idk":
                    found += [
                        Gold(row["db_name"], dialect, sql) for sql in _statements(row["query"])
                    ]
    return list(dict.fromkeys(found))


def _statements(text: str) -> list[str]:
    """Several right queries are apart by semicolons; `{a, b}` stands for any of these columns."""
    statements = []
    for each in text.split(";"):
        choice = _CHOICE.search(each)
        columns = choice[1] if choice else ""
        if each.strip():
            statements.append(
                each.replace("{}", columns).replace(f"{{{columns}}}", columns).strip()
            )
    return statements


def fill_postgres(admin_url: str, database: str) -> None:
    """Load one of the databases into an empty PostgreSQL database."""
    script: Any = (DATA / "sql" / f"{database}.sql").read_text(encoding="utf-8")
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(script)


def search_path(admin_url: str) -> str:
    """The schemas of a filled database, for logins that name tables without one."""
    with psycopg.connect(admin_url) as connection:
        rows = connection.execute(
            "SELECT DISTINCT table_schema FROM information_schema.tables WHERE table_schema"
            " NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
    return ", ".join(str(row[0]) for row in rows)


def copy_to_sqlite(admin_url: str, path: Path) -> str:
    """The same tables and rows in a SQLite file; its URL."""
    with psycopg.connect(admin_url) as source, closing(sqlite3.connect(path)) as target:
        run: Any = source.execute
        tables = run(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema"
            " NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in tables:
            cursor = run(f'SELECT * FROM "{schema}"."{table}"')
            columns = [(each.name, each.type_display) for each in cursor.description]
            fields = ", ".join(f'"{name}" {kind}' for name, kind in columns)
            target.execute(f'CREATE TABLE "{table}" ({fields})')
            marks = ", ".join("?" for _ in columns)
            rows = [tuple(_stored(value) for value in row) for row in cursor.fetchall()]
            target.executemany(f'INSERT INTO "{table}" VALUES ({marks})', rows)
        target.commit()
    return f"sqlite:///{path}"


def _stored(value: Any) -> Any:
    match value:
        case datetime():
            return value.replace(tzinfo=None).isoformat(" ", "seconds")
        case date():
            return value.isoformat()
        case Decimal():
            return float(value)
        case None | int() | float() | str():
            return value
    return str(value)


@contextmanager
def reader(admin_url: str) -> Iterator[str]:
    """URL of a login that may read all tables, in whatever schema, without naming it."""
    name = f"gold_{os.urandom(4).hex()}"
    path = search_path(admin_url)
    with psycopg.connect(admin_url, autocommit=True) as connection:
        run: Any = connection.execute
        run(f"CREATE ROLE {name} LOGIN")
        run(f"ALTER ROLE {name} SET search_path = {path}")
        for schema in path.split(", "):
            run(f"GRANT USAGE ON SCHEMA {schema} TO {name}")
            run(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {name}")
        yield admin_url.replace("postgres:@", f"{name}@")
        run(f"DROP OWNED BY {name}")
        run(f"DROP ROLE {name}")
