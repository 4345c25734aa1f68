"""Replicas and deployers that are killed, calls that kill, updates under load: no call is lost."""

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from stoa.base.database import Database
from stoa.base.errors import LimitReached, ProviderError, Refused
from stoa.base.identity.caller import Caller
from stoa.core.inference import process
from stoa.core.inference.autoscaling import CALM_SECONDS, SMOOTHING_SECONDS
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
import os, time
from itertools import count
from pathlib import Path
from stoa.compute.serving import servable
class Model:
    is_quick = True
    def __init__(self):
        self.methods = {"say": self.say, "tell": self.tell}
        self.batches = count()
    def tell(self, payloads):
        here = Path(__file__).parent
        while (here / "gate").exists() or (here / f"gate {os.getpid()}").exists(): time.sleep(0.005)
        return [[os.getpid(), next(self.batches)]] * len(payloads)
    def say(self, payloads):
        if "die" in payloads: os._exit(9)
        if "hang" in payloads: time.sleep(60)
        return payloads
def load(folder): return Model()
servable.KINDS = {"killer": "killer"}
"""


Make = Callable[..., Awaitable[Component]]


@pytest.fixture
async def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    """Real replica processes of a model that can be told to die.

    What is asked to `tell` answers with its process and its batch, once there is no file `gate` nor
    `gate` with its process's number in the test's folder.
    """
    (tmp_path / "killer.py").write_text(KILLER)
    (tmp_path / "start.py").write_text(
        "import runpy, killer\nrunpy.run_module('stoa.compute.serving.replica', run_name='__main__')\n"
    )
    (tmp_path / "model.json").write_text('{"kind": "killer"}')
    monkeypatch.setattr(process, "_MODULE", "start")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    made: list[Component] = []

    async def start(clock: Callable[[], float] = time.monotonic, **scaling: float) -> Component:
        made.append(Component("version_1", tmp_path, Scaling.model_validate(scaling), clock=clock))
        await made[-1].start(1)
        return made[-1]

    yield start
    for each in made:
        await each.close(0)


@pytest.fixture
async def component(make: Make) -> Component:
    """One such process."""
    return await make(timeout_seconds=20, max_queue=8)


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
    [pid] = component.pids
    hung = asyncio.create_task(component.submit("say", "hang"))
    with pytest.raises(ProviderError) as told:
        await hung
    assert told.value.retryable
    component.scaling = component.scaling.model_copy(update={"timeout_seconds": 30.0})
    assert await component.submit("say", "a") == "a"
    assert component.replicas == 1
    assert component.pids != [pid]
    assert not psutil.pid_exists(pid)


async def test_calls_that_come_together_are_one_call_of_the_model(
    make: Make, tmp_path: Path
) -> None:
    component = await make(max_batch=64)
    answers = await asyncio.gather(*(component.submit("tell", each) for each in range(100)))
    batches = Counter(number for _, number in answers)
    assert sorted(batches.values()) == [36, 64]
    (tmp_path / "gate").touch()
    calls = []
    for each in range(50):  # one after the other, while the replica has two batches to do
        calls.append(asyncio.create_task(component.submit("tell", each)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    (tmp_path / "gate").unlink()
    batches = Counter(number for _, number in await asyncio.gather(*calls))
    assert sorted(batches.values()) == [1, 1, 48]


async def test_a_slow_replica_is_given_fewer_calls(make: Make, tmp_path: Path) -> None:
    component = await make(min_replicas=2, max_replicas=2)
    slow, quick = component.pids
    (tmp_path / f"gate {slow}").touch()
    first = [asyncio.create_task(component.submit("tell", each)) for each in range(2)]
    while not any(each.done() for each in first):
        first.append(asyncio.create_task(component.submit("tell", "until it is held")))
        await asyncio.sleep(0.05)
    for each in range(30):
        pid, _ = await component.submit("tell", each)
        assert pid == quick
    (tmp_path / f"gate {slow}").unlink()
    held = [pid for pid, _ in await asyncio.gather(*first)]
    assert slow in held
    assert component.outstanding == 0


async def test_replicas_stay_between_the_least_and_the_most(make: Make, tmp_path: Path) -> None:
    at = 0.0
    scaling = {"max_replicas": 3, "target_outstanding": 2, "timeout_seconds": 600}
    component = await make(clock=lambda: at, **scaling)
    assert component.replicas == 1
    (tmp_path / "gate").touch()
    calls = [asyncio.create_task(component.submit("tell", each)) for each in range(50)]
    await asyncio.sleep(0)
    for _ in range(3):
        at += 10 * SMOOTHING_SECONDS
        component._tick()
        await until(lambda: component.replicas == 3)
    (tmp_path / "gate").unlink()
    await asyncio.gather(*calls)
    for _ in range(10):  # five calm whiles: one goes after each
        at += CALM_SECONDS / 2
        component._tick()
        assert component.replicas >= 1
    await until(lambda: component.replicas == 1)
    assert await component.submit("tell", "still there")


async def test_a_replica_on_its_way_out_ends_with_the_rest(make: Make, tmp_path: Path) -> None:
    component = await make(min_replicas=2, max_replicas=2)
    pids = component.pids
    (tmp_path / "gate").touch()
    calls = [asyncio.create_task(component.submit("tell", each)) for each in range(4)]
    await asyncio.sleep(0.1)
    component._retire_one()
    await asyncio.sleep(0)
    await component.close(0)
    assert not any(psutil.pid_exists(pid) for pid in pids)
    for each in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(each, ProviderError)


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
