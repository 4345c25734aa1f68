"""Asking without a model: the answer's shape, follow-ups, refusals, limits, one's own SQL, files."""

import csv
import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from stoa.base.errors import InvalidInput, NotFound, ProviderError, StoaError
from stoa.base.identity.caller import Caller, Role
from stoa.solutions.ask_data.schema import LONGEST_QUESTION, Ask
from tests.solutions.ask_data.conftest import SCRIPT, TRIPS, Desk, bikes


async def test_an_answer_holds_all_that_was_promised(asked: Desk) -> None:
    answer = await asked.one(TRIPS)
    assert (answer.status_code, answer.question, answer.problem) == (200, TRIPS, "")
    assert answer.sql_code.upper().startswith("SELECT")
    assert answer.sql_answer is not None
    assert answer.sql_answer.rows == [[400]]
    assert "400" in answer.english_answer
    assert answer.reasoning
    assert answer.tables == ["trip"]
    assert not answer.reuse.used
    assert answer.reuse.why == "no earlier question"
    assert [step.name for step in answer.steps] == [
        "reuse", "tables", "query", "guard", "explain", "run", "english",
    ]  # fmt: skip
    assert (answer.answered_by, answer.english_by, answer.repairs) == ("offline", "offline", 0)
    steps = [event.step for event in asked.events]
    assert steps[:2] == ["reuse", "tables"]
    assert steps[-1] == "done"
    assert asked.events[-1].answer == answer


async def test_the_source_systems_words_are_understood(asked: Desk) -> None:
    spelled: list[dict[str, Any]] = [
        {"question": TRIPS},
        {"input_queries": [TRIPS], "use_vector_db": True},
        {"input_queries": [TRIPS], "useVectorDB": True},
    ]
    for said in spelled:
        found = await asked.call("ask", database="bikes", **said)
        assert [answer.status_code for answer in found.answers] == [200]


async def test_a_follow_up_changes_a_part(asked: Desk) -> None:
    first, then = await asked.ask(
        "How many bikes have the type cargo?", "And electric?", use_vector_db=False
    )
    assert first.sql_answer is not None
    assert then.sql_answer is not None, then.english_answer
    counted = sqlite3.connect(":memory:")
    counted.executescript(SCRIPT)
    for answer, kind in ((first, "cargo"), (then, "electric")):
        rows = counted.execute("SELECT count(*) FROM bike WHERE type = ?", (kind,)).fetchall()
        assert answer.sql_answer is not None
        assert answer.sql_answer.rows == [list(rows[0])]
    counted.close()


BAD: list[dict[str, Any]] = [
    {},
    {"question": ""},
    {"question": "   "},
    {"input_queries": []},
    {"input_queries": [""]},
    {"question": "x" * (LONGEST_QUESTION + 1)},
    {"input_queries": ["x" * (LONGEST_QUESTION + 1)]},
    {"input_queries": [TRIPS] * 5},
    {"question": TRIPS, "input_queries": [TRIPS]},
    {"question": TRIPS, "rows": 0},
    {"question": TRIPS, "unknown": 1},
]


async def test_what_is_no_question_is_refused(asked: Desk) -> None:
    for said in BAD:
        with pytest.raises(InvalidInput):
            await asked.call("ask", database="bikes", **said)


WRITES = [
    "Delete all trips.",
    "Drop the table town",
    "Update the fee of all trips to 0",
    "Insert a town called Paris",
    "Please truncate trip",
]


async def test_a_wish_to_write_is_answered_with_no(asked: Desk) -> None:
    for question in WRITES:
        answer = await asked.one(question)
        assert (answer.status_code, answer.problem, answer.sql_code) == (400, "writes", "")
        assert "cannot be answered from this database" in answer.english_answer
    assert (await asked.one(TRIPS)).sql_answer.rows == [[400]]  # type: ignore[union-attr]


async def test_a_wish_to_write_in_a_follow_up_too(asked: Desk) -> None:
    first, then = await asked.ask(TRIPS, "and now delete them")
    assert (first.status_code, then.status_code) == (200, 400)
    assert then.sql_code == ""


async def test_what_the_database_lacks_is_named(asked: Desk) -> None:
    answer = await asked.one("How many employees do we have?")
    assert answer.status_code == 400
    assert "employees" in answer.missing
    assert answer.sql_answer is None
    assert answer.english_answer.endswith("It holds: bike, customer, repair, station, town, trip.")


