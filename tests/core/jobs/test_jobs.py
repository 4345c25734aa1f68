"""Jobs from recipe to outcome: metrics, log, artefacts, failures, limits, cancelling, tenancy."""

import pytest

from stoa.base.identity.caller import Caller
from stoa.core.jobs.job import JobState
from stoa.core.jobs.jobs import Jobs
from tests.core.jobs.conftest import launch


async def test_a_job_is_done(jobs: Jobs, alice: Caller) -> None:
    heard: list[tuple[str, int, int]] = []

    async def hear(message: str, done: int, total: int) -> None:
        heard.append((message, done, total))

    asked = launch(steps=3, patterns={"HR": r"HR=(.*?);", "NDCG": r"NDCG=(.*?);"})
    view = await jobs.run(alice, asked, key="one", on_progress=hear)
    assert view.state is JobState.DONE
    assert view.metrics == {"HR": 0.2}
    assert view.details == {"first": 0}
    assert heard[-1] == ("step 3 of 3", 3, 3)
    assert view.latest == {"loss": pytest.approx(1 / 3), "HR": 0.2, "NDCG": 0.1}
    assert view.memory_mb >= 0
    assert view.exit_code == 0
    curves = {curve.name: curve.points for curve in await jobs.curves(alice, view.id)}
    assert [point.step for point in curves["loss"]] == [0, 1, 2]
    assert [point.value for point in curves["HR"]] == [0.0, 0.1, 0.2]
    assert "epoch 2: HR=0.20;" in await jobs.log(alice, view.id)
    files = await jobs.artefacts(alice, view.id)
    assert (files / "model.txt").read_text() == "3 steps"
