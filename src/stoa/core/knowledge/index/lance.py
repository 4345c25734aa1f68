"""The embedded index: LanceDB, one table per workspace, in a folder of this machine.

    {folder}/{space}/{workspace}.lance      a table: IVF_RQ over vectors, BM25 over words

A table per workspace keeps tenants physically apart, statistics of words included. Here is how it is
opened and written; `lance_reading` searches it. Every write takes a lock on the table, across
processes; reads take none.

Deleting is more than marking: LanceDB keeps deleted rows in their files, in old versions, and in the
indexes over them. `_purge` rewrites what deletions touched and drops everything older.
"""

import shutil
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from filelock import FileLock

from stoa.base.errors import Bug, SetupError
from stoa.core.knowledge.index.index import Found, IndexRow, Scope, Space
from stoa.core.knowledge.index.lance_reading import LanceReader, among, equals
from stoa.core.knowledge.index.threads import Threads

if TYPE_CHECKING:  # loaded on opening, by the reader
    from lancedb.table import Table

_INDEX_FROM: Final = 10_000
"""Rows from which a table gets a vector index."""
_WORTH_OPTIMISING: Final = 2_000
"""Rows written since the last time; they are searched exactly until then."""
_MOST_FRAGMENTS: Final = 100
"""Files from which a table is put together again: small documents leave one or two each."""
_GRACE: Final = timedelta(milliseconds=500)
"""How long a search that is under way may still read an old version. Never 0: see `_purge`."""


