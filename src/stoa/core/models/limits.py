"""What a workspace may use: requests a minute, tokens a day, money a month. Kept by the database.

A call is admitted in one transaction that locks the workspace's limit row, so many processes at once
can't slip through together. Admission holds the most the call can cost; booking the call releases the
hold. A budget stops the call after the one that used it up: it is overdrawn by at most one call.
The request rate is an even flow with bursts (GCRA: one time stamp, exact waiting times).
"""

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from stoa.base.database import Database, now
from stoa.base.errors import Forbidden, LimitReached
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller, Role
from stoa.core.models.tables import ModelHold, ModelLimit, ModelUsage

_HOLD = timedelta(minutes=15)
_BUSY_SECONDS = 5.0
_CHARACTERS_PER_TOKEN = 3.0
"""Rather too few than too many: English has about 4, German and code about 3."""


class ModelLimits(BaseModel):
    """The limits of a workspace; None is no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests_per_minute: int | None = Field(None, ge=1)
    tokens_per_day: int | None = Field(None, ge=0)
    """Input and output, all models; days are UTC."""
    usd_per_month: float | None = Field(None, ge=0)
    """Counts calls to models whose price is known."""


@dataclass(frozen=True)
class Estimate:
    """The most a call can come to."""

    tokens: int = 0
    cost_usd: float = 0.0


NOTHING = Estimate()


def tokens_of(characters: int) -> Estimate:
    """The most that reading so many characters comes to, in tokens."""
    return Estimate(int(characters / _CHARACTERS_PER_TOKEN) + 1)


class Limits:
    """Sets, shows and keeps limits."""

    def __init__(self, database: Database, audit: AuditLog | None = None) -> None:
        self._database = database
        self._audit = audit

    async def set(self, caller: Caller, limits: ModelLimits) -> ModelLimits:
        """Replace the limits of the caller's workspace. Owners only; written to the audit log."""
        if caller.role is not Role.OWNER:
            raise Forbidden("Only owners set limits.", hint="Ask an owner of the workspace.")

        def change(session: Session) -> None:
            row = session.get(ModelLimit, caller.workspace_id, with_for_update=True)
            if row is None:
                row = ModelLimit(workspace_id=caller.workspace_id, rate_clock=0.0)
                session.add(row)
            for name, value in limits.model_dump().items():
                setattr(row, name, value)
            if self._audit is not None:
                self._audit.record(
                    session, caller, "models.limits", caller.workspace_id, **limits.model_dump()
                )

        await self._database.write(change, workspace=caller.workspace_id)
        return limits

    async def show(self, caller: Caller) -> ModelLimits:
        """The limits of the caller's workspace."""
        row = await self._row(caller.workspace_id)
        if row is None:
            return ModelLimits()
        return ModelLimits(**{name: getattr(row, name) for name in ModelLimits.model_fields})

    async def admit(self, workspace: str, estimate: Estimate) -> str | None:
        """Let a call through and hold its cost; the hold's id, or None where nothing limits it.

        Raises:
            LimitReached: a limit is used up; `retry_after` says for how long.
        """
        if await self._row(workspace) is None:
            return None

        def work(session: Session) -> str | None:
            limit = session.get(ModelLimit, workspace, with_for_update=True)
            return None if limit is None else _admit(session, limit, estimate, now())

        return await self._database.write(work, workspace=workspace)

    async def _row(self, workspace: str) -> ModelLimit | None:
        return await self._database.read(
            lambda session: session.get(ModelLimit, workspace), workspace=workspace
        )


def release(session: Session, hold: str | None) -> None:
    """Give a hold back, in the transaction that books what the call really used."""
    if hold is not None:
        session.execute(delete(ModelHold).where(ModelHold.id == hold))


def _admit(session: Session, limit: ModelLimit, estimate: Estimate, at: datetime) -> str | None:
    if limit.requests_per_minute is not None:
        limit.rate_clock = _next_due(limit.rate_clock, limit.requests_per_minute, at.timestamp())
    if limit.tokens_per_day is None and limit.usd_per_month is None:
        return None
    session.execute(delete(ModelHold).where(ModelHold.expires_at <= at))
    held_tokens, held_cost = session.execute(
        select(
            func.coalesce(func.sum(ModelHold.tokens), 0),
            func.coalesce(func.sum(ModelHold.cost_usd), 0.0),
        )
    ).one()
    if limit.tokens_per_day is not None:
        used = _used(session, f"{at:%Y-%m-%d}")[0]
        _check("tokens a day", limit.tokens_per_day, used, held_tokens, _until_tomorrow(at))
    if limit.usd_per_month is not None:
        spent = _used(session, f"{at:%Y-%m}")[1]
        _check("dollars a month", limit.usd_per_month, spent, held_cost, _until_next_month(at))
    hold = ModelHold(
        workspace_id=limit.workspace_id,
        tokens=estimate.tokens,
        cost_usd=estimate.cost_usd,
        expires_at=at + _HOLD,
    )
    session.add(hold)
    session.flush()
    return hold.id


def _next_due(clock: float, per_minute: int, at: float) -> float:
    """The rate clock after one more request. Raises LimitReached where it comes too early."""
    interval = 60.0 / per_minute
    due = max(clock, at)
    early = due - at - (60.0 - interval)
    if early > 1e-6:
        raise LimitReached(
            f"{per_minute} model requests a minute are used up.",
            hint="Wait a little, or ask an owner for a higher limit.",
            retry_after=early,
        )
    return due + interval


def _used(session: Session, period: str) -> tuple[int, float]:
    tokens, cost = session.execute(
        select(
            func.coalesce(func.sum(ModelUsage.tokens), 0),
            func.coalesce(func.sum(ModelUsage.cost_usd), 0.0),
        ).where(ModelUsage.day.startswith(period))
    ).one()
    return int(tokens), float(cost)


def _check(what: str, limit: float, used: float, held: float, until_reset: float) -> None:
    if used >= limit:
        raise LimitReached(
            f"The budget of {limit:g} {what} is used up.",
            hint="Wait for the next period, or ask an owner for a higher budget.",
            retry_after=until_reset,
        )
    if used + held >= limit:
        raise LimitReached(
            f"What is left of {limit:g} {what} is held by calls under way.",
            hint="Try again in a moment.",
            retry_after=_BUSY_SECONDS,
        )


def _until_tomorrow(at: datetime) -> float:
    midnight = datetime(at.year, at.month, at.day, tzinfo=UTC) + timedelta(days=1)
    return (midnight - at).total_seconds()


def _until_next_month(at: datetime) -> float:
    days = calendar.monthrange(at.year, at.month)[1]
    return (datetime(at.year, at.month, 1, tzinfo=UTC) + timedelta(days=days) - at).total_seconds()
