"""What the models room keeps: the ledger of calls, sums per day, limits, and holds on budgets."""

from datetime import datetime

from sqlalchemy import Float, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from stoa.base.database import Row, WorkspaceRow, new_id, now


def _owner() -> Mapped[str]:
    """The workspace as key: one row, or one a day, for each."""
    return mapped_column(
        String(40), ForeignKey("workspace.id", ondelete="CASCADE"), primary_key=True
    )


class ModelCall(WorkspaceRow, Row):
    """One line of the ledger: one prompt, chat or embedding put to one model."""

    __tablename__ = "model_call"
    __table_args__ = (Index("ix_model_call_workspace_id_at", "workspace_id", "at"),)

    id: Mapped[str] = mapped_column(
        String(40), primary_key=True, default=lambda: new_id("modelcall")
    )
    at: Mapped[datetime] = mapped_column(default=now)
    day: Mapped[str] = mapped_column(String(10))
    """`at` as a date (UTC), to sum by."""
    user_id: Mapped[str] = mapped_column(String(40))
    run_id: Mapped[str | None] = mapped_column(String(40), index=True)
    prompt: Mapped[str] = mapped_column(String(120))
    prompt_version: Mapped[str] = mapped_column(String(12))
    role: Mapped[str] = mapped_column(String(200))
    """A role, or the name a program asked for."""
    answered_by: Mapped[str] = mapped_column(String(200))
    """`offline`, or `provider:model`."""
    input_tokens: Mapped[int]
    output_tokens: Mapped[int]
    cost_usd: Mapped[float | None] = mapped_column(Float)
    """None where the price of the model is not known."""
    seconds: Mapped[float] = mapped_column(Float)
    outcome: Mapped[str] = mapped_column(String(20))
    """`answered`, `failed`, `cancelled`."""


class ModelUsage(WorkspaceRow, Row):
    """What a workspace used on one day (UTC): the sums that budgets are checked against."""

    __tablename__ = "model_usage"

    workspace_id: Mapped[str] = _owner()
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    requests: Mapped[int]
    tokens: Mapped[int]
    cost_usd: Mapped[float] = mapped_column(Float)


class ModelLimit(WorkspaceRow, Row):
    """What a workspace may use. An empty column is no limit."""

    __tablename__ = "model_limit"

    workspace_id: Mapped[str] = _owner()
    requests_per_minute: Mapped[int | None]
    tokens_per_day: Mapped[int | None]
    usd_per_month: Mapped[float | None] = mapped_column(Float)
    rate_clock: Mapped[float] = mapped_column(Float, default=0.0)
    """When the next request would be due at the even rate, in seconds since 1970 (GCRA)."""


class ModelHold(WorkspaceRow, Row):
    """Budget held for a call that is under way, so that many calls at once can't overdraw it."""

    __tablename__ = "model_hold"

    id: Mapped[str] = mapped_column(String(40), primary_key=True, default=lambda: new_id("hold"))
    tokens: Mapped[int]
    cost_usd: Mapped[float] = mapped_column(Float)
    expires_at: Mapped[datetime]
    """After it the hold counts no more: its process has died."""
