"""The scaled index: PostgreSQL with pgvector, one table per vector space.

Vectors: HNSW with iterative scan, which goes on until enough rows pass the filter; scopes of few rows
are compared row by row instead, exactly. Words: a GIN index over prepared words, scored with BM25
whose word statistics are counted within the scope, so that they say nothing of other tenants.

The tables are made here, not by migrations: their width depends on the embedder, and they hold
nothing that could not be made again.
"""

import threading
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from pgvector.sqlalchemy import HALFVEC, VECTOR
from sqlalchemy.dialects.postgresql import TSVECTOR, insert
from sqlalchemy.exc import DBAPIError

from stoa.base.errors import Bug, SetupError
from stoa.core.knowledge.index.index import Found, IndexRow, Scope, Space
from stoa.core.knowledge.index.postgres_words import Ranking, within_scope
from stoa.core.knowledge.index.threads import Threads

_EXACT_UP_TO: Final = 5_000
"""Rows in scope up to which every vector is compared."""
_EF_SEARCH: Final = 200
_MAX_SCANNED: Final = 40_000
_WIDEST_VECTOR: Final = 2_000
"""Dimensions up to which pgvector indexes full floats; half floats beyond."""
_READERS: Final = 8
_LOCK: Final = 0x5703A
_PREFIX: Final = "search_index_"
_INDEX_FROM: Final = 10_000
"""Rows from which a table gets a vector index."""
_BUILD_MEMORY: Final = "512MB"
_IS_VALID: Final = sa.text(
    "SELECT indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
    " WHERE relname = :name AND pg_table_is_visible(pg_class.oid)"
)


