"""The table of the jobs room: one row per job, the truth that people see.

Curves and the log are files: in the run folder while it is there, and in the object store.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from stoa.base.database import Row, WorkspaceRow
from stoa.base.identity import tables as identity  # noqa: F401 - declares the workspace table


class JobRow(WorkspaceRow, Row):
    """One piece of work for a process, over all its attempts."""

    __tablename__ = "job"
    __table_args__ = (
        sa.UniqueConstraint("workspace_id", "key"),
        sa.Index("ix_job_state", "state"),
    )

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(300))
    """The same key in the same workspace is the same job, and the same run folder."""
    run_id: Mapped[str | None] = mapped_column(sa.String(40), index=True)
    """The durable run that wants it; a job whose run has ended is stopped."""
    user_id: Mapped[str] = mapped_column(sa.String(40))
    launch: Mapped[dict[str, Any]]
    launcher: Mapped[str] = mapped_column(sa.String(20))
    state: Mapped[str] = mapped_column(sa.String(20))
    stopping: Mapped[bool]
    """Somebody wants it stopped; whoever follows it does that."""
    attempt: Mapped[int]
    failures: Mapped[int]
    """Attempts that failed since the job was asked for."""
    lost: Mapped[int]
    """Attempts that vanished, with their machine or by a kill, since the last that did not."""
    handle: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    """By which the launcher finds the process again; None where none was started."""
    message: Mapped[str] = mapped_column(sa.String(500))
    done: Mapped[int]
    total: Mapped[int]
    latest: Mapped[dict[str, Any]]
    metrics: Mapped[dict[str, Any]]
    details: Mapped[dict[str, Any]]
    artefact_id: Mapped[str | None] = mapped_column(sa.String(40))
    error: Mapped[str] = mapped_column(sa.Text)
    exit_code: Mapped[int | None]
    memory_mb: Mapped[int]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
