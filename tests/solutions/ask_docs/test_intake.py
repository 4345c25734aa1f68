"""Taking documents in: the same bytes twice, bad input, and deletion that leaves nothing."""

import asyncio
import io
import zipfile
from pathlib import Path

import pytest
import sqlalchemy as sa

from stoa.base.database import EVERY_WORKSPACE
from stoa.base.errors import InvalidInput, NotFound
from stoa.core.flows.flows import RunState
from stoa.solutions.ask_docs.schema import DocumentState
from tests.core.knowledge.documents import text_pdf
from tests.core.knowledge.test_deletion import on_disk
from tests.solutions.ask_docs.conftest import LEAVE, PARKING, Desk
from tests.solutions.ask_docs.whole import check_whole

SAMPLE = Path(__file__).parents[3] / "src/stoa/solutions/ask_docs/sample"


async def test_the_same_bytes_are_one_document(desk: Desk) -> None:
    first = await desk.add("leave.md", LEAVE)
    second = await desk.add("leave copy.md", LEAVE)
    assert (second.outcome, second.document.id) == ("already_there", first.document.id)
    assert len(await desk.rows()) == 1
    kept = await desk.house.platform.objects.list("workspace_a/files")
    assert len(kept) == 1  # the second upload was dropped


async def test_the_same_bytes_at_the_same_time_are_one_document(desk: Desk) -> None:
    receipts = await asyncio.gather(*(desk.add(f"leave {i}.md", LEAVE) for i in range(4)))
    assert len({receipt.document.id for receipt in receipts}) == 1
    assert sorted(receipt.outcome for receipt in receipts) == ["already_there"] * 3 + ["new"]
    assert len(await desk.rows()) == 1


async def test_two_collections_may_hold_the_same_bytes(desk: Desk) -> None:
    await desk.call("collection_create", name="Team")
    file = await desk.upload("leave.md", LEAVE)
    first = (await desk.call("add", files=[file])).documents[0]
    second = (await desk.call("add", files=[file], collection="Team")).documents[0]
    assert first.document.id != second.document.id
    await desk.call("delete", document=first.document.id)
    shown = await desk.call("show", document=second.document.id)
    assert shown.original  # the upload they shared is still there


async def test_a_durable_run_adds(desk: Desk) -> None:
    file = await desk.upload("leave.md", LEAVE)
    flows = desk.house.platform.flows
    started = await desk.house.start(desk.caller, "ask_docs", "add", {"files": [file]})
    run = await flows.wait(desk.caller, started.run_id)
    assert run.state is RunState.DONE
    assert run.result is not None
    assert run.result["documents"][0]["document"]["state"] == "draft"


def _zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b"0" * 300_000_000)
    return packed.getvalue()


BAD = [
    ("empty.pdf", b""),
    ("blank.md", b"   \n \n"),
    ("wrong.pdf", b"\x89PNG\r\n\x1a\n" + b"\0" * 200),
    ("cut.pdf", (SAMPLE / "employee-handbook.pdf").read_bytes()[:600]),
    ("bomb.docx", _zip_bomb()),
    ("program.exe", b"MZ" + bytes(range(256)) * 8),
]


@pytest.mark.slow
async def test_bad_documents_say_what_to_do(desk: Desk) -> None:
    good = await desk.publish("parking.md", PARKING)
    for name, content in BAD:
        receipt = await desk.add(name, content)
        assert receipt.outcome == "failed", name
        assert receipt.document.state is DocumentState.FAILED
        assert receipt.document.problem
        assert receipt.document.hint
        again = await desk.add(name, content)  # the same bytes may be tried again
        assert again.outcome == "failed"
    current = (await desk.call("list", state="current")).documents
    assert [each.id for each in current] == [good.id]


async def test_a_bad_document_does_not_stop_the_others(desk: Desk) -> None:
    files = [
        await desk.upload("leave.md", LEAVE),
        await desk.upload("empty.pdf", b""),
        await desk.upload("parking.md", PARKING),
    ]
    receipts = (await desk.call("add", files=files)).documents
    assert [receipt.outcome for receipt in receipts] == ["new", "failed", "new"]


