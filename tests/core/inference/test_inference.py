"""Endpoints: deploy, ask, split, roll back, and what must never be served."""

import asyncio

import numpy as np
import pytest

from stoa.base.errors import Conflict, InvalidInput, NotFound, Refused
from stoa.base.identity.caller import Caller
from stoa.core.inference.inference import Inference
from stoa.core.inference.views import Arm, Probe, Scaling, State
from stoa.core.registry.tables import Approval
from tests.compute.serving.models import interactions, neumf
from tests.core.inference.conftest import Build, Register

RANK = {"user": "u3", "items": ["i5", "i9", "i1", "nothing"]}
PROBE = Probe(method="rank", payload=RANK)


async def test_a_version_is_deployed_and_answers_as_the_model_does(
    inference: Inference, register: Register, alice: Caller
) -> None:
    model = neumf(interactions())
    version = await register(model)
    view = await inference.deploy(alice, "films", version, probes=[PROBE])
    assert (view.state, view.revision, view.models[0].replicas) == (State.LIVE, 1, 1)
    answer = await inference.ask(alice, "films", "rank", RANK, user="u3")
    assert (answer.version_id, answer.arm) == (version, Arm.CHAMPION)
    scores = model.score(3, [5, 9, 1])
    best = np.argsort(-scores)
    assert answer.value["items"] == [["i5", "i9", "i1"][each] for each in best] + ["nothing"]
    assert answer.value["scores"][:3] == pytest.approx(scores[best], abs=1e-5)


async def test_another_workspace_sees_nothing(
    inference: Inference, register: Register, alice: Caller, bob: Caller
) -> None:
    version = await register()
    await inference.deploy(alice, "films", version)
    ticket = (await inference.ask(alice, "films", "rank", RANK)).ticket
    for work in (
        inference.ask(bob, "films", "rank", RANK),
        inference.endpoint(bob, "films"),
        inference.roll_back(bob, "films"),
        inference.compare(bob, "films"),
        inference.deploy(bob, "films", version),
        inference.feedback(bob, ticket),
    ):
        with pytest.raises(NotFound):
            await work
    await inference.remove(bob, "films")
    assert await inference.endpoints(bob) == []
    assert [each.name for each in await inference.endpoints(alice)] == ["films"]


async def test_what_is_not_sound_never_goes_live_and_the_old_goes_on(
    inference: Inference, register: Register, alice: Caller
) -> None:
    good = await register()
    await inference.deploy(alice, "films", good)
    unapproved = await register(seed=2, status=Approval.PENDING)
    other = await register(seed=3)
    with pytest.raises(Refused, match="pending"):
        await inference.deploy(alice, "films", unapproved)
    with pytest.raises(Refused, match="smoke test"):
        await inference.deploy(alice, "films", other, probes=[Probe(method="sing")])
    with pytest.raises(NotFound):
        await inference.deploy(alice, "films", "model_nowhere")
    view = await inference.endpoint(alice, "films")
    assert (view.state, view.revision) == (State.LIVE, 1)
    assert (await inference.ask(alice, "films", "rank", RANK)).version_id == good


async def test_roll_back_goes_back_step_by_step(
    inference: Inference, register: Register, alice: Caller
) -> None:
    first, second, third = [await register(seed=each) for each in (1, 2, 3)]
    with pytest.raises(NotFound):
        await inference.roll_back(alice, "films")
    for version in (first, second, third):
        await inference.deploy(alice, "films", version)
    view = await inference.endpoint(alice, "films")
    assert view.history == [second, first]
    await inference.roll_back(alice, "films")
    assert (await inference.ask(alice, "films", "rank", RANK)).version_id == second
    view = await inference.roll_back(alice, "films")
    assert (view.models[0].version_id, view.history) == (first, [])
    with pytest.raises(Conflict):
        await inference.roll_back(alice, "films")


