"""Runs: what is at work and what was, one in full, and the start of another."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from stoa.base.identity.caller import EDITORS
from stoa.contract import PageContext
from stoa.solutions.pretrain_llm.pages.acting import AT_WORK
from stoa.solutions.pretrain_llm.pages.run_detail import RunDetail
from stoa.solutions.pretrain_llm.pages.starting import Starter
from stoa.solutions.pretrain_llm.pages.words import figure, percent, rate
from stoa.solutions.pretrain_llm.schema import RunList, RunRow
from stoa.ui.charts import fill_to
from stoa.ui.elements import dress, guarded, tag
from stoa.ui.feedback import chip, empty_state, status_chip
from stoa.ui.frame import ago, card

_LOOK_EVERY = 1.5


async def show_runs(context: PageContext) -> None:
    """The tab."""
    await RunsTab(context).draw()


class RunsTab:
    """The list, and below it the run that is looked at."""

    def __init__(self, context: PageContext) -> None:
        self._context = context
        self._shown: list[RunRow] | None = None
        self._rows: dict[str, _Row] = {}
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
        self._draw_list(found.runs)
        if not self._chosen and found.runs:
            await self._open(found.runs[0].job)

    async def _look(self) -> None:
        """News of runs at work; nothing is asked while nothing works."""
        before = {each.job for each in self._shown or []}
        found: RunList = await self._context.call("runs", {"limit": 50})
        if found.runs == self._shown:
            return
        fresh = [each.job for each in found.runs if each.job not in before]
        if fresh and found.runs[0].state in AT_WORK:
            self._chosen = fresh[0]
        elif not self._chosen and found.runs:  # the first there are
            self._chosen = found.runs[0].job
        self._draw_list(found.runs)
        if self._chosen:
            await self._detail.show(self._chosen)

    async def _open(self, job: str) -> None:
        self._chosen = job
        self._draw_list(self._shown or [])
        await self._detail.show(job)

    def _draw_list(self, runs: list[RunRow]) -> None:
        """Rows stay as long as the same runs are there: one of them may have the focus."""
        before = [each.job for each in self._shown] if self._shown is not None else None
        self._shown = runs
        if before != [each.job for each in runs]:
            self._list.clear()
            with self._list:
                self._draw_rows(runs)
        for each in runs:
            self._rows[each.job].draw(each, chosen=each.job == self._chosen)

    def _draw_rows(self, runs: list[RunRow]) -> None:
        self._rows = {}
        if not runs:
            empty_state(
                "Nothing was trained yet",
                "Start with the recipe “sample”: it takes less than a minute and needs no text "
                "of yours.",
                symbol="model_training",
            )
            return
        with tag("ul", "", "rows"):
            self._rows = {each.job: _Row(each, self._open) for each in runs}


class _Row:
    """A run in the list."""

    def __init__(self, run: RunRow, opened: Callable[[str], Awaitable[None]]) -> None:
        self._shown: tuple[RunRow, bool, str] | None = None
        with tag("li", "", "run-row", test="run") as self._row:
            with tag("div", "", "grow stack-tight"):
                with tag("div", "", "line"):
                    opener = tag("button", run.title, "link-button wrap-anywhere", type="button")
                    dress(opener, test="open-run")
                    opener.on("click", lambda: guarded(lambda: opened(run.job)))
                    if run.recorded:
                        chip("Recorded", "quiet", "inventory_2")
                self._told = tag("span", "", "soft small")
            self._news = tag("div", "", "run-news")

    def draw(self, run: RunRow, *, chosen: bool) -> None:
        """What is new in it."""
        names = [] if run.recipe == run.title else [run.recipe]
        told = " · ".join([*names, ago(run.created_at)])
        if self._shown == (run, chosen, told):
            return
        self._shown = (run, chosen, told)
        working = run.state in AT_WORK
        self._told.set_text(f"{told} · {run.message}" if working and run.message else told)
        self._row.props["aria-current"] = "true" if chosen else "false"
        self._row.update()
        self._news.clear()
        with self._news:
            _figures(run)
            status_chip(run.state)
            if working and run.steps:
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