async def test_what_there_is_to_ask_about_is_what_the_role_sees(asked: Desk) -> None:
    await asked.call("policy", database="bikes", role="member", tables=["trip"])
    answer = await asked.beside("mia").one("How many employees do we have?")
    assert answer.english_answer.endswith("It holds: trip.")


async def test_an_unknown_database_and_a_foreign_one_are_not_found(
    asked: Desk, other: Desk
) -> None:
    for name in ("nowhere", "bikes"):
        with pytest.raises(NotFound):
            await other.call("ask", database=name, question=TRIPS)


async def test_a_database_that_is_gone_is_said(asked: Desk, tmp_path: Path) -> None:
    await asked.house.platform.databases.close()
    (tmp_path / "bikes.sqlite").unlink()
    with pytest.raises(StoaError) as caught:
        await asked.ask(TRIPS)
    assert caught.value.hint


async def test_a_server_that_is_down_is_said(desk: Desk) -> None:
    with pytest.raises(ProviderError) as caught:
        await desk.call("connect", name="far", url="postgresql://reader:s3cret@127.0.0.1:1/shop")
    assert "s3cret" not in str(caught.value)
    assert (await desk.call("connections")).connections == []


# --- one's own SQL ---


async def test_ones_own_query_passes_the_same_guard(asked: Desk) -> None:
    answer = await asked.call(
        "run_sql", database="bikes", sql="select name from town order by name"
    )
    assert answer.sql_answer.rows[0] == ["Easton"]
    assert answer.answered_by == "you"


NO_READS = [
    "DELETE FROM trip",
    "SELECT 1; DROP TABLE trip",
    "PRAGMA table_info(trip)",
    "ATTACH 'x' AS y",
    "SELECT * FROM sqlite_master",
    "SELECT load_extension('x') FROM town",
    "SELECT * FROM salary",
    "SELECT wage FROM town",
    "no sql at all",
]


async def test_what_is_no_plain_read_is_refused(asked: Desk) -> None:
    for sql in NO_READS:
        answer = await asked.call("run_sql", database="bikes", sql=sql)
        assert (answer.status_code, answer.problem) == (400, "refused"), sql
        assert answer.english_answer
        assert answer.sql_answer is None


async def test_ten_million_rows_are_capped(desk: Desk, tmp_path: Path) -> None:
    more = """
CREATE TABLE digit (d INTEGER);
INSERT INTO digit VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9);
"""
    await desk.call("connect", name="bikes", url=f"sqlite:///{bikes(tmp_path, more)}")
    letters = "abcdefg"
    sql = f"SELECT a.d FROM {', '.join(f'digit {letter}' for letter in letters)}"
    answer = await desk.call("run_sql", database="bikes", sql=sql, rows=100)
    assert len(answer.sql_answer.rows) == 100
    assert answer.sql_answer.truncated
    assert "more than 100" in answer.english_answer


class TestSlow:
    @pytest.fixture
    def given(self) -> dict[str, Any]:
        return {"query_seconds": 0.3}

    async def test_a_query_that_takes_too_long_is_stopped(self, desk: Desk, tmp_path: Path) -> None:
        more = "CREATE TABLE many AS SELECT a.trip_id FROM trip a, trip b;"
        await desk.call("connect", name="bikes", url=f"sqlite:///{bikes(tmp_path, more)}")
        sql = "SELECT count(*) FROM many a, many b, many c WHERE a.trip_id + b.trip_id < c.trip_id"
        answer = await desk.call("run_sql", database="bikes", sql=sql)
        assert (answer.status_code, answer.problem) == (400, "timeout")


# --- results as files ---


async def test_an_answer_comes_out_as_csv_and_parquet(asked: Desk) -> None:
    answer = await asked.call(
        "run_sql",
        database="bikes",
        sql="SELECT name, region, town_id, '=1+1' AS trick, NULL AS lost FROM town",
    )
    assert answer.problem == "", answer.english_answer
    objects = asked.house.platform.objects
    for kind in ("csv", "parquet", "json"):
        link = await asked.call("download", answer=answer.id, format=kind)
        key, name = objects.open_link(link.url.rsplit("/", 1)[1])
        content = await objects.get(key)
        assert name == f"{answer.id}.{kind}"
        if kind == "csv":
            rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
            assert rows[0] == ["name", "region", "town_id", "trick", "lost"]
            assert rows[1][3] == "'=1+1"
        elif kind == "parquet":
            import pyarrow.parquet as pq  # noqa: PLC0415

            table = pq.read_table(io.BytesIO(content))
            assert table.num_rows == 4
            assert table.column("town_id").to_pylist() == [1, 2, 3, 4]
        else:
            assert json.loads(content)["id"] == answer.id


