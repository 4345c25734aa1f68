"""The tables of the flows room: runs and their events, approvals and their letters, schedules, workers.

They are the truth that people see. What DBOS keeps beside them (queue, recorded steps) is the means
by which a run gets to its end; it can be read here nowhere.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from stoa.base.database import Row, WorkspaceRow
from stoa.base.identity import tables as identity  # noqa: F401 - declares the workspace table


class Run(WorkspaceRow, Row):
    """One start of a workflow. Its id is also the id of the DBOS workflow that works on it."""

    __tablename__ = "run"
    __table_args__ = (
        sa.UniqueConstraint("workspace_id", "key"),
        sa.Index("ix_run_state_updated_at", "state", "updated_at"),
    )

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    workflow: Mapped[str] = mapped_column(sa.String(80))
    solution: Mapped[str] = mapped_column(sa.String(80))
    operation: Mapped[str] = mapped_column(sa.String(80))
    user_id: Mapped[str] = mapped_column(sa.String(40), index=True)
    caller: Mapped[dict[str, Any]]
    """Role, name and key scopes of whoever started it."""
    payload: Mapped[dict[str, Any]]
    key: Mapped[str | None] = mapped_column(sa.String(200))
    """The same key in the same workspace is the same run."""
    state: Mapped[str] = mapped_column(sa.String(20))
    message: Mapped[str] = mapped_column(sa.String(500), default="")
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    result: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    error: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    failed_step: Mapped[int | None]
    """Number of the recorded step whose error ended the run; `resume` drops the record from there."""
    events: Mapped[int] = mapped_column(default=0)
    """Number of the last event."""
    attempts: Mapped[int] = mapped_column(default=0)
    """Starts since the last finished step; too many mean that the run kills its worker."""
    round: Mapped[int] = mapped_column(default=0)
    """How often a person resumed it."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class RunEventRow(WorkspaceRow, Row):
    """One line of a run's history."""

    __tablename__ = "run_event"
    __table_args__ = (sa.UniqueConstraint("run_id", "key"),)

    run_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("run.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(sa.String(20))
    data: Mapped[dict[str, Any]]
    key: Mapped[str | None] = mapped_column(sa.String(80))
    """What replay would write again; the second one is left out."""


class ApprovalRow(WorkspaceRow, Row):
    """A question that a run put to a person."""

    __tablename__ = "approval"
    __table_args__ = (
        sa.UniqueConstraint("run_id", "step"),
        sa.Index("ix_approval_state_due_at", "state", "due_at"),
        sa.Index("ix_approval_inbox", "workspace_id", "state", "created_at"),
        sa.Index("ix_approval_workspace_id_changed_at", "workspace_id", "changed_at"),
    )

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    run_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("run.id", ondelete="CASCADE"), index=True
    )
    step: Mapped[str] = mapped_column(sa.String(40))
    """Which question of the run it is, the same on replay."""
    question: Mapped[str] = mapped_column(sa.Text)
    context: Mapped[dict[str, Any]]
    choices: Mapped[list[str]]
    highlights: Mapped[list[Any]] = mapped_column(default=list)
    to_role: Mapped[str | None] = mapped_column(sa.String(20))
    to_user: Mapped[str | None] = mapped_column(sa.String(40))
    editable_text: Mapped[str | None] = mapped_column(sa.Text)
    people: Mapped[int] = mapped_column(default=1)
    excluding: Mapped[list[str]] = mapped_column(default=list)
    state: Mapped[str] = mapped_column(sa.String(20))
    choice: Mapped[str | None] = mapped_column(sa.String(80))
    text: Mapped[str | None] = mapped_column(sa.Text)
    reason: Mapped[str] = mapped_column(sa.Text, default="")
    way: Mapped[str | None] = mapped_column(sa.String(20))
    decided_by: Mapped[str | None] = mapped_column(sa.String(40))
    decided_by_name: Mapped[str] = mapped_column(sa.String(200), default="")
    decided_at: Mapped[datetime | None]
    deadline: Mapped[datetime | None]
    default_choice: Mapped[str | None] = mapped_column(sa.String(80))
    escalate_role: Mapped[str | None] = mapped_column(sa.String(20))
    escalate_user: Mapped[str | None] = mapped_column(sa.String(40))
    escalate_at: Mapped[datetime | None]
    """Gone once it has happened; `escalated_at` says when."""
    escalated_at: Mapped[datetime | None]
    remind_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    """The nearest of deadline, escalation and reminder: what the clock looks for, by index."""
    changed_at: Mapped[datetime]
    created_at: Mapped[datetime]


