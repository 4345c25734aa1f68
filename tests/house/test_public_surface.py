"""Names that people and programs rely on: commands, options, settings, routes, error codes.

When a change here is meant, write the list anew and say so in the changelog:

    python -m tests.house.test_public_surface && python -m stoa.app.reference
"""

from pathlib import Path

import click

from stoa.app import reference
from stoa.app.cli.main import stoa

FROZEN = Path(__file__).with_name("public_surface.txt")
ROOT = Path(__file__).parents[2]


def test_the_public_surface_is_as_frozen() -> None:
    assert reference.public_surface() == FROZEN.read_text().splitlines()


def test_what_is_generated_is_current() -> None:
    stale = [path for path, text in reference.current(ROOT).items() if path.read_text() != text]
    assert stale == [], "run: make docs"


def test_every_command_and_option_says_what_it_does() -> None:
    found = reference.commands(stoa, click.Context(stoa, info_name="stoa"), "stoa")
    mute = [path for path, command in found if not command.help]
    assert mute == []


if __name__ == "__main__":
    FROZEN.write_text("\n".join(reference.public_surface()) + "\n")
