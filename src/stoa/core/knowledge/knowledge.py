"""The knowledge room's door: ingest, publish, search, cite, delete.

Documents, pages and passages are rows of the SQL database, originals and page pictures are objects,
and both are the truth; the index is derived and can be rebuilt from them. Whether a person may read
a collection is decided above; here it arrives as the list of collections to search in, and it is
applied inside the query.
"""

from collections.abc import Sequence
from typing import TypeVar

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.base.errors import Conflict, NotFound
from stoa.base.objects import Objects
from stoa.base.settings import Settings
from stoa.base.telemetry import span
from stoa.core.knowledge.documents import IngestReport, PageReport, Source, Stepper
from stoa.core.knowledge.index.choose import choose_index
from stoa.core.knowledge.index.index import Index, Scope
from stoa.core.knowledge.indexing import Indexer
from stoa.core.knowledge.ingest import Ingestion
from stoa.core.knowledge.locate import locate
from stoa.core.knowledge.pages import Highlight, Hit, ParsedPage
from stoa.core.knowledge.parsing.limits import Limits
from stoa.core.knowledge.parsing.picture import render_page
from stoa.core.knowledge.records import Choose, Records, not_found
from stoa.core.knowledge.removing import Remover, object_prefix
from stoa.core.knowledge.scratch import Scratch
from stoa.core.knowledge.search import Mode, Searcher
from stoa.core.models.models import Models

T = TypeVar("T")
_PICTURE_WIDTH = 1200