REFUSED: list[dict[str, str]] = [
    {},
    {"url": "ftp://example.com/a"},
    {"url": "http://127.0.0.1:9/secret"},
    {"url": "http://169.254.169.254/latest/meta-data"},
    {"url": "http://[::1]/"},
]


async def test_refused_requests(desk: Desk) -> None:
    for request in REFUSED:
        with pytest.raises(InvalidInput):
            await desk.call("add", **request)
    assert await desk.rows() == []


async def test_an_unknown_file_or_collection_is_not_found(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await desk.call("add", files=["file_" + "0" * 26])
    with pytest.raises(NotFound):
        await desk.add("leave.md", LEAVE, collection="Nowhere")


async def test_delete_leaves_nothing(desk: Desk) -> None:
    """Looks into every table, object and file for the words of a document that a durable run read.

    The run says what it took in, by name and title, as long as runs are kept; so does the audit log.
    """
    marker = "Xylotheque"
    words = [f"The {marker} holds 312 kinds of wood."]
    platform = desk.house.platform
    added = {"files": [await desk.upload("trees.pdf", text_pdf(words))]}
    run_id = (await desk.house.start(desk.caller, "ask_docs", "add", added)).run_id
    result = (await platform.flows.wait(desk.caller, run_id)).result
    assert result is not None
    document = result["documents"][0]["document"]["id"]
    view = await desk.call("approve", document=document)
    other = await desk.publish("parking.md", PARKING)
    await platform.knowledge.page_picture("workspace_a", view.id, 1)
    answer = await desk.ask(f"How many kinds of wood does the {marker} hold?")
    assert "312" in answer.text
    home = platform.settings.home
    assert on_disk(home / "index", b"xylothequ")

    await desk.call("delete", document=view.id)
    assert on_disk(home / "index", view.id.encode(), b"xylothequ") == []
    assert on_disk(home, b"312 kinds") == []
    await check_whole(desk.house, "workspace_a")
    database = desk.house.platform.database

    def everything(session: sa.orm.Session) -> str:
        tables = sa.inspect(session.connection()).get_table_names()
        rows = [session.execute(sa.text(f"SELECT * FROM {name}")).all() for name in tables]
        return repr(rows)

    told = await database.read(everything, workspace=EVERY_WORKSPACE)
    asked = f"How many kinds of wood does the {marker} hold?"
    for own in (asked, asked[:80]):  # the question is the asker's, not the document's
        told = told.replace(own, "")
    assert "312 kinds" not in told
    assert marker not in told
    objects = desk.house.platform.objects
    for key in await objects.list("workspace_a"):
        assert marker.encode() not in await objects.get(key)
    assert view.id not in " ".join(await objects.list("workspace_a"))
    assert (await desk.call("search", query=marker)).passages == [] or all(
        passage.document == other.id
        for passage in (await desk.call("search", query=marker)).passages
    )
    remembered = await desk.call("conversation", conversation=answer.conversation)
    assert "312" not in remembered.model_dump_json()
    with pytest.raises(NotFound):
        await desk.call("show", document=view.id)
    with pytest.raises(NotFound):
        await desk.call("delete", document=view.id)


async def test_a_half_read_document_is_taken_over(desk: Desk) -> None:
    """A process died long ago, outside any run, after it had received the bytes."""
    first = await desk.add("leave.md", LEAVE)

    def as_left(session: sa.orm.Session) -> None:
        session.execute(
            sa.text(
                "UPDATE ask_docs_document SET state = 'received', changed_at = '2026-01-01 00:00:00'"
            )
        )

    await desk.house.platform.database.write(as_left, workspace=EVERY_WORKSPACE)
    again = await desk.add("leave.md", LEAVE)
    assert (again.outcome, again.document.id) == ("new", first.document.id)
    assert again.document.state is DocumentState.DRAFT
    assert len(await desk.rows()) == 1
