"""The pipeline: bring data in, start a run, see its graph live, decide, do a step again; history; settings."""

from typing import Any

from nicegui import ui

from stoa.base.errors import StoaError
from stoa.base.identity.caller import EDITORS, REVIEWERS
from stoa.contract import PageContext
from stoa.solutions.recommend_products.pages.graph import graph_of
from stoa.solutions.recommend_products.pages.setting import open_settings
from stoa.solutions.recommend_products.pages.words import OUTCOMES, metric, model_name
from stoa.solutions.recommend_products.schema import (
    TABLES,
    Outcome,
    PipelineRun,
    PipelineRuns,
)
from stoa.ui.elements import button, dress, guarded, link, on_click, say, tag, text
from stoa.ui.feedback import chip, dialog_with, empty_state, error_notice, notice
from stoa.ui.frame import ago, card, facts, took
from stoa.ui.graph import PipelineGraph
from stoa.ui.upload_zone import Uploaded, UploadZone

_LOOK_EVERY = 1.5
_MOST = 20
_OPEN = (Outcome.RUNNING, Outcome.WAITING)


async def show_pipeline_page(context: PageContext, shop: str) -> None:
    """The tab."""
    page = _Pipeline(context, shop)
    await page.draw()
    ui.timer(_LOOK_EVERY, page.draw)


