"""One run in full: figures, curves with what stood out, where its time went, and what can be done."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from stoa.base.identity.caller import EDITORS
from stoa.contract import PageContext
from stoa.solutions.pretrain_llm import measures
from stoa.solutions.pretrain_llm.pages.acting import AT_WORK, actions
from stoa.solutions.pretrain_llm.pages.words import duration, figure, large, percent, rate
from stoa.solutions.pretrain_llm.schema import Curve, RunView, Spike
from stoa.ui.charts import stacked
from stoa.ui.curves import Curves, Mark, Series
from stoa.ui.elements import stack, tag, text
from stoa.ui.feedback import notice, status_chip
from stoa.ui.frame import card, count, figures

_MOST_MARKS = 60


class RunDetail:
    """Drawn when another run is chosen or its state changes; else only what is new in it, so that an open
    log stays open and whoever reads with the keyboard keeps their place."""

    def __init__(self, context: PageContext, changed: Callable[[], Awaitable[None]]) -> None:
        self._context = context
        self._changed = changed
        self._shown: RunView | None = None
        self._refreshed: list[Callable[[RunView], None]] = []
        self._place = stack(test="run-detail")

    async def show(self, run: str) -> None:
        """Look at a run; draw it where anything is new."""
        found: RunView = await self._context.call("show_run", {"job": run})
        if found == self._shown:
            return
        before, self._shown = self._shown, found
        if before is not None and _frame(before) == _frame(found):
            for refresh in self._refreshed:
                refresh(found)
            return
        self._refreshed = []
        self._place.clear()
        with self._place:
            self._draw(found)

    def _draw(self, view: RunView) -> None:
        with card(test="run-head"):
            with tag("div", "", "line-split"):
                with tag("div", "", "line grow"):
                    tag("h2", view.run.title, "wrap-anywhere")
                    status_chip(view.run.state)
                if self._context.caller.role in EDITORS:
                    actions(self._context, view, self._changed)
            if view.error:
                _error(view)
            self._part(view, _alarms)
            self._part(view, lambda each: figures(_figures(each)))
        if _measured(view):
            self._curves(view)
        elif view.run.state in AT_WORK:
            with card():
                text("The first figures come after a few steps.", "soft")
        if view.ledger:
            with card("Where its time went", test="ledger"):
                self._part(view, _ledger)
        with card():
            with ui.expansion("Recipe").classes("w-full"):
                tag("pre", view.toml, "code scroll-x", tabindex="0")
            with ui.expansion("Log").classes("w-full"):
                log = tag("pre", "", "code scroll-x", tabindex="0")

        def write(view: RunView) -> None:
            log.set_text(view.log or "Nothing was written yet.")

        self._refresh(view, write)

    def _curves(self, view: RunView) -> None:
        with card("Loss", "Nats a token."):
            loss = Curves()
        with tag("div", "", "two-columns"):
            with card("Gradient norm"):
                told = text("", "soft")
                norms = Curves()
            with card("Throughput", "Tokens a second, all devices together."):
                speed = Curves(from_zero=True)

        def refresh(view: RunView) -> None:
            by_name = {each.name: each for each in view.curves}
            loss.draw(
                _series(by_name, (measures.LOSS, measures.VALIDATION)),
                label="Training and validation loss over steps",
            )
            spikes = _spikes(view)
            told.set_text(f"{spikes}: beyond the running mean of the steps before.")
            norms.draw(
                _series(by_name, (measures.NORM, measures.NORM_MEAN)),
                label=f"Norm of the gradient over steps, {spikes}",
                marks=_marks(view.spikes),
            )
            speed.draw(_series(by_name, (measures.SPEED,)), label="Tokens a second over steps")

        self._refresh(view, refresh)

    def _part(self, view: RunView, draw: Callable[[RunView], object]) -> None:
        """A part that is drawn anew as a whole; nothing in it can have the focus."""
        place = tag("div", "", "stack")

        def refresh(view: RunView) -> None:
            place.clear()
            with place:
                draw(view)

        self._refresh(view, refresh)

    def _refresh(self, view: RunView, how: Callable[[RunView], None]) -> None:
        how(view)
        self._refreshed.append(how)


def _frame(view: RunView) -> tuple[object, ...]:
    """What decides which parts there are, and which buttons."""
    return view.run.job, view.run.state, view.error, _measured(view), bool(view.ledger)


def _measured(view: RunView) -> bool:
    return any(each.points for each in view.curves)


def _error(view: RunView) -> None:
    """The reason in a line; the end of a log is no sentence, and stands below as it was written."""
    if view.run.state == "cancelled":
        notice("Stopped", "It goes on from its last whole checkpoint.", test="run-stopped")
        return
    first, _, more = view.error.partition("\n")
    if "\n" not in more.strip():
        notice("It did not get done", f"{first} {more}".strip(), tone="bad", test="run-error")
        return
    notice("It did not get done", f"{first} Its log ends with:", tone="bad", test="run-error")
    tag("pre", more.strip(), "code scroll-x", tabindex="0")


def _alarms(view: RunView) -> None:
    for each in view.alarms:
        notice("Alarm", each, tone="warn", test="alarm")


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


def _spikes(view: RunView) -> str:
    told = count(len(view.spikes), "spike")
    if view.one_step_spikes is not None:
        told += f", {percent(view.one_step_spikes, 0)} of them one step long"
    return told


def _ledger(view: RunView) -> None:
    text(f"{count(view.failures, 'failure')}; every second is booked.", "soft")
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
