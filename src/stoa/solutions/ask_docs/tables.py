"""What ask_docs keeps in the SQL database. Text and vectors of documents are the knowledge room's."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from stoa.base.database import Row, WorkspaceRow


class CollectionRow(WorkspaceRow, Row):
    """Documents that share readers, writers and the rules of review."""

    __tablename__ = "ask_docs_collection"
    __table_args__ = (sa.UniqueConstraint("workspace_id", "name"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(80))
    readers: Mapped[list[str]]
    writers: Mapped[list[str]]
    review: Mapped[bool]
    review_days: Mapped[int]
    created_at: Mapped[datetime]


class DocumentRow(WorkspaceRow, Row):
    """One version of a document.

    `live_sha256` is the hash of the bytes while the version may still count (received, draft,
    approved, current), else NULL: so the database itself refuses the same bytes twice in a
    collection, also when two people upload them in the same moment.
    """

    __tablename__ = "ask_docs_document"
    __table_args__ = (
        sa.UniqueConstraint("collection_id", "live_sha256"),
        sa.Index("ix_ask_docs_document_state", "workspace_id", "state"),
        sa.Index("ix_ask_docs_document_source", "source_id", "source_key"),
    )

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    collection_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("ask_docs_collection.id"), index=True
    )
    lineage: Mapped[str] = mapped_column(sa.String(40), index=True)
    version: Mapped[int]
    state: Mapped[str] = mapped_column(sa.String(20))
    searchable: Mapped[bool] = mapped_column(default=False)
    """Whether the index may still know it as published: what `settle` has to make right."""

    file_id: Mapped[str] = mapped_column(sa.String(40), index=True)
    name: Mapped[str] = mapped_column(sa.String(300))
    title: Mapped[str] = mapped_column(sa.String(300))
    reference: Mapped[str] = mapped_column(sa.String(2000), default="")
    size: Mapped[int] = mapped_column(sa.BigInteger)
    sha256: Mapped[str] = mapped_column(sa.String(64))
    live_sha256: Mapped[str | None] = mapped_column(sa.String(64))

    media_type: Mapped[str] = mapped_column(sa.String(120), default="")
    language: Mapped[str] = mapped_column(sa.String(12), default="")
    pages: Mapped[int] = mapped_column(default=0)
    indexed: Mapped[int] = mapped_column(default=0)
    reported: Mapped[int] = mapped_column(default=0)
    passages: Mapped[int] = mapped_column(default=0)
    embedded: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str] = mapped_column(sa.String(1000), default="")
    hint: Mapped[str] = mapped_column(sa.String(1000), default="")

    source_id: Mapped[str] = mapped_column(sa.String(40), default="")
    source_key: Mapped[str] = mapped_column(sa.String(2000), default="")
    """Path or address within the source."""
    run_id: Mapped[str] = mapped_column(sa.String(80), default="")
    """The durable run that reads it; empty outside one."""

    added_by: Mapped[str] = mapped_column(sa.String(40))
    added_by_name: Mapped[str] = mapped_column(sa.String(200))
    added_at: Mapped[datetime]
    changed_at: Mapped[datetime] = mapped_column(index=True)
    review_due_at: Mapped[datetime | None]


class LifeEventRow(WorkspaceRow, Row):
    """A step in a document's life: who brought it into which state, and when."""

    __tablename__ = "ask_docs_life_event"

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    document_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("ask_docs_document.id", ondelete="CASCADE"), index=True
    )
    state: Mapped[str] = mapped_column(sa.String(20))
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(sa.String(40))
    by_name: Mapped[str] = mapped_column(sa.String(200))
    note: Mapped[str] = mapped_column(sa.String(2000), default="")


class ConversationRow(WorkspaceRow, Row):
    """A person's conversation. It belongs to that person alone."""

    __tablename__ = "ask_docs_conversation"

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(sa.String(40), index=True)
    title: Mapped[str] = mapped_column(sa.String(200))
    started_at: Mapped[datetime]
    last_at: Mapped[datetime] = mapped_column(index=True)


class TurnRow(WorkspaceRow, Row):
    """A question and its answer, as long as the conversation lives."""

    __tablename__ = "ask_docs_turn"

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("ask_docs_conversation.id", ondelete="CASCADE"), index=True
    )
    at: Mapped[datetime]
    question: Mapped[str] = mapped_column(sa.Text)
    answer: Mapped[dict[str, Any]]


class TurnDocumentRow(WorkspaceRow, Row):
    """Which documents a turn holds words of: so that deleting one takes them out of memory too."""

    __tablename__ = "ask_docs_turn_document"

    turn_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("ask_docs_turn.id", ondelete="CASCADE"), primary_key=True
    )
    document_id: Mapped[str] = mapped_column(sa.String(40), primary_key=True, index=True)


class QuestionRow(WorkspaceRow, Row):
    """The question log that reports are made from: figures, and the question as it was typed.

    The text goes when its asker deletes the conversation; the figures stay. It has the id of its turn.
    """

    __tablename__ = "ask_docs_question"

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(sa.String(40), index=True)
    user_name: Mapped[str] = mapped_column(sa.String(200))
    at: Mapped[datetime] = mapped_column(index=True)
    text: Mapped[str] = mapped_column(sa.Text)
    kind: Mapped[str] = mapped_column(sa.String(20))
    answered_by: Mapped[str] = mapped_column(sa.String(200))
    steps: Mapped[dict[str, Any]]
    seconds: Mapped[float]
    input_tokens: Mapped[int]
    output_tokens: Mapped[int]
    helpful: Mapped[bool | None]
    note: Mapped[str] = mapped_column(sa.String(2000), default="")


class MemoryRow(WorkspaceRow, Row):
    """How long a workspace keeps conversations and the question log. At most one row each."""

    __tablename__ = "ask_docs_memory"
    __table_args__ = (sa.UniqueConstraint("workspace_id"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    idle_minutes: Mapped[int]
    log_days: Mapped[int]


class SourceRow(WorkspaceRow, Row):
    """A place that documents are taken from on a schedule."""

    __tablename__ = "ask_docs_source"

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    collection_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("ask_docs_collection.id"), index=True
    )
    kind: Mapped[str] = mapped_column(sa.String(10))
    location: Mapped[str] = mapped_column(sa.String(2000))
    branch: Mapped[str] = mapped_column(sa.String(200), default="")
    every_minutes: Mapped[int]
    last_at: Mapped[datetime | None]
    next_at: Mapped[datetime] = mapped_column(index=True)
    problem: Mapped[str] = mapped_column(sa.String(1000), default="")
    hint: Mapped[str] = mapped_column(sa.String(1000), default="")
    added_by: Mapped[str] = mapped_column(sa.String(40))
    added_at: Mapped[datetime]
