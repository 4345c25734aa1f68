"""The tables of ask_data: connections and what is known of them, answered questions, what is saved."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from stoa.base.database import Row, WorkspaceRow


def _connection() -> Mapped[str]:
    return mapped_column(
        sa.String(40), sa.ForeignKey("ask_data_connection.id", ondelete="CASCADE"), index=True
    )


class ConnectionRow(WorkspaceRow, Row):
    """A database somebody connected. Its URL is sealed: it may hold a password."""

    __tablename__ = "ask_data_connection"
    __table_args__ = (sa.UniqueConstraint("workspace_id", "name"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(80))
    dialect: Mapped[str] = mapped_column(sa.String(20))
    address: Mapped[str] = mapped_column(sa.String(2000))
    sealed_url: Mapped[bytes] = mapped_column(sa.LargeBinary)
    read_only: Mapped[bool]
    warnings: Mapped[list[str]]
    tables: Mapped[int]
    version: Mapped[int]
    """Grows with every change of tables, columns, keys or descriptions."""
    refreshed_at: Mapped[datetime]
    added_by: Mapped[str] = mapped_column(sa.String(40))
    added_by_name: Mapped[str] = mapped_column(sa.String(200))
    added_at: Mapped[datetime]


class CatalogueRow(WorkspaceRow, Row):
    """What one reflection of a database found, without what people wrote about it."""

    __tablename__ = "ask_data_catalogue"
    __table_args__ = (sa.UniqueConstraint("connection_id", "version"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    connection_id: Mapped[str] = _connection()
    version: Mapped[int]
    """The connection's version that it was the first of."""
    content: Mapped[str] = mapped_column(sa.Text)
    reflected_at: Mapped[datetime]


class DescriptionRow(WorkspaceRow, Row):
    """What a person says a table or a column means. It outlives refreshes."""

    __tablename__ = "ask_data_description"
    __table_args__ = (sa.UniqueConstraint("connection_id", "table_key", "column"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    connection_id: Mapped[str] = _connection()
    table_key: Mapped[str] = mapped_column(sa.String(260))
    column: Mapped[str] = mapped_column(sa.String(260))
    """Empty: the table itself."""
    text: Mapped[str] = mapped_column(sa.String(2000))
    by: Mapped[str] = mapped_column(sa.String(40))
    at: Mapped[datetime]


class TableVectorsRow(WorkspaceRow, Row):
    """What the tables of a catalogue mean, as vectors; derived, made anew when missing."""

    __tablename__ = "ask_data_table_vectors"
    __table_args__ = (sa.UniqueConstraint("connection_id", "version", "space"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    connection_id: Mapped[str] = _connection()
    version: Mapped[int]
    space: Mapped[str] = mapped_column(sa.String(200))
    vectors: Mapped[bytes] = mapped_column(sa.LargeBinary)


class PolicyRow(WorkspaceRow, Row):
    """What a role may see of a database."""

    __tablename__ = "ask_data_policy"
    __table_args__ = (sa.UniqueConstraint("connection_id", "role"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    connection_id: Mapped[str] = _connection()
    role: Mapped[str] = mapped_column(sa.String(20))
    tables: Mapped[list[str] | None] = mapped_column(sa.JSON(none_as_null=True))
    rows: Mapped[dict[str, Any]]
    masked: Mapped[dict[str, Any]]


class PairRow(WorkspaceRow, Row):
    """An answered question with its query, to be run again when the same is asked."""

    __tablename__ = "ask_data_pair"
    __table_args__ = (sa.UniqueConstraint("scope", "wording"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    connection_id: Mapped[str] = _connection()
    scope: Mapped[str] = mapped_column(sa.String(64))
    """Digest of all that must be the same for a query to mean the same: see reuse.py."""
    wording: Mapped[str] = mapped_column(sa.String(64))
    """Digest of the question in lower case without punctuation at its ends."""
    question: Mapped[str] = mapped_column(sa.Text)
    fingerprint: Mapped[dict[str, Any]]
    sql: Mapped[str] = mapped_column(sa.Text)
    reasoning: Mapped[str] = mapped_column(sa.Text)
    answered_by: Mapped[str] = mapped_column(sa.String(200))
    english: Mapped[str] = mapped_column(sa.Text)
    english_by: Mapped[str] = mapped_column(sa.String(200))
    rows_digest: Mapped[str] = mapped_column(sa.String(64))
    """Of the rows that `english` was written from: for other rows it is written anew."""
    space: Mapped[str] = mapped_column(sa.String(200))
    vector: Mapped[bytes] = mapped_column(sa.LargeBinary)
    state: Mapped[str] = mapped_column(sa.String(10))
    """`new`, `good` where somebody called its answer so, or `bad`: never used, and not learned anew."""
    at: Mapped[datetime] = mapped_column(index=True)


class QuestionRow(WorkspaceRow, Row):
    """The question log. The rows of answers are not in it. Its id is the answer's."""

    __tablename__ = "ask_data_question"

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    connection_id: Mapped[str] = _connection()
    user_id: Mapped[str] = mapped_column(sa.String(40), index=True)
    at: Mapped[datetime] = mapped_column(index=True)
    question: Mapped[str] = mapped_column(sa.Text)
    sql: Mapped[str] = mapped_column(sa.Text)
    pair_id: Mapped[str] = mapped_column(sa.String(40))
    """The pair it made or used; empty where there is none."""
    problem: Mapped[str] = mapped_column(sa.String(20))
    reused: Mapped[bool]
    repairs: Mapped[int]
    answered_by: Mapped[str] = mapped_column(sa.String(200))
    steps: Mapped[dict[str, Any]]
    seconds: Mapped[float]
    input_tokens: Mapped[int]
    output_tokens: Mapped[int]
    good: Mapped[bool | None]
    why: Mapped[str] = mapped_column(sa.String(2000), default="")


class SavedRow(WorkspaceRow, Row):
    """A question with its query that somebody keeps."""

    __tablename__ = "ask_data_saved"

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    connection_id: Mapped[str] = _connection()
    user_id: Mapped[str] = mapped_column(sa.String(40), index=True)
    name: Mapped[str] = mapped_column(sa.String(2000))
    question: Mapped[str] = mapped_column(sa.Text)
    sql: Mapped[str] = mapped_column(sa.Text)
    shared: Mapped[bool]
    at: Mapped[datetime]


class StoredResultRow(WorkspaceRow, Row):
    """An answer with its rows in the object store, until it expires. Its asker's alone."""

    __tablename__ = "ask_data_stored_result"

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    connection_id: Mapped[str] = _connection()
    user_id: Mapped[str] = mapped_column(sa.String(40), index=True)
    object_key: Mapped[str] = mapped_column(sa.String(200))
    expires_at: Mapped[datetime] = mapped_column(index=True)
