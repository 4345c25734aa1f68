"""Runs: what is at work and what was, one in full, and the start of another."""

from nicegui import ui

from stoa.base.identity.caller import EDITORS
from stoa.contract import PageContext
from stoa.solutions.pretrain_llm.pages.run_detail import RunDetail
from stoa.solutions.pretrain_llm.pages.starting import Starter
from stoa.solutions.pretrain_llm.pages.words import figure, percent, rate
from stoa.solutions.pretrain_llm.schema import RunList, RunRow
from stoa.ui.charts import fill_to
from stoa.ui.elements import guarded, tag
from stoa.ui.feedback import chip, empty_state, status_chip
from stoa.ui.frame import ago, card

_LOOK_EVERY = 1.5
_AT_WORK = ("queued", "running")


async def show_runs(context: PageContext) -> None:
    """The tab."""
    await RunsTab(context).draw()


class RunsTab:
    """The list, and below it the run that is looked at."""

    def __init__(self, context: PageContext) -> None:
        self._context = context
        self._shown: list[RunRow] | None = None
        self._chosen = ""
        if context.caller.role in EDITORS:
            Starter(context, self.draw)
        with card("Runs", flush=True, test="runs"):
            self._list = tag("div")
        self._detail = RunDetail(context, self.draw)
        ui.timer(_LOOK_EVERY, self._look)

    async def draw(self) -> None:
        """Look at all runs; draw what has changed."""
        found: RunList = await self._context.call("runs", {"limit": 50})
        if found.runs != self._shown:
            self._shown = found.runs
            self._draw_list()
        if not self._chosen and found.runs:
            self._chosen = found.runs[0].job
            self._draw_list()
            await self._detail.show(self._chosen)

    async def _look(self) -> None:
        """News of runs at work; nothing is asked while nothing works."""
        before = {each.job for each in self._shown or []}
        found: RunList = await self._context.call("runs", {"limit": 50})
        fresh = [each.job for each in found.runs if each.job not in before]
        if found.runs != self._shown:
            self._shown = found.runs
            if fresh and found.runs[0].state in _AT_WORK:
                self._chosen = fresh[0]
            elif not self._chosen and found.runs:  # the first there are
                self._chosen = found.runs[0].job
            self._draw_list()
            if self._chosen:
                await self._detail.show(self._chosen)

    def _draw_list(self) -> None:
        self._list.clear()
        with self._list:
            if not self._shown:
                empty_state(
                    "Nothing was trained yet",
                    "Start with the recipe “sample”: it takes less than a minute and needs no text "
                    "of yours.",
                    symbol="model_training",
                )
                return
            with tag("ul", "", "rows"):
                for each in self._shown:
                    self._row(each)

    def _row(self, run: RunRow) -> None:
        async def open_run() -> None:
            self._chosen = run.job
            self._draw_list()
            await self._detail.show(run.job)

        current = "true" if run.job == self._chosen else None
        with tag("li", "", "run-row", aria_current=current, test="run"):
            with tag("div", "", "grow stack-tight"):
                with tag("div", "", "line"):
                    opener = tag("button", run.title, "link-button", type="button", test="open-run")
                    opener.on("click", lambda: guarded(open_run))
                    if run.recorded:
                        chip("Recorded", "quiet", "inventory_2")
                told = f"{run.recipe} · {ago(run.created_at)}"
                tag(
                    "span",
                    f"{told} · {run.message}" if run.state in _AT_WORK else told,
                    "soft small",
                )
            _figures(run)
            status_chip(run.state)
            if run.state in _AT_WORK and run.steps:
                with tag("div", "", "run-progress", aria_hidden="true"):
                    fill_to(run.step / run.steps)


def _figures(run: RunRow) -> None:
    """Loss, validation, rate, MFU: what tells runs apart at a glance."""
    shown = (
        ("loss", figure(run.loss, 3)),
        ("validation", figure(run.validation_loss, 3)),
        ("tokens/s", rate(run.tokens_per_second)),
        ("MFU", percent(run.mfu)),
    )
    with tag("dl", "", "run-figures numbers"):
        for name, value in shown:
            with tag("div"):
                tag("dt", name, "soft small")
                tag("dd", value)
