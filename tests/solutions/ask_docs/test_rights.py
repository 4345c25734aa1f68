"""What one may not read does not exist: other workspaces, other people's talk, closed collections."""

from pathlib import Path
from typing import Any

import pytest

from stoa.base.errors import Conflict, Forbidden, NotFound
from stoa.base.identity.caller import Role
from stoa.solutions.ask_docs.routes import page_picture
from stoa.solutions.ask_docs.schema import AnswerKind
from tests.solutions.ask_docs.conftest import LEAVE, PARKING, Desk

SECRET = """# Board minutes

The merger with Quillfeather is planned for November, and the price is 40 million.
"""
QUESTION = "What is the price of the merger with Quillfeather?"


async def closed(desk: Desk, *readers: str) -> str:
    """A collection only these may read, with one document in it; returns the document's id."""
    await desk.call("collection_create", name="Board", readers=list(readers))
    return (await desk.publish("minutes.md", SECRET, collection="Board")).id


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Any]:
    return {"source_folders": str(tmp_path)}


async def test_another_workspace_sees_nothing(desk: Desk, other: Desk, tmp_path: Path) -> None:
    view = await desk.publish("minutes.md", SECRET)
    answer = await desk.ask(QUESTION)
    source = await desk.call("source_add", kind="folder", location=str(tmp_path))
    cases: list[tuple[str, dict[str, Any]]] = [
        ("show", {"document": view.id}),
        ("approve", {"document": view.id}),
        ("reject", {"document": view.id}),
        ("delete", {"document": view.id}),
        ("search", {"query": "merger", "documents": [view.id]}),
        ("search", {"query": "merger", "collections": [view.collection]}),
        ("ask", {"question": QUESTION, "documents": [view.id]}),
        ("ask", {"question": QUESTION, "conversation": answer.conversation}),
        ("conversation", {"conversation": answer.conversation}),
        ("conversation_export", {"conversation": answer.conversation}),
        ("conversation_delete", {"conversation": answer.conversation}),
        ("feedback", {"turn": answer.turn, "helpful": True}),
        ("collection_set", {"collection": view.collection, "name": "Mine"}),
        ("collection_delete", {"collection": view.collection}),
        ("list", {"collection": view.collection}),
        ("sync", {"source": source.id}),
        ("source_remove", {"source": source.id}),
    ]
    for operation, request in cases:
        with pytest.raises(NotFound):
            await other.call(operation, **request)
    file = await desk.upload("more.md", LEAVE)
    with pytest.raises(NotFound):
        await other.call("add", files=[file])
    with pytest.raises(NotFound):
        await other.add("mine.md", LEAVE, replaces=view.id)
    assert (await other.call("list")).total == 0
    assert (await other.call("search", query="merger Quillfeather")).passages == []
    assert (await other.call("report")).questions == 0
    assert (await desk.ask(QUESTION)).kind is AnswerKind.ANSWER  # nothing was lost on the way


async def test_a_closed_collection_is_never_retrieved(desk: Desk) -> None:
    document = await closed(desk, "user:user_bea")
    mia, bea = desk.beside("mia"), desk.beside("bea")
    assert (await bea.ask(QUESTION)).kind is AnswerKind.ANSWER
    answer = await mia.ask(QUESTION)
    assert (answer.kind, answer.passages) == (AnswerKind.NOT_FOUND, [])
    assert [each.name for each in (await mia.call("collections")).collections] == ["General"]
    refused: list[tuple[str, dict[str, Any]]] = [
        ("show", {"document": document}),
        ("list", {"collection": "Board"}),
        ("search", {"query": "merger", "collections": ["Board"]}),
        ("search", {"query": "merger", "documents": [document]}),
    ]
    for operation, request in refused:
        with pytest.raises(NotFound):
            await mia.call(operation, **request)
    with pytest.raises(NotFound):
        await page_picture(desk.house.platform, mia.caller, {"document_id": document, "page": "1"})


async def test_runs_tell_nothing_of_a_closed_collection(desk: Desk) -> None:
    await closed(desk, "user:user_bea")
    file = await desk.upload("minutes of May.md", SECRET.replace("November", "May"))
    flows, editor = desk.house.platform.flows, desk.beside("ed", Role.EDITOR).caller
    request = {"files": [file], "collection": "Board", "title": "The merger"}
    started = await desk.house.start(desk.caller, "ask_docs", "add", request)
    own = await flows.wait(desk.caller, started.run_id)
    assert "The merger" in own.model_dump_json()
    seen = [await flows.show(editor, own.id)]
    events = [event async for event in flows.events(editor, own.id)]
    assert seen[0].state == own.state
    told = "".join(each.model_dump_json() for each in [*seen, *events])
    for word in ("merger", "minutes", "Board"):
        assert word not in told


