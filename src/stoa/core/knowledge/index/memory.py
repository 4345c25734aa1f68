"""An index in memory: exact and simple. The fake of the tests, and enough for a few thousand rows.

`STOA_INDEX_URL=memory://`. Vectors are compared one by one, words are scored with BM25 (Robertson &
Zaragoza 2009) over the scope, so it also says what the other engines' answers should look like.
"""

import asyncio
import math
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from stoa.core.knowledge.index.index import Found, IndexRow, Scope, Space

_K1, _B = 1.2, 0.75


class MemoryIndex:
    """Rows in a dictionary. What it holds is lost with the process."""

    def __init__(self) -> None:
        self._spaces: dict[str, dict[str, dict[str, IndexRow]]] = {}
        self._space = ""
        self._lock = threading.Lock()

    async def open(self, space: Space) -> None:
        """See `Index`."""
        self._space = space.id
        self._spaces.setdefault(space.id, {})

    async def upsert(self, workspace: str, rows: Sequence[IndexRow]) -> None:
        """See `Index`."""
        with self._lock:
            self._rows(workspace).update({row.id: row for row in rows})

    async def set_live(self, workspace: str, document_id: str, live: bool) -> None:
        """See `Index`."""
        with self._lock:
            rows = self._rows(workspace)
            for key, row in rows.items():
                if row.document_id == document_id:
                    rows[key] = replace(row, live=live)

    async def delete(self, workspace: str, documents: Iterable[str] | None = None) -> None:
        """See `Index`."""
        with self._lock:
            rows = self._rows(workspace)
            gone = None if documents is None else set(documents)
            for key in [k for k, row in rows.items() if gone is None or row.document_id in gone]:
                del rows[key]

    async def keyword(self, scope: Scope, query: str, limit: int) -> list[Found]:
        """See `Index`."""
        return await asyncio.to_thread(self._keyword, scope, query, limit)

    async def vector(self, scope: Scope, vector: np.ndarray, limit: int) -> list[Found]:
        """See `Index`."""
        rows = self._within(scope)
        if not rows:
            return []
        scores = np.stack([row.vector for row in rows]) @ vector
        best = np.argsort(-scores, kind="stable")[:limit]
        return [_found(rows[at], float(scores[at])) for at in best]

    async def vectors(self, workspace: str, ids: Sequence[str]) -> dict[str, np.ndarray]:
        """See `Index`."""
        rows = self._rows(workspace)
        return {key: rows[key].vector for key in ids if key in rows}

    async def count(self, workspace: str, document_id: str | None = None) -> int:
        """See `Index`."""
        rows = self._rows(workspace).values()
        return sum(document_id is None or row.document_id == document_id for row in rows)

    async def optimise(self, workspace: str) -> None:
        """Nothing to do."""

    async def drop_other_spaces(self) -> None:
        """See `Index`."""
        self._spaces = {self._space: self._spaces[self._space]}

    async def close(self) -> None:
        """See `Index`."""
        self._spaces.clear()

    def _rows(self, workspace: str) -> dict[str, IndexRow]:
        return self._spaces.setdefault(self._space, {}).setdefault(workspace, {})

    def _within(self, scope: Scope) -> list[IndexRow]:
        with self._lock:
            rows = list(self._rows(scope.workspace).values())
        return [
            row
            for row in rows
            if row.live
            and row.collection in scope.collections
            and (scope.documents is None or row.document_id in scope.documents)
        ]

    def _keyword(self, scope: Scope, query: str, limit: int) -> list[Found]:
        asked, rows = set(query.split()), self._within(scope)
        if not asked or not rows:
            return []
        counted = [Counter(row.words.split()) for row in rows]
        lengths = [counts.total() for counts in counted]
        average = max(1.0, sum(lengths) / len(rows))
        weights = {
            word: _idf(sum(word in counts for counts in counted), len(rows)) for word in asked
        }
        scored = []
        for row, counts, length in zip(rows, counted, lengths, strict=True):
            norm = _K1 * (1 - _B + _B * length / average)
            score = sum(
                weight * counts[word] * (_K1 + 1) / (counts[word] + norm)
                for word, weight in weights.items()
            )
            if score > 0:
                scored.append(replace(_found(row, score), vector=row.vector))
        return sorted(scored, key=lambda found: -found.score)[:limit]


def _idf(holding: int, total: int) -> float:
    return math.log(1 + (total - holding + 0.5) / (holding + 0.5))


def _found(row: IndexRow, score: float) -> Found:
    return Found(row.id, score, row.page)
