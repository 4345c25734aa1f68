"""Pages of a solution: its own page where it has one, and a generated form for each operation."""

import json
from typing import Any

from nicegui import ui
from pydantic import BaseModel

from stoa.app.console.frame import honest_banner
from stoa.app.console.visit import SolutionVisit, Visit
from stoa.base.errors import InvalidInput, NotFound, StoaError
from stoa.base.identity.caller import OWNERS
from stoa.contract import Operation, Solution
from stoa.ui.elements import button, link, tag, text
from stoa.ui.feedback import chip, confirm, error_notice, working
from stoa.ui.forms import Form
from stoa.ui.frame import card, page_head
from stoa.ui.results import result_view


async def show(visit: Visit) -> None:
    """`/solutions/{solution}`: the solution's own page, or its operations where it has none."""
    solution = _solution(visit)
    ui.context.client.title = f"{solution.title} · Stoa"
    if solution.page is None:
        await show_operations(visit)
        return
    with page_head(solution.title, solution.summary):
        link(
            "All operations",
            f"/solutions/{solution.name}/operations",
            "button button-quiet",
            symbol="tune",
            test="operations",
        )
    honest_banner(visit, prompts=bool(solution.prompts))
    with tag("div", "", "stack solution-page", test=f"page-{solution.name}"):
        await solution.page(SolutionVisit(visit, solution))


async def show_operations(visit: Visit) -> None:
    """`/solutions/{solution}/operations`"""
    solution = _solution(visit)
    page_head(
        solution.title, "Everything it can do. The same operations stand behind REST, CLI and MCP."
    )
    with card(flush=True), tag("ul", "", "rows", test="operations-list"):
        for operation in solution.operations:
            with tag("li"):
                with tag("div", "", "grow"):
                    link(
                        _words(operation.name),
                        f"/solutions/{solution.name}/operations/{operation.name}",
                        "row-link",
                        test=f"operation-{operation.name}",
                    )
                    text(operation.summary, "soft small")
                if operation.durable:
                    chip("Runs in the background", "quiet", "timeline")
                if operation.destructive:
                    chip("Destructive", "warn", "warning_amber")
                if visit.caller.role not in operation.roles | OWNERS:
                    chip("Not for your role", "quiet", "lock")


async def show_operation(visit: Visit) -> None:
    """`/solutions/{solution}/operations/{operation}`: a form made from the request type."""
    solution = _solution(visit)
    _, operation = visit.dispatcher.find(solution.name, visit.parameters["operation"])
    ui.context.client.title = f"{_words(operation.name)} · {solution.title} · Stoa"
    link(
        solution.title,
        f"/solutions/{solution.name}/operations",
        "back-link",
        symbol="arrow_back",
    )
    page_head(_words(operation.name), operation.summary)
    _OperationPage(visit, solution, operation)


class _OperationPage:
    """One operation's form, and below it what came of it."""

    def __init__(self, visit: Visit, solution: Solution, operation: Operation) -> None:
        self._visit = visit
        self._solution = solution
        self._operation = operation
        with card():
            self._form = Form(operation.request)
            with tag("div", "", "line"):
                button(
                    "Start" if operation.durable else "Run",
                    self._submit,
                    kind="danger" if operation.destructive else "primary",
                    symbol="play_arrow",
                    test="run-operation",
                )
                with tag("div", "", "soft small wrap-anywhere"):
                    tag("code", f"POST /api/{solution.name}/{operation.name}")
                    tag("span", " · ")
                    tag("code", f"stoa {solution.name} {operation.name}")
            self._trouble = tag("div")
        self._result = tag("div", "", "stack", aria_live="polite")

    async def _submit(self) -> None:
        self._trouble.clear()
        self._form.complain([])
        if self._operation.destructive and not await confirm(
            f"{_words(self._operation.name)}?", "This can't be undone.", yes="Go ahead"
        ):
            return
        try:
            await self._run(self._form.values())
        except StoaError as error:
            self._result.clear()
            if isinstance(error, InvalidInput):
                self._form.complain(error.details.get("fields", []))
            with self._trouble:
                error_notice(error)

    async def _run(self, values: dict[str, Any]) -> None:
        caller = await self._visit.check()
        door = self._visit.dispatcher
        if self._operation.durable:
            run = await door.start(caller, self._solution.name, self._operation.name, values)
            ui.navigate.to(f"/runs/{run.run_id}")
            return
        self._result.clear()
        with self._result:
            working()
        result = await door.call(
            caller,
            self._solution.name,
            self._operation.name,
            values,
            on_event=self._hear,
        )
        self._result.clear()
        with self._result, card("Result"):
            result_view(result.model_dump(mode="json"))

    async def _hear(self, event: BaseModel) -> None:
        with self._result:
            tag("pre", json.dumps(event.model_dump(mode="json"), ensure_ascii=False), "code")


def _solution(visit: Visit) -> Solution:
    found = visit.dispatcher.solutions.get(visit.parameters["solution"])
    if found is None:
        raise NotFound("There is no such system here.", hint="Choose one from the start page.")
    return found


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
