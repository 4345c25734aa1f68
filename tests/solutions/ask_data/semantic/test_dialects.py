"""The same questions give the same rows on SQLite, DuckDB and PostgreSQL."""

from datetime import date
from typing import Any, Final

import pytest
from psycopg import connect

from stoa.core.tables.catalogue import Dialect
from stoa.solutions.ask_data.comparing import compare
from stoa.solutions.ask_data.semantic.parse import Understood, parse
from tests.solutions.ask_data.semantic.databases import Run, open_duckdb, open_sqlite
from tests.solutions.ask_data.semantic.questions import QUESTIONS, pairs
from tests.solutions.ask_data.semantic.schemas import SCHEMAS
from tests.solutions.ask_data.semantic.worlds import WORLDS

_TODAY: Final = date(2023, 7, 10)
_SCRIPTS: Final = {**SCHEMAS, **{name: world.schema for name, world in WORLDS.items()}}
_ASKED: Final = {**QUESTIONS, **{name: pairs(world.questions) for name, world in WORLDS.items()}}
_PLAIN: Final = ("campus", "fleet", "museum")  # their scripts are the same in every dialect


def _same_rows(schema: str, dialect: Dialect, run: Run) -> int:
    catalogue, here = open_sqlite(script=_SCRIPTS[schema])
    other = catalogue.model_copy(update={"dialect": dialect})
    answered = 0
    for question, _ in _ASKED[schema]:
        found = parse(question, catalogue, today=_TODAY)
        if not isinstance(found, Understood) or found.meaning.limit:  # ties may fall either way
            continue
        again = parse(question, other, today=_TODAY)
        assert isinstance(again, Understood)
        rows = [
            [str(v)[:7] if isinstance(v, date) and "DATE_TRUNC" in again.sql else v for v in row]
            for row in run(again.sql)
        ]
        assert compare(here(found.sql), rows) == "equal", again.sql
        answered += 1
    return answered


@pytest.mark.parametrize("schema", _PLAIN)
def test_postgresql_gives_the_same_rows(schema: str, postgres_url: str) -> None:
    url = postgres_url.replace("postgresql+psycopg://", "postgresql://")
    with connect(url, autocommit=True) as connection:
        connection.execute(_SCRIPTS[schema].encode())

        def run(sql: str) -> list[tuple[Any, ...]]:
            return connection.execute(sql.encode()).fetchall()

        assert _same_rows(schema, "postgresql", run) >= 10


@pytest.mark.parametrize("schema", [*_PLAIN, "gym", "helpdesk"])
def test_duckdb_gives_the_same_rows(schema: str) -> None:
    pytest.importorskip("duckdb")
    _, run = open_duckdb(_SCRIPTS[schema])
    assert _same_rows(schema, "duckdb", run) >= 10
