"""The tables of the events room: the outbox, who wants what, and what has been delivered.

An event is written with the change that it tells of and has no number yet. Whoever spreads it gives
the number, and one delivery per consumer, in one transaction.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from stoa.base.database import Row, WorkspaceRow
from stoa.base.identity import tables as identity  # noqa: F401 - declares the workspace table


class DeliveryState(StrEnum):
    """Where one event stands with one consumer."""

    WAITING = "waiting"
    """To be sent: now, or at `next_at` when an attempt has failed or is under way."""
    DELIVERED = "delivered"
    DEAD = "dead"
    """Given up; a person may replay it."""


class EventRow(WorkspaceRow, Row):
    """One event of a workspace."""

    __tablename__ = "event"
    __table_args__ = (
        sa.UniqueConstraint("workspace_id", "name"),
        sa.UniqueConstraint("workspace_id", "key"),
        sa.UniqueConstraint("workspace_id", "number"),
        sa.Index("ix_event_newest", "workspace_id", "moment"),
        sa.Index(
            "ix_event_unnumbered",
            "workspace_id",
            "moment",
            sqlite_where=sa.text("number IS NULL"),
            postgresql_where=sa.text("number IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    """Ours; of an event that was made here it is also the id of the CloudEvent."""
    moment: Mapped[int] = mapped_column(sa.BigInteger)
    """Nanoseconds since 1970 at which it was added: the order in which numbers are given."""
    number: Mapped[int | None] = mapped_column(sa.BigInteger)
    """Place in the workspace's log, from 1, without gaps; None until it is spread."""
    name: Mapped[str] = mapped_column(sa.String(64))
    """Stands for source and id of the CloudEvent."""
    key: Mapped[str | None] = mapped_column(sa.String(200))
    """What the writer of the event would write again; the second one is left out."""
    type: Mapped[str] = mapped_column(sa.String(200))
    source: Mapped[str] = mapped_column(sa.String(500))
    subject: Mapped[str | None] = mapped_column(sa.String(500))
    received: Mapped[bool]
    """It came from outside."""
    envelope: Mapped[dict[str, Any]]
    """The CloudEvent in the JSON format."""
    at: Mapped[datetime]
    """When it was added here; the event's own time is in the envelope."""


class EventLogRow(WorkspaceRow, Row):
    """How many events of a workspace are numbered. Whoever numbers holds this row."""

    __tablename__ = "event_log"
    __table_args__ = (sa.UniqueConstraint("workspace_id"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    last: Mapped[int] = mapped_column(sa.BigInteger, default=0)


class SubscriptionRow(WorkspaceRow, Row):
    """A webhook: who wants which events, and where."""

    __tablename__ = "event_subscription"

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(200))
    url: Mapped[str] = mapped_column(sa.String(2000))
    types: Mapped[list[str]]
    """Patterns of event types: `*` stands for any characters."""
    secret: Mapped[bytes]
    """Sealed."""
    old_secret: Mapped[bytes | None]
    """Sealed; signs beside the new one until `old_until`."""
    old_until: Mapped[datetime | None]
    active: Mapped[bool]
    reason: Mapped[str] = mapped_column(sa.String(200), default="")
    """Why it is not active."""
    failures: Mapped[int] = mapped_column(default=0)
    """Attempts that failed since the last one that did not."""
    rests_until: Mapped[datetime | None]
    """The consumer asked to be left alone until then (Retry-After)."""
    delivered_at: Mapped[datetime | None]
    created_by: Mapped[str] = mapped_column(sa.String(40))
    created_at: Mapped[datetime]


class DeliveryRow(WorkspaceRow, Row):
    """One event on its way to one consumer: a subscription, or a part of this house by name."""

    __tablename__ = "event_delivery"
    __table_args__ = (
        sa.Index("ix_event_delivery_due", "consumer", "state", "next_at"),
        sa.Index("ix_event_delivery_newest", "workspace_id", "state", "event_id"),
    )

    event_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("event.id", ondelete="CASCADE"), primary_key=True
    )
    consumer: Mapped[str] = mapped_column(sa.String(120), primary_key=True)
    state: Mapped[str] = mapped_column(sa.String(20))
    attempts: Mapped[int] = mapped_column(default=0)
    """Attempts begun; also tells which of them a result belongs to."""
    next_at: Mapped[datetime]
    """When it is due. An attempt that begins moves it on by the length of a lease, so that the
    delivery of a process that died becomes due again by itself."""
    status: Mapped[int | None]
    """The HTTP status of the last answer."""
    error: Mapped[str] = mapped_column(sa.String(500), default="")
    """Why the last attempt failed."""
    ended_at: Mapped[datetime | None]


class EventSourceRow(WorkspaceRow, Row):
    """A sender outside that proves itself by signing (Standard Webhooks) instead of by a key."""

    __tablename__ = "event_source"

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(200))
    types: Mapped[list[str]]
    """Patterns of the event types that it may send."""
    secret: Mapped[bytes]
    """Sealed."""
    created_by: Mapped[str] = mapped_column(sa.String(40))
    created_at: Mapped[datetime]
