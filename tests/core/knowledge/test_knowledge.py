"""The main path of the knowledge room: a document goes in, its passages are found and cited."""

from collections.abc import AsyncIterator, Collection
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from stoa.base.database import Database, new_id
from stoa.base.errors import Conflict, NotFound, UserError
from stoa.core.knowledge.pages import ParsedPage
from stoa.core.knowledge.search import Mode
from tests.core.knowledge import documents
from tests.core.knowledge.building import LEAVE, PUMPS, A, B, DirectStepper, Room


@pytest.fixture
async def room(tmp_path: Path, database: Database) -> AsyncIterator[Room]:
    built = Room(tmp_path, database)
    yield built
    await built.knowledge.close()


async def test_a_document_is_found_and_cited(room: Room) -> None:
    source = await room.source(PUMPS, "pumps.md")
    stepper = DirectStepper()
    report = await room.knowledge.ingest(source, stepper)
    assert stepper.steps == ["parse", "cut", "embed", "finish"]
    assert (report.document_id, report.media_type) == (source.document_id, "text/markdown")
    assert report.title == "Pump manual"
    assert report.pages == report.indexed + report.reported == 1
    assert report.passages == report.embedded >= 1
    await room.knowledge.publish(A, source.document_id)

    hits = await room.knowledge.search(A, "How often replace the seal?", collections=["manuals"])
    best = hits[0].passage
    assert "mechanical seal every 4,000 hours" in best.text
    page = await room.knowledge.page(A, source.document_id, best.page)
    assert page.text[best.start : best.end] == best.text
    assert hits[0].relevant
    assert 0.5 <= hits[0].relevance <= 1


async def test_nothing_is_found_before_publish_and_after_withdraw(room: Room) -> None:
    source = await room.source(PUMPS)
    await room.knowledge.ingest(source, DirectStepper())

    async def found() -> bool:
        modes: tuple[Mode, ...] = ("hybrid", "keyword", "vector")
        hits = [
            await room.knowledge.search(A, "pump seal", collections=["manuals"], mode=mode)
            for mode in modes
        ]
        assert len({bool(each) for each in hits}) == 1
        return bool(hits[0])

    assert not await found()
    for _ in range(2):
        await room.knowledge.publish(A, source.document_id)
    assert await found()
    for _ in range(2):
        await room.knowledge.withdraw(A, source.document_id)
    assert not await found()
    await room.knowledge.publish(A, source.document_id)
    assert await found()


async def test_what_is_not_wholly_indexed_is_not_published(room: Room) -> None:
    source = await room.source(PUMPS)

    class Killed(BaseException):
        pass

    class DyingStepper(DirectStepper):
        async def step(self, work, *arguments):  # type: ignore[no-untyped-def]
            if work.__name__ == "finish":
                raise Killed
            return await super().step(work, *arguments)

    with pytest.raises(Killed):
        await room.knowledge.ingest(source, DyingStepper())
    with pytest.raises(Conflict):
        await room.knowledge.publish(A, source.document_id)
    assert await room.knowledge.search(A, "pump", collections=["manuals"]) == []


async def test_a_refused_document_leaves_nothing_but_the_original(room: Room) -> None:
    for content, name in ((b"", "empty.pdf"), (b"%PDF-1.7 cut off", "cut.pdf")):
        source = await room.source(content, name)
        with pytest.raises(UserError) as refused:
            await room.knowledge.ingest(source, DirectStepper())
        assert refused.value.hint
        with pytest.raises(NotFound):
            await room.knowledge.pages(A, source.document_id)
        assert await room.objects.list(f"{A}/documents") == []
        assert await room.objects.get(source.object_key) == content
        assert not list((room.home / "scratch").rglob("original"))


async def test_another_workspace_sees_nothing(room: Room) -> None:
    source, _ = await room.add(PUMPS)
    assert await room.knowledge.search(A, "pump", collections=["manuals"])
    assert await room.knowledge.search(B, "pump", collections=["manuals"]) == []
    for refused in (
        room.knowledge.publish(B, source.document_id),
        room.knowledge.withdraw(B, source.document_id),
        room.knowledge.pages(B, source.document_id),
        room.knowledge.page(B, source.document_id, 1),
        room.knowledge.page_picture(B, source.document_id, 1),
        room.knowledge.locate(B, source.document_id, 1, "pump"),
    ):
        with pytest.raises(NotFound):
            await refused
    await room.knowledge.delete(B, source.document_id)
    assert await room.knowledge.search(A, "pump", collections=["manuals"])


async def test_unknown_ids_are_not_found(room: Room) -> None:
    nobody = new_id("doc")
    for refused in (
        room.knowledge.publish(A, nobody),
        room.knowledge.withdraw(A, nobody),
        room.knowledge.pages(A, nobody),
        room.knowledge.page(A, nobody, 1),
        room.knowledge.page_picture(A, nobody, 1),
    ):
        with pytest.raises(NotFound):
            await refused
    await room.knowledge.delete(A, nobody)


