"""The sample workflow for CI, run by bash as GitHub does, against a server that is another process."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from stoa.base.identity.caller import Role
from stoa.base.settings import Settings
from stoa.wiring import build
from tests.conftest import lacking
from tests.forked import ROOT
from tests.house.processes import Server, settled_home
from tests.solutions.recommend_products.test_chaos import Client
from tests.solutions.recommend_products.test_flow import shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
WORKFLOW = ROOT / "docs" / "guide" / "recommend_products-ci.yml"
_EXPORT = "./scripts/export-interactions"


def workflow() -> dict[Any, Any]:
    """As GitHub reads it, but for `on`, which PyYAML takes for a yes."""
    found: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_text())
    return found


def narrow_key(home: Path) -> str:
    """A key with the role and the scopes that the workflow's first lines name."""
    [named] = [line for line in WORKFLOW.read_text().splitlines() if "with the scopes" in line]
    role, _, scopes = named.partition(" with the scopes ")
    house = build(Settings.load(home=home))

    async def make() -> str:
        accounts = house.platform.accounts
        owner = await accounts.ensure_sample()
        given = scopes.rstrip(".").split(" and ")
        role_of_key = Role(role.rpartition(" ")[2])
        return (await accounts.create_key(owner, "ci", scopes=given, role=role_of_key))[1]

    try:
        return asyncio.run(make())
    finally:
        house.platform.database.close()


class Runner:
    """A machine of CI: a checkout with somebody's export in it, and the steps run one after another."""

    def __init__(self, folder: Path, url: str, key: str) -> None:
        self._folder = folder
        self.summary = folder / "summary.md"
        job = workflow()["jobs"]["train"]
        secrets = {"${{ secrets.STOA_URL }}": url, "${{ secrets.STOA_KEY }}": key}
        self._steps = [
            each for each in job["steps"] if "run" in each and "pip install" not in each["run"]
        ]
        commands = {name: os.environ[name] for name in ("HOME", "SSL_CERT_FILE")}
        self._environment = {
            **commands,
            **{name: secrets[value] for name, value in job["env"].items()},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT / 'src'}",
            "GITHUB_SHA": "c0ffee",
            "GITHUB_STEP_SUMMARY": str(self.summary),
        }
        (folder / "scripts").mkdir()
        script = folder / _EXPORT
        script.write_text('#!/bin/sh\nmkdir -p exports && cp data.parquet "$1"\n')
        script.chmod(0o755)

    def export(self, rows: bytes) -> None:
        """What the next export gives."""
        (self._folder / "rows.csv").write_bytes(rows)
        source = duckdb.sql(f"from read_csv('{self._folder / 'rows.csv'}', header = true)")
        assert source is not None
        source.write_parquet(str(self._folder / "data.parquet"))

    def run(self) -> list[int]:
        """Exit codes of the steps; after one that failed only those come that always do."""
        codes: list[int] = []
        self.said = ""
        for step in self._steps:
            if any(codes) and step.get("if") != "always()":
                continue
            command = ["bash", "-e", "-c", step["run"]]
            done = subprocess.run(
                command,
                cwd=self._folder,
                env=self._environment,
                capture_output=True,
                text=True,
                timeout=240,
            )
            codes.append(done.returncode)
            self.said += done.stdout + done.stderr
        return codes


def test_what_the_workflow_names_is_there() -> None:
    found = workflow()
    for path in found[True]["push"]["paths"]:
        assert (ROOT / path.removesuffix("/**")).is_dir(), path
    [install] = [
        each["run"] for each in found["jobs"]["train"]["steps"] if "pip install" in str(each)
    ]
    assert (ROOT / install.split("--constraint ")[1].split()[0]).is_file()


def test_the_workflow_trains_deploys_and_says_what_came_of_it(tmp_path: Path) -> None:
    if shutil.which("jq") is None:
        lacking("jq")
    home, checkout = tmp_path / "home", tmp_path / "checkout"
    client = Client(settled_home(home))
    key = narrow_key(home)
    checkout.mkdir()
    with Server(home) as server:
        client.url = server.url
        client.call("settings_set", models=["popularity"])
        runner = Runner(checkout, server.url, key)
        runner.export(shop())
        assert runner.run() == [0, 0, 0], runner.said
        assert runner.summary.read_text().startswith("deployed: NDCG@10")
        [model] = client.call("models")["models"]
        assert (model["code_version"], model["aliases"]) == ("c0ffee", ["champion"])
        assert runner.run() == [0, 0, 0], runner.said
        assert "kept_out: popularity is kept out" in runner.summary.read_text()
        assert len(client.call("models")["models"]) == 1

        runner.export(b"when,what\n1,2\n")
        export, pipeline, summary = runner.run()
        assert export == 0
        assert pipeline != 0
        assert summary != 0
        assert runner.summary.read_text().splitlines()[-1].startswith("failed: ")
