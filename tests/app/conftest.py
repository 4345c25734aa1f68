"""Fixtures of the faces: a house that holds the example solution only, and a real server over it."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stoa.app.cli import main as command
from stoa.base import telemetry
from stoa.base.settings import Settings
from tests.app.example import EXAMPLE
from tests.app.live import LiveSite, live_site

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session", autouse=True)
def _logs(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Logs as in a real process, so that tests read what operators would."""
    settings = Settings.load(home=tmp_path_factory.mktemp("logs"))
    telemetry.setup(settings, stream=io.StringIO())


@pytest.fixture
def only_the_example(monkeypatch: pytest.MonkeyPatch) -> None:
    """The house is built with the example as its only solution."""
    monkeypatch.setattr("stoa.wiring.SOLUTIONS", ("example",))
    monkeypatch.setattr("stoa.wiring.solution", lambda name: EXAMPLE)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    """A real server over the example solution, shared by the tests of a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stoa.wiring.solutions", lambda: [EXAMPLE])
        settings = Settings.load(home=tmp_path_factory.mktemp("home"), upload_limit_mb=8)
        with live_site(settings) as running:
            yield running


@pytest.fixture
def run(
    only_the_example: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run `stoa …` in this process over a fresh data folder: exit code, output, errors."""
    folder = tmp_path / "solutions" / "example"
    folder.mkdir(parents=True)
    (folder / "solution.py").write_text('SOLUTION = Solution(summary="Greets and counts.")\n')
    monkeypatch.setattr(command, "_SOLUTIONS", folder.parent)
    monkeypatch.setenv("STOA_HOME", str(tmp_path / "cli-home"))
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # the command sets its own

    def stoa(*words: str) -> tuple[int, str, str]:
        code = 0
        try:
            command.main(words)
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return stoa


def sse(text: str) -> list[tuple[str, dict[str, Any]]]:
    """The events of a stream: name and data."""
    found = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found
