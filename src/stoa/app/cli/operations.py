"""The commands of a solution: one for each operation, made from its declaration."""

import asyncio
from typing import Any

import click

from stoa import wiring
from stoa.app.cli.doors import opened_door
from stoa.app.cli.options import options_of, payload_of
from stoa.app.cli.output import progress_bar, show
from stoa.app.cli.target import Target
from stoa.base.errors import Bug
from stoa.contract import Operation, Solution

_PREFIX = "stoa_"
"""Before the names of our own options, so that a field called `url` or `json` keeps its name."""


def solution_group(name: str) -> click.Group:
    """`stoa {name}` with its operations."""
    if name not in wiring.SOLUTIONS:
        raise Bug(f"the folder of {name} has no line in wiring.py")
    found = wiring.solution(name)
    group = click.Group(name, help=f"{found.title}: {found.summary}")
    for operation in found.operations:
        group.add_command(operation_command(found, operation))
    return group


def operation_command(solution: Solution, operation: Operation) -> click.Command:
    """`stoa {solution} {operation}` with an option for each field of its request."""
    options = options_of(operation.request)
    taken = {flag for option in options for flag in (*option.opts, *option.secondary_opts)}
    own = [option for option in _own_options(operation) if not taken.intersection(option.opts)]

    @click.pass_context
    def run(ctx: click.Context, /, **given: Any) -> None:
        target = (ctx.obj or Target()).with_options(
            url=given.pop(f"{_PREFIX}url", None),
            key=given.pop(f"{_PREFIX}key", None),
            as_json=given.pop(f"{_PREFIX}json", False),
        )
        sure = given.pop(f"{_PREFIX}yes", False)
        if operation.destructive and not sure:
            click.confirm(f"{operation.summary} Go on?", abort=True, err=True)
        show(asyncio.run(_carried_out(solution, operation, given, target)), as_json=target.as_json)

    return click.Command(
        operation.name, callback=run, params=[*options, *own], help=operation.summary
    )


async def _carried_out(
    solution: Solution, operation: Operation, given: dict[str, Any], target: Target
) -> dict[str, Any]:
    async with opened_door(target) as door:
        payload = await payload_of(operation.request, given, door.upload)
        async with progress_bar() as on_progress:
            return await door.call(solution.name, operation, payload, on_progress)


def _own_options(operation: Operation) -> list[click.Option]:
    options = [
        click.Option(["--url", f"{_PREFIX}url"], help="Work on a Stoa server."),
        click.Option(["--key", f"{_PREFIX}key"], help="API key for that server."),
        click.Option(["--json", f"{_PREFIX}json"], is_flag=True, help="Answer in JSON."),
    ]
    if operation.destructive:
        options.append(
            click.Option(["--yes", "-y", f"{_PREFIX}yes"], is_flag=True, help="Do not ask.")
        )
    return options
