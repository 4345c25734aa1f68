"""The report: what was asked, what went unanswered, which topics, how fast."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta

from nicegui import ui

from stoa.contract import PageContext
from stoa.solutions.ask_docs.schema import (
    AnswerKind,
    Reason,
    Report,
    ReportRequest,
    UnansweredGroup,
)
from stoa.ui.charts import bars_over_time, ranked_over_time
from stoa.ui.elements import dress, guarded, tag, text
from stoa.ui.feedback import empty_state
from stoa.ui.frame import ago, card, count, figures, took
from stoa.ui.tables import Column, table

_SPANS = {7: "7 days", 28: "4 weeks", 90: "3 months", 365: "A year"}
_TOPICS, _COLUMNS = 10, 4


async def show_report(context: PageContext) -> None:
    """The tab."""
    with tag("div", "", "line-split"):
        text("From the question log; it keeps no longer than the workspace says.", "soft")
        span = ui.select(_SPANS, value=28).props("outlined dense")
        dress(span, aria_label="Period", test="period")
    place = tag("div", "", "stack", test="report")

    async def draw() -> None:
        days = int(span.value)
        report: Report = await context.call("report", ReportRequest(days=days))
        place.clear()
        with place:
            _content(report, days)

    span.on_value_change(lambda: guarded(draw))
    await draw()


def _content(report: Report, days: int) -> None:
    not_found = report.kinds.get(AnswerKind.NOT_FOUND, 0)
    answered = report.kinds.get(AnswerKind.ANSWER, 0)
    with card():
        figures(
            [
                ("questions", f"{report.questions:,}"),
                ("people", f"{report.users:,}"),
                ("answered", f"{100 * answered / max(answered + not_found, 1):.0f} %"),
                ("found helpful", f"{report.helpful:,}"),
                ("found unhelpful", f"{report.unhelpful:,}"),
            ]
        )
        if report.usage:
            bars_over_time(_per_day(report, days), first="questions", label="Questions per day")
    with tag("div", "", "two-columns"):
        with card("Unanswered", "What people asked and the documents do not say."):
            if not report.unanswered:
                empty_state("Nothing went unanswered", symbol="task_alt")
            for group in report.unanswered:
                _unanswered(group)
        with card("Topics"):
            if report.topics:
                _topics(report)
            else:
                empty_state("No topics yet", "They show up with more questions.", symbol="topic")
    if report.reasons:
        with card("Why answers did not help"), tag("div", "", "stack", test="reasons"):
            for reason in report.reasons:
                _reason(reason)
    if report.latency:
        with card("How long it took"):
            table(
                (Column("step", "Step"), Column("p50", "Half within"), Column("p95", "95 % within")),
                [
                    {"id": each.step, "step": each.step.capitalize(),
                     "p50": took(each.p50), "p95": took(each.p95)}
                    for each in report.latency
                ],
                label="Time per step",
            )  # fmt: skip


def _unanswered(group: UnansweredGroup) -> None:
    with tag("div", "", "stack-tight", test="unanswered"):
        with tag("div", "", "line-split"):
            tag("span", group.question, "wrap-anywhere strong")
            tag("span", f"{count(group.count, 'time')} · {ago(group.last_at)}", "soft small nowrap")
        for example in group.examples[:3]:
            if example != group.question:
                tag("span", example, "soft small wrap-anywhere")


def _reason(reason: Reason) -> None:
    with tag("div", "", "stack-tight"):
        with tag("div", "", "line-split"):
            tag("span", reason.note, "wrap-anywhere strong")
            tag("span", ago(reason.at), "soft small nowrap")
        tag("span", reason.question, "soft small wrap-anywhere")


def _topics(report: Report) -> None:
    """The most asked about, week by week, as a picture and as a table."""
    found: dict[str, Counter[date]] = defaultdict(Counter)
    for each in report.topics:
        found[each.topic][each.week] = each.questions
    asked = Counter({topic: weeks.total() for topic, weeks in found.items()})
    topics = [topic for topic, _ in asked.most_common(_TOPICS)]
    weeks = _weeks(report.since.date())
    ranked_over_time(
        [(topic, [found[topic][week] for week in weeks]) for topic in topics],
        [f"{week:%-d %b}" for week in weeks],
        unit="asked",
        label="Topics by questions, week by week",
    )
    columns = (
        Column("week", "Week of"),
        *(Column(topic, topic, number=True) for topic in topics[:_COLUMNS]),
    )
    rows = [
        {"id": str(week), "week": f"{week:%-d\u00a0%b}"}
        | {topic: found[topic][week] for topic in topics[:_COLUMNS]}
        for week in reversed(weeks)
    ]
    with ui.expansion("Week by week"):
        table(columns, rows, label="Topics by week")


def _weeks(since: date) -> list[date]:
    """The Mondays of all weeks from then until now."""
    today = datetime.now(UTC).date()
    first = since - timedelta(days=since.weekday())
    return [first + timedelta(days=past) for past in range(0, (today - first).days + 1, 7)]


def _per_day(report: Report, days: int) -> list[tuple[str, int, int]]:
    asked: dict[date, int] = defaultdict(int)
    for each in report.usage:
        asked[each.day] += each.questions
    today = datetime.now(UTC).date()
    span = min(days, 90)
    shown = [today - timedelta(days=back) for back in range(span - 1, -1, -1)]
    return [(f"{day:%-d %b}", asked[day], 0) for day in shown]
