"""Reads and writes the rows of the knowledge room. Every method is one short transaction.

It knows tables and pages, and neither the index nor the object store.
"""

import asyncio
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from stoa.base.database import Database, Workspace
from stoa.base.errors import NotFound
from stoa.core.knowledge.pages import Around, ParsedDocument, ParsedPage, Passage
from stoa.core.knowledge.tables import DocumentRow, PageRow, PassageRow
from stoa.core.knowledge.windows import repeated

_MIDDLE, _NEAR = aliased(PassageRow), aliased(PassageRow)
_IS_BESIDE = sa.and_(
    _NEAR.document_id == _MIDDLE.document_id,
    _NEAR.ordinal.in_([_MIDDLE.ordinal - 1, _MIDDLE.ordinal + 1]),
)
"""Made once: a statement over aliases made anew is compiled anew, which costs more than it does."""
_PASSAGE = [getattr(PassageRow, name) for name in Passage.model_fields]
_PAGES_AT_ONCE = 32
_SCRUB_WAIT_MS = 2_000
_UNFIT = dict.fromkeys((0, *range(55296, 57344)), 65533)
"""Characters that no database takes; each is replaced by one, so that offsets stay."""


T = TypeVar("T")
Choose = Callable[[Session, Collection[str]], Mapping[str, T]]
"""What the caller of a search knows of documents, by id. Those that it leaves out are not shown."""


@dataclass(frozen=True)
class Live(Generic[T]):
    """What one transaction says of the passages that an index offers."""

    waiting: int
    """Documents that are searched and not indexed in the space asked about."""
    passages: dict[str, Passage]
    """By id, in the order that was asked for; only those that may be shown."""
    chosen: Mapping[str, T]
    around: dict[str, Around]


@dataclass(frozen=True)
class StoredPassage:
    """A passage with what indexing needs to know of it."""

    passage: Passage
    digest: str
    windows: int


def not_found(document_id: str) -> NotFound:
    """The same words for a document that is not there and one of somebody else."""
    return NotFound(f"There is no document '{document_id}'.", hint="Check the id.")


