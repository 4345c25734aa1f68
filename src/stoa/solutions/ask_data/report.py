"""The report: how many answers people called good, what was slow, what failed, what it cost.

It is made from the question log alone; the rows of answers are not in it.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import timedelta
from statistics import quantiles

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import now
from stoa.contract import Call
from stoa.solutions.ask_data.connections import find
from stoa.solutions.ask_data.schema import Asked, Day, Report, ReportRequest, StepLatency
from stoa.solutions.ask_data.tables import ConnectionRow, QuestionRow

TARGET, LINE = 0.90, 0.95
"""Shares of good judgements: what acceptance asks for, and what is hoped for."""
_MOST_ROWS = 50_000
_LISTED = 10


async def report(call: Call, request: ReportRequest) -> Report:
    """Report the share of answers called good, slow and failed questions, latency and tokens."""
    since = now() - timedelta(days=request.days)
    only = (await find(call, request.database)).id if request.database else ""

    def load(session: Session) -> tuple[list[QuestionRow], dict[str, str]]:
        statement = sa.select(QuestionRow).where(QuestionRow.at >= since)
        if only:
            statement = statement.where(QuestionRow.connection_id == only)
        rows = session.scalars(statement.order_by(QuestionRow.at.desc()).limit(_MOST_ROWS))
        names = {row.id: row.name for row in session.scalars(sa.select(ConnectionRow))}
        return list(rows), names

    rows, names = await call.platform.database.read(load, workspace=call.caller.workspace_id)
    good, bad = sum(row.good is True for row in rows), sum(row.good is False for row in rows)
    tokens = Counter[str]()
    for row in rows:
        tokens[row.answered_by] += row.input_tokens + row.output_tokens

    def listed(some: Sequence[QuestionRow]) -> list[Asked]:
        return [_asked(row, names.get(row.connection_id, "")) for row in some[:_LISTED]]

    return Report(
        since=since,
        questions=len(rows),
        answered=sum(not row.problem for row in rows),
        reused=sum(row.reused for row in rows),
        repaired=sum(row.repairs > 0 for row in rows),
        good=good,
        bad=bad,
        acceptance=round(good / (good + bad), 4) if good + bad else None,
        target=TARGET,
        line=LINE,
        days=_days(rows),
        latency=_latency(rows),
        slow=listed(sorted(rows, key=lambda row: -row.seconds)),
        failed=listed([row for row in rows if row.problem]),
        bad_answers=listed([row for row in rows if row.good is False]),
        problems=dict(Counter(row.problem for row in rows if row.problem)),
        input_tokens=sum(row.input_tokens for row in rows),
        output_tokens=sum(row.output_tokens for row in rows),
        tokens_by=dict(tokens),
    )


def _asked(row: QuestionRow, database: str) -> Asked:
    return Asked(
        question=row.question,
        database=database,
        at=row.at,
        seconds=row.seconds,
        problem=row.problem,
        why=row.why,
    )


def _days(rows: Sequence[QuestionRow]) -> list[Day]:
    asked: dict[str, list[bool | None]] = defaultdict(list)
    for row in rows:
        asked[row.at.date().isoformat()].append(row.good)
    return [
        Day(day=day, good=judged.count(True), bad=judged.count(False), asked=len(judged))
        for day, judged in sorted(asked.items())
    ]


def _latency(rows: Sequence[QuestionRow]) -> list[StepLatency]:
    taken: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        taken["total"].append(row.seconds)
        for step, seconds in row.steps.items():
            taken[step].append(float(seconds))
    return [StepLatency(step=step, **_percentiles(seconds)) for step, seconds in taken.items()]


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    if len(seconds) == 1:
        return {"p50": seconds[0], "p95": seconds[0]}
    cuts = quantiles(seconds, n=20, method="inclusive")
    return {"p50": round(cuts[9], 4), "p95": round(cuts[18], 4)}
