"""The pipeline in the guide is run as it stands there: a dataset arrives, its event trains, the best is used."""

import asyncio
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoa.app.house import at_work
from stoa.base.database import EVERY_WORKSPACE
from stoa.base.identity.caller import Caller
from stoa.base.settings import Settings
from stoa.contract import Solution
from stoa.core.flows.run import RunState
from stoa.core.pipelines.views import PipelineView, StepState
from stoa.dispatch import Dispatcher
from stoa.wiring import build
from tests.conftest import two_workspaces

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/guide/training-pipelines.md"


@pytest.fixture
def guessing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Solution]:
    """The solution of the guide, as a package of its own."""
    blocks = re.findall(
        r"^```python\n# (\S+)\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL
    )
    assert [name for name, _ in blocks] == ["guessing/train.py", "guessing/flow.py"]
    for name, text in blocks:
        path = tmp_path / "code" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "code/guessing/__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "code")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'code'}:{ROOT / 'src'}")
    yield importlib.import_module("guessing.flow").SOLUTION
    for name in [name for name in sys.modules if name.startswith("guessing")]:
        del sys.modules[name]


async def ended(house: Dispatcher, caller: Caller, number: int) -> PipelineView:
    """The n-th run of the pipeline, once it has ended."""
    while True:
        found = await house.platform.pipelines.list(caller, "guessing")
        if len(found) == number and found[0].run_id is not None:
            await house.platform.flows.wait(caller, found[0].run_id)
            return await house.platform.pipelines.show(caller, found[0].id)
        await asyncio.sleep(0.05)


def ratings(path: Path, noise: float) -> Path:
    """Ratings that hang on the item."""
    lines = [f"u{n},i{n % 3},{1 + n % 3 + noise * (n % 2)}" for n in range(40)]
    path.write_text("user,item,rating\n" + "\n".join(lines) + "\n")
    return path


@pytest.mark.slow
async def test_the_pipeline_of_the_guide(
    settings: Settings,
    guessing: Solution,
    tmp_path: Path,
    alice: Caller,
    bob: Caller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stoa.wiring.solutions", lambda: [guessing])
    house = build(settings)
    platform = house.platform
    platform.database.write_now(two_workspaces, workspace=EVERY_WORKSPACE)
    async with at_work(house):
        data = ratings(tmp_path / "ratings.csv", 0.5)
        await platform.registry.datasets.add(alice, "ratings", data, partition="2030-01-31")
        view = await ended(house, alice, 1)
        assert {node.name: node.state.value for node in view.nodes} == dict.fromkeys(
            ("prepare", "train", "champion", "judge", "register", "use"), "done"
        )
        assert view.trigger["partition"] == "2030-01-31"
        used = await platform.registry.aliases.get(alice, "guess")
        assert used is not None
        assert (used.kind, used.id) == ("by_item", view.nodes[-1].outputs)
        lineage = await platform.registry.lineage.of(alice, used.id)
        assert "ratings v1" in {node.name for node in lineage.nodes}
        jobs = await platform.jobs.list(alice, run_id=view.run_id)
        curves = {curve.name for curve in await platform.jobs.curves(alice, jobs[0].id)}
        assert curves == {"error", "ERROR"}

        worse = ratings(tmp_path / "worse.csv", 3.0)
        await platform.registry.datasets.add(alice, "ratings", worse)
        view = await ended(house, alice, 2)
        register = next(node for node in view.nodes if node.name == "register")
        assert register.state is StepState.SKIPPED
        assert "is not below" in register.reason
        still = await platform.registry.aliases.get(alice, "guess")
        assert still is not None
        assert still.id == used.id, "a retrain that is worse is kept out"
        run = await platform.flows.show(alice, view.run_id or "")
        assert (run.state, run.result) == (RunState.DONE, {"champion": None})
        assert await platform.pipelines.list(bob) == []
    platform.database.close()
