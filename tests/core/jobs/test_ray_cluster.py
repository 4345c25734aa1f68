"""Jobs on a real Ray cluster: data prepared there, over its processes, are the files prepared here."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stoa.base.database import Database
from stoa.base.errors import JobFailed
from stoa.base.identity.caller import Caller
from stoa.compute.training.recommenders.prepare import prepare
from stoa.compute.training.recommenders.preparing.recipe import PrepareRecipe
from stoa.core.jobs.folder import RunFolder
from stoa.core.jobs.job import JobState, Launch
from tests.core.jobs.conftest import Build, launch
from tests.ray_cluster import RayCluster

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
PREPARE = "stoa.compute.training.recommenders.prepare"


@pytest.fixture
def database(sqlite: Database) -> Database:
    """One kind is enough."""
    return sqlite


def events(path: Path) -> Path:
    """40,000 events of 3,000 users, in no order and some twice."""
    random = np.random.default_rng(3)
    rows = [
        f"u{random.integers(3000)},i{random.integers(500)},{random.integers(100_000)}"
        for _ in range(40_000)
    ]
    path.write_text("\n".join(["user,item,time", *rows, *rows[:500]]) + "\n")
    return path


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


async def test_preparing_over_a_cluster_gives_the_same_files(
    build: Build, ray_cluster: RayCluster, alice: Caller, tmp_path: Path
) -> None:
    recipe: dict[str, Any] = {
        "sources": [str(await asyncio.to_thread(events, tmp_path / "events.csv"))],
        "partition": "day",
        "users_per_part": 500,
        "memory_mb": 300,
        "threads": 1,
    }
    here = RunFolder(tmp_path / "here")
    here.path.mkdir()
    await asyncio.to_thread(prepare, here, PrepareRecipe(**recipe))
    jobs = build(ray_address=ray_cluster.dashboard, jobs_folder=str(tmp_path / "shared"))
    view = await jobs.run(
        alice, Launch(module=PREPARE, recipe={**recipe, "ray": True}), key="prepared on ray"
    )
    assert (view.state, view.launcher) == (JobState.DONE, "ray"), view
    there = jobs.folder_of(view, alice) / "artefacts"
    assert await asyncio.to_thread(files, there) == files(here.artefacts)
    assert len([name for name in files(here.artefacts) if "/train/" in name]) == 6


async def test_a_job_that_fails_on_a_cluster_tells_why(
    build: Build, ray_cluster: RayCluster, alice: Caller, tmp_path: Path
) -> None:
    jobs = build(ray_address=ray_cluster.dashboard, jobs_folder=str(tmp_path / "shared"))
    recipe = {"sources": [str(tmp_path / "none.csv")], "ray": True}
    with pytest.raises(JobFailed, match=r"There is no file none\.csv"):
        await jobs.run(alice, launch(module=PREPARE, **recipe), key="fails")