class VoteRow(WorkspaceRow, Row):
    """What one person chose of a question; several people may have to agree."""

    __tablename__ = "approval_vote"

    approval_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("approval.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    choice: Mapped[str] = mapped_column(sa.String(80))
    text: Mapped[str | None] = mapped_column(sa.Text)
    reason: Mapped[str] = mapped_column(sa.Text)
    way: Mapped[str] = mapped_column(sa.String(20))
    at: Mapped[datetime]


class LetterRow(WorkspaceRow, Row):
    """An e-mail to one person about one question, to be sent until it is sent or given up.

    Only what it is about is kept: its words and links are made when it is sent, the same each time.
    """

    __tablename__ = "approval_letter"
    __table_args__ = (
        sa.UniqueConstraint("approval_id", "user_id", "kind"),
        sa.Index("ix_approval_letter_state_next_at", "state", "next_at"),
    )

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    approval_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("approval.id", ondelete="CASCADE")
    )
    user_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("user.id", ondelete="CASCADE"), index=True
    )
    kind: Mapped[str] = mapped_column(sa.String(20))
    state: Mapped[str] = mapped_column(sa.String(20))
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(sa.String(500), default="")
    next_at: Mapped[datetime]
    """When it may be tried next. Whoever tries moves it first, so that others keep away."""
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


class LinkRow(WorkspaceRow, Row):
    """A link in a letter: lets one person make one choice of one question, once. Only its hash is here."""

    __tablename__ = "approval_link"

    token_hash: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    approval_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("approval.id", ondelete="CASCADE"), index=True
    )
    user_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("user.id", ondelete="CASCADE"), index=True
    )
    choice: Mapped[str] = mapped_column(sa.String(80))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class MailOptOut(WorkspaceRow, Row):
    """A member who wants no e-mails about questions of this workspace."""

    __tablename__ = "approval_mail_opt_out"
    __table_args__ = (sa.PrimaryKeyConstraint("workspace_id", "user_id"),)

    user_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("user.id", ondelete="CASCADE"), index=True
    )


class ScheduleRow(WorkspaceRow, Row):
    """Runs that a workspace starts by the clock."""

    __tablename__ = "schedule"
    __table_args__ = (sa.UniqueConstraint("workspace_id", "name"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    cron: Mapped[str] = mapped_column(sa.String(80))
    workflow: Mapped[str] = mapped_column(sa.String(80))
    solution: Mapped[str] = mapped_column(sa.String(80))
    operation: Mapped[str] = mapped_column(sa.String(80))
    user_id: Mapped[str] = mapped_column(sa.String(40))
    caller: Mapped[dict[str, Any]]
    payload: Mapped[dict[str, Any]]
    next_at: Mapped[datetime] = mapped_column(index=True)
    last_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class WorkerRow(Row):
    """A process that works on runs. It lives as long as `beat` grows."""

    __tablename__ = "worker"

    id: Mapped[str] = mapped_column(sa.String(120), primary_key=True)
    """The DBOS executor id, new for every process."""
    name: Mapped[str] = mapped_column(sa.String(100), index=True)
    """The stable name; of two rows with one name only the younger can live."""
    host: Mapped[str] = mapped_column(sa.String(100))
    lock: Mapped[str] = mapped_column(sa.String(500))
    """A file on that host which the living process holds locked."""
    beat: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
