"""The tables of identity. Secrets are here as hashes only.

User ids in `api_key` and `audit_event` are plain strings: an event outlives the user it names, and
Stoa itself, which has no row, may act too.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from stoa.base.database import Row, WorkspaceRow


class Workspace(Row):
    """A tenant."""

    __tablename__ = "workspace"

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    created_at: Mapped[datetime]


class User(Row):
    """A person, in any number of workspaces. Without a password hash only OIDC signs them in."""

    __tablename__ = "user"

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(254), unique=True)
    """Lower case."""
    name: Mapped[str] = mapped_column(sa.String(200))
    password_hash: Mapped[str | None] = mapped_column(sa.String(200))
    created_at: Mapped[datetime]


class Membership(WorkspaceRow, Row):
    """What a user is in a workspace."""

    __tablename__ = "membership"
    __table_args__ = (sa.UniqueConstraint("workspace_id", "user_id"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("user.id", ondelete="CASCADE"), index=True
    )
    role: Mapped[str] = mapped_column(sa.String(20))
    created_at: Mapped[datetime]


class ApiKey(WorkspaceRow, Row):
    """A key that programs call with, as the user who made it."""

    __tablename__ = "api_key"

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(sa.String(40), index=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    role: Mapped[str] = mapped_column(sa.String(20))
    scopes: Mapped[list[str] | None]
    """None: no narrowing."""
    prefix: Mapped[str] = mapped_column(sa.String(16))
    """First characters of the secret, to tell keys apart."""
    secret_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]


class SignInSession(Row):
    """A signed-in browser."""

    __tablename__ = "session"

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("user.id", ondelete="CASCADE"), index=True
    )
    workspace_id: Mapped[str | None] = mapped_column(
        sa.String(40), sa.ForeignKey("workspace.id", ondelete="SET NULL")
    )
    """The workspace chosen last, of the several a user may be in."""
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class AttemptCount(Row):
    """Failed proofs of one account or address within one window of time."""

    __tablename__ = "attempt_count"

    subject: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    """A keyed hash: people type passwords into the e-mail field."""
    window: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    count: Mapped[int]


class SpentToken(Row):
    """A one-time token that was used, until it would have expired anyway."""

    __tablename__ = "spent_token"

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class AuditEvent(Row):
    """One thing that was done. Rows are only ever added: triggers refuse the rest (see the migration)."""

    __tablename__ = "audit_event"

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(sa.String(40), index=True)
    """Empty for what concerns no workspace, such as a failed sign-in. No foreign key: it stays."""
    at: Mapped[datetime]
    user_id: Mapped[str] = mapped_column(sa.String(40))
    actor: Mapped[str] = mapped_column(sa.String(200))
    action: Mapped[str] = mapped_column(sa.String(60))
    subject: Mapped[str] = mapped_column(sa.String(200), index=True)
    details: Mapped[dict[str, Any]]
