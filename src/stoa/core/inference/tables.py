"""The tables of the inference room. What is to be served stands in the registry's endpoint rows; here is
what was served before, who serves it now, and what people did with the answers.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from stoa.base.database import Row, WorkspaceRow
from stoa.core.registry import tables as registry  # noqa: F401 - declares the endpoint table


class ReleaseRow(WorkspaceRow, Row):
    """What one generation of an endpoint served, written before the next one replaces it."""

    __tablename__ = "endpoint_release"

    endpoint_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("endpoint.id", ondelete="CASCADE"), primary_key=True
    )
    generation: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    traffic: Mapped[list[Any]]
    """As in the endpoint's row."""
    change: Mapped[str] = mapped_column(sa.String(20))
    """What replaced it: `deploy`, `challenge`, `promote`, `withdraw` or `roll_back`."""
    by: Mapped[str] = mapped_column(sa.String(40))
    at: Mapped[datetime]


class ArmCountRow(WorkspaceRow, Row):
    """Answers and clicks of one arm within one generation, by bucket of users.

    Users stay in their bucket, so the spread between buckets tells how much of the count is the same
    people again.
    """

    __tablename__ = "endpoint_arm_count"

    endpoint_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("endpoint.id", ondelete="CASCADE"), primary_key=True
    )
    generation: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    arm: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    bucket: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    shown: Mapped[int] = mapped_column(sa.BigInteger)
    clicked: Mapped[int] = mapped_column(sa.BigInteger)


class ClickRow(WorkspaceRow, Row):
    """That an answer was clicked on, kept as long as its ticket is good: it counts once."""

    __tablename__ = "endpoint_click"

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    """The ticket's own part."""
    endpoint_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("endpoint.id", ondelete="CASCADE"), index=True
    )
    at: Mapped[datetime] = mapped_column(index=True)


class ServingRow(WorkspaceRow, Row):
    """What one process serves of one endpoint, as it said a moment ago."""

    __tablename__ = "endpoint_serving"

    process: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    endpoint_id: Mapped[str] = mapped_column(
        sa.String(40), sa.ForeignKey("endpoint.id", ondelete="CASCADE"), primary_key=True
    )
    generation: Mapped[int]
    """That answers; 0 for none yet."""
    problem: Mapped[str] = mapped_column(sa.String(500))
    replicas: Mapped[dict[str, Any]]
    """Version → processes that are ready."""
    kinds: Mapped[dict[str, Any]]
    """Version → kind of model."""
    figures: Mapped[dict[str, Any]]
    """See `meter.py`, and `outstanding`."""
    at: Mapped[datetime] = mapped_column(index=True)
