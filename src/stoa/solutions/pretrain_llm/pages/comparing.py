"""Runs beside each other: one measure in one picture, and how their recipes differ."""

from nicegui import ui

from stoa.contract import PageContext
from stoa.solutions.pretrain_llm import measures
from stoa.solutions.pretrain_llm.pages.words import title_of
from stoa.solutions.pretrain_llm.schema import Compared, RunList
from stoa.ui.curves import Series, curves
from stoa.ui.elements import dress, guarded, stack, tag, text
from stoa.ui.feedback import empty_state
from stoa.ui.frame import card
from stoa.ui.tables import Column, table

_MOST = 6
_METRICS = (
    measures.LOSS, measures.VALIDATION, measures.NORM, measures.PARAMETER_NORM, measures.RATE,
    measures.SPEED, measures.MFU, measures.MFU_ATTENTION,
)  # fmt: skip
_OVER = {"step": "steps", "tokens": "tokens", "seconds": "seconds"}


async def show_comparison(context: PageContext) -> None:
    """The tab."""
    found: RunList = await context.call("runs", {"limit": 100})
    if len(found.runs) < 2:
        empty_state("There is nothing to compare yet", "It takes two runs.", symbol="ssid_chart")
        return
    names = {each.job: f"{each.title} · {each.created_at:%d %b %H:%M}" for each in found.runs}
    learnt = [each.job for each in found.runs if each.loss is not None]
    first = (learnt if len(learnt) > 1 else list(names))[:2]
    with card():
        with tag("div", "", "compare-fields"):
            chosen = ui.select(names, value=first, multiple=True, label="Runs")
            dress(chosen.props("outlined dense use-chips"), aria_label="Runs", test="compare-runs")
            metric = ui.select({each: title_of(each) for each in _METRICS}, value=measures.LOSS)
            dress(metric.props("outlined dense"), aria_label="Measure", test="compare-metric")
            over = ui.select(_OVER, value="step").props("outlined dense")
            dress(over, aria_label="Over", test="compare-over")
    place = stack(test="comparison")

    async def draw() -> None:
        place.clear()
        with place:
            jobs = list(chosen.value or [])[:_MOST]
            if len(jobs) < 2:
                text("Choose two runs or more.", "soft")
                return
            request = {"jobs": jobs, "metric": metric.value, "over": over.value}
            _content(
                await context.call("compare", request),
                title_of(str(metric.value)),
                _OVER[over.value],
            )

    for field in (chosen, metric, over):
        field.on_value_change(lambda: guarded(draw))
    await guarded(draw)


def _content(found: Compared, title: str, over: str) -> None:
    with card(title):
        curves(
            [Series(each.name, each.points) for each in found.curves],
            label=f"{title} of {len(found.curves)} runs over {over}",
            x_name=over,
            test="compare-curves",
        )
    with card("How their recipes differ", flush=True):
        if not found.differences:
            empty_state("They do not", "Both used the same recipe.", symbol="drag_handle")
            return
        columns = [Column("name", "")]
        columns += [Column(each.job, each.title) for each in found.runs]
        rows = [
            {"id": name, "name": name}
            | {run.job: value for run, value in zip(found.runs, values, strict=True)}
            for name, values in found.differences.items()
        ]
        table(columns, rows, label="Differences of recipes", test="differences")
