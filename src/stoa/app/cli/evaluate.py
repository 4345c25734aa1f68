"""`stoa evaluate <solution>`: its cases, or one of its suites over several models, against their bar.

Without a model the offline floor is measured; with one, both, side by side.
"""

import asyncio
from pathlib import Path

import click

from stoa.app.cli.doors import set_up_quietly
from stoa.app.cli.output import progress_bar, show
from stoa.app.cli.target import Target
from stoa.app.evaluating import SuiteRun, run_cases, run_suite
from stoa.base.settings import Settings
from stoa.core.evaluation.evaluate_suite import AT_ONCE
from stoa.core.evaluation.page import page
from stoa.core.evaluation.report import Report


@click.command("evaluate", help="Run a solution's evaluation cases, or a suite, against its bar.")
@click.argument("solution")
@click.option("--suite", help="A suite: a file, or a name in the solution's suites/.")
@click.option("--models", help="Who answers: offline,openai:gpt-5-mini,…  Only with --suite.")
@click.option("--judge", default="", help="Who judges by rubric; empty: the configured model.")
@click.option("--at-once", type=click.IntRange(1, 256), default=AT_ONCE, show_default=True,
              help="Most requests under way.")  # fmt: skip
@click.option("--fresh", is_flag=True, help="Ask again where an answer was kept.")
@click.option("--with", "given", multiple=True, metavar="NAME=VALUE",
              help="What a suite needs, such as where a database is.")  # fmt: skip
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path),
              help="Write the report: .html, .json or .md.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def evaluate_command(
    target: Target,
    solution: str,
    suite: str | None,
    models: str | None,
    judge: str,
    at_once: int,
    fresh: bool,
    given: tuple[str, ...],
    report: Path | None,
    as_json: bool,
) -> None:
    """Exits with 1 where the bar is not reached."""
    if models and not suite:
        raise click.UsageError("--models compares models over a suite: name one with --suite.")
    names = tuple(dict.fromkeys(each.strip() for each in (models or "").split(",") if each.strip()))
    run = SuiteRun(suite, names, judge, at_once, fresh, _pairs(given)) if suite else None
    graded = asyncio.run(_evaluated(solution, run))
    if report is not None:
        report.write_text(_written(graded, report.suffix), encoding="utf-8")
    if as_json or target.as_json:
        show(graded.model_dump(mode="json"), as_json=True)
    else:
        click.echo(graded.markdown())
    if not graded.passed:
        raise click.exceptions.Exit(1)


def _pairs(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    if not all(mark and name for name, mark, _ in pairs):
        raise click.UsageError("--with takes NAME=VALUE, such as --with shop=sqlite:///shop.db")
    return {name: value for name, _, value in pairs}


async def _evaluated(solution: str, run: SuiteRun | None) -> Report:
    settings = Settings.load()
    set_up_quietly(settings)
    async with progress_bar() as on_progress:
        if run is None:
            return await run_cases(settings, solution, on_progress)
        return await run_suite(settings, solution, run, on_progress)


def _written(report: Report, ending: str) -> str:
    if ending in (".html", ".htm"):
        return page(report)
    return report.model_dump_json(indent=2) if ending == ".json" else report.markdown()
