"""What answer_reviews keeps in the SQL database."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from stoa.base.database import Row, WorkspaceRow


class ReviewRow(WorkspaceRow, Row):
    """One review and what came of it.

    `review_id` is the sender's own id, NULL where it gave none: so the database itself refuses the
    same one twice, also when two arrive in the same moment.
    """

    __tablename__ = "answer_reviews_review"
    __table_args__ = (
        sa.UniqueConstraint("workspace_id", "channel", "source", "review_id"),
        sa.UniqueConstraint("workspace_id", "run_id"),
        sa.Index("ix_answer_reviews_review_received", "workspace_id", "received_at"),
        sa.Index("ix_answer_reviews_review_state", "workspace_id", "state"),
    )

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    run_id: Mapped[str | None] = mapped_column(sa.String(40))
    """The durable run that handles it; NULL outside one."""
    channel: Mapped[str] = mapped_column(sa.String(40))
    source: Mapped[str] = mapped_column(sa.String(200))
    review_id: Mapped[str | None] = mapped_column(sa.String(200))
    sha256: Mapped[str] = mapped_column(sa.String(64))
    """Of the text: a second one of the same id must say the same."""
    title: Mapped[str] = mapped_column(sa.String(300))
    text: Mapped[str] = mapped_column(sa.Text)
    author: Mapped[str] = mapped_column(sa.String(120))
    product: Mapped[str] = mapped_column(sa.String(200))
    rating: Mapped[int | None]
    language: Mapped[str] = mapped_column(sa.String(12))
    pictures: Mapped[list[str]]
    state: Mapped[str] = mapped_column(sa.String(20))

    toxicity: Mapped[dict[str, Any] | None]
    sentiment: Mapped[dict[str, Any] | None]
    reply: Mapped[str] = mapped_column(sa.Text, default="")
    reply_by: Mapped[str] = mapped_column(sa.String(200), default="")
    reply_edited: Mapped[bool] = mapped_column(default=False)
    reply_toxicity: Mapped[dict[str, Any] | None]

    held: Mapped[int] = mapped_column(default=0)
    decided_by: Mapped[str] = mapped_column(sa.String(200), default="")
    reason: Mapped[str] = mapped_column(sa.String(1000), default="")
    received_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)


class LabelRow(WorkspaceRow, Row):
    """What a person said of a score: harmful or not. The data that thresholds are tuned on.

    It holds no text, so it stays when the review is retracted.
    """

    __tablename__ = "answer_reviews_label"
    __table_args__ = (sa.UniqueConstraint("workspace_id", "key"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(200))
    """Which question it answers: the same one again replaces it."""
    review: Mapped[str] = mapped_column(sa.String(40), default="", index=True)
    """Id of the review; empty for labels that came with a sample."""
    channel: Mapped[str] = mapped_column(sa.String(40))
    score: Mapped[float]
    harmful: Mapped[bool]
    asked: Mapped[bool]
    """A person was asked, before anything was published; else it was said afterwards."""
    by: Mapped[str] = mapped_column(sa.String(200))
    note: Mapped[str] = mapped_column(sa.String(500), default="")
    at: Mapped[datetime] = mapped_column(index=True)


class ChannelRow(WorkspaceRow, Row):
    """The settings of one channel."""

    __tablename__ = "answer_reviews_channel"
    __table_args__ = (sa.UniqueConstraint("workspace_id", "name"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(40))
    settings: Mapped[dict[str, Any]]


class PictureRow(WorkspaceRow, Row):
    """What came of one picture of a review."""

    __tablename__ = "answer_reviews_picture"
    __table_args__ = (sa.UniqueConstraint("review", "file_id"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    review: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("answer_reviews_review.id", ondelete="CASCADE"), index=True
    )
    file_id: Mapped[str] = mapped_column(sa.String(40))
    media_type: Mapped[str] = mapped_column(sa.String(80))
    width: Mapped[int]
    height: Mapped[int]
    verdict: Mapped[str] = mapped_column(sa.String(20))
    reason: Mapped[str] = mapped_column(sa.String(500))
    by: Mapped[str] = mapped_column(sa.String(200))
    at: Mapped[datetime]
