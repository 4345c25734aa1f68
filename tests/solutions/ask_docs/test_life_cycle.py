"""draft → approved → current → superseded, rejected, failed: who may bring what where."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from stoa.base.database import now
from stoa.base.errors import Conflict, Forbidden, NotFound
from stoa.base.identity.caller import Role
from stoa.solutions.ask_docs import lifecycle
from stoa.solutions.ask_docs.schema import AnswerKind, DocumentState
from stoa.solutions.ask_docs.tables import DocumentRow
from tests.solutions.ask_docs.conftest import LEAVE, PARKING, Desk

QUESTION = "How many days of annual leave does every employee have?"
NEWER = LEAVE.replace("25 days", "28 days")


async def test_a_draft_counts_only_after_approval(desk: Desk) -> None:
    receipt = await desk.add("leave.md", LEAVE, reference="https://wiki.example/leave")
    assert (receipt.outcome, receipt.document.state) == ("new", DocumentState.DRAFT)
    assert (await desk.ask(QUESTION)).kind is AnswerKind.NOT_FOUND

    approved = await desk.call("approve", document=receipt.document.id, note="checked")
    assert approved.state is DocumentState.CURRENT
    assert approved.review_due_at > now() + timedelta(days=360)
    answer = await desk.ask(QUESTION)
    assert "25 days" in answer.text
    assert answer.sentences[0].citations[0].reference == "https://wiki.example/leave"


async def test_history_says_who_and_when(desk: Desk) -> None:
    receipt = await desk.add("leave.md", LEAVE)
    reviewer = desk.beside("rita", Role.REVIEWER)
    await reviewer.call("approve", document=receipt.document.id, note="fits the law")
    shown = await desk.call("show", document=receipt.document.id)
    assert [(event.state, event.by_name) for event in shown.history] == [
        ("received", "Alice"),
        ("draft", "Alice"),
        ("approved", "Rita"),
        ("current", "Rita"),
    ]
    assert shown.history[2].note == "fits the law"
    assert shown.document.pages == shown.document.indexed + shown.document.reported
    assert len(shown.pages) == shown.document.pages
    assert shown.document.language == "en"


async def test_a_new_version_replaces_the_old_one(desk: Desk) -> None:
    first = await desk.publish("leave.md", LEAVE)
    second = await desk.add("leave.md", NEWER)
    assert second.outcome == "new_version"
    assert (second.document.lineage, second.document.version) == (first.lineage, 2)
    assert "25 days" in (await desk.ask(QUESTION)).text

    await desk.call("approve", document=second.document.id)
    answer = await desk.ask(QUESTION)
    assert "28 days" in answer.text
    assert "25 days" not in "".join(passage.text for passage in answer.passages)
    states = {row.version: row.state for row in await desk.rows()}
    assert states == {1: "superseded", 2: "current"}


async def test_only_changed_passages_are_embedded_again(desk: Desk) -> None:
    chapters = "\n\n".join(
        f"# Chapter {number}\n\n" + f"Rule {number} applies to everybody here. " * 150
        for number in range(6)
    )
    first = await desk.publish("rules.md", chapters)
    second = await desk.add("rules.md", chapters + "\n\n# Addition\n\nNobody may feed the geese.")
    assert first.embedded == first.passages
    assert 0 < second.document.embedded < second.document.passages / 2


async def test_an_explicit_replacement_may_have_another_name(desk: Desk) -> None:
    first = await desk.publish("leave.md", LEAVE)
    second = await desk.add("leave 2026.md", NEWER, replaces=first.id)
    assert (second.document.lineage, second.document.version) == (first.lineage, 2)


async def test_readers_never_see_two_versions_mixed(desk: Desk) -> None:
    """Stop between publishing the new version in the index and switching states."""
    await desk.publish("leave.md", LEAVE)
    second = await desk.add("leave.md", NEWER)
    platform = desk.house.platform
    await platform.knowledge.publish("workspace_a", second.document.id)
    found = await desk.call("search", query=QUESTION)
    assert {passage.document for passage in found.passages} != set()
    assert second.document.id not in {passage.document for passage in found.passages}


async def test_what_a_crash_left_is_settled(desk: Desk) -> None:
    first = await desk.publish("leave.md", LEAVE)
    second = await desk.add("leave.md", NEWER)
    platform = desk.house.platform

    def approved(session: object) -> None:
        session.execute(  # type: ignore[attr-defined]
            update(DocumentRow)
            .where(DocumentRow.id == second.document.id)
            .values(state="approved", searchable=True)
        )

    await platform.database.write(approved, workspace="workspace_a")
    assert await lifecycle.unsettled(platform, "workspace_a") == [second.document.id]
    report = await desk.call("sync_due")
    assert report.settled == 1
    assert await lifecycle.unsettled(platform, "workspace_a") == []
    shown = await desk.call("show", document=first.id)
    assert shown.document.state is DocumentState.SUPERSEDED
    assert "28 days" in (await desk.ask(QUESTION)).text


DECISIONS = [
    ("draft", "approve", "current"),
    ("draft", "reject", "rejected"),
    ("current", "approve", "current"),
    ("current", "reject", "rejected"),
    ("superseded", "approve", None),
    ("superseded", "reject", None),
    ("rejected", "approve", None),
    ("rejected", "reject", None),
    ("failed", "approve", None),
    ("received", "approve", None),
]


@pytest.mark.slow
async def test_every_decision_in_every_state(desk: Desk) -> None:
    for number, (state, decision, becomes) in enumerate(DECISIONS):
        added = await desk.add(f"{number}.md", f"{LEAVE}\nIn building {number}.\n")
        document = added.document.id
        if state == "current":
            await desk.call("approve", document=document)
        elif state != "draft":
            await _put(desk, document, state)
        if becomes is None:
            with pytest.raises(Conflict):
                await desk.call(decision, document=document)
        else:
            assert (await desk.call(decision, document=document)).state == becomes


async def _put(desk: Desk, document: str, state: str) -> None:
    change = update(DocumentRow).where(DocumentRow.id == document).values(state=state)
    await desk.house.platform.database.write(
        lambda session: session.execute(change), workspace="workspace_a"
    )


async def test_a_rejected_document_answers_nothing_and_may_come_again(desk: Desk) -> None:
    view = await desk.publish("leave.md", LEAVE)
    await desk.call("reject", document=view.id, note="out of date")
    assert (await desk.ask(QUESTION)).kind is AnswerKind.NOT_FOUND
    again = await desk.add("leave.md", LEAVE)
    assert again.document.id != view.id
    assert again.document.state is DocumentState.DRAFT


async def test_an_older_draft_does_not_replace_a_newer_version(desk: Desk) -> None:
    first = await desk.add("leave.md", LEAVE)
    second = await desk.add("leave.md", NEWER)
    await desk.call("approve", document=second.document.id)
    shown = await desk.call("show", document=first.document.id)
    assert shown.document.state is DocumentState.SUPERSEDED
    with pytest.raises(Conflict):
        await desk.call("approve", document=first.document.id)


async def test_a_collection_without_review(desk: Desk) -> None:
    await desk.call("collection_create", name="News", review=False)
    receipt = await desk.add("leave.md", LEAVE, collection="News")
    assert receipt.document.state is DocumentState.CURRENT
    assert "25 days" in (await desk.ask(QUESTION)).text


async def test_nobody_replaces_without_review_what_they_may_not_delete(desk: Desk) -> None:
    await desk.call("collection_create", name="Wiki", review=False, writers=["everyone"])
    first = (await desk.add("leave.md", LEAVE, collection="Wiki")).document
    mia, editor = desk.beside("mia"), desk.beside("ed", Role.EDITOR)
    same_name = await mia.add("leave.md", LEAVE.replace("25", "99"), collection="Wiki")
    named = await mia.add("mine.md", LEAVE.replace("25", "98"), replaces=first.id)
    assert same_name.document.lineage == named.document.lineage == first.lineage
    for receipt in (same_name, named):
        assert receipt.document.state is DocumentState.DRAFT
        with pytest.raises(Forbidden):
            await mia.call("delete", document=first.id)
    assert "25 days" in (await desk.ask(QUESTION)).text
    due = {each.id for each in (await desk.call("list", due=True)).documents}
    assert due == {same_name.document.id, named.document.id}

    assert (await mia.add("tip.md", PARKING, collection="Wiki")).document.state == "current"
    newer = await editor.add("leave.md", NEWER, collection="Wiki")
    assert newer.document.state is DocumentState.CURRENT
    assert "28 days" in (await desk.ask(QUESTION)).text
    assert await _state(desk, first.id) == "superseded"


async def test_a_reviewer_lets_a_replacement_through(desk: Desk) -> None:
    await desk.call("collection_create", name="Wiki", review=False, writers=["everyone"])
    first = (await desk.add("leave.md", LEAVE, collection="Wiki")).document
    draft = (await desk.beside("mia").add("leave.md", NEWER, collection="Wiki")).document
    await desk.beside("rita", Role.REVIEWER).call("approve", document=draft.id)
    assert await _state(desk, first.id) == "superseded"
    assert "28 days" in (await desk.ask(QUESTION)).text


async def _state(desk: Desk, document: str) -> str:
    return next(row.state for row in await desk.rows() if row.id == document)


async def test_the_review_queue(desk: Desk) -> None:
    draft = await desk.add("leave.md", LEAVE)
    fresh = await desk.publish("parking.md", PARKING)
    assert [each.id for each in (await desk.call("list", due=True)).documents] == [
        draft.document.id
    ]
    await desk.call("collection_set", collection="General", review_days=3)
    await desk.call("approve", document=fresh.id)
    due = {each.id for each in (await desk.call("list", due=True)).documents}
    assert due == {draft.document.id, fresh.id}


async def test_members_neither_review_nor_see_drafts(desk: Desk) -> None:
    receipt = await desk.add("leave.md", LEAVE)
    member = desk.beside("mia")
    with pytest.raises(Forbidden):
        await member.call("approve", document=receipt.document.id)
    with pytest.raises(NotFound):
        await member.call("show", document=receipt.document.id)
    assert (await member.call("list")).total == 0
    await desk.call("approve", document=receipt.document.id)
    assert (await member.call("list")).total == 1
