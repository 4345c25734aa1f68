"""Ingests one document in steps that may each be killed and run again.

    parse → cut → embed, some passages at a time → finish

Until `finish` the document is not ready and can't be published, so a search never meets a half of it.
Each step starts by clearing what an earlier attempt at it left, or writes under ids that follow from
the document's, so that nothing is ever there twice.
"""

import asyncio
from itertools import islice

from pydantic import BaseModel

from stoa.base.errors import UserError
from stoa.core.knowledge.chunking import Chunking, chunk
from stoa.core.knowledge.documents import IngestReport, Source, Stepper
from stoa.core.knowledge.indexing import BATCH, Indexer
from stoa.core.knowledge.pages import ParsedPage
from stoa.core.knowledge.parsing.limits import Limits
from stoa.core.knowledge.parsing.parse import parse_file
from stoa.core.knowledge.records import Records, fit_title
from stoa.core.knowledge.removing import Remover
from stoa.core.knowledge.scratch import Scratch
from stoa.core.knowledge.tables import DocumentRow

_PAGES_AT_ONCE = 32
_LINES_AT_ONCE = 10_000
"""Of the pages that are kept together: a page may have tens of thousands, at a kilobyte of memory each."""
_PASSAGES_AT_ONCE = 200
_CHUNKING = Chunking(max_tokens=1_000, overlap=200)


class Parsed(BaseModel):
    """What the parse step says of a document."""

    media_type: str
    title: str
    language: str
    pages: int


class Ingestion:
    """The steps for one source. Each is a method that a `Stepper` runs once."""

    def __init__(
        self,
        source: Source,
        records: Records,
        indexer: Indexer,
        scratch: Scratch,
        remover: Remover,
        limits: Limits,
    ) -> None:
        self._source = source
        self._records = records
        self._indexer = indexer
        self._scratch = scratch
        self._remover = remover
        self._limits = limits

    async def run(self, stepper: Stepper) -> IngestReport:
        """All steps in order. Raises UserError where the document can't be read."""
        self._stepper = stepper
        parsed = await stepper.step(self.parse)
        passages = await stepper.step(self.cut)
        embedded = 0
        for first in range(0, passages, BATCH):
            await stepper.progress("Embedding passages", first, passages)
            embedded += await stepper.step(self.embed, first)
        return await stepper.step(self.finish, parsed, embedded)

    async def parse(self) -> Parsed:
        """Read the original page by page into rows."""
        source, waiting = self._source, list[ParsedPage]()
        await self._remover.remove(source.workspace_id, source.document_id)
        await self._records.begin(source.workspace_id, _fresh_row(source))

        async def keep() -> None:
            await self._records.add_pages(source.workspace_id, source.document_id, waiting)
            waiting.clear()

        async def on_page(page: ParsedPage) -> None:
            waiting.append(page)
            lines = sum(len(each.lines) for each in waiting)
            if len(waiting) >= _PAGES_AT_ONCE or lines >= _LINES_AT_ONCE:
                await keep()

        async def on_progress(done: int, total: int) -> None:
            await self._stepper.progress("Reading pages", done, total)

        try:
            async with self._scratch.file(source.document_id, source.object_key) as path:
                document = await parse_file(
                    path,
                    source.name,
                    on_page=on_page,
                    on_progress=on_progress,
                    limits=self._limits,
                )
            await keep()
        except UserError:
            await self._remover.remove(source.workspace_id, source.document_id)
            raise
        parsed = Parsed(
            media_type=document.media_type,
            title=fit_title(document, source.name),
            language=document.language,
            pages=document.pages,
        )
        values = parsed.model_dump(include={"media_type", "title", "language"})
        await self._records.set_document(source.workspace_id, source.document_id, **values)
        return parsed

    async def cut(self) -> int:
        """Cut the pages into passages; return how many."""
        return await asyncio.to_thread(self._cut_now)

    def _cut_now(self) -> int:
        workspace, document_id = self._source.workspace_id, self._source.document_id
        self._records.clear_passages_now(workspace, document_id)
        pages = self._records.stream_pages(workspace, document_id)
        passages = chunk(document_id, pages, chunking=_CHUNKING)
        count, before = 0, None
        while some := list(islice(passages, _PASSAGES_AT_ONCE)):
            self._records.add_passages_now(workspace, some, before)
            count, before = count + len(some), some[-1]
        return count

    async def embed(self, first: int) -> int:
        """Index the passages from `first` on, one batch; return how many had to be embedded."""
        workspace, document_id = self._source.workspace_id, self._source.document_id
        document = await self._records.document(workspace, document_id)
        passages = await self._records.passages(workspace, document_id, first, first + BATCH)
        return await self._indexer.write(document, passages, like=self._source.replaces)

    async def finish(self, parsed: Parsed, embedded: int) -> IngestReport:
        """Check that the index holds every passage, then let the document be published."""
        workspace, document_id = self._source.workspace_id, self._source.document_id
        space = await self._indexer.space()
        passages, missing, windows = await self._records.totals(workspace, document_id)
        if missing or await self._indexer.index.count(workspace, document_id) != windows:
            # The embedder or the index changed between two steps: do it again in one go.
            document = await self._records.document(workspace, document_id)
            await self._indexer.write_all(document)
            embedded = passages
        await self._records.set_document(workspace, document_id, ready=True, space=space.id)
        await self._indexer.index.optimise(workspace)
        pages = await self._records.page_rows(workspace, document_id)
        indexed = sum(page.status == "indexed" for page in pages)
        return IngestReport(
            document_id=document_id,
            media_type=parsed.media_type,
            title=parsed.title,
            language=parsed.language,
            pages=len(pages),
            indexed=indexed,
            reported=len(pages) - indexed,
            passages=passages,
            embedded=embedded,
        )


def _fresh_row(source: Source) -> DocumentRow:
    return DocumentRow(
        id=source.document_id,
        workspace_id=source.workspace_id,
        collection=source.collection,
        object_key=source.object_key,
        name=source.name[:500],
        replaces=source.replaces,
        title=source.name[:500],
    )