class Knowledge:
    """parse → chunk → embed → index → search → cite."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        objects: Objects,
        models: Models,
        *,
        index: Index | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Opens nothing yet. `index`: another one than the settings name; `limits` of reading.

        Raises:
            SetupError: the index URL names no engine.
        """
        self._objects = objects
        self._limits = limits or Limits()
        self._records = Records(database)
        self._scratch = Scratch(settings.home / "scratch", objects)
        self._index = index or choose_index(settings.resolved_index_url())
        self._indexer = Indexer(self._records, self._index, models)
        self._remover = Remover(self._records, objects, self._scratch, self._indexer)
        self._searcher = Searcher(self._records, self._indexer, models)

    async def prepare(self) -> int:
        """Load the embedder and open the index, so that the first question does not wait for it.

        Returns how many documents are indexed for another embedder than the one in use: as long as
        it is not 0, `rebuild` is due and searches that would miss them are refused.
        """
        space = await self._indexer.space()
        return len(await self._records.documents(EVERY_WORKSPACE, not_in=space.id))

    async def close(self) -> None:
        """Give back connections and threads."""
        await self._index.close()

    async def ingest(self, source: Source, stepper: Stepper) -> IngestReport:
        """Parse, chunk, embed and index. Not found by any search until `publish`. Idempotent: run
        again after a crash it leaves no half-indexed document and no duplicate passage.

        Raises:
            UserError: encrypted, damaged, empty, of an unread kind, over a limit; with a hint.
                Nothing of the document is kept but the original object.
        """
        ingestion = Ingestion(
            source, self._records, self._indexer, self._scratch, self._remover, self._limits
        )
        with span("knowledge.ingest", document=source.document_id):
            return await ingestion.run(stepper)

    async def publish(self, workspace: str, document_id: str) -> None:
        """Let searches find it. Idempotent. Raises Conflict while it is not wholly indexed."""
        document = await self._records.document(workspace, document_id)
        if not document.ready:
            raise Conflict(
                f"Document '{document_id}' is not wholly indexed.",
                hint="Wait until its ingestion has ended, or run it again.",
            )
        await self._indexer.space()
        await self._index.set_live(workspace, document_id, True)
        await self._records.set_document(workspace, document_id, live=True)

    async def withdraw(self, workspace: str, document_id: str) -> None:
        """Let no search find it, from the moment this returns. Idempotent."""
        if not await self._records.set_document(workspace, document_id, live=False):
            raise not_found(document_id)
        await self._indexer.space()
        await self._index.set_live(workspace, document_id, False)

    async def delete(self, workspace: str, *document_ids: str) -> None:
        """Text, passages, vectors, page pictures and caches are gone when this returns. Idempotent.

        The original object is its owner's to delete. Several documents at once cost as much as one.
        """
        with span("knowledge.delete", documents=len(document_ids)):
            await self._remover.remove(workspace, *document_ids)

    async def search(
        self,
        workspace: str,
        query: str,
        *,
        collections: Sequence[str],
        documents: Sequence[str] | None = None,
        limit: int = 10,
        mode: Mode = "hybrid",
    ) -> list[Hit]:
        """Best passages first, among published documents of these collections only.

        Raises:
            InvalidInput: `limit` beyond 1 to 100.
            SetupError: documents of these collections wait for being indexed for a new embedder.
        """
        found = await self.search_chosen(
            workspace,
            query,
            collections=collections,
            documents=documents,
            limit=limit,
            mode=mode,
            choose=lambda _, ids: dict.fromkeys(ids),
        )
        return [hit for hit, _ in found]

    async def search_chosen(
        self,
        workspace: str,
        query: str,
        *,
        collections: Sequence[str],
        documents: Sequence[str] | None = None,
        limit: int = 10,
        mode: Mode = "hybrid",
        choose: Choose[T],
        around: int = 0,
    ) -> list[tuple[Hit, T]]:
        """`search`, where the caller has a say in which documents are shown, and gets what it knows of
        them with the hits.

        `choose` is asked in the transaction that reads the passages, so hits and what is known of their
        documents are of one moment. The best `around` hits come with the passages beside them.
        """
        within = None if documents is None else frozenset(documents)
        scope = Scope(workspace, frozenset(collections), within)
        with span("knowledge.search", mode=mode):
            return await self._searcher.search(
                scope, query, limit=limit, mode=mode, choose=choose, around=around
            )

    async def pages(self, workspace: str, document_id: str) -> list[PageReport]:
        """The page accounting of a document. Raises NotFound."""
        rows = await self._records.page_rows(workspace, document_id)
        return [PageReport.model_validate(row, from_attributes=True) for row in rows]

    async def page(self, workspace: str, document_id: str, number: int) -> ParsedPage:
        """The text and layout of one page. Raises NotFound."""
        return await self._records.page(workspace, document_id, number)

    async def page_picture(self, workspace: str, document_id: str, number: int) -> bytes:
        """PNG of one page, rendered once and kept. Raises NotFound where the format has no pictures."""
        document = await self._records.document(workspace, document_id)
        await self._records.page(workspace, document_id, number)
        key = f"{object_prefix(workspace, document_id)}/pictures/{number}.png"
        try:
            return await self._objects.get(key)
        except NotFound:
            pass  # not rendered yet
        async with self._scratch.file(document_id, document.object_key) as path:
            picture = await render_page(path, number, _PICTURE_WIDTH)
        await self._objects.put(key, picture)
        if await self._records.find_document(workspace, document_id) is None:
            await self._objects.delete_prefix(object_prefix(workspace, document_id))
            raise not_found(document_id)  # deleted while it was drawn
        return picture

    async def locate(
        self, workspace: str, document_id: str, page: int, quote: str
    ) -> Highlight | None:
        """Where a verbatim quote stands on a page; None where it does not."""
        boxes = locate(await self.page(workspace, document_id, page), quote)
        return Highlight(page=page, boxes=boxes) if boxes else None

    async def rebuild(self, workspace: str | None = None, *, everything: bool = False) -> int:
        """Index documents anew from the database; return how many. None: of every workspace.

        Only those that the embedder in use has not indexed, unless `everything`. Searches that would
        miss a document are refused until it is done; then what earlier embedders left is removed.
        """
        space = await self._indexer.space()
        within = EVERY_WORKSPACE if workspace is None else workspace
        if everything:
            for emptied in await self._records.forget_index(within):
                await self._index.delete(emptied)
        due = await self._records.documents(within, not_in=space.id)
        for document in due:
            try:
                await self._indexer.write_all(document)
            except NotFound:
                continue  # deleted since the list was made
            await self._index.optimise(document.workspace_id)
        if not await self._records.documents(EVERY_WORKSPACE, not_in=space.id):
            await self._index.drop_other_spaces()
        return len(due)
