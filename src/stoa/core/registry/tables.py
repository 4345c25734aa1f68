"""The tables of the registry: what was made, of what, by what, and what is in use.

A row of an artefact, a dataset or a model version is written after the bytes it names are stored, so
what can be read is whole. None of them is changed later but for approval and aliases.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from stoa.base.database import Row, WorkspaceRow
from stoa.base.identity import tables as identity  # noqa: F401 - declares the workspace table


class Approval(StrEnum):
    """Whether a model version may be used."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


class ArtefactRow(WorkspaceRow, Row):
    """A folder of files in the object store, under the hash of its content."""

    __tablename__ = "artefact"
    __table_args__ = (sa.UniqueConstraint("workspace_id", "digest"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    digest: Mapped[str] = mapped_column(sa.String(64))
    """SHA-256 over paths, sizes and hashes of all files."""
    files: Mapped[list[Any]]
    """Each `{path, size, sha256}`, in the order in which they are numbered in the store."""
    size: Mapped[int] = mapped_column(sa.BigInteger)
    created_by: Mapped[str] = mapped_column(sa.String(40))
    created_at: Mapped[datetime]


class DatasetRow(WorkspaceRow, Row):
    """One version of a dataset: files of ours (an artefact) or files elsewhere (an address)."""

    __tablename__ = "dataset_version"
    __table_args__ = (
        sa.UniqueConstraint("workspace_id", "name", "version"),
        sa.UniqueConstraint("workspace_id", "name", "digest"),
    )

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    version: Mapped[int]
    digest: Mapped[str] = mapped_column(sa.String(64))
    artefact_id: Mapped[str | None] = mapped_column(
        sa.String(40), sa.ForeignKey("artefact.id"), index=True
    )
    address: Mapped[str | None] = mapped_column(sa.String(1000))
    partition: Mapped[str] = mapped_column(sa.String(200))
    statistics: Mapped[dict[str, Any]]
    run_id: Mapped[str | None] = mapped_column(sa.String(40), index=True)
    code_version: Mapped[str] = mapped_column(sa.String(80))
    created_by: Mapped[str] = mapped_column(sa.String(40))
    created_at: Mapped[datetime]


class ModelGroupRow(WorkspaceRow, Row):
    """All versions of one model."""

    __tablename__ = "model_group"
    __table_args__ = (sa.UniqueConstraint("workspace_id", "name"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    description: Mapped[str] = mapped_column(sa.String(500))
    created_by: Mapped[str] = mapped_column(sa.String(40))
    created_at: Mapped[datetime]


class ModelVersionRow(WorkspaceRow, Row):
    """One trained model, as it came out of training."""

    __tablename__ = "model_version"
    __table_args__ = (
        sa.UniqueConstraint("group_id", "version"),
        sa.UniqueConstraint("group_id", "key"),
    )

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    group_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("model_group.id", ondelete="CASCADE")
    )
    version: Mapped[int]
    key: Mapped[str | None] = mapped_column(sa.String(200))
    """The same key in a group is the same version: a step that runs again registers once."""
    artefact_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("artefact.id"), index=True
    )
    digest: Mapped[str] = mapped_column(sa.String(64))
    kind: Mapped[str] = mapped_column(sa.String(80))
    """What reads the artefact, such as `neumf`."""
    metrics: Mapped[dict[str, Any]]
    parameters: Mapped[dict[str, Any]]
    run_id: Mapped[str | None] = mapped_column(sa.String(40), index=True)
    job_id: Mapped[str | None] = mapped_column(sa.String(40))
    code_version: Mapped[str] = mapped_column(sa.String(80))
    status: Mapped[str] = mapped_column(sa.String(20))
    reason: Mapped[str] = mapped_column(sa.Text)
    decided_by: Mapped[str | None] = mapped_column(sa.String(40))
    decided_by_name: Mapped[str] = mapped_column(sa.String(200))
    decided_at: Mapped[datetime | None]
    created_by: Mapped[str] = mapped_column(sa.String(40))
    created_at: Mapped[datetime]


class ModelAliasRow(WorkspaceRow, Row):
    """A name that points at one version of a group, such as `champion`."""

    __tablename__ = "model_alias"

    group_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("model_group.id", ondelete="CASCADE"), primary_key=True
    )
    alias: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    version_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("model_version.id", ondelete="CASCADE"), index=True
    )
    moved_at: Mapped[datetime]


class AliasMoveRow(WorkspaceRow, Row):
    """That an alias was moved: its history, from which a roll back knows where to."""

    __tablename__ = "model_alias_move"
    __table_args__ = (sa.Index("ix_model_alias_move_group", "group_id", "alias", "id"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    group_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("model_group.id", ondelete="CASCADE")
    )
    alias: Mapped[str] = mapped_column(sa.String(40))
    version_id: Mapped[str | None] = mapped_column(sa.String(40))
    """None: the alias was taken away."""
    previous_id: Mapped[str | None] = mapped_column(sa.String(40))
    reason: Mapped[str] = mapped_column(sa.Text)
    rolled_back: Mapped[bool]
    by: Mapped[str] = mapped_column(sa.String(40))
    by_name: Mapped[str] = mapped_column(sa.String(200))
    at: Mapped[datetime]


class EdgeRow(WorkspaceRow, Row):
    """One arrow of the lineage: `target` was made of `source`."""

    __tablename__ = "lineage_edge"
    __table_args__ = (
        sa.UniqueConstraint("workspace_id", "source", "target", "role"),
        sa.Index("ix_lineage_edge_workspace_id_target", "workspace_id", "target"),
    )

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    source: Mapped[str] = mapped_column(sa.String(40))
    target: Mapped[str] = mapped_column(sa.String(40))
    role: Mapped[str] = mapped_column(sa.String(80))
    run_id: Mapped[str | None] = mapped_column(sa.String(40), index=True)
    at: Mapped[datetime]


class EndpointRow(WorkspaceRow, Row):
    """What is to be served under a name, and how far that has come."""

    __tablename__ = "endpoint"
    __table_args__ = (sa.UniqueConstraint("workspace_id", "name"),)

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    traffic: Mapped[list[Any]]
    """Each `{version_id, weight, role}`."""
    least_replicas: Mapped[int]
    most_replicas: Mapped[int]
    limits: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(sa.String(20))
    message: Mapped[str] = mapped_column(sa.String(500))
    generation: Mapped[int]
    """Grows with every change of what is wanted."""
    served: Mapped[int]
    """The generation that answers now; 0 before the first."""
    updated_by: Mapped[str] = mapped_column(sa.String(40))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
