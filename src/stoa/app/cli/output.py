"""How results look on a terminal: JSON for programs, and for people lines, blocks and tables."""

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import click

OnProgress = Callable[[str, int, int], Awaitable[None]]
_WIDE = 72


def show(result: Any, *, as_json: bool) -> None:
    """Print a result."""
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False, indent=2))
        return
    for line in _lines(result, ""):
        click.echo(line)


def _lines(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _field(str(key), each, indent)
    elif isinstance(value, list):
        for each in value:
            inner = list(_lines(each, indent + "  "))
            if inner:
                yield f"{indent}- {inner[0].lstrip()}"
                yield from inner[1:]
    else:
        for line in _text(value).splitlines() or [""]:
            yield f"{indent}{line}"


def _field(key: str, value: Any, indent: str) -> Iterator[str]:
    if value is None or value in ("", [], {}):
        return
    text = _text(value)
    if isinstance(value, dict | list):
        yield f"{indent}{key}:"
        yield from _lines(value, indent + "  ")
    elif "\n" in text or len(text) > _WIDE:
        yield f"{indent}{key}:"
        yield from _lines(text, indent + "  ")
    else:
        yield f"{indent}{key}: {text}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


@asynccontextmanager
async def progress_bar() -> AsyncIterator[OnProgress]:
    """A bar on standard error that the given function moves; nothing where nobody looks."""
    if not sys.stderr.isatty():
        yield _ignore
        return
    with _bar() as move:
        yield move


@contextmanager
def _bar() -> Iterator[OnProgress]:
    from rich.console import Console  # noqa: PLC0415 - only for people at a terminal
    from rich.progress import Progress  # noqa: PLC0415 - only for people at a terminal

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("working", total=None)

        async def move(message: str, done: int, total: int) -> None:
            progress.update(task, description=message, completed=done, total=total or None)

        yield move


async def _ignore(_message: str, _done: int, _total: int) -> None:
    """Nobody is looking."""
