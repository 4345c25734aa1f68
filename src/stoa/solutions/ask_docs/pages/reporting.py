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
from stoa.ui.charts import bars_over_time, ranked
from stoa.ui.elements import dress, guarded, tag, text
from stoa.ui.feedback import empty_state
from stoa.ui.frame import ago, card, count, figures, took
from stoa.ui.tables import Column, table

_SPANS = {7: "7 days", 28: "4 weeks", 90: "3 months", 365: "A year"}


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
            topics = Counter[str]()
            for each in report.topics:
                topics[each.topic] += each.questions
            if topics:
                ranked(topics.most_common(10), unit="asked", label="Topics by questions")
                _topics_by_week(report)
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
            tag("span", f"{count(group.count, 'time')} · {ago(group.last_at)}", "soft small")
        for example in group.examples[:3]:
            if example != group.question:
                tag("span", example, "soft small wrap-anywhere")


def _reason(reason: Reason) -> None:
    with tag("div", "", "stack-tight"):
        with tag("div", "", "line-split"):
            tag("span", reason.note, "wrap-anywhere strong")
            tag("span", ago(reason.at), "soft small")
        tag("span", reason.question, "soft small wrap-anywhere")


def _topics_by_week(report: Report) -> None:
    weeks: dict[date, dict[str, int]] = defaultdict(dict)
    for each in report.topics:
        weeks[each.week][each.topic] = each.questions
    names = list(dict.fromkeys(each.topic for each in report.topics))[:6]
    columns = (Column("week", "Week of"), *(Column(name, name, number=True) for name in names))
    rows = [
        {"id": str(week), "week": f"{week:%-d %b}"} | {name: found.get(name, 0) for name in names}
        for week, found in sorted(weeks.items(), reverse=True)
    ]
    with ui.expansion("Week by week"):
        table(columns, rows, label="Topics by week")


def _per_day(report: Report, days: int) -> list[tuple[str, int, int]]:
    asked: dict[date, int] = defaultdict(int)
    for each in report.usage:
        asked[each.day] += each.questions
    today = datetime.now(UTC).date()
    span = min(days, 90)
    shown = [today - timedelta(days=back) for back in range(span - 1, -1, -1)]
    return [(f"{day:%-d %b}", asked[day], 0) for day in shown]
