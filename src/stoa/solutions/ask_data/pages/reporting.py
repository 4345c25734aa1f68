"""Acceptance: the share of answers called good against its target, what was slow, failed, and cost."""

from collections.abc import Sequence

from nicegui import ui

from stoa.contract import PageContext
from stoa.solutions.ask_data.pages.words import PROBLEMS, answered_by
from stoa.solutions.ask_data.schema import Asked, Report, ReportRequest
from stoa.ui.charts import bars_over_time, share_of
from stoa.ui.elements import dress, guarded, tag, text
from stoa.ui.feedback import empty_state
from stoa.ui.frame import ago, card, figures, took
from stoa.ui.tables import Column, table

_SPANS = {7: "7 days", 28: "4 weeks", 90: "3 months", 365: "A year"}


async def show_report(context: PageContext) -> None:
    """The tab."""
    with tag("div", "", "line-split"):
        text("From the question log; it holds no rows of answers.", "soft")
        span = ui.select(_SPANS, value=28).props("outlined dense")
        dress(span, aria_label="Period", test="period")
    place = tag("div", "", "stack", test="report")

    async def draw() -> None:
        report: Report = await context.call("report", ReportRequest(days=int(span.value)))
        place.clear()
        with place:
            _content(report)

    span.on_value_change(lambda: guarded(draw))
    await draw()


def _content(report: Report) -> None:
    with card("Acceptance"):
        if report.acceptance is None:
            empty_state(
                "Nobody has judged an answer yet",
                "Good and bad under an answer count here.",
                symbol="thumbs_up_down",
            )
        else:
            _acceptance(report)
        if report.good + report.bad:
            bars_over_time(
                [(day.day, day.good, day.bad) for day in report.days],
                first="good", second="bad", label="Good and bad answers per day",
            )  # fmt: skip
    with card():
        figures(
            [
                ("questions", f"{report.questions:,}"),
                ("answered", _share(report.answered, report.questions)),
                ("reused", _share(report.reused, report.questions)),
                ("repaired", f"{report.repaired:,}"),
                ("tokens", f"{report.input_tokens + report.output_tokens:,}"),
            ]
        )
    with tag("div", "", "two-columns"):
        _questions("Called bad", report.bad_answers, "No answer was called bad.")
        _questions("Failed", report.failed, "Every question was answered.")
        _questions("Slowest", report.slow, "No questions yet.")
        with card("How long it took, and what it cost"):
            if not report.latency:
                empty_state("No questions yet", symbol="speed")
                return
            table(
                (Column("step", "Step"), Column("p50", "Half within"), Column("p95", "95 % within")),
                [
                    {"id": each.step, "step": each.step.capitalize(),
                     "p50": took(each.p50), "p95": took(each.p95)}
                    for each in report.latency
                ],
                label="Time per step",
            )  # fmt: skip
            for name, tokens in report.tokens_by.items():
                tag("span", f"{answered_by(name)}: {tokens:,} tokens", "soft small")


def _acceptance(report: Report) -> None:
    share = report.acceptance or 0.0
    told = f"{100 * share:.0f} % of {report.good + report.bad:,} judged answers are good"
    tag("div", told, "figure-value", test="acceptance")
    share_of(share, [("target", report.target), ("line", report.line)], label=told)


def _questions(title: str, asked: Sequence[Asked], empty: str) -> None:
    with card(title):
        if not asked:
            text(empty, "soft")
        for each in asked:
            with tag("div", "", "stack-tight", test="asked"):
                tag("span", each.question or "A query of one's own", "wrap-anywhere strong")
                more = [each.database, ago(each.at), took(each.seconds)]
                if each.problem:
                    more.insert(0, PROBLEMS.get(each.problem, each.problem))
                tag("span", " · ".join(more), "soft small")
                if each.why:
                    tag("span", f"“{each.why}”", "soft small wrap-anywhere")


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "—"