class _Pipeline:
    def __init__(self, context: PageContext, shop: str) -> None:
        self._context = context
        self._shop = shop
        self._chosen = ""
        """Id of the run that is shown; empty: the newest."""
        self._shown: PipelineRun | None = None
        self._listed: PipelineRuns | None = None
        self._graph: PipelineGraph | None = None
        with tag("div", "", "line-split"):
            text("New interactions start it; so do the clock, CI, and the button.", "soft")
            if context.caller.role in EDITORS:
                self._buttons()
        self._run = tag("div", "", "stack", test="pipeline-run")
        with card("History", flush=True):
            self._history = tag("ul", "", "rows", test="pipeline-history")

    def _buttons(self) -> None:
        with tag("div", "", "line"):
            button("Settings", dialog_with("How models are made and judged", self._settings, wide=True),
                   symbol="tune", test="settings")  # fmt: skip
            button(
                "Add data", dialog_with("Add data", self._adding), symbol="upload", test="add-data"
            )
            button("Run", self._start, kind="primary", symbol="play_arrow", test="run-pipeline")

    async def draw(self) -> None:
        """Show how things stand now, where they have changed."""
        found: PipelineRuns = await self._context.call(
            "pipelines", {"shop": self._shop, "limit": _MOST}
        )
        run = next((each for each in found.runs if each.id == self._chosen), None)
        await self._draw_run(run or (found.runs[0] if found.runs else None))
        if found != self._listed:
            self._listed = found
            self._draw_history(found)

    async def _draw_run(self, run: PipelineRun | None) -> None:
        if run is not None and run == self._shown:
            return
        if run is not None and self._graph is not None and self._is_alike(run):
            self._graph.update(graph_of(run))
            self._shown = run
            return
        self._shown, self._graph = run, None
        self._run.clear()
        with self._run:
            if run is None:
                empty_state("It has not run yet", "Add a file of interactions: its event starts it.",
                            symbol="account_tree")  # fmt: skip
                return
            self._whole(run)

    def _is_alike(self, run: PipelineRun) -> bool:
        """Whether only the graph differs from what is shown."""
        before = self._shown
        return before is not None and (run.id, run.outcome, run.checks) == (
            before.id,
            before.outcome,
            before.checks,
        )

    def _whole(self, run: PipelineRun) -> None:
        words, tone, symbol = OUTCOMES[run.outcome]
        with card():
            with tag("div", "", "line-split"):
                with tag("div", "", "line"):
                    tag("h2", f"Interactions v{run.version}" if run.version else "Run")
                    chip(words, tone, symbol, test="outcome")
                with tag("div", "", "line"):
                    if run.run:
                        link("Log of the run", f"/runs/{run.run}", "small")
                    if run.outcome in (Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.CANCELLED):
                        self._again(run)
            if run.reason:
                bad = run.outcome in (Outcome.FAILED, Outcome.ROLLED_BACK)
                kind = "bad" if bad else "good" if run.outcome is Outcome.DEPLOYED else "warn"
                notice(run.reason, tone=kind, test="reason")  # type: ignore[arg-type]
            if run.outcome is Outcome.WAITING:
                self._decide(run)
            self._graph = PipelineGraph(graph_of(run), lambda name: self._open_step(name))
            self._checks(run)
            about = [f"started {ago(run.started_at)}", run.trigger, run.partition]
            code = f"code {run.code_version[:12]}" if run.code_version else ""
            told = " · ".join(each for each in [*about, code] if each)
            tag("p", told, "soft small wrap-anywhere")

    def _decide(self, run: PipelineRun) -> None:
        notice("A person decides whether the new model may serve", tone="warn", test="asked")
        if self._context.caller.role in REVIEWERS and run.model:
            with tag("div", "", "line"):
                button(
                    "Approve",
                    lambda: self._answer(run, "approve"),
                    kind="primary",
                    test="approve-run",
                )
                button("Reject", lambda: self._answer(run, "reject"), test="reject-run")
                link("Or in the inbox", "/inbox", "small")

    async def _answer(self, run: PipelineRun, operation: str) -> None:
        await self._context.call(operation, {"model": run.model})
        say("Approved: it is deployed now." if operation == "approve" else "Rejected.")
        await self.draw()

    def _again(self, run: PipelineRun) -> None:
        async def again() -> None:
            await self._context.call("retry_step", {"run": run.id})
            say("The step is done again.")
            await self.draw()

        if run.run and self._context.caller.role in EDITORS:
            button(
                "Do the failed step again", again, css="button-small", symbol="replay", test="retry"
            )

    def _checks(self, run: PipelineRun) -> None:
        if not run.checks:
            return
        with tag("ul", "", "stack-tight", test="checks", aria_label="Checks"):
            for each in run.checks:
                with tag("li", "", "line"):
                    chip(
                        each.name,
                        "good" if each.passed else "bad",
                        "check" if each.passed else "close",
                    )
                    tag("span", each.why, "small")

    def _open_step(self, name: str) -> None:
        run = self._shown
        step = next((each for each in run.steps if each.name == name), None) if run else None
        if run is None or step is None:
            return

        def fill(dialog: ui.dialog) -> None:
            del dialog
            facts(
                [
                    (what, value)
                    for what, value in (
                        ("State", "taken over from an earlier run" if step.cached else step.state),
                        ("Took", took(step.seconds) if step.seconds is not None else ""),
                        ("Message", step.message),
                        ("Process", step.job),
                    )
                    if value
                ]
            )
            if step.name == "train":
                self._candidates(run)

        ui.timer(0, dialog_with(step.title, fill), once=True)

    def _candidates(self, run: PipelineRun) -> None:
        with tag("ul", "", "rows"):
            for each in run.candidates:
                with tag("li"):
                    with tag("div", "", "grow"):
                        tag("strong", model_name(each.model))
                        told = each.problem or (
                            f"NDCG@10 {metric(each.metrics, 'ndcg')} · HR@10 {metric(each.metrics, 'hr')}"
                        )
                        tag("div", told, "soft small wrap-anywhere")
                    if each.chosen:
                        chip("Chosen", "good", "star")

    def _draw_history(self, found: PipelineRuns) -> None:
        self._history.clear()
        with self._history:
            for run in found.runs:
                self._line(run)
            if not found.runs:
                with tag("li"):
                    text("Nothing yet.", "soft")

    def _line(self, run: PipelineRun) -> None:
        words, tone, symbol = OUTCOMES[run.outcome]

        async def look() -> None:
            self._chosen = run.id
            await self.draw()

        with tag("li", "", test="pipeline-line"):
            with tag("div", "", "grow"):
                title = f"Interactions v{run.version}, {run.partition}" if run.version else "Run"
                on_click(tag("button", title, "link-button", type="button"), look)
                told = run.reason or ", ".join(model_name(each.model) for each in run.candidates)
                tag(
                    "div",
                    f"{ago(run.started_at)} · {took(run.seconds)} · {told}",
                    "soft small wrap-anywhere",
                )
            chip(words, tone, symbol)

    async def _start(self) -> None:
        self._chosen = ""
        await self._context.start("run_pipeline", {"shop": self._shop})
        say("It has started.")
        await self.draw()

    def _adding(self, dialog: ui.dialog) -> None:
        text("CSV with a heading, Parquet, MovieLens' .dat, or a zip of one of them.", "soft small")
        what = ui.toggle(
            {"add_interactions": "Interactions", "add_products": "Products"},
            value="add_interactions",
        )
        dress(what.props("no-caps unelevated"), aria_label="What the file holds", test="what")
        replace = ui.checkbox("The interactions replace all that is there")
        trouble = tag("div")

        async def take(file: Uploaded) -> None:
            trouble.clear()
            operation = str(what.value)
            asked: dict[str, Any] = {"file": file.id, "shop": self._shop}
            if operation == "add_interactions":
                asked |= {"replace": bool(replace.value)}
            try:
                await self._context.call(operation, asked)
            except StoaError as error:
                with trouble:
                    error_notice(error)
                return
            dialog.close()
            say("It is in. New interactions start the pipeline.")
            await self.draw()

        UploadZone(take, accept=TABLES, multiple=False, note="Drop a file, or choose one")

    async def _settings(self, dialog: ui.dialog) -> None:
        await guarded(lambda: open_settings(self._context, self._shop, dialog))
