"""The seam behind which search engines sit: rows in, scored rows out, always within a `Scope`.

The index is derived: everything in it can be made again from the SQL database, so nothing here is
the truth. No search exists without a `Scope`, and a scope names one workspace and the collections
that the caller may read; an engine applies it inside its query, never on what the query returned.
Every implementation inherits one conformance suite, `tests/core/knowledge/index_conformance.py`.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from stoa.base.errors import Bug

_LAYOUT = 2
"""Grows when rows are laid out in another way, so that an older index is built anew."""


@dataclass(frozen=True)
class Space:
    """The vector space of an index: which embedder made its vectors, and how long they are."""

    embedder: str
    dimensions: int

    @property
    def id(self) -> str:
        """Short and fit for a folder or table name; differs where vectors can't be compared."""
        given = f"{_LAYOUT}|{self.embedder}|{self.dimensions}"
        return hashlib.sha256(given.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class IndexRow:
    """One window of a passage: a piece short enough for the embedder to take in whole."""

    passage_id: str
    document_id: str
    collection: str
    live: bool
    """Only live rows are found."""
    words: str
    """What keyword search goes over, as `words.searchable` prepares it."""
    vector: np.ndarray
    """Unit length, float32, (dimensions,)."""
    page: int = 1
    """Where most of the window stands."""
    window: int = 0
    """Its number within the passage, from 0."""

    @property
    def id(self) -> str:
        """Of the row, unique in its workspace."""
        return row_id(self.passage_id, self.window)


def row_id(passage_id: str, window: int) -> str:
    """The id of a window's row, from which its passage can be told without a look."""
    return f"{passage_id}.{window}"


@dataclass(frozen=True)
class Scope:
    """Within what to search. Without a collection nothing is found; there is no "all"."""

    workspace: str
    collections: frozenset[str]
    documents: frozenset[str] | None = None
    """None: any document of the collections."""

    def __post_init__(self) -> None:
        if not self.workspace:
            raise Bug("a search without a workspace")

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be found in it."""
        return not self.collections or (self.documents is not None and not self.documents)


@dataclass(frozen=True)
class Found:
    """A row that a search found. `score`: higher is better; cosine for vectors, BM25-like for words."""

    id: str
    score: float
    page: int = 1
    vector: np.ndarray | None = None
    """Of a row found by words, where the engine has it at hand: it spares a second query."""

    @property
    def passage_id(self) -> str:
        """Whose window it is."""
        return self.id.rpartition(".")[0]


class Index(Protocol):
    """A search engine. Methods may be called from any event loop, and from several at once."""

    async def open(self, space: Space) -> None:
        """Get ready for that space, next to whatever another space has left. Idempotent.

        Raises:
            SetupError: the engine does not answer or lacks a part.
        """
        ...

    async def upsert(self, workspace: str, rows: Sequence[IndexRow]) -> None:
        """Write rows by id: new ones are added, known ones replaced."""
        ...

    async def set_live(self, workspace: str, document_id: str, live: bool) -> None:
        """Let searches find the document's rows, or not, from the moment this returns."""
        ...

    async def delete(self, workspace: str, documents: Iterable[str] | None = None) -> None:
        """Take rows out; None: all of the workspace. Text and vectors are gone when this returns,
        not only unreachable."""
        ...

    async def keyword(self, scope: Scope, query: str, limit: int) -> list[Found]:
        """Best rows by words, best first. `query` is prepared by `words.searchable`."""
        ...

    async def vector(self, scope: Scope, vector: np.ndarray, limit: int) -> list[Found]:
        """Nearest rows, best first; `score` is the exact cosine."""
        ...

    async def vectors(self, workspace: str, ids: Sequence[str]) -> dict[str, np.ndarray]:
        """Vectors of the rows with these ids; unknown ids are left out."""
        ...

    async def count(self, workspace: str, document_id: str | None = None) -> int:
        """How many rows a workspace has, or one document of it, live or not."""
        ...

    async def optimise(self, workspace: str) -> None:
        """Take in what was written since the last time, if that is enough to be worth it."""
        ...

    async def drop_other_spaces(self) -> None:
        """Remove what embedders before this one left."""
        ...

    async def close(self) -> None:
        """Give back connections, threads and memory."""
        ...
