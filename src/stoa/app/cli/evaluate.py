"""`stoa evaluate <solution>`: its cases, asked in a workspace made for it, graded against its bar.

Without a model the offline floor is measured; with one, both, side by side.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from stoa.app.cli.doors import set_up_quietly
from stoa.app.cli.output import progress_bar, show
from stoa.app.cli.target import Target
from stoa.app.house import at_work
from stoa.base.errors import InvalidInput, NotFound
from stoa.base.settings import Settings
from stoa.contract import Solution
from stoa.core.evaluation.evaluate import CallOperation, evaluate
from stoa.core.evaluation.report import Report
from stoa.core.models.prompts import OFFLINE
from stoa.dispatch import Dispatcher, OnProgress
from stoa.wiring import build

_NO_MODEL = dict.fromkeys(("model_strong", "model_fast", "model_vision", "model_fallback"), "")
_CONFIGURED = "configured"


@click.command("evaluate", help="Run a solution's evaluation cases against its bar.")
@click.argument("solution")
@click.option(
    "--suite",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Grade over this file instead, where the solution has suites.",
)
@click.option("--with", "given", multiple=True, metavar="NAME=VALUE", help="What the suite needs.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write Markdown.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def evaluate_command(
    target: Target,
    solution: str,
    suite: Path | None,
    given: tuple[str, ...],
    report: Path | None,
    as_json: bool,
) -> None:
    """Exits with 1 where the bar is not reached."""
    graded = asyncio.run(_evaluated(solution, Suite.of(suite, given)))
    if report is not None:
        report.write_text(graded.markdown(), encoding="utf-8")
    if as_json or target.as_json:
        show(graded.model_dump(mode="json"), as_json=True)
    else:
        click.echo(graded.markdown())
    if not graded.passed:
        raise click.exceptions.Exit(1)


@dataclass(frozen=True)
class Suite:
    """A file to grade over instead of cases.toml, and what it needs."""

    path: Path
    given: dict[str, str]

    @classmethod
    def of(cls, path: Path | None, given: tuple[str, ...]) -> "Suite | None":
        """From the command line. Raises InvalidInput where an option is not NAME=VALUE."""
        pairs = [each.partition("=") for each in given]
        if path is None:
            return None
        if not all(mark and name for name, mark, _ in pairs):
            raise InvalidInput("--with takes NAME=VALUE.", hint="--with shop=sqlite:///shop.db")
        return cls(path.resolve(), {name: value for name, _, value in pairs})


async def _evaluated(solution: str, suite: Suite | None = None) -> Report:
    """One answerer after the other, each in a house of its own: one set of flows per process."""
    settings = Settings.load()
    set_up_quietly(settings)
    offline = settings.model_copy(update=_NO_MODEL)
    reports = [await _answered(solution, offline, OFFLINE, suite)]
    if settings.model_strong or settings.model_fast:
        reports.append(await _answered(solution, settings, _CONFIGURED, suite))
    first = reports[0]
    return first.model_copy(update={"graded": [each.graded[0] for each in reports]})


async def _answered(
    name: str, settings: Settings, answerer: str, suite: Suite | None = None
) -> Report:
    with TemporaryDirectory(prefix="stoa-evaluate-") as folder:
        home = {"home": Path(folder), "database_url": "", "objects_url": "", "index_url": ""}
        dispatcher = build(settings.model_copy(update=home))
        found = dispatcher.solutions.get(name)
        if found is None:
            names = ", ".join(dispatcher.solutions)
            raise NotFound(f"There is no solution '{name}'.", hint=f"There are: {names}.")
        try:
            async with at_work(dispatcher), progress_bar() as on_progress:
                caller = await dispatcher.platform.accounts.ensure_sample()
                await on_progress("filling the sample workspace", 0, 0)
                await dispatcher.fill(caller)
                if suite is not None:
                    return await _over_suite(dispatcher, found, suite, answerer, on_progress)
                return await evaluate(
                    {answerer: _door(dispatcher, found)}, found.folder, on_case=on_progress
                )
        finally:
            dispatcher.platform.database.close()


async def _over_suite(
    dispatcher: Dispatcher,
    solution: Solution,
    suite: Suite,
    answerer: str,
    on_progress: OnProgress,
) -> Report:
    if solution.suite is None:
        raise InvalidInput(
            f"'{solution.name}' has no suites.", hint="Run it without --suite: it has cases.toml."
        )
    caller = await dispatcher.platform.accounts.ensure_sample()
    call = dispatcher.as_call(caller, solution, on_progress=on_progress)
    graded = await solution.suite(call, suite.path, suite.given)
    return Report(
        solution=solution.name, bar={}, graded=[graded.model_copy(update={"answerer": answerer})]
    )


def _door(dispatcher: Dispatcher, solution: Solution) -> CallOperation:
    async def call(operation: str, request: dict[str, Any]) -> Any:
        caller = await dispatcher.platform.accounts.ensure_sample()
        return await dispatcher.call(caller, solution.name, operation, request)

    return call
