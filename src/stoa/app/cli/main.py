"""`stoa`: the command line. Commands are loaded when they are called, so that help comes at once.

The solutions are listed from their folders without importing them; what each offers is read from its
declaration when it is asked for. This file knows none of them by name.
"""

import ast
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from stoa.app.cli.failures import exit_with_words
from stoa.app.cli.target import Target
from stoa.base.loading import loading

_SOLUTIONS = Path(__file__).parents[2] / "solutions"
_HOUSE = {
    "serve": ("stoa.app.cli.processes:serve", "Serve console, REST, MCP and the model gateway."),
    "worker": ("stoa.app.cli.processes:worker", "Work on durable runs beside the server."),
    "mcp": ("stoa.app.cli.processes:mcp", "Speak MCP over standard input and output."),
    "evaluate": ("stoa.app.cli.evaluate:evaluate_command", "Run a solution's evaluation cases."),
    "settings": ("stoa.app.cli.settings:settings", "Show the settings in force, secrets masked."),
    "admin": ("stoa.app.cli.admin:admin", "Workspaces, users, keys, backup, restore, repair."),
}


class Stoa(click.Group):
    """The root group: house commands and one group for each solution."""

    @property
    def _headlines(self) -> dict[str, str]:
        found = sorted(_SOLUTIONS.glob("*/solution.py"))
        return {path.parent.name: _headline(path) for path in found}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command there is."""
        return [*_HOUSE, *self._headlines]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        with loading():
            if cmd_name in _HOUSE:
                return _load(_HOUSE[cmd_name][0])
            if cmd_name in self._headlines:
                operations = importlib.import_module("stoa.app.cli.operations")
                made: click.Command = operations.solution_group(cmd_name)
                return made
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Two lists, without importing what they name."""
        with formatter.section("Solutions"):
            formatter.write_dl(list(self._headlines.items()))
        with formatter.section("House"):
            formatter.write_dl([(name, line) for name, (_, line) in _HOUSE.items()])


@click.command(
    cls=Stoa, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="stoa")
@click.option("--url", envvar="STOA_URL", help="Work on a Stoa server instead of in this process.")
@click.option("--key", envvar="STOA_KEY", help="API key for that server.")
@click.option("--json", "as_json", is_flag=True, help="Print results and errors as JSON.")
@click.pass_context
def stoa(ctx: click.Context, url: str | None, key: str | None, as_json: bool) -> None:
    """Generative-AI systems on one small core that you host yourself.

    Start with: stoa serve --sample
    """
    ctx.obj = Target(url=url, key=key, as_json=as_json)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the `stoa` command. Ends the process with the exit code of the error tree."""
    words = list(arguments) if arguments is not None else None
    with exit_with_words(words):
        code = stoa.main(args=words, prog_name="stoa", standalone_mode=False)
    if code:  # a command that says with its code how it went, such as a check
        sys.exit(code)


def _load(where: str) -> click.Command:
    module, _, name = where.partition(":")
    command: Any = getattr(importlib.import_module(module), name)
    assert isinstance(command, click.Command)
    return command


def _headline(path: Path) -> str:
    """The summary in a solution's declaration, read without running it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "summary":
            return str(ast.literal_eval(node.value))
    return ""
