"""`make run`, as a newcomer types it: the console opens and holds the sample workspace."""

import os
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from stoa.wiring import solutions
from tests.conftest import lacking
from tests.encoder import lend_encoder

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_make_run_opens_the_console_with_the_sample(tmp_path: Path) -> None:
    installed = ROOT / ".venv/.run"
    sources = [ROOT / "pyproject.toml", ROOT / "constraints.txt"]
    if not installed.exists() or any(
        each.stat().st_mtime > installed.stat().st_mtime for each in sources
    ):
        lacking("an environment that `make` installed here")
    environment = {**os.environ, "STOA_HOME": str(lend_encoder(tmp_path / "home"))}
    running = subprocess.Popen(
        ["make", "run", "PORT=0"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert running.stdout is not None
        said = []
        for line in running.stdout:
            said.append(line)
            if line.startswith("Stoa is ready on "):
                break
        else:
            pytest.fail("".join(said))
        url = line.split()[-1]
        with httpx.Client(
            base_url=url, headers={"Accept": "text/html"}, follow_redirects=True, timeout=60
        ) as browser:
            home = browser.get("/").raise_for_status().text
            assert [each.title for each in solutions() if each.title not in home] == []
            while True:  # the sample is filled beside the first visits
                answer = browser.post("/api/ask_docs/list", json={}, headers={"Origin": url})
                listed = answer.raise_for_status().json()["documents"]
                if any(each["state"] == "current" for each in listed):
                    break
                time.sleep(0.5)
    finally:
        os.killpg(running.pid, signal.SIGINT)
        running.communicate(timeout=60)