class Records:
    """The rows of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, workspace: str, given: DocumentRow) -> None:
        """Make or reset the document's row; nothing of an earlier attempt is left."""

        def write(session: Session) -> None:
            _erase(session, given.id)
            session.add(given)

        await self._database.write(write, workspace=workspace)

    async def document(self, workspace: str, document_id: str) -> DocumentRow:
        """Raises NotFound."""
        row = await self.find_document(workspace, document_id)
        if row is None:
            raise not_found(document_id)
        return row

    async def find_document(self, workspace: str, document_id: str) -> DocumentRow | None:
        """The row, or None."""
        return await self._database.read(
            lambda session: session.get(DocumentRow, document_id), workspace=workspace
        )

    async def set_document(self, workspace: str, document_id: str, **values: object) -> bool:
        """Change columns; False where there is no such document."""
        change = sa.update(DocumentRow).where(DocumentRow.id == document_id).values(**values)
        changed = await self._database.write(
            lambda session: session.execute(change.returning(DocumentRow.id)).all(),
            workspace=workspace,
        )
        return bool(changed)

    async def erase(self, workspace: str, document_id: str) -> None:
        """Take out the document with its pages and passages, but not from the log: see `scrub`."""
        await self._database.write(
            lambda session: _erase(session, document_id), workspace=workspace
        )

    async def scrub(self) -> None:
        """Let SQLite's log go, which keeps what was erased; PostgreSQL sees to itself."""
        if self._database.is_sqlite:
            await asyncio.to_thread(self._scrub_now)

    def _scrub_now(self) -> None:
        with self._database.engine.connect() as connection:
            # Readers under way keep it from being emptied: wait a moment, and let the next try.
            connection.exec_driver_sql(f"PRAGMA busy_timeout={_SCRUB_WAIT_MS}")
            try:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                connection.invalidate()  # its waiting time is not the others'

    async def documents(self, workspace: Workspace, *, not_in: str) -> list[DocumentRow]:
        """Documents whose rows in the index belong to another space than `not_in`."""
        chosen = (
            sa.select(DocumentRow)
            .where(DocumentRow.ready, DocumentRow.space != not_in)
            .order_by(DocumentRow.id)
        )
        return await self._database.read(
            lambda session: list(session.scalars(chosen)), workspace=workspace
        )

    async def forget_index(self, workspace: Workspace) -> list[str]:
        """Note that nothing is indexed any more; return the workspaces that have documents."""

        def write(session: Session) -> list[str]:
            session.execute(sa.update(DocumentRow).values(space=""))
            return list(session.scalars(sa.select(DocumentRow.workspace_id).distinct()))

        return await self._database.write(write, workspace=workspace)

    # Pages

    async def add_pages(
        self, workspace: str, document_id: str, pages: Sequence[ParsedPage]
    ) -> None:
        """Append pages as they are read."""
        rows = [_page_row(document_id, page) for page in pages]
        await self._database.write(lambda session: session.add_all(rows), workspace=workspace)

    async def page_rows(self, workspace: str, document_id: str) -> list[PageRow]:
        """The accounting in page order. Raises NotFound."""

        def read(session: Session) -> list[PageRow]:
            if session.get(DocumentRow, document_id) is None:
                raise not_found(document_id)
            chosen = sa.select(PageRow).where(PageRow.document_id == document_id)
            return list(session.scalars(chosen.order_by(PageRow.number)))

        return await self._database.read(read, workspace=workspace)

    async def page(self, workspace: str, document_id: str, number: int) -> ParsedPage:
        """Raises NotFound."""
        chosen = sa.select(PageRow.content).where(
            PageRow.document_id == document_id,
            PageRow.number == number,
            PageRow.workspace_id == workspace,
        )
        content = await self._database.read(
            lambda session: session.scalar(chosen), workspace=workspace
        )
        if content is None:
            raise NotFound(
                f"There is no page {number} of a document '{document_id}'.", hint="Check both."
            )
        return ParsedPage.model_validate_json(content)

    def stream_pages(self, workspace: str, document_id: str) -> Iterator[ParsedPage]:
        """All pages in order, a few in memory at a time. For code in a thread of its own."""
        after = 0
        while True:
            chosen = (
                sa.select(PageRow.number, PageRow.content)
                .where(
                    PageRow.document_id == document_id,
                    PageRow.number > after,
                    PageRow.workspace_id == workspace,
                )
                .order_by(PageRow.number)
                .limit(_PAGES_AT_ONCE)
            )
            some = self._database.read_now(
                lambda session, chosen=chosen: session.execute(chosen).all(),  # type: ignore[misc]
                workspace=workspace,
            )
            if not some:
                return
            for _, content in some:
                yield ParsedPage.model_validate_json(content)
            after = some[-1][0]

    # Passages

    def clear_passages_now(self, workspace: str, document_id: str) -> None:
        """Take out all passages. For code in a thread of its own."""
        self._database.write_now(
            lambda session: _erase_passages(session, document_id), workspace=workspace
        )

    def add_passages_now(
        self, workspace: str, passages: Iterable[Passage], before: Passage | None = None
    ) -> None:
        """Append passages. For code in a thread of its own."""
        rows = []
        for passage in passages:
            given = passage.model_dump()
            rows.append(PassageRow(**given, digest=digest(passage, repeated(before, passage))))
            before = passage
        self._database.write_now(lambda session: session.add_all(rows), workspace=workspace)

    async def passages(
        self, workspace: str, document_id: str, first: int, after: int
    ) -> list[StoredPassage]:
        """Passages `first` to before `after`, by ordinal."""
        chosen = (
            sa.select(PassageRow)
            .where(
                PassageRow.document_id == document_id,
                PassageRow.ordinal >= first,
                PassageRow.ordinal < after,
            )
            .order_by(PassageRow.ordinal)
        )
        rows = await self._database.read(
            lambda session: list(session.scalars(chosen)), workspace=workspace
        )
        return [StoredPassage(_passage(row), row.digest, row.windows) for row in rows]

    async def indexed_like(
        self, workspace: str, document_id: str, space: str, digests: Sequence[str]
    ) -> dict[str, tuple[str, int]]:
        """digest → (passage id, windows) of a document's passages with vectors of that space."""
        chosen = (
            sa.select(PassageRow.digest, PassageRow.id, PassageRow.windows)
            .join(DocumentRow, DocumentRow.id == PassageRow.document_id)
            .where(
                PassageRow.document_id == document_id,
                PassageRow.digest.in_(digests),
                PassageRow.windows > 0,
                DocumentRow.space == space,
            )
        )
        rows = await self._database.read(
            lambda session: session.execute(chosen).all(), workspace=workspace
        )
        return {found: (passage_id, windows) for found, passage_id, windows in rows}

    async def set_windows(self, workspace: str, windows: dict[str, int]) -> None:
        """Note how many windows of each passage the index holds."""

        def write(session: Session) -> None:
            for passage_id, count in windows.items():
                session.execute(
                    sa.update(PassageRow).where(PassageRow.id == passage_id).values(windows=count)
                )

        await self._database.write(write, workspace=workspace)

    async def totals(self, workspace: str, document_id: str) -> tuple[int, int, int]:
        """(passages, passages without a window in the index, windows) of a document."""
        missing = sa.func.sum(sa.case((PassageRow.windows == 0, 1), else_=0))
        chosen = sa.select(sa.func.count(), missing, sa.func.sum(PassageRow.windows)).where(
            PassageRow.document_id == document_id
        )
        row = await self._database.read(
            lambda session: session.execute(chosen).one(), workspace=workspace
        )
        return row[0], row[1] or 0, row[2] or 0

    async def live(
        self,
        workspace: str,
        ids: Sequence[str],
        *,
        collections: Sequence[str],
        documents: Sequence[str] | None,
        space: str,
        choose: Choose[T],
        around: int,
    ) -> Live[T]:
        """Those of the passages whose document is published in one of these collections now, and chosen.

        `around`: of how many of them, in the order of `ids`, to read the passages before and after.
        """

        def read(session: Session) -> Live[T]:
            waiting = session.scalars(_outside(workspace, space, collections)).one()
            rows = session.execute(_published(workspace, ids, collections, documents))
            found = {row.id: _passage(row) for row in rows}
            chosen = choose(session, {each.document_id for each in found.values()})
            passages = {
                each: found[each]
                for each in ids
                if each in found and found[each].document_id in chosen
            }
            return Live(waiting, passages, chosen, _around(session, list(passages)[:around]))

        return await self._database.read(read, workspace=workspace)

    async def around(self, workspace: str, passages: Sequence[str]) -> dict[str, Around]:
        """By id, the passages before and after these in their documents; without those that are gone."""
        return await self._database.read(
            lambda session: _around(session, passages), workspace=workspace
        )


