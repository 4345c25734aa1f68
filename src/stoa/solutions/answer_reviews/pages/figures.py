"""The statistics: how much was answered without a person, what people changed, how long it took."""

from nicegui import ui

from stoa.contract import PageContext
from stoa.solutions.answer_reviews.pages.words import percent
from stoa.solutions.answer_reviews.schema import Exported, Statistics
from stoa.ui.charts import bars_over_time
from stoa.ui.elements import button, dress, guarded, tag, text
from stoa.ui.feedback import empty_state, notice
from stoa.ui.frame import card, figures, took
from stoa.ui.tables import Column, table

_SPANS = {7: "7 days", 28: "4 weeks", 90: "3 months", 365: "A year"}


async def show_figures(context: PageContext) -> None:
    """The tab."""

    async def export() -> None:
        file: Exported = await context.call("export", {"days": int(span.value)})
        ui.download(file.text.encode(), file.name, file.media_type)

    with tag("div", "", "line-split"):
        text("What was handled without a person, and what people made of the rest.", "soft")
        with tag("div", "", "line"):
            span = ui.select(_SPANS, value=28).props("outlined dense")
            dress(span, aria_label="Period", test="period")
            button("Export", export, symbol="download", test="export")
    place = tag("div", "", "stack", test="statistics")

    async def draw() -> None:
        found: Statistics = await context.call("statistics", {"days": int(span.value)})
        place.clear()
        with place:
            _content(found)

    span.on_value_change(lambda: guarded(draw))
    await draw()


def _content(found: Statistics) -> None:
    if not found.reviews:
        empty_state("No reviews in this time", symbol="insights")
        return
    with card():
        figures(
            [
                ("reviews", f"{found.reviews:,}"),
                ("without a person", percent(found.automatic)),
                ("held", percent(found.held)),
                ("overturned by people", percent(found.overturned)),
                ("replies edited", percent(found.edited)),
                ("to an answer, half within", _time(found.answer_p50)),
                ("95 % within", _time(found.answer_p95)),
                ("with a person, half within", _time(found.held_p50)),
            ]
        )
        bars_over_time(
            [(f"{each.day:%-d %b}", each.automatic, each.held) for each in found.days],
            first="without a person",
            second="held",
            label="Reviews per day",
        )
    with card("Drift", "What people decide, against what the scores had said."):
        notice(found.drift.note, tone="warn" if found.drift.drifting else "info", test="drift")
        if found.drift.weeks:
            table(
                (
                    Column("week", "Week of"),
                    Column("decisions", "Decisions", number=True),
                    Column("mean", "Mean score"),
                    Column("harmful", "Found harmful"),
                ),
                [
                    {
                        "id": str(each.week), "week": f"{each.week:%-d %b}", "decisions": each.decisions,
                        "mean": percent(each.mean_score), "harmful": percent(each.harmful),
                    }
                    for each in found.drift.weeks
                ],
                label="Decisions by week",
            )  # fmt: skip


def _time(seconds: float | None) -> str:
    return "–" if seconds is None else took(seconds)
