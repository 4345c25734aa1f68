"""Runs: the list, and the page of one that shows its steps while they happen."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from nicegui import ui

from stoa.app.console.visit import Visit
from stoa.app.problems import error_of
from stoa.base.identity.caller import EDITORS
from stoa.core.flows.flows import RunEvent, RunState, RunView
from stoa.ui.elements import button, link, say, tag
from stoa.ui.feedback import chip, confirm, empty_state, error_notice, status_chip, tone_of
from stoa.ui.frame import ago, card, facts, page_head, took
from stoa.ui.results import result_view
from stoa.ui.timeline import Timeline

ITSELF = "stoa"
"""Who starts the runs of schedules and events."""
_ENDED = frozenset({RunState.DONE, RunState.FAILED, RunState.CANCELLED})


async def show_all(visit: Visit) -> None:
    """`/runs`"""
    everyone = visit.caller.role in EDITORS
    page_head("Runs", "All of the workspace, newest first." if everyone else "Yours, newest first.")
    found = await visit.platform.flows.list(visit.caller, limit=200)
    with card(flush=True):
        if found:
            run_rows(visit, found)
        else:
            empty_state("Nothing has run yet", symbol="timeline")


def run_rows(visit: Visit, found: Sequence[RunView]) -> None:
    """Runs as rows, each a link to its page."""
    with tag("ul", "", "rows", test="runs"):
        for run in found:
            with tag("li"):
                with tag("div", "", "grow"):
                    link(_title(visit, run), f"/runs/{run.id}", "row-link")
                    if run.message:
                        tag("div", run.message, "soft small clip")
                if run.started_by == ITSELF:
                    chip("By itself", "quiet", "auto_mode")
                status_chip(run.state)
                tag("span", ago(run.created_at), "soft small numbers")


async def show(visit: Visit) -> None:
    """`/runs/{run}`"""
    run = await visit.platform.flows.show(visit.caller, visit.parameters["run"])
    solution = visit.dispatcher.solutions.get(run.solution)
    with page_head(_title(visit, run), f"Started {ago(run.created_at)}"):
        if solution is not None:
            link(
                f"To {solution.title}",
                f"/solutions/{solution.name}",
                "button button-quiet",
            )
    page = _RunPage(visit, run)
    visit.live(page.follow)


class _RunPage:
    """The parts of the page that change while the run works."""

    def __init__(self, visit: Visit, run: RunView) -> None:
        self._visit = visit
        self._run = run
        self._drawn = ""
        with card():
            with tag("div", "", "line-split"):
                with tag("div", "", "line") as self._chips:
                    pass
                with tag("div", "", "line") as self._buttons:
                    pass
            self._message = tag("p", "", "wrap-anywhere", aria_live="polite", test="run-message")
            if not run.is_open_to(visit.caller):
                told = "What it says and gives back is for whoever started it, and for owners."
                tag("p", told, "soft small", test="run-closed")
            self._bar = tag("progress", "", "", max="1", aria_label="Progress", test="run-progress")
        self._end = tag("div", "", "stack")
        with card("Steps"):
            self._timeline = Timeline()
        with card("Details"):
            self._facts = tag("div")
        self._draw()

    async def follow(self) -> None:
        """Show the history, then what happens, until the run has ended. A resumed one goes on."""
        flows = self._visit.platform.flows
        async for event in flows.events(self._visit.caller, self._run.id):
            self._show_event(event)
        self._run = await flows.show(self._visit.caller, self._run.id)
        self._drawn = ""
        self._draw()

    def _show_event(self, event: RunEvent) -> None:
        data = event.data
        if event.kind == "state":
            state = RunState(str(data.get("state", self._run.state)))
            self._run = self._run.model_copy(update={"state": state})
            self._timeline.add(state.capitalize(), event.at, tone=tone_of(state))
        elif event.kind == "progress":
            self._run = self._run.model_copy(update=_progress(data))
            more = f"{self._run.done} of {self._run.total}" if self._run.total else ""
            self._timeline.add(self._run.message, event.at, more=more)
        elif event.kind == "step":
            words = str(data.get("name", "step")).strip("_").replace("_", " ").capitalize()
            seconds = data.get("seconds")
            more = took(float(seconds)) if isinstance(seconds, int | float) else ""
            self._timeline.add(words, event.at, more=more, tone="good")
        self._draw()

    def _draw(self) -> None:
        run = self._run
        live = run.state not in _ENDED
        self._chips.clear()
        with self._chips:
            status_chip(run.state)
            tag("span", took(_seconds(run)), "soft small numbers")
        self._message.set_text(run.message or ("Working" if live else ""))
        self._bar.set_visibility(live)
        if run.total:
            self._bar.props["value"] = run.done / run.total
        stage = "live" if live else run.state
        if self._drawn == stage:
            return
        self._drawn = stage  # buttons must not be made anew under a finger
        self._draw_buttons(live)
        self._draw_end()
        self._facts.clear()
        with self._facts:
            facts(
                [
                    ("Run", run.id),
                    ("Operation", f"{run.solution}.{run.operation}"),
                    ("Started", _moment(run.created_at)),
                    ("Ended", _moment(run.ended_at) if run.ended_at else "—"),
                ]
            )

    def _draw_buttons(self, live: bool) -> None:
        self._buttons.clear()
        with self._buttons:
            if live:
                button("Cancel", self._cancel, symbol="stop", test="cancel")
            elif self._run.state is not RunState.DONE:
                button("Resume", self._resume, kind="primary", symbol="play_arrow", test="resume")

    def _draw_end(self) -> None:
        self._end.clear()
        with self._end:
            if self._run.error and self._run.state is RunState.FAILED:
                error_notice(error_of(self._run.error))
            if self._run.result is not None:
                with card("Result"):
                    result_view(self._run.result)

    async def _cancel(self) -> None:
        if await confirm(
            "Cancel this run?",
            "It stops at its next step. What is done stays done, and it can be resumed.",
            yes="Cancel the run",
        ):
            caller = await self._visit.check()
            self._run = await self._visit.platform.flows.cancel(caller, self._run.id)
            say("The run is being cancelled.")
            self._draw()

    async def _resume(self) -> None:
        caller = await self._visit.check()
        await self._visit.platform.flows.resume(caller, self._run.id)
        ui.navigate.reload()


def _title(visit: Visit, run: RunView) -> str:
    solution = visit.dispatcher.solutions.get(run.solution)
    operation = run.operation.replace("_", " ")
    return f"{solution.title if solution else run.solution}: {operation}"


def _progress(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "message": str(data.get("message", "")),
        "done": int(data.get("done") or 0),
        "total": int(data.get("total") or 0),
    }


def _seconds(run: RunView) -> float:
    return ((run.ended_at or datetime.now(UTC)) - run.created_at).total_seconds()


def _moment(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
