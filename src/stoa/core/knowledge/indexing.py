"""Puts passages into the index: window by window, embedding only what has no vectors yet.

Passages are longer than what a small encoder takes in, so each is indexed as several windows, and
none of its text is lost to search. Row ids follow from passage ids, so writing twice changes nothing.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stoa.base.errors import Bug
from stoa.core.knowledge.index.index import Index, IndexRow, Space
from stoa.core.knowledge.records import Records, StoredPassage, not_found
from stoa.core.knowledge.tables import DocumentRow
from stoa.core.models.embedding.embedder import Embedder
from stoa.core.models.embedding.words import searchable
from stoa.core.models.models import Models

BATCH = 32
"""Passages embedded in one step."""


@dataclass(frozen=True)
class _Windows:
    """A passage's windows: the texts to embed, and their vectors where they are known already."""

    stored: StoredPassage
    texts: list[str]
    vectors: list[np.ndarray] | None


class Indexer:
    """Writes to one index with one embedder."""

    def __init__(self, records: Records, index: Index, models: Models) -> None:
        self._records = records
        self._models = models
        self.index = index

    @property
    def embedder(self) -> Embedder:
        """What makes the vectors."""
        return self._models.embedder

    async def space(self) -> Space:
        """The vector space in use, with embedder and index ready for it.

        Raises:
            SetupError: either can't be made ready.
        """
        await self.embedder.prepare()
        space = Space(self.embedder.name, self.embedder.dimensions)
        await self.index.open(space)
        return space

    async def write(
        self, document: DocumentRow, passages: Sequence[StoredPassage], *, like: str = ""
    ) -> int:
        """Index passages of a document; return how many had to be embedded.

        `like`: id of a document whose vectors are taken over where the text is the same. Raises
        NotFound, and leaves nothing in the index, where the document was deleted meanwhile.
        """
        space = await self.space()
        known = await self._known(document.workspace_id, like, space, passages)
        cut = await asyncio.to_thread(self._cut, passages, known)
        missing = [text for each in cut if each.vectors is None for text in each.texts]
        made = iter(await self._embed(missing, document.workspace_id))
        rows = [
            row
            for each in cut
            for row in _rows(document, each, each.vectors or [next(made) for _ in each.texts])
        ]
        await self.index.upsert(document.workspace_id, rows)
        counts = {each.stored.passage.id: len(each.texts) for each in cut}
        await self._records.set_windows(document.workspace_id, counts)
        if await self._records.find_document(document.workspace_id, document.id) is None:
            await self.index.delete(document.workspace_id, [document.id])
            raise not_found(document.id)  # deleted while it was embedded
        return sum(each.vectors is None for each in cut)

    async def write_all(self, document: DocumentRow) -> None:
        """Index a whole document anew, in place of whatever the index holds of it."""
        workspace = document.workspace_id
        space = await self.space()
        if await self.index.count(workspace, document.id):
            await self.index.delete(workspace, [document.id])
        first = 0
        while passages := await self._records.passages(
            workspace, document.id, first, first + BATCH
        ):
            await self.write(document, passages)
            first += BATCH
        now = await self._records.document(workspace, document.id)
        await self.index.set_live(workspace, document.id, now.live)
        await self._records.set_document(workspace, document.id, space=space.id)

    async def _known(
        self, workspace: str, like: str, space: Space, passages: Sequence[StoredPassage]
    ) -> dict[str, list[np.ndarray]]:
        """digest → vectors of its windows, as far as the other document has them."""
        if not like:
            return {}
        digests = [stored.digest for stored in passages]
        found = await self._records.indexed_like(workspace, like, space.id, digests)
        ids = [_row_id(passage, n) for passage, count in found.values() for n in range(count)]
        vectors = await self.index.vectors(workspace, ids)
        return {
            digest: [vectors[_row_id(passage, n)] for n in range(count)]
            for digest, (passage, count) in found.items()
            if all(_row_id(passage, n) in vectors for n in range(count))
        }

    def _cut(
        self, passages: Sequence[StoredPassage], known: dict[str, list[np.ndarray]]
    ) -> list[_Windows]:
        windows = []
        for stored in passages:
            passage = stored.passage
            texts = self.embedder.windows(passage.text, heading=passage.heading)
            vectors = known.get(stored.digest)
            fits = vectors is not None and len(vectors) == len(texts)
            windows.append(_Windows(stored, texts, vectors if fits else None))
        return windows

    async def _embed(self, texts: list[str], workspace: str) -> np.ndarray:
        if not texts:
            return np.zeros((0, self.embedder.dimensions), np.float32)
        vectors = await self._models.embed(texts, workspace=workspace, kind="passage")
        if vectors.shape != (len(texts), self.embedder.dimensions):
            raise Bug(f"embedder {self.embedder.name} answered {vectors.shape}")
        return vectors


def _rows(
    document: DocumentRow, windows: _Windows, vectors: Sequence[np.ndarray]
) -> list[IndexRow]:
    passage = windows.stored.passage
    title = searchable(document.title)
    return [
        IndexRow(
            id=_row_id(passage.id, number),
            passage_id=passage.id,
            document_id=document.id,
            collection=document.collection,
            live=document.live,
            words=f"{title} {searchable(text)}".strip(),
            vector=vector,
        )
        for number, (text, vector) in enumerate(zip(windows.texts, vectors, strict=True))
    ]


def _row_id(passage_id: str, window: int) -> str:
    return f"{passage_id}.{window}"