class LanceIndex:
    """Tables under one folder. Several processes of one machine may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._space: Space | None = None
        self._reader: LanceReader | None = None
        self._tables: dict[str, Table] = {}
        self._opening = threading.Lock()
        self._threads = Threads(readers=1)

    async def open(self, space: Space) -> None:
        """See `Index`."""
        if self._space != space:
            await self._threads.write(self._open_now, space)

    async def upsert(self, workspace: str, rows: Sequence[IndexRow]) -> None:
        """See `Index`."""
        if rows:
            await self._threads.write(self._upsert_now, workspace, rows)

    async def set_live(self, workspace: str, document_id: str, live: bool) -> None:
        """See `Index`."""
        await self._threads.write(self._set_live_now, workspace, document_id, live)

    async def delete(self, workspace: str, documents: Iterable[str] | None = None) -> None:
        """See `Index`. Takes half a second, and some seconds more for 100,000 rows."""
        gone = None if documents is None else sorted(set(documents))
        await self._threads.write(self._delete_now, workspace, gone)

    async def keyword(self, scope: Scope, query: str, limit: int) -> list[Found]:
        """See `Index`."""
        return await self._reading.keyword(scope, query, limit)

    async def vector(self, scope: Scope, vector: np.ndarray, limit: int) -> list[Found]:
        """See `Index`."""
        return await self._reading.vector(scope, vector, limit)

    async def vectors(self, workspace: str, ids: Sequence[str]) -> dict[str, np.ndarray]:
        """See `Index`."""
        return await self._reading.vectors(workspace, ids)

    async def count(self, workspace: str, document_id: str | None = None) -> int:
        """See `Index`."""
        return await self._reading.count(workspace, document_id)

    async def optimise(self, workspace: str) -> None:
        """See `Index`."""
        await self._threads.write(self._optimise_now, workspace)

    async def drop_other_spaces(self) -> None:
        """See `Index`."""
        await self._threads.write(self._drop_now)

    async def close(self) -> None:
        """See `Index`."""
        self._threads.close()
        self._tables.clear()
        if self._reader is not None:
            self._reader.close()

    # Everything below runs in a thread.

    def _open_now(self, space: Space) -> None:
        try:
            (self._folder / space.id).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(
                f"The index folder {self._folder} can't be made: {error.strerror}.",
                hint="Set STOA_INDEX_URL or STOA_HOME to a folder that can be written.",
            ) from error
        with self._opening:
            self._tables.clear()
            self._reader = LanceReader(self._folder / space.id, space.dimensions)
            self._space = space

    @property
    def _reading(self) -> LanceReader:
        if self._reader is None:
            raise Bug("the index is used before it is opened")
        return self._reader

    @property
    def _root(self) -> Path:
        return self._reading.folder

    def _table(self, workspace: str, *, make: bool = False) -> "Table | None":
        with self._opening:
            if workspace in self._tables:
                return self._tables[workspace]
            path = self._reading.path(workspace)
            if not path.is_dir() and not make:
                return None
            import lancedb

            # Interval 0: every read sees what other processes have written.
            connection = lancedb.connect(
                self._root, read_consistency_interval=timedelta(0), session=self._reading.session
            )
            if path.is_dir():
                table = connection.open_table(workspace)
            else:
                table = connection.create_table(workspace, schema=self._schema(), exist_ok=True)
            self._tables[workspace] = table
            return table

    def _schema(self) -> pa.Schema:
        text = [(name, pa.string()) for name in ("id", "passage_id", "document_id", "collection")]
        vector = pa.list_(pa.float32(), self._reading.dimensions)
        rest = [("live", pa.bool_()), ("page", pa.int32()), ("words", pa.string())]
        return pa.schema([*text, *rest, ("vector", vector)])

    @contextmanager
    def _writing(self, workspace: str) -> "Iterator[Table]":
        """The table, made if need be, with every other writer kept out."""
        with FileLock(self._root / f"{workspace}.lock"):
            table = self._table(workspace, make=True)
            assert table is not None
            if not table.list_indices():
                _index_columns(table)
            yield table

    def _upsert_now(self, workspace: str, rows: Sequence[IndexRow]) -> None:
        columns: dict[str, Any] = {
            name: [getattr(row, name) for row in rows]
            for name in ("id", "passage_id", "document_id", "collection", "live", "page", "words")
        }
        vectors = np.stack([row.vector for row in rows]).astype(np.float32)
        columns["vector"] = pa.FixedSizeListArray.from_arrays(vectors.ravel(), vectors.shape[1])
        data = pa.table(columns, schema=self._schema())
        with self._writing(workspace) as table:
            (
                table.merge_insert("id")
                .when_matched_update_all()
                .when_not_matched_insert_all()
                .execute(data)
            )

    def _set_live_now(self, workspace: str, document_id: str, live: bool) -> None:
        with self._writing(workspace) as table:
            table.update(where=equals("document_id", document_id), values={"live": live})

    def _delete_now(self, workspace: str, documents: list[str] | None) -> None:
        if self._table(workspace) is None:
            return
        if documents is None:
            with FileLock(self._root / f"{workspace}.lock"), self._opening:
                self._tables.pop(workspace, None)
                self._reading.forget(workspace)
                shutil.rmtree(self._reading.path(workspace), ignore_errors=True)
            return
        with self._writing(workspace) as table:
            if documents:
                table.delete(among("document_id", documents))
            self._purge(table, self._reading.path(workspace))

    def _purge(self, table: "Table", folder: Path) -> None:
        """Leave nothing on disk of rows that were deleted or replaced.

        Files of rows that are partly deleted are written anew by an update that changes nothing; the
        indexes are built anew, because merging them keeps old entries; then every version but the
        last is dropped. `cleanup_older_than` is never 0, since a search under way may read the
        version before; `delete_unverified` is safe, since the lock keeps every other writer out.
        """
        touched = {int(path.name.split("-")[0]) for path in folder.glob("_deletions/*")}
        for number in sorted(touched):
            first, after = number << 32, (number + 1) << 32
            table.update(where=f"_rowaddr >= {first} AND _rowaddr < {after}", values_sql=_UNCHANGED)
        _index_columns(table)
        time.sleep(_GRACE.total_seconds())
        table.optimize(cleanup_older_than=_GRACE, delete_unverified=True)

    def _optimise_now(self, workspace: str) -> None:
        table = self._table(workspace)
        if table is None:
            return
        indexed = {index.name: index for index in table.list_indices()}
        pending = max((index.num_unindexed_rows or 0 for index in indexed.values()), default=0)
        grown = table.count_rows() >= _INDEX_FROM and "vector_idx" not in indexed
        scattered = _fragments(table) > _MOST_FRAGMENTS
        if pending < _WORTH_OPTIMISING and not grown and not scattered:
            return
        with self._writing(workspace):
            table.optimize()
            if grown:
                _index_vectors(table)

    def _drop_now(self) -> None:
        for folder in self._folder.iterdir():
            if folder.is_dir() and folder != self._root:
                shutil.rmtree(folder, ignore_errors=True)


_UNCHANGED = {"live": "live"}


def _index_columns(table: "Table") -> None:
    """All indexes over what is there now, in place of what was."""
    from lancedb.index import FTS, Bitmap, BTree

    words = FTS(
        with_position=False,
        base_tokenizer="whitespace",
        stem=False,
        remove_stop_words=False,
        ascii_folding=False,
        lower_case=False,
    )
    for column in ("id", "document_id"):
        table.create_index(column, config=BTree(), name=f"{column}_idx", replace=True)
    for column in ("collection", "live"):
        table.create_index(column, config=Bitmap(), name=f"{column}_idx", replace=True)
    table.create_index("words", config=words, name="words_idx", replace=True)
    if table.count_rows() >= _INDEX_FROM:
        _index_vectors(table)


def _index_vectors(table: "Table") -> None:
    from lancedb.index import IvfRq

    table.create_index(
        "vector", config=IvfRq(distance_type="cosine"), name="vector_idx", replace=True
    )


def _fragments(table: "Table") -> int:
    statistics: Any = table.stats()  # a dictionary, whatever its annotation says
    return int(statistics["fragment_stats"]["num_fragments"])
