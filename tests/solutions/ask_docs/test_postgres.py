"""The whole way once more on PostgreSQL: rows, locks and unique constraints behave the same."""

import asyncio
from typing import Any

import pytest

from stoa.solutions.ask_docs.schema import AnswerKind, DocumentState
from tests.solutions.ask_docs.conftest import LEAVE, PARKING, Desk

QUESTION = "How many days of annual leave does every employee have?"


@pytest.fixture(params=["LanceDB", "pgvector"])
def given(request: pytest.FixtureRequest, postgres_with_tables: str) -> dict[str, Any]:
    """Settings; the index is beside the database or in it."""
    index = {"index_url": postgres_with_tables} if request.param == "pgvector" else {}
    return {"database_url": postgres_with_tables, **index}


@pytest.mark.slow
async def test_the_whole_way(desk: Desk, other: Desk) -> None:
    receipts = await asyncio.gather(*(desk.add(f"leave {i}.md", LEAVE) for i in range(3)))
    assert len({receipt.document.id for receipt in receipts}) == 1
    document = receipts[0].document.id
    await asyncio.gather(*(desk.call("approve", document=document) for _ in range(3)))
    shown = await desk.call("show", document=document)
    assert [event.state for event in shown.history].count(DocumentState.APPROVED) == 1
    await desk.publish("parking.md", PARKING)
    first = await desk.ask(QUESTION)
    assert "25 days" in first.text
    newer = await desk.add("new.md", LEAVE.replace("25", "28"), replaces=document)
    await desk.call("approve", document=newer.document.id)
    assert "28 days" in (await desk.ask(QUESTION)).text
    assert (await desk.call("list", text="LEAVE", state="current")).total == 1
    assert (await desk.call("report")).questions == 2
    assert (await other.call("list")).total == 0
    await desk.call("delete", document=newer.document.id)
    await desk.call("delete", document=document)
    assert (await desk.ask(QUESTION)).kind is AnswerKind.NOT_FOUND
    kept = await desk.call("conversation", conversation=first.conversation)
    assert "25 days" not in kept.model_dump_json()
    await desk.call("memory", idle_minutes=1)
    assert (await desk.call("sync_due")).settled == 0
