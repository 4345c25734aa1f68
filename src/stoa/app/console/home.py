"""The start page: a card for every solution, made from its declaration, and what ran lately."""

from stoa.app.console.frame import honest_banner
from stoa.app.console.runs import ITSELF, run_rows
from stoa.app.console.visit import Visit
from stoa.contract import Solution
from stoa.ui.elements import icon, tag, text
from stoa.ui.feedback import chip, empty_state
from stoa.ui.frame import card, count


async def show(visit: Visit) -> None:
    """`/`"""
    workspaces = await visit.platform.accounts.workspaces(visit.caller.user_id)
    here = next((each for each in workspaces if each.id == visit.caller.workspace_id), None)
    with tag("header", "", "hero"):
        tag("h1", here.name if here else "Stoa")
        text("Generative systems on your own data, on your own machine. Choose one to begin.")
    honest_banner(visit)
    with tag("section", "", "cards", aria_label="Systems", test="solutions"):
        for solution in visit.dispatcher.solutions.values():
            _solution_card(solution)
    with card("Recent runs", flush=True):
        found = await visit.platform.flows.list(visit.caller, limit=100)
        by_people = [run for run in found if run.started_by != ITSELF][:8]
        if by_people:
            run_rows(visit, by_people)
        else:
            empty_state(
                "Nothing has run yet",
                "Work that takes longer than a moment runs in the background and shows up here.",
                symbol="timeline",
            )


def _solution_card(solution: Solution) -> None:
    href = f"/solutions/{solution.name}"
    with tag("a", "", "card solution-card", href=href, test=f"solution-{solution.name}"):
        with tag("div", "", "line-split"):
            icon(solution.icon, "lead")
            if solution.status == "preview":
                chip("Preview", "warn", "science")
        with tag("div", "", "stack-tight"):
            tag("h2", solution.title)
            text(solution.summary)
        tag("span", count(len(solution.operations), "operation"), "soft small")
