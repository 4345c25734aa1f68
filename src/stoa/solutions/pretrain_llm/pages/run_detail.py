"""One run in full: figures, curves with what stood out, where its time went, and what can be done."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from stoa.base.identity.caller import EDITORS
from stoa.contract import PageContext
from stoa.solutions.pretrain_llm import measures
from stoa.solutions.pretrain_llm.pages.acting import actions
from stoa.solutions.pretrain_llm.pages.words import duration, figure, large, percent, rate
from stoa.solutions.pretrain_llm.schema import Curve, RunView, Spike
from stoa.ui.charts import stacked
from stoa.ui.curves import Mark, Series, curves
from stoa.ui.elements import stack, tag, text
from stoa.ui.feedback import notice, status_chip
from stoa.ui.frame import card, count, figures

_MOST_MARKS = 60


class RunDetail:
    """Drawn anew when there is news of the run."""

    def __init__(self, context: PageContext, changed: Callable[[], Awaitable[None]]) -> None:
        self._context = context
        self._changed = changed
        self._shown: RunView | None = None
        self._place = stack(test="run-detail")

    async def show(self, run: str) -> None:
        """Look at a run; draw it where anything is new."""
        found: RunView = await self._context.call("show_run", {"job": run})
        if found == self._shown:
            return
        self._shown = found
        self._place.clear()
        with self._place:
            self._draw(found)

    def _draw(self, view: RunView) -> None:
        with card(test="run-head"):
            with tag("div", "", "line-split"):
                with tag("div", "", "line"):
                    tag("h2", view.run.title)
                    status_chip(view.run.state)
                if self._context.caller.role in EDITORS:
                    actions(self._context, view, self._changed)
            if view.error:
                notice("It did not get done", view.error, tone="bad", test="run-error")
            for each in view.alarms:
                notice("Alarm", each, tone="warn", test="alarm")
            figures(_figures(view))
        by_name = {each.name: each for each in view.curves}
        if not any(each.points for each in view.curves):
            with card():
                text("The first figures come after a few steps.", "soft")
        else:
            _loss(view, by_name)
            with tag("div", "", "two-columns"):
                _norms(view, by_name)
                _throughput(by_name)
        if view.ledger:
            _ledger(view)
        with card():
            with ui.expansion("Recipe").classes("w-full"):
                tag("pre", view.toml, "code scroll-x", tabindex="0")
            with ui.expansion("Log").classes("w-full"):
                tag("pre", view.log or "Nothing was written yet.", "code scroll-x", tabindex="0")


def _figures(view: RunView) -> list[tuple[str, str]]:
    run = view.run
    total = sum(view.ledger.values())
    share = view.ledger.get("productive", 0.0) / total if total else run.goodput
    return [
        ("training loss", figure(run.loss)),
        ("validation loss", figure(run.validation_loss)),
        ("step", f"{run.step:,} of {run.steps:,}"),
        ("tokens a second", rate(run.tokens_per_second)),
        ("MFU, 6N", percent(run.mfu)),
        ("MFU with attention", percent(view.mfu_attention)),
        ("goodput", percent(share)),
        ("parameters", large(view.parameters) if view.parameters else "–"),
    ]


def _loss(view: RunView, by_name: dict[str, Curve]) -> None:
    with card("Loss", "Nats a token."):
        curves(
            _series(by_name, (measures.LOSS, measures.VALIDATION)),
            label="Training and validation loss over steps",
        )


def _norms(view: RunView, by_name: dict[str, Curve]) -> None:
    told = count(len(view.spikes), "spike")
    if view.one_step_spikes is not None:
        told += f", {percent(view.one_step_spikes, 0)} of them one step long"
    with card("Gradient norm", f"{told}: beyond the running mean of the steps before."):
        curves(
            _series(by_name, (measures.NORM, measures.NORM_MEAN)),
            label=f"Norm of the gradient over steps, {told}",
            marks=_marks(view.spikes),
        )


def _throughput(by_name: dict[str, Curve]) -> None:
    with card("Throughput", "Tokens a second, all devices together."):
        curves(
            _series(by_name, (measures.SPEED,)),
            label="Tokens a second over steps",
            from_zero=True,
        )


def _ledger(view: RunView) -> None:
    told = count(view.failures, "failure")
    with card("Where its time went", f"{told}; every second is booked.", test="ledger"):
        parts = [
            (title, view.ledger.get(name, 0.0), duration(view.ledger.get(name, 0.0)))
            for name, title in measures.LEDGER_TITLES.items()
        ]
        stacked(parts, label="Time of the run", test="ledger-bar")


def _series(by_name: dict[str, Curve], names: tuple[str, ...]) -> list[Series]:
    return [
        Series(measures.TITLES.get(name, name.replace("_", " ")), by_name[name].points)
        for name in names
        if name in by_name and by_name[name].points
    ]


def _marks(spikes: list[Spike]) -> list[Mark]:
    """The greatest ones, where there are many."""
    shown = sorted(spikes, key=lambda each: each.mean - each.norm)[:_MOST_MARKS]
    return [Mark(each.step, each.norm, f"step {each.step}: {each.norm:.3g}") for each in shown]
