"""Replicas and deployers that are killed, calls that kill, updates under load: no call is lost."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from stoa.base.database import Database
from stoa.base.errors import LimitReached, ProviderError, Refused
from stoa.base.identity.caller import Caller
from stoa.core.inference import process
from stoa.core.inference.component import Component
from stoa.core.inference.inference import Inference
from stoa.core.inference.views import Scaling, State
from tests.compute.serving.models import interactions, neumf, saved
from tests.core.inference.conftest import RANK, Register, load, until


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_killed_replicas_lose_no_call_even_the_last_one(
    inference: Inference, register: Register, alice: Caller
) -> None:
    version = await register()
    await inference.deploy(alice, "films", version, scaling=Scaling(min_replicas=2, max_replicas=2))
    component = inference._live.at("workspace_a", "films").components[version]
    async with load(inference, alice) as counted:
        await until(lambda: counted[version] > 20)
        os.kill(component.pids[0], signal.SIGKILL)
        await until(lambda: component.replicas == 1)
        await until(lambda: component.replicas == 2)
        for pid in component.pids:
            os.kill(pid, signal.SIGKILL)
        await until(lambda: component.replicas == 0)
        seen = counted[version]
        await until(lambda: counted[version] > seen + 20)
    assert component.replicas >= 1


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_replicas_come_with_real_load(
    inference: Inference, register: Register, alice: Caller
) -> None:
    version = await register()
    scaling = Scaling(min_replicas=1, max_replicas=2, target_outstanding=2)
    await inference.deploy(alice, "films", version, scaling=scaling)
    component = inference._live.at("workspace_a", "films").components[version]
    async with load(inference, alice):
        await until(lambda: component.replicas == 2)
    view = await inference.endpoint(alice, "films")
    assert view.models[0].replicas == 2
    assert view.rate.calls_per_second > 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_an_update_under_load_loses_no_call_and_ends_the_old(
    inference: Inference, register: Register, alice: Caller
) -> None:
    first, second = await register(seed=1), await register(seed=2)
    await inference.deploy(alice, "films", first)
    old = inference._live.at("workspace_a", "films").components[first].pids
    async with load(inference, alice) as counted:
        await until(lambda: counted[first] > 20)
        await inference.deploy(alice, "films", second)
        await until(lambda: counted[second] > 20)
        await inference.roll_back(alice, "films")
        seen = counted[first]
        await until(lambda: counted[first] > seen + 20)
    await until(lambda: not any(psutil.pid_exists(pid) for pid in old))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_deployer_that_is_killed_leaves_the_old_model_and_no_process(
    inference: Inference, register: Register, alice: Caller, database: Database, tmp_path: Path
) -> None:
    first, second = await register(seed=1), await register(seed=2)
    await inference.deploy(alice, "films", first)
    deployer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.core.inference.deploying_process"),
        *(database.url, str(tmp_path / "home"), second),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert deployer.stdout is not None
    await deployer.stdout.readline()
    children: list[psutil.Process] = []
    while not children:
        children = psutil.Process(deployer.pid).children()
        await asyncio.sleep(0.02)
    deployer.kill()
    await deployer.wait()
    await until(lambda: not any(each.is_running() for each in children))
    view = await inference.endpoint(alice, "films")
    assert (view.state, view.revision, view.models[0].version_id) == (State.LIVE, 1, first)
    assert (await inference.ask(alice, "films", "rank", RANK)).version_id == first


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_weights_that_are_no_numbers_never_come_up(
    inference: Inference, register: Register, alice: Caller, tmp_path: Path
) -> None:
    good = await register(seed=1)
    await inference.deploy(alice, "films", good)
    folder = saved(neumf(interactions(), seed=2), tmp_path / "model-spoilt")
    content = bytearray((folder / "weights.safetensors").read_bytes())
    content[-4:] = b"\x00\x00\xc0\x7f"
    (folder / "weights.safetensors").write_bytes(content)
    spoilt = await register(folder)
    with pytest.raises(Refused, match="not the file that was saved"):
        await inference.deploy(alice, "films", spoilt)
    assert (await inference.ask(alice, "films", "rank", RANK)).version_id == good


KILLER = """
import os
from stoa.compute.serving import servable
class Model:
    is_quick = True
    def __init__(self): self.methods = {"say": self.say}
    def say(self, payloads):
        if "die" in payloads: os._exit(9)
        if "hang" in payloads:
            import time; time.sleep(60)
        return payloads
def load(folder): return Model()
servable.KINDS = {"killer": "killer"}
"""


@pytest.fixture
async def component(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Component]:
    """A real replica process of a model that can be told to die."""
    (tmp_path / "killer.py").write_text(KILLER)
    (tmp_path / "start.py").write_text(
        "import runpy, killer\nrunpy.run_module('stoa.compute.serving.replica', run_name='__main__')\n"
    )
    (tmp_path / "model.json").write_text('{"kind": "killer"}')
    monkeypatch.setattr(process, "_MODULE", "start")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    made = Component(
        "version_1",
        tmp_path,
        Scaling(min_replicas=1, max_replicas=1, timeout_seconds=20, max_queue=8),
    )
    await made.start(1)
    yield made
    await made.close(0)


async def test_a_call_that_kills_takes_no_other_with_it(component: Component) -> None:
    works = [component.submit("say", word) for word in ("a", "die", "b", "c")]
    results = await asyncio.gather(*works, return_exceptions=True)
    assert [results[0], *results[2:]] == ["a", "b", "c"]
    assert isinstance(results[1], ProviderError)
    assert not results[1].retryable


async def test_a_full_queue_refuses_at_once(component: Component) -> None:
    works = [component.submit("say", "x") for _ in range(20)]
    results = await asyncio.gather(*works, return_exceptions=True)
    refused = [each for each in results if isinstance(each, LimitReached)]
    assert results.count("x") + len(refused) == 20
    assert refused


@pytest.mark.slow
async def test_a_replica_that_hangs_is_killed_and_the_rest_goes_on(
    component: Component, monkeypatch: pytest.MonkeyPatch
) -> None:
    component.scaling = component.scaling.model_copy(update={"timeout_seconds": 1.0})
    hung = asyncio.create_task(component.submit("say", "hang"))
    with pytest.raises(ProviderError) as told:
        await hung
    assert told.value.retryable
    component.scaling = component.scaling.model_copy(update={"timeout_seconds": 30.0})
    assert await component.submit("say", "a") == "a"


async def test_what_can_not_be_sent_is_refused_alone(component: Component) -> None:
    works = [component.submit("say", each) for each in ("a", object(), "b")]
    results = await asyncio.gather(*works, return_exceptions=True)
    assert [results[0], results[2]] == ["a", "b"]
    assert getattr(results[1], "code", "") == "invalid_input"


async def test_a_replica_is_given_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-nothing")
    monkeypatch.setenv("STOA_SECRET_KEY", "nothing")
    given = process._environment(Scaling())
    assert not {"OPENAI_API_KEY", "STOA_SECRET_KEY"} & set(given)
