"""How the work is shared between Stoa and people, and whether people have begun to see it otherwise."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import now
from stoa.contract import Call
from stoa.solutions.answer_reviews.schema import (
    OPEN,
    Day,
    Drift,
    DriftWeek,
    ReviewState,
    Statistics,
    StatisticsRequest,
)
from stoa.solutions.answer_reviews.tables import LabelRow, ReviewRow

_MOST_ROWS = 100_000
_RECENT_DAYS = 28
_FEWEST = 20
"""Decisions, recent and earlier, below which nothing is said about drift."""
_TELLING = 2.5
"""Standard errors between the two, from which it counts as drift: about one false alarm in eighty."""


async def statistics(call: Call, request: StatisticsRequest) -> Statistics:
    """Report what was answered without a person, held, overturned and edited, and how long it took."""
    since = now() - timedelta(days=request.days)

    def look(session: Session) -> tuple[list[ReviewRow], list[LabelRow]]:
        reviews = sa.select(ReviewRow).where(ReviewRow.received_at >= since)
        labels = sa.select(LabelRow).order_by(LabelRow.at.desc())
        if request.channel is not None:
            reviews = reviews.where(ReviewRow.channel == request.channel)
            labels = labels.where(LabelRow.channel == request.channel)
        return (
            list(session.scalars(reviews.limit(_MOST_ROWS))),
            list(session.scalars(labels.limit(_MOST_ROWS))),
        )

    rows, labels = await call.platform.database.read(look, workspace=call.caller.workspace_id)
    counted = [row for row in rows if row.state != ReviewState.RETRACTED]
    ended = [row for row in counted if row.state not in OPEN]
    automatic = [row for row in ended if not row.held]
    shown = [row for row in ended if row.held and row.reply and row.decided_by]
    answered = [row for row in ended if row.state == ReviewState.ANSWERED]
    quick = [_seconds(row) for row in answered if not row.held]
    slow = [_seconds(row) for row in answered if row.held]
    return Statistics(
        reviews=len(rows),
        open=sum(row.state in OPEN for row in rows),
        states=dict(Counter(row.state for row in rows)),
        automatic=_share(len(automatic), len(ended)),
        held=_share(sum(row.held > 0 for row in counted), len(counted)),
        overturned=_share(_overturned(automatic, labels), len(automatic)),
        edited=_share(sum(row.reply_edited for row in shown), len(shown)),
        answer_p50=_within(quick, 0.5),
        answer_p95=_within(quick, 0.95),
        held_p50=_within(slow, 0.5),
        days=_days(counted),
        drift=drift_of([(label.at.date(), label.score, label.harmful) for label in labels]),
    )


def drift_of(decisions: Sequence[tuple[date, float, bool]]) -> Drift:
    """What people decided against what the scores had said, by week; newest week first.

    A score is the chance that a person finds a text harmful, so decision minus score has the mean 0
    while both agree. The last four weeks are compared with all before them (Welch).
    """
    weeks: dict[date, list[tuple[float, bool]]] = defaultdict(list)
    for day, score, harmful in decisions:
        weeks[day - timedelta(days=day.weekday())].append((score, harmful))
    shown = [
        DriftWeek(
            week=week,
            decisions=len(found),
            mean_score=round(sum(score for score, _ in found) / len(found), 4),
            harmful=round(sum(harmful for _, harmful in found) / len(found), 4),
        )
        for week, found in sorted(weeks.items(), reverse=True)
    ]
    border = now().date() - timedelta(days=_RECENT_DAYS)
    recent = [harmful - score for day, score, harmful in decisions if day >= border]
    earlier = [harmful - score for day, score, harmful in decisions if day < border]
    if min(len(recent), len(earlier)) < _FEWEST:
        note = f"{len(recent)} recent and {len(earlier)} earlier decisions: {_FEWEST} of each tell."
        return Drift(weeks=shown, drifting=False, note=note)
    shift = _mean(recent) - _mean(earlier)
    error = math.sqrt(_variance(recent) / len(recent) + _variance(earlier) / len(earlier))
    drifting = error > 0 and abs(shift) / error > _TELLING
    stricter = "stricter" if shift > 0 else "milder"
    note = f"People have become {stricter} than the scores." if drifting else "No drift shows."
    return Drift(weeks=shown, drifting=drifting, note=note)


def _overturned(automatic: Sequence[ReviewRow], labels: Sequence[LabelRow]) -> int:
    """How many were handled otherwise than somebody said afterwards that they should have been."""
    said: dict[str, bool] = {}
    for label in labels:  # newest first: the last word counts
        if not label.asked and label.review:
            said.setdefault(label.review, label.harmful)
    return sum(
        row.id in said and said[row.id] != (row.state == ReviewState.HARMFUL) for row in automatic
    )


def _days(rows: Sequence[ReviewRow]) -> list[Day]:
    days: dict[date, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        days[row.received_at.date()][1 if row.held else 0] += 1
    return [
        Day(day=day, automatic=automatic, held=held)
        for day, (automatic, held) in sorted(days.items())
    ]


def _seconds(row: ReviewRow) -> float:
    return (row.ended_at - row.received_at).total_seconds() if row.ended_at is not None else 0.0


def _within(values: list[float], share: float) -> float | None:
    """The value that this share of them stays within."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)], 3)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _variance(values: Sequence[float]) -> float:
    mean = _mean(values)
    return sum((each - mean) ** 2 for each in values) / (len(values) - 1)
