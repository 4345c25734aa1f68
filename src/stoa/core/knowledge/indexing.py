"""Puts passages into the index: window by window, embedding only what has no vectors yet.

Passages are longer than what a small encoder takes in, so each is indexed as several windows, and
none of its text is lost to search. Each window is led by the name of its document and the headings
above it: a question names the company or the year that only the document's name tells. Row ids follow from passage ids, so writing twice changes nothing.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import PurePath

import numpy as np

from stoa.base.errors import Bug
from stoa.core.knowledge.index.index import Index, IndexRow, Space, row_id
from stoa.core.knowledge.records import Records, StoredPassage, not_found
from stoa.core.knowledge.tables import DocumentRow
from stoa.core.knowledge.windows import PassageWindow, repeated, windows_of
from stoa.core.models.embedding.embedder import Embedder
from stoa.core.models.embedding.words import searchable, words
from stoa.core.models.models import Models

BATCH = 32
"""Passages embedded in one step."""
_TELLING_NAME = re.compile(r"[^\W\d_]{3}")
_SEPARATORS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class _Windows:
    """A passage's windows, and their vectors where they are known already."""

    stored: StoredPassage
    pieces: list[PassageWindow]
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
        before = await self._before(document, passages)
        cut = await asyncio.to_thread(self._cut, document, [*before, *passages], known)
        missing = [piece.embedded for each in cut if each.vectors is None for piece in each.pieces]
        made = iter(await self._embed(missing, document.workspace_id))
        rows = [
            row
            for each in cut
            for row in _rows(document, each, each.vectors or [next(made) for _ in each.pieces])
        ]
        await self.index.upsert(document.workspace_id, rows)
        counts = {each.stored.passage.id: len(each.pieces) for each in cut}
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
        ids = [row_id(passage, n) for passage, count in found.values() for n in range(count)]
        vectors = await self.index.vectors(workspace, ids)
        return {
            digest: [vectors[row_id(passage, n)] for n in range(count)]
            for digest, (passage, count) in found.items()
            if all(row_id(passage, n) in vectors for n in range(count))
        }

    async def _before(
        self, document: DocumentRow, passages: Sequence[StoredPassage]
    ) -> list[StoredPassage | None]:
        """The passage before the first, which says what the first repeats."""
        first = passages[0].passage.ordinal if passages else 0
        some = await self._records.passages(document.workspace_id, document.id, first - 1, first)
        return [some[0] if some else None]

    def _cut(
        self,
        document: DocumentRow,
        passages: Sequence[StoredPassage | None],
        known: dict[str, list[np.ndarray]],
    ) -> list[_Windows]:
        """Windows of all but the first, which only stands before the second."""
        windows = []
        for before, stored in pairwise(passages):
            assert stored is not None
            passage = stored.passage
            lead = " › ".join(filter(None, (name_of(document), passage.heading)))
            skip = repeated(before.passage if before else None, passage)
            pieces = windows_of(passage, skip, partial(self.embedder.windows, heading=lead))
            vectors = known.get(stored.digest)
            fits = vectors is not None and len(vectors) == len(pieces)
            windows.append(_Windows(stored, pieces, vectors if fits else None))
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
    context = dict.fromkeys(
        [
            *words(_SEPARATORS.sub(" ", document.title)),
            *words(name_of(document)),
            *words(passage.heading),
        ]
    )
    lead = " ".join(context)
    return [
        IndexRow(
            passage_id=passage.id,
            document_id=document.id,
            collection=document.collection,
            live=document.live,
            words=f"{lead} {searchable(piece.written)}".strip(),
            vector=vector,
            page=piece.page,
            window=number,
        )
        for number, (piece, vector) in enumerate(zip(windows.pieces, vectors, strict=True))
    ]


def name_of(document: DocumentRow) -> str:
    """What people call the document: its file name in words, or its title where the name is a number
    and tells nothing."""
    name = _SEPARATORS.sub(" ", PurePath(document.name).stem).strip()
    return name if _TELLING_NAME.search(name) else document.title
