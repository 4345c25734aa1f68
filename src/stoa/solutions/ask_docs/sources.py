"""Sources: folders, web pages and git repositories that documents are taken from on a schedule."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from stoa.base.database import new_id, now
from stoa.base.errors import InvalidInput
from stoa.contract import Call
from stoa.solutions.ask_docs import lifecycle
from stoa.solutions.ask_docs.access import (
    collection_to_write,
    readable_collections,
    source_to_write,
)
from stoa.solutions.ask_docs.collections import ensure_first
from stoa.solutions.ask_docs.intake import fail_abandoned
from stoa.solutions.ask_docs.looking import check_location
from stoa.solutions.ask_docs.memory import forget_idle
from stoa.solutions.ask_docs.schema import (
    AddSource,
    DocumentState,
    Done,
    ListSources,
    RemoveSource,
    SourceRequest,
    Sources,
    SourceView,
    SyncDue,
    SyncReport,
    SyncReports,
)
from stoa.solutions.ask_docs.syncing import Sync
from stoa.solutions.ask_docs.tables import CollectionRow, DocumentRow, SourceRow


async def sources(call: Call, request: ListSources) -> Sources:
    """List the sources of collections you may read, with how their last look went."""

    def load(session: Session) -> Sources:
        readable = {row.id: row for row in readable_collections(session, call.caller)}
        rows = session.scalars(
            select(SourceRow)
            .where(SourceRow.collection_id.in_(readable))
            .order_by(SourceRow.added_at.desc(), SourceRow.id.desc())
        )
        views = [_view(session, row, readable[row.collection_id]) for row in rows]
        return Sources(sources=views)

    return await call.platform.database.read(load, workspace=call.caller.workspace_id)


async def source_add(call: Call, request: AddSource) -> SourceView:
    """Add a folder, web page or git repository to take documents from at an interval."""
    if request.branch and request.kind != "git":
        raise InvalidInput("Only a git repository has branches.", hint="Leave 'branch' out.")
    await ensure_first(call)
    await check_location(call.platform.settings, request.kind, request.location)

    def insert(session: Session) -> SourceView:
        collection = collection_to_write(session, call.caller, request.collection)
        row = SourceRow(
            id=new_id("src"),
            collection_id=collection.id,
            kind=request.kind,
            location=request.location,
            branch=request.branch,
            every_minutes=request.every_minutes,
            next_at=now(),
            added_by=call.caller.user_id,
            added_at=now(),
        )
        session.add(row)
        session.flush()
        call.platform.audit.record(
            session, call.caller, "source.added", row.id, kind=row.kind, location=row.location
        )
        return _view(session, row, collection)

    return await call.platform.database.write(insert, workspace=call.caller.workspace_id)


async def source_remove(call: Call, request: RemoveSource) -> Done:
    """Take no more documents from a source; those it gave stay, unless you ask to delete them."""

    def remove(session: Session) -> list[str]:
        row = source_to_write(session, call.caller, request.source)
        documents = session.scalars(
            select(DocumentRow).where(
                DocumentRow.source_id == row.id, DocumentRow.state != DocumentState.DELETED
            )
        ).all()
        for document in documents:
            document.source_id = ""
            if request.documents:
                lifecycle.mark_deleted(session, document, call.caller)
        call.platform.audit.record(session, call.caller, "source.removed", row.id)
        session.delete(row)
        return [document.id for document in documents]

    touched = await call.platform.database.write(remove, workspace=call.caller.workspace_id)
    if request.documents:
        await lifecycle.remove_deleted(call.platform, call.caller, touched)
    return Done(id=request.source)


async def sync(call: Call, request: SourceRequest) -> SyncReport:
    """Look at a source now: take in what is new or changed, delete what is gone."""
    await call.platform.database.read(
        lambda session: source_to_write(session, call.caller, request.source),
        workspace=call.caller.workspace_id,
    )
    return await Sync(call, request.source).run()


async def sync_due(call: Call, request: SyncDue) -> SyncReports:
    """Sync every source whose time has come, end idle conversations, and finish what a crash left.

    Stoa calls it by the clock; an owner may call it at any time.
    """
    workspace = call.caller.workspace_id

    async def due() -> list[str]:
        return await call.platform.database.read(
            lambda session: list(
                session.scalars(
                    select(SourceRow.id)
                    .where(SourceRow.next_at <= now())
                    .order_by(SourceRow.next_at)
                )
            ),
            workspace=workspace,
        )

    async def end_conversations() -> int:
        return await call.platform.database.write(forget_idle, workspace=workspace)

    async def settle() -> int:
        found = await lifecycle.unsettled(call.platform, workspace)
        done = [await lifecycle.settle(call.platform, call.caller, each) for each in found]
        return sum(done) + await fail_abandoned(call)

    reports = [await Sync(call, source).run() for source in await call.step(due)]
    return SyncReports(
        synced=reports,
        conversations_ended=await call.step(end_conversations),
        settled=await call.step(settle),
    )


def _view(session: Session, row: SourceRow, collection: CollectionRow) -> SourceView:
    documents = session.scalar(
        select(func.count(DocumentRow.lineage.distinct())).where(
            DocumentRow.source_id == row.id, DocumentRow.state != DocumentState.DELETED
        )
    )
    return SourceView(
        id=row.id,
        kind=row.kind,
        location=row.location,
        branch=row.branch,
        collection=collection.id,
        collection_name=collection.name,
        every_minutes=row.every_minutes,
        documents=documents or 0,
        last_at=row.last_at,
        next_at=row.next_at,
        problem=row.problem,
        hint=row.hint,
    )
