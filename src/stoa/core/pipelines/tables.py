"""The tables of the pipelines room: each run of a pipeline, and each step of it."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from stoa.base.database import Row, WorkspaceRow
from stoa.base.identity import tables as identity  # noqa: F401 - declares the workspace table


class PipelineRunRow(WorkspaceRow, Row):
    """One run of a pipeline, and the graph as it was then."""

    __tablename__ = "pipeline_run"
    __table_args__ = (
        sa.UniqueConstraint("run_id", "pipeline"),
        sa.Index("ix_pipeline_run_newest", "workspace_id", "pipeline", "id"),
    )

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    run_id: Mapped[str | None] = mapped_column(sa.String(40))
    """The durable run that it is the work of."""
    pipeline: Mapped[str] = mapped_column(sa.String(80))
    title: Mapped[str] = mapped_column(sa.String(200))
    inputs: Mapped[dict[str, Any]]
    trigger: Mapped[dict[str, Any]]
    edges: Mapped[list[Any]]
    """Each `{source, target, label}`."""
    state: Mapped[str] = mapped_column(sa.String(20))
    error: Mapped[str] = mapped_column(sa.Text)
    user_id: Mapped[str] = mapped_column(sa.String(40))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class PipelineStepRow(WorkspaceRow, Row):
    """One step of a run; of a step that goes over several, one row for each beside its own."""

    __tablename__ = "pipeline_step"
    __table_args__ = (
        sa.Index("ix_pipeline_step_fingerprint", "workspace_id", "fingerprint", "state"),
    )

    pipeline_run_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("pipeline_run.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    item: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """-1 for the step itself."""
    position: Mapped[int]
    title: Mapped[str] = mapped_column(sa.String(200))
    state: Mapped[str] = mapped_column(sa.String(20))
    reason: Mapped[str] = mapped_column(sa.Text)
    """Why it was skipped."""
    fingerprint: Mapped[str] = mapped_column(sa.String(64))
    cached_from: Mapped[str | None] = mapped_column(sa.String(40))
    """The run whose outputs were taken."""
    inputs: Mapped[dict[str, Any]]
    outputs: Mapped[Any] = mapped_column(sa.JSON(none_as_null=True), nullable=True)
    error: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    job_ids: Mapped[list[str]]
    message: Mapped[str] = mapped_column(sa.String(500))
    done: Mapped[int]
    total: Mapped[int]
    attempts: Mapped[int]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
