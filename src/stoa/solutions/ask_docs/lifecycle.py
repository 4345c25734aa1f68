"""The life of a document after it was read: draft → approved → current → superseded, or rejected.

One version of a document is current, and the SQL database alone says which: `make_current` publishes
the new version in the index, switches states in one transaction, and then withdraws the old one.
Readers check every hit against the states they read in one query, so an answer never mixes two
versions, whatever the index still holds. What a crash leaves behind, `settle` puts right.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Select, func, or_, select, update
from sqlalchemy.orm import Session

from stoa.base.database import new_id, now
from stoa.base.errors import Conflict, Forbidden, NotFound
from stoa.base.identity.caller import Caller
from stoa.contract import Call, Platform
from stoa.solutions.ask_docs.access import document_to_read, document_to_write, may_remove
from stoa.solutions.ask_docs.memory import forget_document
from stoa.solutions.ask_docs.schema import (
    Decide,
    DocumentRequest,
    DocumentState,
    DocumentView,
    Done,
)
from stoa.solutions.ask_docs.tables import CollectionRow, DocumentRow, LifeEventRow
from stoa.solutions.ask_docs.views import document_view

DECIDABLE = frozenset({DocumentState.DRAFT, DocumentState.CURRENT})
"""States that a reviewer decides on: a draft, or a current document that is due for review."""
_OVER = (DocumentState.SUPERSEDED, DocumentState.REJECTED, DocumentState.FAILED)
_AT_ONCE = 500
"""Documents that are removed together."""


async def approve(call: Call, request: Decide) -> DocumentView:
    """Approve a draft: it becomes current, and the version before is superseded in the same moment.

    Approving a document that is current already confirms it and sets its next review date.
    """
    workspace = call.caller.workspace_id
    state = await call.platform.database.read(
        lambda session: _decidable(session, call.caller, request.document).state,
        workspace=workspace,
    )
    if state == DocumentState.CURRENT:
        await call.platform.database.write(
            lambda session: _confirm(session, call, request), workspace=workspace
        )
    else:
        await make_current(call.platform, call.caller, request.document, request.note)
    return await _show(call, request.document)


async def reject(call: Call, request: Decide) -> DocumentView:
    """Reject a draft, or take a current document back: no answer is made from it any more."""

    def mark(session: Session) -> None:
        row = _decidable(session, call.caller, request.document)
        row.live_sha256 = None
        row.review_due_at = None
        enter(session, row, DocumentState.REJECTED, call.caller, request.note)
        call.platform.audit.record(session, call.caller, "document.rejected", row.id)

    await call.platform.database.write(mark, workspace=call.caller.workspace_id)
    await settle(call.platform, call.caller, request.document)
    return await _show(call, request.document)


async def delete(call: Call, request: DocumentRequest) -> Done:
    """Delete one version of a document: text, passages, vectors, page pictures and the original,
    and its words in remembered answers."""

    def mark(session: Session) -> None:
        row, _ = document_to_write(session, call.caller, request.document)
        if not may_remove(call.caller, row):
            raise Forbidden(
                "Only editors delete documents of others, and current ones.",
                hint="Ask an editor of the workspace.",
            )
        mark_deleted(session, row, call.caller)
        call.platform.audit.record(
            session, call.caller, "document.deleted", row.id, title=row.title
        )

    await call.platform.database.write(mark, workspace=call.caller.workspace_id)
    await settle(call.platform, call.caller, request.document)
    return Done(id=request.document)


async def make_current(platform: Platform, caller: Caller, document_id: str, note: str) -> None:
    """Approve a draft and put it in the place of the version before. Safe to repeat after a crash."""

    def approved(session: Session) -> None:
        row = session.get(DocumentRow, document_id, with_for_update=True)
        if row is None:
            raise NotFound(f"There is no document '{document_id}'.")
        if row.state != DocumentState.DRAFT:
            return  # somebody approved it in the same moment
        _refuse_older(session, row)
        row.searchable = True
        enter(session, row, DocumentState.APPROVED, caller, note)
        platform.audit.record(session, caller, "document.approved", row.id)

    await platform.database.write(approved, workspace=caller.workspace_id)
    await settle(platform, caller, document_id)


async def settle(platform: Platform, caller: Caller, document_id: str) -> bool:
    """Bring the index in line with a document's state. Idempotent: whoever comes next may repeat it.

    Returns whether there was anything to do.
    """
    workspace = caller.workspace_id
    row = await platform.database.read(
        lambda session: session.get(DocumentRow, document_id), workspace=workspace
    )
    if row is None:
        return False
    if row.state == DocumentState.DELETED:
        await remove_deleted(platform, caller, [row.id])
        return True
    if row.state == DocumentState.APPROVED:
        await platform.knowledge.publish(workspace, row.id)
        replaced = await platform.database.write(
            lambda session: _switch(session, row.id, caller), workspace=workspace
        )
        for each in replaced:
            await _withdraw(platform, workspace, each)
        return True
    if row.state in _OVER and row.searchable:
        await _withdraw(platform, workspace, row.id)
        return True
    return False


async def remove_deleted(platform: Platform, caller: Caller, document_ids: Sequence[str]) -> None:
    """Take away what is marked as deleted, wherever it lies. Many at once: the index is purged once for
    all of them, which is most of what it costs."""
    workspace = caller.workspace_id
    for first in range(0, len(document_ids), _AT_ONCE):
        some = (
            select(DocumentRow)
            .where(DocumentRow.id.in_(document_ids[first : first + _AT_ONCE]))
            .where(DocumentRow.state == DocumentState.DELETED)
        )

        def read(session: Session, some: Select[DocumentRow] = some) -> list[DocumentRow]:
            return list(session.scalars(some))

        def remove(session: Session, some: Select[DocumentRow] = some) -> None:
            for row in session.scalars(some):
                session.delete(row)

        rows = await platform.database.read(read, workspace=workspace)
        if not rows:
            continue
        await platform.knowledge.delete(workspace, *(row.id for row in rows))
        for file in {row.file_id for row in rows}:
            await drop_file(platform, caller, file)
        # The rows go last: as long as they stand, somebody sees that there is work left.
        await platform.database.write(remove, workspace=workspace)


async def unsettled(platform: Platform, workspace: str) -> list[str]:
    """Documents whose state and index may differ: what `settle` is for."""
    over = DocumentRow.state.in_(_OVER) & DocumentRow.searchable.is_(True)
    between = DocumentRow.state.in_([DocumentState.APPROVED, DocumentState.DELETED])
    return await platform.database.read(
        lambda session: list(session.scalars(select(DocumentRow.id).where(or_(over, between)))),
        workspace=workspace,
    )


async def drop_file(platform: Platform, caller: Caller, file_id: str) -> None:
    """Delete an upload that no document needs any more."""
    needed = await platform.database.read(
        lambda session: session.scalar(
            select(func.count())
            .select_from(DocumentRow)
            .where(DocumentRow.file_id == file_id, DocumentRow.state != DocumentState.DELETED)
        ),
        workspace=caller.workspace_id,
    )
    if needed:
        return
    try:
        await platform.files.delete(caller, file_id)
    except NotFound:
        return  # gone already: a repeated step


def enter(
    session: Session, row: DocumentRow, state: DocumentState, caller: Caller, note: str = ""
) -> None:
    """Bring a document into a state, and note who did it and when."""
    row.state = state
    row.changed_at = now()
    session.add(
        LifeEventRow(
            id=new_id("life"),
            document_id=row.id,
            state=state,
            at=row.changed_at,
            by=caller.user_id,
            by_name=caller.name,
            note=note,
        )
    )


def mark_deleted(session: Session, row: DocumentRow, caller: Caller) -> None:
    """From the end of this transaction nobody sees the document; `settle` removes the rest."""
    row.live_sha256 = None
    enter(session, row, DocumentState.DELETED, caller)
    forget_document(session, row.id)


def _decidable(session: Session, caller: Caller, document_id: str) -> DocumentRow:
    row, _ = document_to_read(session, caller, document_id)
    if row.state not in DECIDABLE:
        raise Conflict(
            f"This document is {row.state}; a decision is made on drafts and current documents.",
            hint="Add the file again to make a new draft of it.",
        )
    return row


def _refuse_older(session: Session, row: DocumentRow) -> None:
    newer = session.scalars(
        select(DocumentRow)
        .where(DocumentRow.lineage == row.lineage, DocumentRow.version > row.version)
        .where(DocumentRow.state.in_([DocumentState.APPROVED, DocumentState.CURRENT]))
    ).first()
    if newer is not None:
        raise Conflict(
            f"Version {newer.version} is current already; this is version {row.version}.",
            hint="Reject this draft, or add its file again as a new version.",
        )


def _confirm(session: Session, call: Call, request: Decide) -> None:
    row, collection = document_to_read(session, call.caller, request.document)
    row.review_due_at = now() + timedelta(days=collection.review_days)
    enter(session, row, DocumentState(row.state), call.caller, request.note)


def replaces_of_others(session: Session, row: DocumentRow, caller: Caller) -> bool:
    """Whether the version, once current, would take a place that the caller may not clear."""
    return not all(may_remove(caller, each) for each in session.scalars(_older(row)))


def _older(row: DocumentRow) -> Select[DocumentRow]:
    """The versions that this one supersedes when it becomes current."""
    live = (DocumentState.DRAFT, DocumentState.APPROVED, DocumentState.CURRENT)
    return (
        select(DocumentRow)
        .where(DocumentRow.lineage == row.lineage, DocumentRow.version < row.version)
        .where(DocumentRow.state.in_(live))
    )


def _switch(session: Session, document_id: str, caller: Caller) -> list[str]:
    """The one moment in which a version takes the other's place. Returns the ids to withdraw."""
    row = session.get(DocumentRow, document_id, with_for_update=True)
    if row is None:
        return []
    if row.state != DocumentState.APPROVED:  # overtaken by a newer version meanwhile
        return [row.id] if row.state in _OVER else []
    collection = session.get_one(CollectionRow, row.collection_id)
    older = session.scalars(_older(row).with_for_update()).all()
    for each in older:
        each.live_sha256 = None
        each.review_due_at = None
        enter(session, each, DocumentState.SUPERSEDED, caller, f"by version {row.version}")
    row.review_due_at = now() + timedelta(days=collection.review_days)
    enter(session, row, DocumentState.CURRENT, caller)
    return [each.id for each in older if each.searchable]


async def _withdraw(platform: Platform, workspace: str, document_id: str) -> None:
    await platform.knowledge.withdraw(workspace, document_id)
    await platform.database.write(
        lambda session: session.execute(
            update(DocumentRow).where(DocumentRow.id == document_id).values(searchable=False)
        ),
        workspace=workspace,
    )


async def _show(call: Call, document_id: str) -> DocumentView:
    def load(session: Session) -> DocumentView:
        row, collection = document_to_read(session, call.caller, document_id)
        return document_view(row, collection)

    return await call.platform.database.read(load, workspace=call.caller.workspace_id)
