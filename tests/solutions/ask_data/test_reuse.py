"""Reuse through the whole way: another wording may reuse a query, another question never does."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.identity.caller import Role
from stoa.solutions.ask_data.reuse import NEW, Answered, find_nearest, keep_pair, not_looked
from stoa.solutions.ask_data.tables import PairRow
from tests.solutions.ask_data.conftest import TRIPS, Desk
from tests.solutions.ask_data.semantic import test_literals as literals


async def test_the_same_question_runs_the_same_query_again(asked: Desk) -> None:
    first = await asked.one(TRIPS)
    again = await asked.one("how many trips are there")
    assert again.reuse.used
    assert again.reuse.question == TRIPS
    assert again.sql_code == first.sql_code
    assert again.sql_answer == first.sql_answer
    assert "query" not in {step.name for step in again.steps}


async def test_the_switch_turns_it_off(asked: Desk) -> None:
    await asked.one(TRIPS)
    again = await asked.one(TRIPS, use_vector_db=False)
    assert (again.reuse.used, again.reuse.why) == (False, "switched off")


async def test_a_bad_answer_is_never_reused_nor_learned_again(asked: Desk) -> None:
    first = await asked.one(TRIPS)
    await asked.call("feedback", answer=first.id, good=False, why="counts the wrong thing")
    assert not (await asked.one(TRIPS)).reuse.used
    assert not (await asked.one(TRIPS)).reuse.used


async def test_a_follow_up_is_reused_only_after_the_same_question(asked: Desk) -> None:
    await asked.ask(TRIPS, "How many towns are there?")
    alone = await asked.one("How many towns are there?")
    assert not alone.reuse.used
    _, after = await asked.ask(TRIPS, "How many towns are there?")
    assert after.reuse.used


async def test_another_version_and_other_rights_have_their_own_pairs(asked: Desk) -> None:
    await asked.one(TRIPS)
    mia = asked.beside("mia", Role.MEMBER)
    assert (await mia.one(TRIPS)).reuse.used, "the same rights share what was learned"
    await asked.call("policy", database="bikes", role="member", rows={"trip": "minutes > 60"})
    less = await mia.one(TRIPS)
    assert not less.reuse.used
    assert less.sql_answer is not None
    assert less.sql_answer.rows != [[400]]
    await asked.call("describe", database="bikes", table="trip", description="A rental.")
    assert not (await asked.one(TRIPS)).reuse.used


async def test_another_workspace_shares_nothing(asked: Desk, other: Desk, tmp_path: Any) -> None:
    await asked.one(TRIPS)
    await other.call("connect", name="bikes", url=f"sqlite:///{tmp_path / 'bikes.sqlite'}")
    assert not (await other.one(TRIPS)).reuse.used


EDITS = [
    (TRIPS, "How many towns are there?"),
    ("How many trips took more than 60 minutes?", "How many trips took more than 61 minutes?"),
    ("How many trips took more than 60 minutes?", "How many trips took less than 60 minutes?"),
    ("How many electric bikes are there?", "How many cargo bikes are there?"),
    ("Which customers have no trips?", "Which customers have trips?"),
    ("What is the total fee of all trips?", "What is the average fee of all trips?"),
    ("Top 3 stations by number of trips", "Bottom 3 stations by number of trips"),
    ("Top 3 stations by number of trips", "Top 4 stations by number of trips"),
    ("List the stations in Easton.", "List the stations in Millbrook."),
]


async def test_an_edited_question_is_asked_anew(asked: Desk) -> None:
    for one, other in EDITS:
        await asked.one(one)
        assert not (await asked.one(other)).reuse.used, (one, other)


@pytest.fixture
async def stored(asked: Desk) -> Any:
    """Stores questions as answered, and looks which of them a new one would reuse."""
    from stoa.solutions.ask_data.knowing import know  # noqa: PLC0415

    call = asked.house.as_call(asked.caller, asked.house.solutions["ask_data"])
    known = await know(call, "bikes")
    today = literals._TODAY

    async def keep(question: str) -> None:
        answered = Answered(question, [], f"SELECT '{question}'", "", NEW, "", "", "")
        assert await keep_pair(call, known, answered, not_looked(""), today)

    async def look(question: str) -> str:
        nearest = await find_nearest(call, known, question, [], today)
        return nearest.pair.question if nearest.pair is not None else ""

    return keep, look


@pytest.mark.slow
async def test_no_edited_question_is_ever_answered_by_its_neighbour(stored: Any) -> None:
    """Every first question of the table is stored; then every second one is asked."""
    keep, look = stored
    edits = literals._pairs(literals._EDITS)
    assert len(edits) >= 150
    questions = list(dict.fromkeys(one for one, _ in edits))
    for question in questions:
        await keep(question)
    false = []
    for one, other in edits:
        if other in questions:
            continue
        found = await look(other)
        if found == one or {(found, other), (other, found)} & set(edits):
            false.append((one, other, found))
    assert false == []
    for question in questions:
        assert await look(question), question


async def test_the_same_words_are_found_without_comparing_meanings(
    asked: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await asked.one(TRIPS)

    async def embed(*_: object, **__: object) -> None:
        raise AssertionError("the same words need no vector")

    monkeypatch.setattr(asked.house.platform.models, "embed", embed)
    again = await asked.one(f"  {TRIPS[:-1]} ")
    assert again.reuse.used
    assert again.sql_answer == first.sql_answer


@pytest.mark.parametrize("good", [True, False])
async def test_a_judgement_is_of_the_query_that_was_judged(asked: Desk, good: bool) -> None:
    """The pair may hold a newer query than the answer that somebody judges."""
    first = await asked.one(TRIPS)
    platform, workspace = asked.house.platform, asked.caller.workspace_id

    def pair(session: Session) -> PairRow:
        return session.scalars(sa.select(PairRow)).one()

    def renew(session: Session) -> None:
        pair(session).sql = "SELECT COUNT(DISTINCT id) FROM trip"

    await platform.database.write(renew, workspace=workspace)
    await asked.call("feedback", answer=first.id, good=good)
    assert (await platform.database.read(pair, workspace=workspace)).state == NEW
