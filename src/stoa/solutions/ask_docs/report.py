"""The report: what was asked, what went unanswered, who asked, how fast it was and what it cost.

It is made from the question log alone: the words people typed, and figures. No answer is in it, nor
what was made of one, so it quotes no collection that only others may read.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from stoa.base.database import now
from stoa.contract import Call
from stoa.core.language.keyphrases import key_phrases
from stoa.solutions.ask_docs.schema import (
    AnswerKind,
    Latency,
    Reason,
    Report,
    ReportRequest,
    TopicCount,
    UnansweredGroup,
    Usage,
)
from stoa.solutions.ask_docs.tables import QuestionRow

_ALIKE = 0.75
"""Cosine of two questions that ask the same in other words."""
_MOST_GROUPS, _MOST_EXAMPLES, _MOST_GROUPED = 50, 5, 2000
_MOST_REASONS = 50
_MOST_TOPICS = 20
_MOST_ROWS = 50_000


async def report(call: Call, request: ReportRequest) -> Report:
    """Report unanswered questions, topics by week, use by person and day, latency, tokens, feedback."""
    since = now() - timedelta(days=request.days)

    def load(session: Session) -> list[QuestionRow]:
        statement = (
            select(QuestionRow).where(QuestionRow.at >= since).order_by(QuestionRow.at.desc())
        )
        return list(session.scalars(statement.limit(_MOST_ROWS)))

    rows = await call.platform.database.read(load, workspace=call.caller.workspace_id)
    unanswered = [row for row in rows if row.kind == AnswerKind.NOT_FOUND and row.text]
    return Report(
        since=since,
        questions=len(rows),
        users=len({row.user_id for row in rows}),
        kinds=dict(Counter(row.kind for row in rows)),
        helpful=sum(row.helpful is True for row in rows),
        unhelpful=sum(row.helpful is False for row in rows),
        reasons=_reasons(rows),
        unanswered=await _grouped(call, unanswered[:_MOST_GROUPED]),
        topics=_topics(rows),
        usage=_usage(rows),
        latency=_latency(rows),
        input_tokens=sum(row.input_tokens for row in rows),
        output_tokens=sum(row.output_tokens for row in rows),
    )


def _reasons(rows: Sequence[QuestionRow]) -> list[Reason]:
    given = [row for row in rows if row.helpful is False and row.note]
    return [Reason(question=row.text, note=row.note, at=row.at) for row in given[:_MOST_REASONS]]


async def _grouped(call: Call, rows: Sequence[QuestionRow]) -> list[UnansweredGroup]:
    """Questions of one meaning together, largest group first."""
    if not rows:
        return []
    vectors = await call.platform.models.embed(
        [row.text for row in rows], workspace=call.caller.workspace_id, kind="query"
    )
    groups = _clusters(vectors)
    groups.sort(key=len, reverse=True)
    return [
        _group([rows[i] for i in members], vectors[members]) for members in groups[:_MOST_GROUPS]
    ]


def _clusters(vectors: np.ndarray) -> list[list[int]]:
    """Each vector joins the group whose middle is nearest, if it is near enough, or founds its own."""
    members: list[list[int]] = []
    middles = np.zeros((0, vectors.shape[1]), dtype=np.float32)
    for number, vector in enumerate(vectors):
        nearness = middles @ vector if len(members) else np.zeros(1)
        best = int(np.argmax(nearness))
        if members and nearness[best] >= _ALIKE:
            members[best].append(number)
            middle = vectors[members[best]].mean(axis=0)
            middles[best] = middle / max(float(np.linalg.norm(middle)), 1e-9)
        else:
            members.append([number])
            middles = np.vstack([middles, vector])
    return members


def _group(rows: Sequence[QuestionRow], vectors: np.ndarray) -> UnansweredGroup:
    middle = vectors.mean(axis=0)
    typical = rows[int(np.argmax(vectors @ middle))].text
    examples = list(dict.fromkeys(row.text for row in rows))[:_MOST_EXAMPLES]
    return UnansweredGroup(
        question=typical, count=len(rows), last_at=max(row.at for row in rows), examples=examples
    )


def _topics(rows: Sequence[QuestionRow]) -> list[TopicCount]:
    """Key phrases of all questions, with how many questions of each week hold them, newest week first.

    They are chosen once for the whole time: of a topic that is rare in a week, that week tells so.
    """
    asked = [
        row for row in rows if row.text and row.kind in (AnswerKind.ANSWER, AnswerKind.NOT_FOUND)
    ]
    weeks: dict[date, Counter[str]] = defaultdict(Counter)
    for topic in key_phrases([row.text for row in asked], limit=_MOST_TOPICS):
        for place in topic.held_by:
            day = asked[place].at.date()
            weeks[day - timedelta(days=day.weekday())][topic.text] += 1
    return [
        TopicCount(week=week, topic=topic, questions=questions)
        for week in sorted(weeks, reverse=True)
        for topic, questions in weeks[week].most_common()
    ]


def _usage(rows: Sequence[QuestionRow]) -> list[Usage]:
    counts = Counter((row.at.date(), row.user_id) for row in rows)
    names = {row.user_id: row.user_name or row.user_id for row in reversed(rows)}
    return [
        Usage(day=day, user=names[user], questions=count)
        for (day, user), count in sorted(counts.items(), reverse=True)
    ]


def _latency(rows: Sequence[QuestionRow]) -> list[Latency]:
    taken: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        taken["total"].append(row.seconds)
        for step, seconds in row.steps.items():
            taken[step].append(float(seconds))
    return [
        Latency(
            step=step,
            p50=round(float(np.percentile(seconds, 50)), 4),
            p95=round(float(np.percentile(seconds, 95)), 4),
        )
        for step, seconds in taken.items()
    ]
