"""The ledger: what was put to which model, what it used, what it cost, how it ended.

Every call is one line, offline twins and failures too, written in the transaction that adds to the
day's sums and releases the budget held for it. No text of prompts or answers is kept.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import anyio
from pydantic import BaseModel
from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from stoa.base.database import Database, now
from stoa.base.identity.caller import Caller
from stoa.base.telemetry import metrics, span
from stoa.core.models.limits import NOTHING, Estimate, Limits, release
from stoa.core.models.prompts import OFFLINE
from stoa.core.models.tables import ModelCall, ModelUsage


@dataclass(frozen=True)
class Subject:
    """Who asks what: the part of a ledger line that is known beforehand."""

    workspace: str
    user: str
    """Empty where Stoa itself asks."""
    prompt: str
    """A prompt's name, or `chat`, `embed`, `v1.chat`, `v1.embeddings`."""
    role: str
    version: str = ""
    run_id: str | None = None


@dataclass
class Usage:
    """What one call used."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    """None where the price of the model is not known."""


class UsageLine(BaseModel):
    """Sums of one day, prompt and model."""

    day: date
    prompt: str
    answered_by: str
    calls: int
    failed: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    """Sum over calls whose price is known."""
    unpriced: int
    """Calls whose price is not known."""
    seconds: float
    """Mean time of a call."""


class Ledger:
    """Books calls and sums them up."""

    def __init__(self, database: Database, limits: Limits) -> None:
        self._database = database
        self._limits = limits

    @asynccontextmanager
    async def entry(
        self, subject: Subject, answered_by: str, most: Estimate = NOTHING
    ) -> AsyncIterator[Usage]:
        """Around one call: admit it, time it, and book it however it ends.

        The block writes what the call used into the `Usage` it is given.

        Raises:
            LimitReached: the workspace's limits don't admit the call; nothing is booked.
        """
        workspace = subject.workspace
        hold = None
        if answered_by != OFFLINE:
            hold = await self._limits.admit(workspace, most)
        usage = Usage()
        started, outcome = time.perf_counter(), "cancelled"
        try:
            with span("model", prompt=subject.prompt, role=subject.role, model=answered_by):
                yield usage
            outcome = "answered"
        except Exception:
            outcome = "failed"
            raise
        finally:
            line = _line(subject, answered_by, usage, time.perf_counter() - started, outcome)
            with anyio.CancelScope(shield=True):  # a cancelled call has cost money, too
                await self._database.write(lambda s: _book(s, line, hold), workspace=workspace)
            _measure(line)

    async def summary(self, caller: Caller, *, days: int = 30) -> list[UsageLine]:
        """Sums per day, prompt and model, newest day first, of the caller's workspace."""
        since = now() - timedelta(days=days)
        rows = await self._database.read(
            lambda session: session.execute(_summary(since)).mappings().all(),
            workspace=caller.workspace_id,
        )
        return [UsageLine.model_validate(dict(row)) for row in rows]


def _line(
    subject: Subject, answered_by: str, usage: Usage, seconds: float, outcome: str
) -> dict[str, Any]:
    offline = answered_by == OFFLINE  # nobody counts the tokens of a twin
    at = now()
    return {
        "workspace_id": subject.workspace,
        "at": at,
        "day": f"{at:%Y-%m-%d}",
        "user_id": subject.user,
        "run_id": subject.run_id,
        "prompt": subject.prompt,
        "prompt_version": subject.version,
        "role": subject.role,
        "answered_by": answered_by,
        "input_tokens": 0 if offline else usage.input_tokens,
        "output_tokens": 0 if offline else usage.output_tokens,
        "cost_usd": 0.0 if offline else usage.cost_usd,
        "seconds": seconds,
        "outcome": outcome,
    }


def _measure(line: dict[str, Any]) -> None:
    for direction in ("input", "output"):
        metrics.model_tokens.labels(line["prompt"], direction).inc(line[f"{direction}_tokens"])
    metrics.model_cost.labels(line["prompt"]).inc(line["cost_usd"] or 0.0)


def _book(session: Session, line: dict[str, Any], hold: str | None) -> None:
    session.add(ModelCall(**line))
    release(session, hold)
    if line["answered_by"] != OFFLINE:
        _add_to_day(session, line)


def _add_to_day(session: Session, line: dict[str, Any]) -> None:
    used = {
        "workspace_id": line["workspace_id"],
        "day": line["day"],
        "requests": 1,
        "tokens": line["input_tokens"] + line["output_tokens"],
        "cost_usd": line["cost_usd"] or 0.0,
    }
    session.execute(_ADD[session.get_bind().dialect.name], used)


def _adding(insert: Any) -> Any:
    """Adds a row's figures to those of its day. Made once: making it costs more than running it."""
    statement = insert(ModelUsage)
    summed = {
        name: getattr(ModelUsage, name) + statement.excluded[name]
        for name in ("requests", "tokens", "cost_usd")
    }
    return statement.on_conflict_do_update(index_elements=["workspace_id", "day"], set_=summed)


_ADD = {"sqlite": _adding(sqlite.insert), "postgresql": _adding(postgresql.insert)}


def _summary(since: datetime) -> Any:
    def count(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.sum(case((condition, 1), else_=0))

    return (
        select(
            ModelCall.day,
            ModelCall.prompt,
            ModelCall.answered_by,
            func.count().label("calls"),
            count(ModelCall.outcome != "answered").label("failed"),
            func.sum(ModelCall.input_tokens).label("input_tokens"),
            func.sum(ModelCall.output_tokens).label("output_tokens"),
            func.coalesce(func.sum(ModelCall.cost_usd), 0.0).label("cost_usd"),
            count(ModelCall.cost_usd.is_(None)).label("unpriced"),
            func.avg(ModelCall.seconds).label("seconds"),
        )
        .where(ModelCall.at >= since)
        .group_by(ModelCall.day, ModelCall.prompt, ModelCall.answered_by)
        .order_by(ModelCall.day.desc(), ModelCall.prompt, ModelCall.answered_by)
    )
