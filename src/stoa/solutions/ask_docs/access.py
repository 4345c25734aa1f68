"""Who may read and write what: the one place where that is decided.

Every read by id goes through here. What one may not read does not exist: it raises NotFound with the
same words as an id that was never given. Owners of the workspace may read and write every collection.
"""

from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from stoa.base.errors import Forbidden, NotFound
from stoa.base.identity.caller import EDITORS, REVIEWERS, Caller, Role
from stoa.solutions.ask_docs.schema import DocumentState
from stoa.solutions.ask_docs.tables import CollectionRow, DocumentRow, SourceRow

_CHECK_ID = "Check the id; you may lack the right to read it."


def is_among(caller: Caller, principals: Sequence[str]) -> bool:
    """Whether `everyone`, the caller's role or the caller's own id is in the list."""
    own = {"everyone", f"role:{caller.role}", f"user:{caller.user_id}"}
    return caller.role is Role.OWNER or not own.isdisjoint(principals)


def may_read(caller: Caller, collection: CollectionRow) -> bool:
    """Whether answers to this caller may be made from the collection."""
    return is_among(caller, collection.readers)


def may_write(caller: Caller, collection: CollectionRow) -> bool:
    """Whether the caller may add, replace and delete documents in the collection."""
    return may_read(caller, collection) and is_among(caller, collection.writers)


def readable_collections(
    session: Session, caller: Caller, named: Sequence[str] = ()
) -> list[CollectionRow]:
    """The collections the caller may read, by name; or of these, the ones named by id or name.

    Raises:
        NotFound: one of the named does not exist for the caller.
    """
    if named:
        found = {row.id: row for row in (collection_to_read(session, caller, n) for n in named)}
        return list(found.values())
    rows = session.scalars(select(CollectionRow).order_by(CollectionRow.name))
    return [row for row in rows if may_read(caller, row)]


def collection_to_read(session: Session, caller: Caller, named: str) -> CollectionRow:
    """The collection of that id or name. Raises NotFound."""
    statement = select(CollectionRow).where(
        or_(CollectionRow.id == named, CollectionRow.name == named)
    )
    row = session.scalars(statement).first()
    if row is None or not may_read(caller, row):
        raise NotFound(f"There is no collection '{named}'.", hint=_CHECK_ID)
    return row


def collection_to_write(session: Session, caller: Caller, named: str) -> CollectionRow:
    """The collection of that id or name. Raises NotFound, or Forbidden for mere readers."""
    row = collection_to_read(session, caller, named)
    if not may_write(caller, row):
        raise Forbidden(
            f"You may read '{row.name}', but not change it.",
            hint="Ask an owner to name you among its writers.",
        )
    return row


def may_see(caller: Caller, document: DocumentRow) -> bool:
    """Whether a reader of its collection may see this version.

    What counts now is everybody's; drafts and the past are for those who review and who added them.
    """
    if document.state == DocumentState.DELETED:
        return False
    current = document.state == DocumentState.CURRENT
    return current or caller.role in REVIEWERS or document.added_by == caller.user_id


def may_remove(caller: Caller, document: DocumentRow) -> bool:
    """Whether a writer of its collection may take this version away: delete it, or replace it unseen.

    Editors may; others only what they added themselves, while no answer is made from it.
    """
    own = document.added_by == caller.user_id and document.state != DocumentState.CURRENT
    return caller.role in EDITORS or own


def document_to_read(
    session: Session, caller: Caller, document_id: str
) -> tuple[DocumentRow, CollectionRow]:
    """The version of that id with its collection. Raises NotFound."""
    found = session.execute(
        select(DocumentRow, CollectionRow)
        .join(CollectionRow, CollectionRow.id == DocumentRow.collection_id)
        .where(DocumentRow.id == document_id)
    ).first()
    if found is None or not may_read(caller, found[1]) or not may_see(caller, found[0]):
        raise NotFound(f"There is no document '{document_id}'.", hint=_CHECK_ID)
    return found[0], found[1]


def document_to_write(
    session: Session, caller: Caller, document_id: str
) -> tuple[DocumentRow, CollectionRow]:
    """The same for somebody who wants to change it. Raises NotFound, or Forbidden for readers."""
    document, collection = document_to_read(session, caller, document_id)
    collection_to_write(session, caller, collection.id)
    return document, collection


def source_to_write(session: Session, caller: Caller, source_id: str) -> SourceRow:
    """The source of that id. Raises NotFound, or Forbidden for mere readers of its collection."""
    row = session.get(SourceRow, source_id)
    if row is None:
        raise no_source(source_id)
    try:
        collection_to_read(session, caller, row.collection_id)
    except NotFound:
        raise no_source(source_id) from None
    collection_to_write(session, caller, row.collection_id)
    return row


def no_source(source_id: str) -> NotFound:
    """The same words for a source that is gone, never was, or may not be seen."""
    return NotFound(f"There is no source '{source_id}'.", hint="See the list of sources.")