async def test_rows_come_back_to_their_asker_alone(asked: Desk, other: Desk) -> None:
    answer = await asked.one(TRIPS)
    assert (await asked.call("result", id=answer.id)).answers == [answer]
    for stranger in (other, asked.beside("mia")):
        for operation, request in (
            ("result", {"id": answer.id}),
            ("download", {"answer": answer.id}),
            ("save", {"answer": answer.id}),
            ("feedback", {"answer": answer.id, "good": True}),
        ):
            with pytest.raises(NotFound):
                await stranger.call(operation, **request)


class TestExpiry:
    @pytest.fixture
    def given(self) -> dict[str, Any]:
        return {"result_hours": 1e-9}

    async def test_rows_expire_and_the_log_stays(self, asked: Desk) -> None:
        answer = await asked.one(TRIPS)
        with pytest.raises(NotFound):
            await asked.call("result", id=answer.id)
        assert (await asked.call("expire")).removed == 1
        objects = asked.house.platform.objects
        assert await objects.list(f"{asked.caller.workspace_id}/ask_data") == []
        assert (await asked.call("report")).questions == 1


async def test_submitted_questions_are_answered_in_the_background(asked: Desk) -> None:
    house, caller = asked.house, asked.caller
    request = {"database": "bikes", "input_queries": [TRIPS, "And how many towns?"]}
    started = await house.start(caller, "ask_data", "submit", request)
    run = await house.platform.flows.wait(caller, started.run_id)
    assert run.state == "done", run.error
    found = await asked.call("result", id=started.run_id)
    assert (found.state, len(found.answers)) == ("done", 2)
    assert found.answers[0].sql_answer.rows == [[400]]
    assert "400" not in json.dumps(run.result), "rows are not kept in the run"
    events = [event async for event in house.platform.flows.events(caller, started.run_id)]
    assert "[400]" not in str(events), "nor in its events"
    with pytest.raises(NotFound):
        await asked.beside("mia").call("result", id=started.run_id)


def test_an_ask_takes_either_way_but_not_both() -> None:
    assert Ask(database="x", question="a").questions == ["a"]
    assert Ask(database="x", input_queries=["a", "b"]).questions == ["a", "b"]


async def test_rows_come_back_only_under_the_rights_they_were_read_with(asked: Desk) -> None:
    policy = {"database": "bikes", "role": "member", "tables": ["trip"]}
    await asked.call("policy", **policy)
    answer = await asked.one("How many towns are there?")
    assert answer.sql_answer is not None
    key = Caller(asked.caller.workspace_id, asked.caller.user_id, Role.MEMBER)
    lesser = Desk(asked.house, key)
    for operation, request in (("result", {"id": answer.id}), ("download", {"answer": answer.id})):
        with pytest.raises(NotFound):
            await lesser.call(operation, **request)
        assert await asked.call(operation, **request)
    own = await lesser.one(TRIPS)
    assert (await lesser.call("result", id=own.id)).answers == [own]
    await asked.call("policy", **policy | {"masked": {"trip": ["fee"]}})
    with pytest.raises(NotFound):
        await lesser.call("result", id=own.id)


async def test_no_rows_are_explained_where_the_question_lies_beyond_what_there_is(
    asked: Desk,
) -> None:
    question = "Which five customers made the most trips in 2012?"
    answer = await asked.one(question, use_vector_db=False)
    assert answer.sql_answer is not None
    assert answer.sql_answer.rows == []
    assert answer.english_answer.startswith(
        "No records match the question. Started at goes from 20"
    )
    # Under a row policy, the range may stem from rows that the role does not see: it is not told.
    policy = {"database": "bikes", "role": "owner", "rows": {"trip": "station_id = 1"}}
    await asked.call("policy", **policy)
    answer = await asked.one(question, use_vector_db=False)
    assert answer.english_answer == "No records match the question."