async def test_page_accounting_and_what_stands_beside_a_passage(room: Room) -> None:
    long = "\n\n".join(f"# Part {n}\n\n" + f"Sentence {n} of the text. " * 400 for n in range(6))
    source, report = await room.add(long, "long.md")
    pages = await room.knowledge.pages(A, source.document_id)
    assert [page.number for page in pages] == list(range(1, report.pages + 1))
    assert sum(page.status == "indexed" for page in pages) == report.indexed
    assert all(page.characters for page in pages if page.status == "indexed")
    with pytest.raises(NotFound):
        await room.knowledge.page(A, source.document_id, report.pages + 1)

    assert report.passages > 3
    found = await room.knowledge.search_chosen(
        A,
        "sentence of the text",
        collections=["manuals"],
        limit=50,
        choose=lambda _, documents: dict.fromkeys(documents),
        around=report.passages - 1,
    )
    *told, untold = [hit for hit, _ in found]
    assert (untold.before, untold.after) == (None, None), "only the best come with theirs"
    last = report.passages - 1
    for hit in told:
        own = hit.passage.ordinal
        assert (hit.before.ordinal if hit.before else -1) == own - 1
        assert (hit.after.ordinal if hit.after else last + 1) == own + 1
    assert {hit.passage.ordinal for hit in told} >= {0, last} - {untold.passage.ordinal}


async def test_the_caller_has_a_say_in_which_documents_are_found(room: Room) -> None:
    sources = [(await room.add(f"{PUMPS}\nMark {n}.", f"{n}.md"))[0] for n in range(12)]
    ids = [each.document_id for each in sources]
    allowed = {ids[0]: "first", ids[11]: "last"}

    def choose(session: Session, documents: Collection[str]) -> dict[str, str]:
        assert set(documents) <= set(ids)
        return {each: allowed[each] for each in documents if each in allowed}

    found = await room.knowledge.search_chosen(
        A, "pump", collections=["manuals"], limit=1, choose=choose
    )
    assert [(hit.passage.document_id, told) for hit, told in found] in (
        [(ids[0], "first")],
        [(ids[11], "last")],
    )
    found = await room.knowledge.search_chosen(
        A, "pump", collections=["manuals"], limit=20, choose=choose
    )
    assert {told for _, told in found} == {"first", "last"}, "those of others take up no room"
    assert not await room.knowledge.search_chosen(
        A, "pump", collections=["manuals"], choose=lambda _, __: {}
    )


async def test_what_may_be_shown_is_found_behind_much_that_may_not(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    await room.add("\n\n".join(f"# Pump {n}\n\n" + "The pump. " * 200 for n in range(60)), "a.md")
    small, _ = await room.add("One word of a pump, among many words of other things.", "b.md")

    async def found() -> list[str]:
        hits = await room.knowledge.search_chosen(
            A,
            "the pump",
            collections=["manuals"],
            limit=1,
            choose=lambda _, ids: {each: each for each in ids if each == small.document_id},
        )
        return [told for _, told in hits]

    assert await found() == [small.document_id]
    monkeypatch.setattr("stoa.core.knowledge.search._MOST_CANDIDATES", 0)
    assert await found() == [], "it is far behind"


async def test_a_new_version_embeds_only_what_changed(room: Room) -> None:
    parts = [f"# Part {n}\n\n" + f"Word{n} stands in part {n}. " * 150 for n in range(8)]
    old, report = await room.add("\n\n".join(parts), "a.md")
    assert report.embedded == report.passages >= 8
    parts[3] = "# Part 3\n\n" + "Something else entirely is said here. " * 150
    room.models.embedded.clear()
    new, again = await room.add("\n\n".join(parts), "a.md", replaces=old.document_id)
    assert 1 <= again.embedded < again.passages
    assert all("Something else" in text or "Part 3" in text for text in room.models.embedded)
    await room.knowledge.withdraw(A, old.document_id)
    hits = await room.knowledge.search(A, "Word5 part", collections=["manuals"], limit=3)
    assert {hit.passage.document_id for hit in hits} == {new.document_id}
    assert "Word5" in hits[0].passage.text

    stolen, _ = await room.add("\n\n".join(parts), "a.md", workspace_id=B, replaces=old.document_id)
    assert stolen.workspace_id == B
    assert len(room.models.embedded) > again.passages  # nothing was taken from workspace A


async def test_text_of_every_kind_is_kept_as_it_is(room: Room) -> None:
    odd = "Zero width \u200b, emoji 🦆, עברית, 文本。 " * 20
    source, report = await room.add(odd, "odd.txt")
    assert report.passages == 1
    hits = await room.knowledge.search(A, "emoji width", collections=["manuals"])
    assert "🦆" in hits[0].passage.text
    page = await room.knowledge.page(A, source.document_id, 1)
    assert page.text[hits[0].passage.start : hits[0].passage.end] == hits[0].passage.text
    await room.add(LEAVE, "leave.md")
    best = await room.knowledge.search(A, "parental leave", collections=["manuals"], limit=1)
    assert "fourteen months" in best[0].passage.text


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_pages_of_very_many_lines_are_not_held_together(room: Room) -> None:
    """Thousands of lines on each page would otherwise be gigabytes in the server, 32 pages at a time."""
    page = documents.lines([f"w{number}" for number in range(4_000)], size=0.1)
    source = await room.source(documents.pdf(*[page] * 6), "dense.pdf")
    records, held = room.knowledge._records, list[int]()
    add_pages = records.add_pages

    async def counted(workspace: str, document_id: str, pages: list[ParsedPage]) -> None:
        held.append(sum(len(page.lines) for page in pages))
        await add_pages(workspace, document_id, pages)

    records.add_pages = counted  # type: ignore[method-assign, assignment]
    report = await room.knowledge.ingest(source, DirectStepper())
    assert (report.pages, report.indexed) == (6, 6)
    assert sum(held) == 24_000
    assert max(held) < 14_000
