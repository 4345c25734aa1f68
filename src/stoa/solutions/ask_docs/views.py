"""Rows as the words of `schema.py`."""

from stoa.solutions.ask_docs.schema import DocumentState, DocumentView, LifeEvent
from stoa.solutions.ask_docs.tables import CollectionRow, DocumentRow, LifeEventRow


def document_view(row: DocumentRow, collection: CollectionRow) -> DocumentView:
    """A version of a document as its readers see it."""
    return DocumentView(
        id=row.id,
        title=row.title,
        name=row.name,
        collection=collection.id,
        collection_name=collection.name,
        state=DocumentState(row.state),
        version=row.version,
        lineage=row.lineage,
        reference=row.reference,
        media_type=row.media_type,
        language=row.language,
        size=row.size,
        pages=row.pages,
        indexed=row.indexed,
        reported=row.reported,
        passages=row.passages,
        embedded=row.embedded,
        problem=row.problem,
        hint=row.hint,
        source=row.source_id,
        added_by=row.added_by,
        added_by_name=row.added_by_name,
        added_at=row.added_at,
        changed_at=row.changed_at,
        review_due_at=row.review_due_at,
    )


def life_event(row: LifeEventRow) -> LifeEvent:
    """A step in a document's life."""
    return LifeEvent(
        state=DocumentState(row.state), at=row.at, by=row.by, by_name=row.by_name, note=row.note
    )