async def test_users_stay_with_their_arm_and_clicks_count_once(
    inference: Inference, register: Register, alice: Caller
) -> None:
    first, second = await register(seed=1), await register(seed=2)
    await inference.deploy(alice, "films", first)
    await inference.challenge(alice, "films", second, share=0.3)
    users = [f"u{each}" for each in range(60)] * 2
    answers = [await inference.ask(alice, "films", "rank", RANK, user=user) for user in users]
    assert [each.arm for each in answers[:60]] == [each.arm for each in answers[60:]]
    assert {each.version_id for each in answers} == {first, second}
    challenged = next(each for each in answers if each.arm is Arm.CHALLENGER)
    assert await inference.feedback(alice, challenged.ticket)
    assert not await inference.feedback(alice, challenged.ticket)
    champion = next(each for each in answers if each.arm is Arm.CHAMPION).ticket
    forged = champion[:-4] + ("AAAA" if not champion.endswith("AAAA") else "BBBB")
    for bad in (forged, "", "é", "x" * 1000, "endpoint_x." + champion.rpartition(".")[2]):
        with pytest.raises(NotFound):
            await inference.feedback(alice, bad)
    result = await inference.compare(alice, "films")
    assert result.champion is not None
    assert result.challenger is not None
    assert result.champion.shown + result.challenger.shown == 120
    assert (result.champion.clicked, result.challenger.clicked) == (0, 1)
    assert result.verdict == "too little"
    view = await inference.promote(alice, "films")
    assert [each.version_id for each in view.models] == [second]
    with pytest.raises(Conflict):
        await inference.withdraw(alice, "films")
    view = await inference.roll_back(alice, "films")
    assert [each.version_id for each in view.models] == [first]


async def test_a_probe_asks_the_version_it_names_and_counts_nowhere(
    build: Build, register: Register, alice: Caller, bob: Caller
) -> None:
    web, worker = build(), build()
    first, second, third = [await register(seed=each) for each in (1, 2, 3)]
    await web.deploy(alice, "films", first)
    expected = {first: (await worker.ask(alice, "films", "rank", RANK)).value}
    await web.challenge(alice, "films", second, share=0.01)
    expected[second] = await worker.probe(alice, "films", second, PROBE)  # it follows the change
    assert expected[first] != expected[second]
    for inference in (web, worker):
        for version in (first, second):
            answer = await inference.probe(alice, "films", version, PROBE)
            assert answer == expected[version]
    result = await web.compare(alice, "films")
    assert result.champion is not None
    assert result.challenger is not None
    assert (result.champion.shown, result.challenger.shown) == (0, 0)
    with pytest.raises(NotFound, match="does not serve"):
        await web.probe(alice, "films", third, PROBE)
    with pytest.raises(NotFound):
        await web.probe(bob, "films", first, PROBE)


async def test_two_changes_at_once_do_not_overwrite_each_other(
    build: Build, register: Register, alice: Caller
) -> None:
    here, there = build(), build()
    versions = [await register(seed=each) for each in (1, 2, 3)]
    await here.deploy(alice, "films", versions[0])
    results = await asyncio.gather(
        here.deploy(alice, "films", versions[1]),
        there.deploy(alice, "films", versions[2]),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in results) == ["Conflict", "EndpointView"]


async def test_processes_follow_each_other_and_a_restart_brings_all_back(
    build: Build, register: Register, alice: Caller
) -> None:
    first, second = await register(seed=1), await register(seed=2)
    web, worker = build(), build()
    await web.launch()
    await worker.launch(serves=False)
    await worker.deploy(alice, "films", first)
    assert (await web.ask(alice, "films", "rank", RANK)).version_id == first
    view = await worker.deploy(alice, "films", second, scaling=Scaling(max_replicas=2))
    assert view.models[0].replicas == 1
    assert (await web.ask(alice, "films", "rank", RANK)).version_id == second
    await web.close()
    again = build()
    await again.launch()
    assert (await again.ask(alice, "films", "rank", RANK)).version_id == second
    await worker.remove(alice, "films")
    with pytest.raises(NotFound):
        await worker.ask(alice, "films", "rank", RANK)


async def test_bad_shares_are_refused(
    inference: Inference, register: Register, alice: Caller
) -> None:
    version = await register()
    await inference.deploy(alice, "films", version)
    for share in (0.0, 1.0, -1.0, float("nan")):
        with pytest.raises(InvalidInput):
            await inference.challenge(alice, "films", version, share=share)
    with pytest.raises(Conflict):
        await inference.challenge(alice, "films", version, share=0.5)
