"""The main path of the knowledge room: a document goes in, its passages are found and cited."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stoa.base.database import Database, new_id
from stoa.base.errors import Conflict, NotFound, UserError
from stoa.core.knowledge.search import Mode
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
    hit = (await room.knowledge.search(A, "pump", collections=["manuals"]))[0]
    assert await room.knowledge.search(B, "pump", collections=["manuals"]) == []
    assert await room.knowledge.neighbours(B, [hit.passage.id]) == {}
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


async def test_page_accounting_and_neighbours(room: Room) -> None:
    long = "\n\n".join(f"# Part {n}\n\n" + f"Sentence {n} of the text. " * 400 for n in range(6))
    source, report = await room.add(long, "long.md")
    pages = await room.knowledge.pages(A, source.document_id)
    assert [page.number for page in pages] == list(range(1, report.pages + 1))
    assert sum(page.status == "indexed" for page in pages) == report.indexed
    assert all(page.characters for page in pages if page.status == "indexed")
    with pytest.raises(NotFound):
        await room.knowledge.page(A, source.document_id, report.pages + 1)

    assert report.passages > 3
    first, second, last = (f"{source.document_id}:{n}" for n in (0, 1, report.passages - 1))
    gone = f"{new_id('doc')}:0"
    near = await room.knowledge.neighbours(A, [first, second, last, gone])
    assert near.keys() == {first, second, last}
    ordinals = {each: [p and p.ordinal for p in beside] for each, beside in near.items()}
    assert ordinals[first] == [None, 1]
    assert ordinals[second] == [0, 2]
    assert ordinals[last] == [report.passages - 2, None]
    assert await room.knowledge.neighbours(A, [gone]) == {}


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
