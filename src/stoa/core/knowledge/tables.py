"""Documents, their pages and passages as rows: the truth that the index is derived from."""

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from stoa.base.database import Row, WorkspaceRow


class DocumentRow(WorkspaceRow, Row):
    """A document that is or was being read. `ready` once every passage of it is indexed."""

    __tablename__ = "knowledge_document"
    __table_args__ = (
        sa.Index("ix_knowledge_document_live", "workspace_id", "live", "collection", "space"),
    )

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    collection: Mapped[str] = mapped_column(sa.String(200))
    object_key: Mapped[str] = mapped_column(sa.String(600))
    name: Mapped[str] = mapped_column(sa.String(500))
    replaces: Mapped[str] = mapped_column(sa.String(40), default="")
    media_type: Mapped[str] = mapped_column(sa.String(200), default="")
    title: Mapped[str] = mapped_column(sa.String(500), default="")
    language: Mapped[str] = mapped_column(sa.String(20), default="")
    ready: Mapped[bool] = mapped_column(default=False)
    live: Mapped[bool] = mapped_column(default=False)
    space: Mapped[str] = mapped_column(sa.String(40), default="")
    """Id of the vector space that its rows in the index belong to."""


class PageRow(WorkspaceRow, Row):
    """One page: its line of the accounting, and all that was read of it."""

    __tablename__ = "knowledge_page"

    document_id: Mapped[str] = mapped_column(
        sa.ForeignKey("knowledge_document.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    status: Mapped[str] = mapped_column(sa.String(20))
    source: Mapped[str] = mapped_column(sa.String(20))
    reason: Mapped[str] = mapped_column(sa.Text)
    characters: Mapped[int]
    tables: Mapped[int]
    content: Mapped[str] = mapped_column(sa.Text, deferred=True)
    """The `ParsedPage` as JSON."""


class PassageRow(WorkspaceRow, Row):
    """One passage, and how many windows of it the index holds (0: not indexed yet)."""

    __tablename__ = "knowledge_passage"
    __table_args__ = (
        sa.UniqueConstraint("document_id", "ordinal"),
        sa.Index("ix_knowledge_passage_digest", "document_id", "digest"),
    )

    id: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    document_id: Mapped[str] = mapped_column(
        sa.ForeignKey("knowledge_document.id", ondelete="CASCADE")
    )
    ordinal: Mapped[int]
    page: Mapped[int]
    last_page: Mapped[int]
    start: Mapped[int]
    end: Mapped[int]
    text: Mapped[str] = mapped_column(sa.Text)
    heading: Mapped[str] = mapped_column(sa.Text)
    tokens: Mapped[int]
    digest: Mapped[str] = mapped_column(sa.String(64))
    """Hash of what is embedded: the same digest has the same vectors."""
    windows: Mapped[int] = mapped_column(default=0)
