"""Conversations: kept for their owner, forgotten after the idle time, exported, deleted, judged."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from stoa.base.database import EVERY_WORKSPACE, now
from stoa.base.errors import Forbidden, NotFound
from stoa.solutions.ask_docs.memory import REMOVED
from stoa.solutions.ask_docs.tables import ConversationRow, QuestionRow, TurnRow
from tests.solutions.ask_docs.conftest import LEAVE, PARKING, Desk

CARERS = """# Leave policy for carers

Every employee who cares for a relative has 12 days of annual leave on top.
"""
QUESTION = "How many days of annual leave does every employee have?"


async def _idle(desk: Desk, minutes: int) -> None:
    await desk.house.platform.database.write(
        lambda session: session.execute(
            update(ConversationRow).values(last_at=now() - timedelta(minutes=minutes))
        ),
        workspace=EVERY_WORKSPACE,
    )


async def test_turns_are_kept_in_order(desk: Desk) -> None:
    await desk.publish("leave.md", LEAVE)
    first = await desk.ask(QUESTION)
    second = await desk.ask("thank you", conversation=first.conversation)
    assert second.conversation == first.conversation
    found = await desk.call("conversation", conversation=first.conversation)
    assert [turn.question for turn in found.turns] == [QUESTION, "thank you"]
    assert found.turns[0].answer == first
    assert found.conversation.turns == 2
    assert found.conversation.title == QUESTION


async def test_an_idle_conversation_is_forgotten(desk: Desk) -> None:
    await desk.publish("leave.md", LEAVE)
    assert (await desk.call("memory", idle_minutes=30)).idle_minutes == 30
    answer = await desk.ask(QUESTION)
    await _idle(desk, 29)
    assert len((await desk.call("conversations")).conversations) == 1
    await _idle(desk, 31)
    assert (await desk.call("conversations")).conversations == []
    with pytest.raises(NotFound):
        await desk.ask("And then?", conversation=answer.conversation)
    assert (await desk.call("sync_due")).conversations_ended == 1
    left = await desk.house.platform.database.read(
        lambda session: list(session.scalars(select(TurnRow))), workspace=EVERY_WORKSPACE
    )
    assert left == []
    assert (await desk.call("report")).questions == 1  # the log outlives it


async def test_a_deleted_conversation_is_gone_from_the_log_too(desk: Desk) -> None:
    answer = await desk.ask(QUESTION)
    await desk.call("conversation_delete", conversation=answer.conversation)
    with pytest.raises(NotFound):
        await desk.call("conversation", conversation=answer.conversation)
    texts = await desk.house.platform.database.read(
        lambda session: list(session.scalars(select(QuestionRow.text))), workspace=EVERY_WORKSPACE
    )
    assert texts == [""]


async def test_a_deleted_document_is_taken_out_of_memory(desk: Desk) -> None:
    leave = await desk.publish("leave.md", LEAVE)
    await desk.publish("parking.md", PARKING)
    first = await desk.ask(QUESTION)
    second = await desk.ask("Where do visitors park?", conversation=first.conversation)
    await desk.call("delete", document=leave.id)
    found = await desk.call("conversation", conversation=first.conversation)
    assert found.turns[0].answer.text == REMOVED
    assert found.turns[0].answer.sentences == []
    assert found.turns[1].answer.text == second.text
    assert leave.id not in found.model_dump_json()


async def test_a_sentence_that_was_removed_is_said(desk: Desk) -> None:
    """Also where others of the same answer stay."""
    await desk.publish("leave.md", LEAVE)
    other = await desk.publish("carers.md", CARERS)
    answer = await desk.ask(QUESTION)
    cited = {citation.document for each in answer.sentences for citation in each.citations}
    assert other.id in cited
    assert len(cited) == 2
    await desk.call("delete", document=other.id)
    found = await desk.call("conversation", conversation=answer.conversation)
    assert found.turns[0].answer.sentences
    assert found.turns[0].answer.text.endswith(REMOVED)
    markdown = await desk.call("conversation_export", conversation=answer.conversation)
    assert markdown.text.count(REMOVED) == 1


async def test_exports(desk: Desk) -> None:
    await desk.publish("leave.md", LEAVE, reference="https://wiki.example/leave")
    answer = await desk.ask(QUESTION)
    markdown = await desk.call("conversation_export", conversation=answer.conversation)
    assert markdown.name.endswith(".md")
    assert f"## {QUESTION}" in markdown.text
    assert "> Every employee has 25 days" in markdown.text
    assert "Leave policy, page 1 (https://wiki.example/leave)" in markdown.text
    plain = await desk.call("conversation_export", conversation=answer.conversation, format="json")
    assert json.loads(plain.text)["turns"][0]["answer"]["text"] == answer.text


async def test_feedback_is_kept_and_may_change(desk: Desk) -> None:
    answer = await desk.ask(QUESTION)
    await desk.call("feedback", turn=answer.turn, helpful=True)
    await desk.call("feedback", turn=answer.turn, helpful=False, note="It is not in there.")
    turn = (await desk.call("conversation", conversation=answer.conversation)).turns[0]
    assert (turn.helpful, turn.note) == (False, "It is not in there.")


async def test_memory_is_the_owners_to_set_and_per_workspace(desk: Desk, other: Desk) -> None:
    with pytest.raises(Forbidden):
        await desk.beside("mia").call("memory", idle_minutes=1)
    await desk.call("memory", idle_minutes=5, log_days=7)
    assert (await desk.call("memory")).model_dump() == {"idle_minutes": 5, "log_days": 7}
    assert (await other.call("memory")).idle_minutes == 24 * 60