async def test_a_refused_name_does_not_say_why(desk: Desk) -> None:
    """Names are unique in a workspace; that one can't be used is all that an editor is told."""
    await closed(desk, "user:user_bea")
    editor = desk.beside("ed", Role.EDITOR)
    await editor.call("collection_create", name="Mine")
    refusals = []
    for name in ("Board", "General"):
        for operation, request in (
            ("collection_create", {"name": name}),
            ("collection_set", {"collection": "Mine", "name": name}),
        ):
            with pytest.raises(Conflict) as refused:
                await editor.call(operation, **request)
            refusals.append(f"{refused.value.message} {refused.value.hint}".replace(name, "…"))
    assert len(set(refusals)) == 1
    assert "taken" not in refusals[0]


async def test_readers_by_role(desk: Desk) -> None:
    await closed(desk, "role:reviewer")
    reviewer, editor = desk.beside("rita", Role.REVIEWER), desk.beside("ed", Role.EDITOR)
    assert (await reviewer.ask(QUESTION)).kind is AnswerKind.ANSWER
    assert (await editor.ask(QUESTION)).kind is AnswerKind.NOT_FOUND


async def test_losing_the_right_takes_effect_at_once(desk: Desk) -> None:
    await closed(desk, "everyone")
    mia = desk.beside("mia")
    before = await mia.ask(QUESTION)
    assert before.kind is AnswerKind.ANSWER
    await desk.call("collection_set", collection="Board", readers=["role:owner"])
    assert (await mia.ask(QUESTION)).kind is AnswerKind.NOT_FOUND
    remembered = await mia.call("conversation", conversation=before.conversation)
    assert "40 million" not in remembered.model_dump_json()


async def test_only_writers_write(desk: Desk) -> None:
    view = await desk.publish("leave.md", LEAVE)
    mia = desk.beside("mia")
    file = await mia.upload("poison.md", LEAVE.replace("25", "99"))
    with pytest.raises(Forbidden):
        await mia.call("add", files=[file])
    with pytest.raises(Forbidden):
        await mia.call("add", files=[file], replaces=view.id)
    with pytest.raises(Forbidden):
        await mia.call("delete", document=view.id)
    await desk.call("collection_create", name="Wiki", writers=["everyone"])
    assert (await mia.add("tip.md", PARKING, collection="Wiki")).document.state == "draft"
    with pytest.raises(Forbidden):  # writers of one collection replace nothing in another
        await mia.add("poison.md", LEAVE, collection="Wiki", replaces=view.id)
    assert len(await desk.rows()) == 2


async def test_a_closed_collection_can_not_be_written_by_id(desk: Desk) -> None:
    document = await closed(desk, "user:user_bea")
    editor = desk.beside("ed", Role.EDITOR)
    file = await editor.upload("poison.md", SECRET)
    with pytest.raises(NotFound):
        await editor.call("add", files=[file], collection="Board")
    with pytest.raises(NotFound):
        await editor.call("add", files=[file], replaces=document)
    with pytest.raises(NotFound):
        await editor.call("collection_set", collection="Board", readers=["everyone"])


async def test_a_conversation_is_its_owners_alone(desk: Desk) -> None:
    await desk.publish("leave.md", LEAVE)
    mia = desk.beside("mia")
    answer = await mia.ask("How many days of annual leave are there?")
    for stranger in (desk, desk.beside("bea"), desk.beside("rita", Role.REVIEWER)):
        for operation in ("conversation", "conversation_export", "conversation_delete"):
            with pytest.raises(NotFound):
                await stranger.call(operation, conversation=answer.conversation)
        with pytest.raises(NotFound):
            await stranger.ask("And then?", conversation=answer.conversation)
        with pytest.raises(NotFound):
            await stranger.call("feedback", turn=answer.turn, helpful=False)
        assert (await stranger.call("conversations")).conversations == []
    assert len((await mia.call("conversations")).conversations) == 1


async def test_a_page_picture_is_for_readers(desk: Desk, other: Desk) -> None:
    sample = desk.house.solutions["ask_docs"].folder / "sample" / "employee-handbook.pdf"
    view = await desk.publish("handbook.pdf", sample.read_bytes())
    where = {"document_id": view.id, "page": "2"}
    kind, picture = await page_picture(desk.house.platform, desk.caller, where)
    assert (kind, picture[:4]) == ("image/png", b"\x89PNG")
    for parameters in ({**where, "page": "9"}, {**where, "page": "x"}, {**where, "page": "-1"}):
        with pytest.raises(NotFound):
            await page_picture(desk.house.platform, desk.caller, parameters)
    with pytest.raises(NotFound):
        await page_picture(desk.house.platform, other.caller, where)
