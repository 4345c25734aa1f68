"""Searches LanceDB's tables: by words, by vector, by id. Knows nothing of how they are written.

Small tables have no vector index and are searched exactly; so are narrow scopes of large ones, which
an approximate search would starve. What is asked goes to LanceDB's own threads and is awaited; its
blocking interface would ask for the table's schema on the way, again and again: 6 ms a search.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import pyarrow as pa

from stoa.base.errors import Bug
from stoa.core.knowledge.index.index import Found, Scope
from stoa.core.knowledge.index.lance_words import LOOKED_AT, bm25

if TYPE_CHECKING:  # LanceDB takes as long to import as all the rest: it is when a reader is made
    from lancedb.table import AsyncTable

T = TypeVar("T")

_EXACT_UP_TO: Final = 4_000
"""Rows in scope up to which every vector is compared: a few milliseconds, and recall 1."""
_REFINED: Final = 80
"""Nearest rows by the rough codes that are compared exactly; at least as many as wanted."""
_PROBES: Final = 40
_RETRIES: Final = 3
_RESULT: Final = ["id", "page"]
"""No more: each column costs a search of 100 rows a millisecond and a half."""


class LanceReader:
    """The tables of one folder, all of one space. May be asked from any event loop."""

    def __init__(self, folder: Path, dimensions: int) -> None:
        """Loads LanceDB. Blocking."""
        import lancedb

        self.folder = folder
        self.dimensions = dimensions
        self.session = lancedb.Session()
        """What was read of the files is kept once, for readers and writers of this process."""
        self._tables: dict[str, AsyncTable] = {}

    async def keyword(self, scope: Scope, query: str, limit: int) -> list[Found]:
        """See `Index`."""
        if scope.is_empty or not query:
            return []

        asked = list(dict.fromkeys(query.split()))
        condition = _condition(scope)
        most = max(limit, LOOKED_AT)

        async def search(table: "AsyncTable") -> list[Found]:
            builder = table.query().nearest_to_text(query, columns="words").where(condition)
            found = (
                await builder.select([*_RESULT, "words", "vector", "_score"]).limit(most).to_arrow()
            )
            if not found.num_rows:
                return []
            if found.num_rows == most:  # the scope may hold more: the table's weights stand
                best = found.slice(0, limit)
                scores = best["_score"].to_pylist()
            else:
                rows = await table.count_rows(condition)
                every = bm25(found["words"].combine_chunks(), asked, rows)
                ids = found["id"].to_pylist()
                order = sorted(range(len(ids)), key=lambda at: (-every[at], ids[at]))[:limit]
                best, scores = found.take(order), every[order].tolist()
            return [
                _found(row, score, vector)
                for row, score, vector in zip(_rows(best), scores, self._unpack(best), strict=True)
            ]

        return await self._read(scope.workspace, search, [])

    async def vector(self, scope: Scope, vector: np.ndarray, limit: int) -> list[Found]:
        """See `Index`."""
        if scope.is_empty:
            return []

        async def search(table: "AsyncTable") -> list[Found]:
            condition = _condition(scope)
            nearest = table.query().nearest_to(vector).column("vector").distance_type("cosine")
            builder = nearest.where(condition).select([*_RESULT, "_distance"]).limit(limit)
            if await table.count_rows(condition) <= _EXACT_UP_TO:
                builder = builder.bypass_vector_index()
            else:
                refine = max(1, -(-_REFINED // limit))
                builder = builder.nprobes(_PROBES).refine_factor(refine)
            found = await builder.to_arrow()
            scores = (1.0 - found["_distance"].to_numpy()).tolist()
            return [_found(row, score) for row, score in zip(_rows(found), scores, strict=True)]

        return await self._read(scope.workspace, search, [])

    async def vectors(self, workspace: str, ids: Sequence[str]) -> dict[str, np.ndarray]:
        """See `Index`."""
        if not ids:
            return {}

        async def fetch(table: "AsyncTable") -> dict[str, np.ndarray]:
            chosen = table.query().where(among("id", ids)).select(["id", "vector"])
            found = await chosen.to_arrow()
            return dict(zip(found["id"].to_pylist(), self._unpack(found), strict=True))

        return await self._read(workspace, fetch, {})

    async def count(self, workspace: str, document_id: str | None) -> int:
        """See `Index`."""
        where = None if document_id is None else equals("document_id", document_id)
        return await self._read(workspace, lambda table: table.count_rows(where), 0)

    def path(self, workspace: str) -> Path:
        """Where the workspace's table is, or would be."""
        if not workspace.replace("_", "").isalnum():
            raise Bug(f"'{workspace}' is no workspace id")
        return self.folder / f"{workspace}.lance"

    def forget(self, workspace: str) -> None:
        """Open the workspace's table anew, if there is one, when it is asked for again."""
        self._tables.pop(workspace, None)

    def close(self) -> None:
        """Let go of all tables."""
        self._tables.clear()

    async def _read(
        self, workspace: str, read: "Callable[[AsyncTable], Awaitable[T]]", nothing: T
    ) -> T:
        """What `read` finds. A file that a purge took away meanwhile: look again, at what is now."""
        for attempt in range(_RETRIES):
            try:
                table = await self._table(workspace)
                return nothing if table is None else await read(table)
            except (RuntimeError, OSError, ValueError):
                if attempt == _RETRIES - 1:
                    raise
                self.forget(workspace)
                await asyncio.sleep(0.01)
        raise Bug("unreachable: every attempt returns or raises")

    async def _table(self, workspace: str) -> "AsyncTable | None":
        if workspace not in self._tables:
            if not self.path(workspace).is_dir():
                return None
            import lancedb

            # Interval 0: every read sees what other processes have written.
            connection = await lancedb.connect_async(
                self.folder, read_consistency_interval=timedelta(0), session=self.session
            )
            self._tables[workspace] = await connection.open_table(workspace)
        return self._tables[workspace]

    def _unpack(self, found: pa.Table) -> np.ndarray:
        """The vectors of what was found: (rows, dimensions), float32."""
        flat: np.ndarray = found["vector"].combine_chunks().flatten().to_numpy()
        return flat.reshape(found.num_rows, self.dimensions).astype(np.float32)


def among(column: str, values: Iterable[str]) -> str:
    """The condition that a column is one of these."""
    return f"{column} IN ({', '.join(_quoted(value) for value in sorted(values))})"


def equals(column: str, value: str) -> str:
    """The condition that a column is this."""
    return f"{column} = {_quoted(value)}"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _condition(scope: Scope) -> str:
    parts = ["live = true", among("collection", scope.collections)]
    if scope.documents is not None:
        parts.append(among("document_id", scope.documents))
    return " AND ".join(parts)


def _rows(found: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = found.select(_RESULT).to_pylist()
    return rows


def _found(row: dict[str, Any], score: float, vector: np.ndarray | None = None) -> Found:
    return Found(row["id"], float(score), row["page"], vector)