def _published(
    workspace: str,
    ids: Sequence[str],
    collections: Sequence[str],
    documents: Sequence[str] | None,
) -> sa.Select[Any]:
    chosen = (
        sa.select(*_PASSAGE)
        .join(DocumentRow, DocumentRow.id == PassageRow.document_id)
        .where(
            PassageRow.id.in_(ids),
            DocumentRow.live,
            DocumentRow.ready,
            DocumentRow.collection.in_(collections),
            DocumentRow.workspace_id == workspace,
        )
    )
    return chosen if documents is None else chosen.where(DocumentRow.id.in_(documents))


def _outside(workspace: str, space: str, collections: Sequence[str]) -> sa.Select[int]:
    """How many published documents of these collections are not indexed in that space.

    As two stretches of the table's index, both empty as a rule; "is not" would read all documents.
    """
    published = (
        sa.select(sa.func.count())
        .select_from(DocumentRow)
        .where(
            DocumentRow.live,
            DocumentRow.collection.in_(collections),
            DocumentRow.workspace_id == workspace,
        )
    )
    before = published.where(DocumentRow.space < space).scalar_subquery()
    after = published.where(DocumentRow.space > space).scalar_subquery()
    return sa.select(before + after)


def _around(session: Session, passages: Sequence[str]) -> dict[str, Around]:
    if not passages:
        return {}
    chosen = (
        sa.select(_MIDDLE.id, _MIDDLE.ordinal, _NEAR)
        .outerjoin(_NEAR, _IS_BESIDE)
        .where(_MIDDLE.id.in_(passages))
    )
    found: dict[str, Around] = {}
    for passage, ordinal, row in session.execute(chosen):
        before, after = found.get(passage, (None, None))
        if row is not None and row.ordinal < ordinal:
            before = _passage(row)
        elif row is not None:
            after = _passage(row)
        found[passage] = (before, after)
    return found


def digest(passage: Passage, skip: int) -> str:
    """Hash of what is embedded of a passage, of which the first `skip` characters are not."""
    return hashlib.sha256(f"{passage.heading}\0{skip}\0{passage.text}".encode()).hexdigest()


def _erase(session: Session, document_id: str) -> None:
    _erase_passages(session, document_id)
    session.execute(sa.delete(PageRow).where(PageRow.document_id == document_id))
    session.execute(sa.delete(DocumentRow).where(DocumentRow.id == document_id))


def _erase_passages(session: Session, document_id: str) -> None:
    session.execute(sa.delete(PassageRow).where(PassageRow.document_id == document_id))


def _page_row(document_id: str, page: ParsedPage) -> PageRow:
    fit = page.model_copy(
        update={"text": page.text.translate(_UNFIT), "reason": page.reason.translate(_UNFIT)}
    )
    for heading in fit.headings:
        heading.text = heading.text.translate(_UNFIT)
    return PageRow(
        document_id=document_id,
        number=fit.number,
        status=fit.status,
        source=fit.source,
        reason=fit.reason,
        characters=len(fit.text),
        tables=fit.tables,
        content=fit.model_dump_json(),
    )


def fit_title(parsed: ParsedDocument, name: str) -> str:
    """The title to keep: the document's own, else its file name."""
    return (parsed.title or name).translate(_UNFIT)[:500]


def _passage(row: PassageRow | sa.Row[*tuple[Any, ...]]) -> Passage:
    return Passage(
        id=row.id,
        document_id=row.document_id,
        ordinal=row.ordinal,
        page=row.page,
        last_page=row.last_page,
        start=row.start,
        end=row.end,
        text=row.text,
        heading=row.heading,
        tokens=row.tokens,
    )
