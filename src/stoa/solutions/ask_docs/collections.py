"""Collections: documents that share readers, writers and the rules of review."""

from sqlalchemy import func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stoa.base.database import new_id, now
from stoa.base.errors import Conflict
from stoa.base.identity.caller import EDITORS, Caller
from stoa.contract import Call
from stoa.solutions.ask_docs.access import (
    collection_to_write,
    may_write,
    readable_collections,
)
from stoa.solutions.ask_docs.schema import (
    Collections,
    CollectionView,
    CreateCollection,
    DeleteCollection,
    DocumentState,
    Done,
    ListCollections,
    Person,
    SetCollection,
)
from stoa.solutions.ask_docs.tables import CollectionRow, DocumentRow, SourceRow

FIRST = "General"
"""The collection every workspace has from its first call on."""


async def collections(call: Call, request: ListCollections) -> Collections:
    """List the collections you may read, with who may read and write them."""
    await ensure_first(call)

    def load(session: Session) -> list[CollectionView]:
        return [
            _view(session, call.caller, row) for row in readable_collections(session, call.caller)
        ]

    found = await call.platform.database.read(load, workspace=call.caller.workspace_id)
    names = await call.platform.accounts.names(call.caller.workspace_id)
    named = {principal for each in found for principal in (*each.readers, *each.writers)}
    people = [
        Person(id=user, name=name)
        for user, name in names.items()
        if call.caller.role in EDITORS or f"user:{user}" in named
    ]
    return Collections(collections=found, people=people)


async def collection_create(call: Call, request: CreateCollection) -> CollectionView:
    """Make a collection and say who may read it and who may add to it."""
    await ensure_first(call)

    def create(session: Session) -> CollectionView:
        _refuse_used(session, request.name)
        row = _new_row(request)
        session.add(row)
        session.flush()
        call.platform.audit.record(
            session, call.caller, "collection.created", row.id, **request.model_dump()
        )
        return _view(session, call.caller, row)

    try:
        return await call.platform.database.write(create, workspace=call.caller.workspace_id)
    except IntegrityError as error:  # somebody else made it in the same moment
        raise _unusable(request.name) from error


async def collection_set(call: Call, request: SetCollection) -> CollectionView:
    """Change a collection: its name, who may read it, who may add to it, how it is reviewed."""
    changes = request.model_dump(exclude={"collection"}, exclude_none=True)

    def change(session: Session) -> CollectionView:
        row = collection_to_write(session, call.caller, request.collection)
        if changes.get("name", row.name) != row.name:
            _refuse_used(session, changes["name"])
        for name, value in changes.items():
            setattr(row, name, value)
        session.flush()
        call.platform.audit.record(session, call.caller, "collection.changed", row.id, **changes)
        return _view(session, call.caller, row)

    try:
        return await call.platform.database.write(change, workspace=call.caller.workspace_id)
    except IntegrityError as error:
        raise _unusable(changes.get("name", request.collection)) from error


async def collection_delete(call: Call, request: DeleteCollection) -> Done:
    """Delete a collection that holds no documents and feeds from no source."""

    def remove(session: Session) -> Done:
        row = collection_to_write(session, call.caller, request.collection)
        holds = select(DocumentRow.id).where(DocumentRow.collection_id == row.id)
        feeds = select(SourceRow.id).where(SourceRow.collection_id == row.id)
        if session.scalars(holds).first() or session.scalars(feeds).first():
            raise Conflict(
                f"'{row.name}' still holds documents or sources.",
                hint="Delete its documents and remove its sources first.",
            )
        call.platform.audit.record(session, call.caller, "collection.deleted", row.id)
        session.delete(row)
        return Done(id=row.id)

    return await call.platform.database.write(remove, workspace=call.caller.workspace_id)


async def ensure_first(call: Call) -> None:
    """Make the collection 'General' in a workspace that has no collection yet."""

    def has_any(session: Session) -> bool:
        return session.scalars(select(CollectionRow.id).limit(1)).first() is not None

    def create(session: Session) -> None:
        if not has_any(session):
            session.add(_new_row(CreateCollection(name=FIRST)))

    workspace = call.caller.workspace_id
    if await call.platform.database.read(has_any, workspace=workspace):
        return
    try:
        await call.platform.database.write(create, workspace=workspace)
    except IntegrityError:
        return  # made by another call in the same moment


def _new_row(request: CreateCollection) -> CollectionRow:
    return CollectionRow(id=new_id("col"), created_at=now(), **request.model_dump())


def _refuse_used(session: Session, name: str) -> None:
    used = or_(CollectionRow.name == name, CollectionRow.id == name)
    if session.scalars(select(CollectionRow.id).where(used)).first() is not None:
        raise _unusable(name)


def _unusable(name: str) -> Conflict:
    """Says no reason: the collection of that name may be closed to whoever asks."""
    return Conflict(f"The name '{name}' can't be used.", hint="Choose another name.")


def _view(session: Session, caller: Caller, row: CollectionRow) -> CollectionView:
    current = session.scalar(
        select(func.count())
        .select_from(DocumentRow)
        .where(DocumentRow.collection_id == row.id, DocumentRow.state == DocumentState.CURRENT)
    )
    return CollectionView(
        id=row.id,
        name=row.name,
        readers=row.readers,
        writers=row.writers,
        review=row.review,
        review_days=row.review_days,
        documents=current or 0,
        may_write=may_write(caller, row),
    )
