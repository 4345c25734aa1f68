"""What the documents say is run: every `stoa …` line in a `sh` block works, every `make` target exists,
every link between files leads somewhere."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.encoder import lend_encoder
from tests.forked import STOA, run_forked

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    {
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("src/stoa/solutions/*/README.md"),
        ROOT / "benchmarks/README.md",
    }
)
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def commands(page: Path) -> list[str]:
    """Shell lines of the page's `sh` blocks, continuation lines joined, comments dropped."""
    text = "\n".join(BLOCK.findall(page.read_text())).replace("\\\n", " ")
    lines = [line.split("  #")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        assert (page.parent / link).exists(), f"{page.name} links to {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in commands(page):
        if line.startswith("make"):
            assert shlex.split(line)[1] in targets, line


def test_the_command_is_installed() -> None:
    """It is what the pages' lines begin with; below, what it calls is called without loading it anew."""
    command = Path(sys.executable).with_name("stoa")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("stoa, version ")


WITH_COMMANDS = [page for page in PAGES if any(line.startswith("stoa ") for line in commands(page))]


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_work(page: Path, tmp_path: Path) -> None:
    """All `stoa` lines of a page, in order, in one data folder, from what looks like the root."""
    (tmp_path / "src").symlink_to(ROOT / "src")
    environment = {**os.environ, "STOA_HOME": str(lend_encoder(tmp_path / "home"))}
    for line in commands(page):
        if not line.startswith("stoa ") or line.startswith(
            ("stoa serve", "stoa worker", "stoa mcp")
        ):
            continue  # these stay up; tests/app starts them
        done = run_forked(STOA, shlex.split(line)[1:], cwd=tmp_path, env=environment, timeout=180)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        if page == ROOT / "README.md" and line.startswith("stoa ask_docs ask"):
            assert "kind: answer" in done.stdout, "nobody's first question may go unanswered"