class PostgresIndex:
    """Tables of one PostgreSQL database; it may be the one that holds everything else."""

    def __init__(self, url: str) -> None:
        """Connects at first use."""
        self._space: Space | None = None
        self._opened: sa.Table | None = None
        self._near: sa.Index | None = None
        self._opening = threading.Lock()
        self._ranking = Ranking()
        self._threads = Threads(readers=_READERS)
        try:
            self._engine = sa.create_engine(
                sa.make_url(url).set(drivername="postgresql+psycopg"),
                pool_size=_READERS + 2,
                pool_pre_ping=True,
            )
        except sa.exc.ArgumentError as error:
            raise SetupError(
                f"The index URL can't be used: {error}.", hint="Use postgresql://user@host/name."
            ) from error

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
        row = self._table.c
        change = (
            sa.update(self._table)
            .where(row.workspace_id == workspace, row.document_id == document_id, row.live != live)
            .values(live=live)
        )
        await self._threads.write(self._execute, change)

    async def delete(self, workspace: str, documents: Iterable[str] | None = None) -> None:
        """See `Index`. PostgreSQL keeps deleted rows until they are vacuumed: that is done here."""
        row = self._table.c
        removal = sa.delete(self._table).where(row.workspace_id == workspace)
        if documents is not None:
            removal = removal.where(row.document_id.in_(sorted(set(documents))))
        await self._threads.write(self._delete_now, removal)

    async def keyword(self, scope: Scope, query: str, limit: int) -> list[Found]:
        """See `Index`."""
        words = list(dict.fromkeys(query.split()))
        if scope.is_empty or not words:
            return []
        return await self._threads.read(self._keyword_now, scope, words, limit)

    async def vector(self, scope: Scope, vector: np.ndarray, limit: int) -> list[Found]:
        """See `Index`."""
        if scope.is_empty:
            return []
        return await self._threads.read(self._vector_now, scope, vector, limit)

    async def vectors(self, workspace: str, ids: Sequence[str]) -> dict[str, np.ndarray]:
        """See `Index`."""
        row = self._table.c
        chosen = sa.select(row.id, row.embedding).where(
            row.workspace_id == workspace, row.id.in_(list(ids))
        )
        rows = await self._threads.read(self._fetch, chosen)
        return {found.id: _as_array(found.embedding) for found in rows}

    async def count(self, workspace: str, document_id: str | None = None) -> int:
        """See `Index`."""
        row = self._table.c
        chosen = sa.select(sa.func.count()).where(row.workspace_id == workspace)
        if document_id is not None:
            chosen = chosen.where(row.document_id == document_id)
        return int((await self._threads.read(self._fetch, chosen))[0][0])

    async def optimise(self, workspace: str) -> None:
        """See `Index`. Builds the vector index once there are rows enough to need it: at once, that
        takes a tenth of the time that row by row takes. Writers go on meanwhile."""
        await self._threads.write(self._optimise_now)

    async def drop_other_spaces(self) -> None:
        """See `Index`."""
        await self._threads.write(self._drop_now)

    async def close(self) -> None:
        """See `Index`."""
        self._threads.close()
        self._engine.dispose()

    @property
    def _table(self) -> sa.Table:
        if self._opened is None:
            raise Bug("the index is used before it is opened")
        return self._opened

    # Everything below runs in a thread.

    def _open_now(self, space: Space) -> None:
        table = _table_of(space)
        try:
            with self._opening, self._engine.begin() as connection:
                # Two processes may start at once.
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
                connection.execute(sa.text("CREATE EXTENSION IF NOT EXISTS vector"))
                table.metadata.create_all(connection)
        except DBAPIError as error:
            raise SetupError(
                f"The search index can't be opened: {error.orig}.",
                hint="Check STOA_INDEX_URL; the database needs the extension pgvector 0.8 or newer.",
            ) from error
        self._space, self._opened, self._near = space, table, _near(table, space)

    def _execute(self, statement: sa.Executable) -> None:
        with self._engine.begin() as connection:
            connection.execute(statement)

    def _fetch(self, statement: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with self._engine.begin() as connection:
            return connection.execute(statement).all()

    def _upsert_now(self, workspace: str, rows: Sequence[IndexRow]) -> None:
        values = [
            {
                "workspace_id": workspace,
                "id": row.id,
                "passage_id": row.passage_id,
                "document_id": row.document_id,
                "collection": row.collection,
                "live": row.live,
                "page": row.page,
                "length": row.words.count(" ") + 1,
                "prepared": row.words,
                "embedding": row.vector,
            }
            for row in sorted(rows, key=lambda row: row.id)  # one order: no deadlocks
        ]
        new = insert(self._table).values(
            {name: sa.bindparam(name) for name in values[0] if name != "prepared"}
            | {"words": sa.func.to_tsvector("simple", sa.bindparam("prepared", type_=sa.Text))}
        )
        changed = {
            column.name: new.excluded[column.name]
            for column in self._table.columns
            if not column.primary_key
        }
        upsert = new.on_conflict_do_update(index_elements=["workspace_id", "id"], set_=changed)
        with self._engine.begin() as connection:
            connection.execute(upsert, values)

    def _delete_now(self, removal: sa.Delete) -> None:
        self._execute(removal)
        with self._engine.connect() as connection:
            alone = connection.execution_options(isolation_level="AUTOCOMMIT")
            alone.exec_driver_sql(f"VACUUM {self._table.name}")

    def _optimise_now(self) -> None:
        near = self._near
        if near is None:
            raise Bug("the index is used before it is opened")
        with self._engine.connect() as connection:
            alone = connection.execution_options(isolation_level="AUTOCOMMIT")
            valid = alone.scalar(_IS_VALID, {"name": near.name})
            many = sa.select(sa.literal(1)).select_from(self._table).limit(_INDEX_FROM).subquery()
            rows = alone.scalar(sa.select(sa.func.count()).select_from(many)) or 0
            if valid or rows < _INDEX_FROM:
                return
            if not alone.scalar(sa.select(sa.func.pg_try_advisory_lock(_LOCK))):
                return  # another process is at it
            try:
                if valid is False:
                    near.drop(alone)  # left by a build that was cut off
                alone.execute(sa.text(f"SET maintenance_work_mem = '{_BUILD_MEMORY}'"))
                near.create(alone, checkfirst=True)
                alone.exec_driver_sql(f"ANALYZE {self._table.name}")
            finally:
                alone.execute(sa.text("RESET maintenance_work_mem"))
                alone.execute(sa.select(sa.func.pg_advisory_unlock(_LOCK)))

    def _drop_now(self) -> None:
        with self._engine.begin() as connection:
            for name in sa.inspect(connection).get_table_names():
                if name.startswith(_PREFIX) and name != self._table.name:
                    sa.Table(name, sa.MetaData()).drop(connection)

    def _vector_now(self, scope: Scope, vector: np.ndarray, limit: int) -> list[Found]:
        row, within = self._table.c, within_scope(self._table, scope)
        distance = row.embedding.cosine_distance(vector)
        chosen = (
            sa.select(row.id, row.page, (1 - distance).label("score")).where(within).limit(limit)
        )
        few = sa.select(sa.literal(1)).where(within).limit(_EXACT_UP_TO + 1).subquery()
        with self._engine.begin() as connection:
            count = connection.scalar(sa.select(sa.func.count()).select_from(few)) or 0
            if count <= _EXACT_UP_TO:
                chosen = chosen.order_by(distance + 0)  # an expression that no index answers
            else:
                chosen = chosen.order_by(distance)
                _set_local(connection, "enable_sort", "off")  # else it may compare all rows
                _set_local(connection, "hnsw.ef_search", max(_EF_SEARCH, limit))
                _set_local(connection, "hnsw.iterative_scan", "strict_order")
                _set_local(connection, "hnsw.max_scan_tuples", _MAX_SCANNED)
            return [_found(found) for found in connection.execute(chosen)]

    def _keyword_now(self, scope: Scope, words: list[str], limit: int) -> list[Found]:
        with self._engine.begin() as connection:
            statement = self._ranking.query(connection, self._table, scope, words)
            if statement is None:
                return []
            return [_found(found) for found in connection.execute(statement.limit(limit))]


def _table_of(space: Space) -> sa.Table:
    """The table of a vector space, with its indexes."""
    name = _PREFIX + space.id
    kind: Any = HALFVEC if space.dimensions > _WIDEST_VECTOR else VECTOR
    text = [
        sa.Column(column, sa.Text, nullable=False)
        for column in ("passage_id", "document_id", "collection")
    ]
    table = sa.Table(
        name,
        sa.MetaData(),
        sa.Column("workspace_id", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        *text,
        sa.Column("live", sa.Boolean, nullable=False),
        sa.Column("page", sa.Integer, nullable=False),
        sa.Column("length", sa.Integer, nullable=False),
        sa.Column("words", TSVECTOR, nullable=False),
        sa.Column("embedding", kind(space.dimensions), nullable=False),
    )
    row = table.c
    sa.Index(
        f"{name}_scope",
        row.workspace_id,
        row.collection,
        row.document_id,
        postgresql_where=row.live,
    )
    sa.Index(f"{name}_document", row.workspace_id, row.document_id)
    sa.Index(f"{name}_words", row.words, postgresql_using="gin")
    return table


def _near(table: sa.Table, space: Space) -> sa.Index:
    """The index over vectors, made apart from the table: see `optimise`."""
    kind = "halfvec" if space.dimensions > _WIDEST_VECTOR else "vector"
    return sa.Index(
        f"{table.name}_near",
        table.c.embedding,
        postgresql_using="hnsw",
        postgresql_ops={"embedding": f"{kind}_cosine_ops"},
        postgresql_concurrently=True,
    )


def _set_local(connection: sa.Connection, name: str, value: object) -> None:
    connection.execute(sa.select(sa.func.set_config(name, str(value), True)))


def _as_array(value: Any) -> np.ndarray:
    return np.asarray(value.to_list() if hasattr(value, "to_list") else value, np.float32)


def _found(row: Any) -> Found:
    return Found(row.id, float(row.score), row.page)
