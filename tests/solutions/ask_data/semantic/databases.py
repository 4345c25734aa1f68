"""Small databases for the tests of the parser: opened, and their catalogues read.

Only what these tests need; the real reflection has its own tests in `tests/core/tables`.
"""

import re
import sqlite3
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from stoa.core.tables.catalogue import Catalogue, Column, Dialect, ForeignKey, Kind, Table

Run = Callable[[str], list[tuple[Any, ...]]]

DATA = Path(__file__).parents[5] / "shared" / "data" / "text2sql"
_FEW = 50


def kind_of(type_: str) -> Kind:
    """The kind of a column, from the database's word for its type."""
    text = type_.upper()
    kinds: tuple[tuple[str, Kind], ...] = (
        ("BOOL", "boolean"), ("INT", "integer"), ("CHAR", "text"), ("TEXT", "text"), ("TIMESTAMP", "timestamp"),
        ("DATETIME", "timestamp"), ("DATE", "date"), ("TIME", "time"), ("BLOB", "bytes"), ("NUM", "number"),
        ("DEC", "number"), ("REAL", "number"), ("DOUB", "number"), ("FLOAT", "number"),
    )  # fmt: skip
    return next((kind for word, kind in kinds if word in text), "other")


def _column(run: Run, table: str, name: str, type_: str, *, key: bool, nullable: bool) -> Column:
    quoted = f'"{name}"'
    counted = run(f'SELECT COUNT(DISTINCT {quoted}), MIN({quoted}), MAX({quoted}) FROM "{table}"')
    distinct, low, high = counted[0]
    kind = kind_of(type_)
    values: tuple[Any, ...] | None = None
    samples: tuple[Any, ...] = ()
    if kind in ("text", "boolean") or (kind == "integer" and distinct <= 10):
        rows = run(
            f'SELECT {quoted} FROM "{table}" WHERE {quoted} IS NOT NULL GROUP BY 1 ORDER BY COUNT(*) DESC, 1 LIMIT {_FEW}'
        )
        found = tuple(row[0] for row in rows)
        values = found if distinct <= _FEW else None
        samples = found[:5]
    plain = (int, float, str)
    return Column(
        name=name, type=type_, kind=kind, nullable=nullable, primary_key=key, distinct=distinct, values=values,
        samples=samples, minimum=low if isinstance(low, plain) else str(low) if low is not None else None,
        maximum=high if isinstance(high, plain) else str(high) if high is not None else None,
    )  # fmt: skip


def sqlite_catalogue(connection: sqlite3.Connection, dialect: Dialect = "sqlite") -> Catalogue:
    """The catalogue of an open SQLite database."""

    def run(sql: str) -> list[tuple[Any, ...]]:
        return connection.execute(sql).fetchall()

    tables = []
    for (name,) in run("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid"):
        columns = tuple(
            _column(run, name, row[1], row[2], key=bool(row[5]), nullable=not row[3] and not row[5])
            for row in run(f'PRAGMA table_info("{name}")')
        )
        keys: dict[int, list[tuple[str, str, str]]] = {}
        for row in run(f'PRAGMA foreign_key_list("{name}")'):
            keys.setdefault(row[0], []).append((row[3], row[2], row[4]))
        foreign = tuple(
            ForeignKey(columns=tuple(p[0] for p in parts), to_table=parts[0][1], to_columns=tuple(p[2] for p in parts))
            for parts in keys.values()
        )  # fmt: skip
        rows = run(f'SELECT COUNT(*) FROM "{name}"')[0][0]
        tables.append(Table(name=name, rows=rows, columns=columns, foreign_keys=foreign))
    return Catalogue(dialect=dialect, tables=tuple(tables))


def duckdb_catalogue(run: Run) -> Catalogue:
    """The catalogue of an open DuckDB database with everything in its main schema."""
    tables = []
    for (name,) in run("SELECT table_name FROM duckdb_tables() ORDER BY table_oid"):
        constraints = run(
            "SELECT constraint_type, constraint_column_names, referenced_table, referenced_column_names"
            f" FROM duckdb_constraints() WHERE table_name = '{name}'"
        )
        primary = {column for row in constraints if row[0] == "PRIMARY KEY" for column in row[1]}
        columns = tuple(
            _column(run, name, row[0], row[1], key=row[0] in primary, nullable=bool(row[2]))
            for row in run(
                "SELECT column_name, data_type, is_nullable FROM duckdb_columns()"
                f" WHERE table_name = '{name}' ORDER BY column_index"
            )
        )
        foreign = tuple(
            ForeignKey(columns=tuple(row[1]), to_table=row[2], to_columns=tuple(row[3]))
            for row in constraints
            if row[0] == "FOREIGN KEY"
        )
        rows = run(f'SELECT COUNT(*) FROM "{name}"')[0][0]
        tables.append(Table(name=name, rows=rows, columns=columns, foreign_keys=foreign))
    return Catalogue(dialect="duckdb", tables=tuple(tables))


def open_duckdb(script: str) -> tuple[Catalogue, Run]:
    """A PostgreSQL script run in memory by DuckDB."""
    import duckdb  # noqa: PLC0415

    connection = duckdb.connect()
    connection.execute("CREATE MACRO to_char(moment, form) AS strftime(moment, '%Y%m%d %H:%M:%S')")
    schemas = ["public", *re.findall(r"CREATE SCHEMA (?:IF NOT EXISTS )?(\w+)", script, flags=re.I)]
    flat = re.compile(rf"\b({'|'.join(schemas)})\.")
    sequences = count()

    def serial(_: re.Match[str]) -> str:
        name = f"serial_{next(sequences)}"
        connection.execute(f"CREATE SEQUENCE {name}")
        return f"BIGINT DEFAULT nextval('{name}')"

    script = re.sub(r"\bINT(EGER)?\b", "BIGINT", flat.sub("", script), flags=re.I)
    connection.execute(re.sub(r"\b(BIG)?SERIAL\b", serial, script, flags=re.I))

    def run(sql: str) -> list[tuple[Any, ...]]:
        return connection.execute(flat.sub("", sql)).fetchall()

    return duckdb_catalogue(run), run


def open_sqlite(path: Path | None = None, script: str = "") -> tuple[Catalogue, Run]:
    """An SQLite file, or a script run in memory."""
    connection = sqlite3.connect(f"file:{path}?mode=ro" if path else ":memory:", uri=bool(path))
    if script:
        connection.executescript(script)

    def run(sql: str) -> list[tuple[Any, ...]]:
        return connection.execute(sql).fetchall()

    return sqlite_catalogue(connection), run


def right(gold: Sequence[str], found: str, run: Run, dialect: str) -> bool:
    """Whether a query's rows are those of one of the gold queries; more columns are allowed."""
    from stoa.solutions.ask_data.comparing import compare, gold_queries, ranking_of  # noqa: PLC0415

    rows = run(found)
    for text in gold:
        for query in gold_queries(text):
            ranking = ranking_of(query, dialect)
            verdict = (
                ranking.accepts(run(ranking.sql), rows) if ranking else compare(run(query), rows)
            )
            if verdict == "equal" or verdict == "more_columns":
                return True
    return False
