"""Execution accuracy, and that the pipeline loses nothing: an oracle that knows the gold query.

The oracle is a model on a real HTTP server that answers every question with its gold SQL. Whatever
gold query runs on the database must come through guard and execution and compare equal.
"""

import csv
import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from stoa.base.errors import InvalidInput
from stoa.solutions.ask_data.comparing import compare, gold_queries
from stoa.solutions.ask_data.suite import read_suite, suite
from tests.conftest import fresh_postgres
from tests.providers import Answer as Say
from tests.providers import Stub
from tests.solutions.ask_data.conftest import Desk, bikes

DATA = Path(__file__).parents[4] / "shared" / "data" / "text2sql"
POSTGRES = ("instruct_basic_postgres", "instruct_advanced_postgres", "questions_gen_postgres")
SQLITE = ("instruct_basic_sqlite", "instruct_advanced_sqlite", "questions_gen_sqlite")
CASES = """question,query,db_name
How many trips are there?,SELECT count(*) FROM trip,bikes
How many electric bikes are there?,SELECT count(*) FROM bike WHERE type = 'electric',bikes
How many repairs were there for each fault?,"SELECT {fault}, count(*) FROM repair GROUP BY {}",bikes
What is the meaning of life?,SELECT count(*) FROM life,bikes
How many towns are there?,SELECT 99,bikes
"""


class TestOffline:
    @pytest.fixture
    def given(self) -> dict[str, Any]:
        return {}

    async def test_a_suite_is_graded_by_results(self, desk: Desk, tmp_path: Path) -> None:
        path = tmp_path / "cases.csv"
        path.write_text(CASES, encoding="utf-8")
        call = desk.house.as_call(desk.caller, desk.house.solutions["ask_data"])
        graded = await suite(call, path, {"bikes": f"sqlite:///{bikes(tmp_path)}"})
        assert [grade.correct for grade in graded.grades] == [True, True, True, False]
        assert graded.figures["right_when_answered"] == 0.75


def test_suites_come_as_csv_json_and_toml(tmp_path: Path) -> None:
    entry = {"question": "How many?", "sql": "SELECT 1", "database": "shop"}
    (tmp_path / "a.json").write_text(json.dumps([entry]))
    (tmp_path / "a.jsonl").write_text(json.dumps(entry))
    lines = "\n".join(f'{key} = "{value}"' for key, value in entry.items())
    (tmp_path / "a.toml").write_text(f"[[case]]\n{lines}\n")
    (tmp_path / "a.csv").write_text("question,query,db_name\nHow many?,SELECT 1,shop\n")
    for path in tmp_path.glob("a.*"):
        found = read_suite(path)
        assert [(e.question, e.query, e.db_name) for e in found] == [tuple(entry.values())]
    for wrong in ("{", '[{"query": "SELECT 1"}]'):
        (tmp_path / "b.json").write_text(wrong)
        with pytest.raises(InvalidInput):
            read_suite(tmp_path / "b.json")


# --- the oracle ---

_READER = (
    "DO $$ BEGIN CREATE ROLE gold_reader LOGIN PASSWORD 'gold'; "
    "EXCEPTION WHEN duplicate_object THEN NULL; END $$",
    "GRANT USAGE ON SCHEMA public TO gold_reader",
    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO gold_reader",
)


@pytest.fixture
def given(stub_server: Stub) -> dict[str, Any]:
    stub_server.forget()
    return {
        "model_strong": "openai:gpt-4o-mini",
        "openai_base_url": f"{stub_server.url}/v1",
        "model_retries": 0,
    }


@pytest.fixture(scope="module")
def stores(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """URL of each development database on PostgreSQL, and of the same data in an SQLite file."""
    if not DATA.is_dir():
        pytest.skip("no development data beside this checkout")
    folder = tmp_path_factory.mktemp("gold")
    urls: dict[str, dict[str, str]] = {"postgres": {}, "sqlite": {}}
    with ExitStack() as stack:
        for script in sorted((DATA / "sql").glob("*.sql")):
            url = stack.enter_context(fresh_postgres(postgres_server))
            engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
            with engine.begin() as connection:
                connection.exec_driver_sql(script.read_text(encoding="utf-8").replace("%", "%%"))
                for statement in _READER:
                    connection.exec_driver_sql(statement)
            reader = sa.make_url(url).set(username="gold_reader", password="gold")
            urls["postgres"][script.stem] = reader.render_as_string(hide_password=False)
            path = folder / f"{script.stem}.sqlite"
            _copy(engine, path)
            urls["sqlite"][script.stem] = f"sqlite:///{path}"
            engine.dispose()
        yield urls


def _copy(engine: sa.Engine, path: Path) -> None:
    """The tables of a PostgreSQL database in an SQLite file."""
    source = sa.MetaData()
    source.reflect(engine)
    target = sa.create_engine(f"sqlite:///{path}")
    copied = sa.MetaData()
    for table in source.sorted_tables:
        columns = [
            sa.Column(column.name, column.type.as_generic(), primary_key=column.primary_key)
            for column in table.columns
        ]
        sa.Table(table.name, copied, *columns)
    copied.create_all(target)
    with engine.connect() as reading, target.begin() as writing:
        for table in source.sorted_tables:
            rows = [dict(row) for row in reading.execute(table.select()).mappings()]
            if rows:
                writing.execute(copied.tables[table.name].insert(), rows)
    target.dispose()


def _direct(kind: str, url: str, query: str) -> list[list[Any]] | None:
    """What the database itself gives, without anything of ours; None where it does not run it."""
    try:
        if kind == "sqlite":
            plain = sqlite3.connect(url.removeprefix("sqlite:///"))
            try:
                return [list(row) for row in plain.execute(query)]
            finally:
                plain.close()
        engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        try:
            with engine.connect() as connection:
                found = connection.exec_driver_sql(query.replace("%", "%%"))
                return [list(row) for row in found]
        finally:
            engine.dispose()
    except (sqlite3.Error, sa.exc.SQLAlchemyError):
        return None


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["postgres", "sqlite"])
async def test_the_pipeline_loses_no_gold_query(
    desk: Desk, stub_server: Stub, stores: Any, kind: str
) -> None:
    for name, url in stores[kind].items():
        await desk.call("connect", name=name, url=url)
    lost = []
    tried = 0
    for file in POSTGRES if kind == "postgres" else SQLITE:
        with (DATA / "questions" / f"{file}.csv").open(encoding="utf-8") as lines:
            entries = list(csv.DictReader(lines))
        for entry in entries:
            for gold in gold_queries(entry["query"]):
                rows = _direct(kind, stores[kind][entry["db_name"]], gold)
                if rows is None:
                    continue
                tried += 1
                verdict = await _asked(desk, stub_server, entry["db_name"], gold, rows)
                if verdict != "equal":
                    lost.append((file, entry["db_name"], gold, verdict))
    assert tried > 100
    assert lost == []


async def _asked(desk: Desk, stub: Stub, name: str, gold: str, rows: list[list[Any]]) -> str:
    """The verdict on what `ask` gives when the model writes the gold query."""
    stub.forget()
    written = Say(output={"sql": gold, "reasoning": "The gold query."})
    stub.plan(written, Say(output={"text": "It is answered."}))
    asked = {"database": name, "question": "What is asked?", "use_vector_db": False}
    answer = (await desk.call("ask", **asked, rows=10_000)).answers[0]
    if answer.sql_answer is None:
        return str(answer.english_answer)
    return compare(rows, answer.sql_answer.rows)
