"""Takes a document out of every place that holds something of it."""

from stoa.base.objects import Objects
from stoa.core.knowledge.indexing import Indexer
from stoa.core.knowledge.records import Records
from stoa.core.knowledge.scratch import Scratch


def object_prefix(workspace: str, document_id: str) -> str:
    """Below it lies everything that is derived from a document: page pictures and the like."""
    return f"{workspace}/documents/{document_id}"


class Remover:
    """Rows, objects, scratch files and vectors; in an order in which nothing is found half-gone."""

    def __init__(
        self, records: Records, objects: Objects, scratch: Scratch, indexer: Indexer
    ) -> None:
        self._records = records
        self._objects = objects
        self._scratch = scratch
        self._indexer = indexer

    async def remove(self, workspace: str, *document_ids: str) -> None:
        """Everything but the originals. Idempotent; after a crash half-way it is done again.

        The row goes last: as long as it stands, someone who looks sees that there is work left.
        """
        known = []
        for document_id in document_ids:
            if await self._records.set_document(workspace, document_id, live=False, ready=False):
                known.append(document_id)
            await self._objects.delete_prefix(object_prefix(workspace, document_id))
            await self._scratch.clear(document_id)
        if not known:
            return
        await self._indexer.space()
        held = [each for each in known if await self._was_indexed(workspace, each)]
        if held:
            await self._indexer.index.delete(workspace, held)
        for document_id in known:
            await self._records.erase(workspace, document_id)
        await self._records.scrub()

    async def _was_indexed(self, workspace: str, document_id: str) -> bool:
        """Whether the index has, or had before a deletion that was cut off, anything of it."""
        _, _, windows = await self._records.totals(workspace, document_id)
        return windows > 0 or await self._indexer.index.count(workspace, document_id) > 0
