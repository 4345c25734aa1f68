"""Deleting a document: gone from every store, shown by looking into each of them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from stoa.base.database import Database, Row, WorkspaceRow, new_id
from stoa.base.errors import NotFound
from stoa.core.knowledge.index.index import Scope
from stoa.core.knowledge.index.lance import LanceIndex
from stoa.core.knowledge.tables import DocumentRow, PageRow, PassageRow
from tests.core.knowledge.building import LEAVE, PUMPS, A, B, DirectStepper, Room

SECRET = "Quixotrope"
SECRET_TEXT = PUMPS + f"\n\n## Confidential\n\nThe {SECRET} valve must be opened by hand.\n"
DATA = Path(__file__).parents[4] / "shared" / "data" / "documents"


pytestmark = pytest.mark.parametrize(
    ("database", "engine"),
    [("sqlite", "lance"), ("postgresql", "lance"), ("postgresql", "pgvector")],
    indirect=["database"],
)


@pytest.fixture
async def room(tmp_path: Path, database: Database, engine: str) -> AsyncIterator[Room]:
    """LanceDB over SQLite and PostgreSQL; pgvector in the same database as everything else."""
    url = "" if engine == "lance" else database.url.replace("+psycopg", "")
    built = Room(tmp_path, database, index_url=url)
    yield built
    await built.knowledge.close()


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def on_disk(folder: Path, *needles: bytes) -> list[str]:
    """Files whose bytes hold one of the needles, in any case of letters."""
    held = []
    for path in files(folder):
        content = path.read_bytes().lower()
        if any(needle.lower() in content for needle in needles):
            held.append(str(path.relative_to(folder)))
    return held


async def mentions(database: Database, document_id: str) -> dict[str, int]:
    """Table → rows in which the id stands anywhere, over every table there is."""

    def look() -> dict[str, int]:
        found = {}
        with database.engine.connect() as connection:
            tables = sa.inspect(connection).get_multi_columns()
            for (_, name), columns in tables.items():
                text = [
                    sa.cast(sa.column(each["name"]), sa.Text).like(f"%{document_id}%")
                    for each in columns
                ]
                count = connection.scalar(
                    sa.select(sa.func.count()).select_from(sa.table(name)).where(sa.or_(*text))
                )
                if count:
                    found[name] = count
        return found

    return await asyncio.to_thread(look)


async def test_nothing_is_left_in_any_store(room: Room) -> None:
    kept, _ = await room.add(LEAVE, "leave.md")
    gone, report = await room.add(SECRET_TEXT, "secret.md")
    ids = [f"{gone.document_id}:{n}.0" for n in range(report.passages)]
    vectors = await room.index.vectors(A, ids)
    assert vectors
    await room.objects.put(f"{A}/documents/{gone.document_id}/pictures/1.png", b"picture")
    (room.home / "scratch" / gone.document_id / "left").mkdir(parents=True)
    needles = [SECRET.encode(), *(vector.tobytes()[:64] for vector in vectors.values())]
    if room.database.is_sqlite:
        assert on_disk(room.folder, SECRET.encode())
    if room.settings.index_url == "":
        assert on_disk(room.home / "index", *needles[1:])
        assert on_disk(room.home / "index", gone.document_id.encode())
    assert await mentions(room.database, gone.document_id)

    await room.objects.delete(gone.object_key)  # the original is its owner's
    await room.knowledge.delete(A, gone.document_id)

    assert await mentions(room.database, gone.document_id) == {}
    assert await room.index.vectors(A, ids) == {}
    assert await room.index.count(A, gone.document_id) == 0
    assert await room.objects.list(f"{A}/documents") == []
    assert on_disk(room.folder, *needles, gone.document_id.encode()) == []
    assert await room.knowledge.search(A, f"{SECRET} valve", collections=["manuals"], limit=5) == (
        await room.knowledge.search(
            A, f"{SECRET} valve", collections=["manuals"], documents=[kept.document_id], limit=5
        )
    )
    with pytest.raises(NotFound):
        await room.knowledge.pages(A, gone.document_id)

    hits = await room.knowledge.search(A, "parental leave", collections=["manuals"])
    assert hits[0].passage.document_id == kept.document_id
    await room.knowledge.delete(A, gone.document_id)


async def test_a_deletion_that_was_cut_off_is_finished_by_the_next(room: Room) -> None:
    source, _ = await room.add(SECRET_TEXT)
    await room.add(LEAVE)

    async def gone_by_then(*_: object) -> None:
        raise ConnectionError("killed here")

    original = room.knowledge._records.erase
    room.knowledge._records.erase = gone_by_then  # type: ignore[method-assign, assignment]
    if isinstance(room.index, LanceIndex):
        room.index._purge = lambda *_: None  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        await room.knowledge.delete(A, source.document_id)
    assert await room.index.count(A, source.document_id) == 0
    room.knowledge._records.erase = original  # type: ignore[method-assign]
    if isinstance(room.index, LanceIndex):
        del room.index._purge
        assert on_disk(room.home / "index", source.document_id.encode())
    await room.objects.delete(source.object_key)
    await room.knowledge.delete(A, source.document_id)
    assert on_disk(room.folder, SECRET.encode(), source.document_id.encode()) == []


async def test_several_at_once_and_the_rest_stays(room: Room) -> None:
    sources = [
        (await room.add(f"# Part {n}\n\nAbout duck number{n}.", f"{n}.md"))[0] for n in range(6)
    ]
    gone = [source.document_id for source in sources[::2]]
    await room.knowledge.delete(A, *gone)
    hits = await room.knowledge.search(A, "duck", collections=["manuals"], limit=20)
    assert {hit.passage.document_id for hit in hits} == {s.document_id for s in sources[1::2]}
    for document_id in gone:
        assert await mentions(room.database, document_id) == {}


async def test_deleting_while_it_is_read_leaves_nothing(room: Room) -> None:
    source = await room.source(SECRET_TEXT)

    class DeletingStepper(DirectStepper):
        async def step(self, work, *arguments):  # type: ignore[no-untyped-def]
            if work.__name__ == self.before:
                await room.knowledge.delete(A, source.document_id)
            return await super().step(work, *arguments)

        before = ""

    for before in ("cut", "embed", "finish"):
        stepper = DeletingStepper()
        stepper.before = before
        with pytest.raises(NotFound):
            await room.knowledge.ingest(source, stepper)
        assert await mentions(room.database, source.document_id) == {}
        assert await room.index.count(A, source.document_id) == 0


async def test_a_deleted_document_is_found_by_nobody_who_searches_meanwhile(room: Room) -> None:
    sources = [(await room.add(f"{SECRET} number {n}", f"{n}.txt"))[0] for n in range(3)]
    stop = asyncio.Event()
    seen: list[set[str]] = []

    async def search() -> None:
        while not stop.is_set():
            hits = await room.knowledge.search(A, SECRET, collections=["manuals"])
            seen.append({hit.passage.document_id for hit in hits})

    searching = [asyncio.create_task(search()) for _ in range(3)]
    await room.knowledge.delete(A, sources[0].document_id)
    seen.clear()
    await asyncio.sleep(0.2)
    stop.set()
    await asyncio.gather(*searching)
    assert seen
    # One search per task may have begun before the deletion ended.
    assert all(sources[0].document_id not in found for found in seen[3:])
    assert seen[-1] == {source.document_id for source in sources[1:]}


async def test_the_index_alone_can_not_leak(room: Room) -> None:
    """An index that lags behind still offers what the database says is withdrawn or gone."""
    source, _ = await room.add(SECRET_TEXT)
    for change in (
        sa.update(DocumentRow).values(live=False),
        sa.update(DocumentRow).values(live=True, collection="elsewhere"),
        sa.update(DocumentRow).values(collection="manuals", ready=False),
        sa.delete(PassageRow),
        sa.delete(DocumentRow),
    ):
        await room.database.write(lambda session, c=change: session.execute(c), workspace=A)  # type: ignore[misc]
        vector = (await room.models.embedder.embed([SECRET], "query"))[0]
        scope = Scope(A, frozenset({"manuals"}))
        assert await room.index.vector(scope, vector, 5), "the index still has it"
        assert await room.knowledge.search(A, f"{SECRET} pump", collections=["manuals"]) == []
    assert source.workspace_id == A


async def test_a_workspace_that_goes_takes_its_rows_along(room: Room) -> None:
    await room.add(SECRET_TEXT)
    await room.add(LEAVE, workspace_id=B)
    for table in (DocumentRow, PageRow, PassageRow):
        assert issubclass(table, WorkspaceRow)
        assert "workspace_id" in Row.metadata.tables[table.__tablename__].columns
    await room.index.delete(A)
    assert await room.index.count(A) == 0
    assert await room.index.count(B) > 0


async def test_page_pictures_are_kept_and_go_with_the_document(room: Room) -> None:
    path = DATA / "multi_page.pdf"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    source, report = await room.add(path.read_bytes(), "multi_page.pdf")
    assert report.pages > 1
    picture = await room.knowledge.page_picture(A, source.document_id, 1)
    assert picture.startswith(b"\x89PNG")
    key = f"{A}/documents/{source.document_id}/pictures/1.png"
    assert await room.objects.list(f"{A}/documents") == [key]
    await room.objects.put(key, b"kept")
    assert await room.knowledge.page_picture(A, source.document_id, 1) == b"kept"
    with pytest.raises(NotFound):
        await room.knowledge.page_picture(A, source.document_id, report.pages + 1)
    page = await room.knowledge.page(A, source.document_id, 1)
    quote = page.text.split("\n")[0][:60]
    highlight = await room.knowledge.locate(A, source.document_id, 1, quote)
    assert highlight is not None
    assert highlight.boxes
    assert await room.knowledge.locate(A, source.document_id, 1, "words not on this page") is None
    await room.knowledge.delete(A, source.document_id)
    assert await room.objects.list(f"{A}/documents") == []
    assert list(files(room.home / "scratch")) == []


async def test_flowing_formats_have_no_pictures(room: Room) -> None:
    source, _ = await room.add(PUMPS)
    with pytest.raises(NotFound):
        await room.knowledge.page_picture(A, source.document_id, 1)
    assert await room.objects.list(f"{A}/documents") == []
    with pytest.raises(NotFound):
        await room.knowledge.page_picture(A, new_id("doc"), 1)
