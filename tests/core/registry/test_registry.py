"""Datasets, models, aliases, endpoints and lineage: versions, approval, tenancy, races."""

import asyncio
from pathlib import Path

import pytest

from stoa.base.errors import Conflict, InvalidInput, NotFound
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller
from stoa.core.registry.announcing import DatasetAdded
from stoa.core.registry.datasets import Made
from stoa.core.registry.endpoints import EndpointState, Share, Wanted
from stoa.core.registry.registry import Registry
from stoa.core.registry.tables import Approval
from stoa.core.registry.versions import ModelVersionView, NewVersion
from tests.core.registry.conftest import Heard, folder_of


async def version(
    registry: Registry, caller: Caller, path: Path, text: str, *, approved: bool = True
) -> ModelVersionView:
    """A version of the model `ranker`."""
    artefact = await registry.artefacts.add(caller, folder_of(path / text, weights=text))
    status = Approval.APPROVED if approved else Approval.PENDING
    new = NewVersion(kind="neumf", metrics={"HR": 0.7}, status=status, made=Made(code_version="c1"))
    return await registry.versions.register(caller, "ranker", artefact, new)


async def test_datasets_are_versioned_by_content(
    registry: Registry, tmp_path: Path, alice: Caller, bob: Caller, heard: Heard
) -> None:
    one = folder_of(tmp_path / "one", day="1")
    two = folder_of(tmp_path / "two", day="2")
    first = await registry.datasets.add(alice, "interactions", one, partition="2030-01-31")
    second = await registry.datasets.add(alice, "interactions", two, statistics={"rows": 2})
    again = await registry.datasets.add(alice, "interactions", one)
    assert (first.version, second.version, again.id) == (1, 2, first.id)
    assert second.statistics == {"rows": 2}
    newest = await registry.datasets.newest(alice, "interactions")
    assert newest == second
    assert await registry.datasets.newest(alice, "interactions", version=1) == first
    assert await registry.datasets.newest(bob, "interactions") is None
    for look in (registry.datasets.show, registry.datasets.open, registry.lineage.of):
        with pytest.raises(NotFound):
            await look(bob, first.id)
    assert (await registry.datasets.open(alice, first.id) / "day.txt").read_text() == "1"
    assert [type_ for type_, _ in heard.events] == ["stoa.dataset.added"] * 2, "once a version"
    told = DatasetAdded.model_validate(heard.events[0][1])
    assert (told.name, told.partition) == ("interactions", "2030-01-31")
    assert told.path == f"artefact:{first.artefact_id}"


async def test_datasets_that_stay_where_they_are(registry: Registry, alice: Caller) -> None:
    address = "s3://bucket/day=1/"
    one = await registry.datasets.add_address(alice, "events", address, partition="day=1")
    same = await registry.datasets.add_address(alice, "events", address, partition="day=1")
    changed = await registry.datasets.add_address(alice, "events", address, digest="0" * 64)
    assert (one.id, one.address, changed.version) == (same.id, address, 2)
    with pytest.raises(InvalidInput, match="not ours"):
        await registry.datasets.open(alice, one.id)
    with pytest.raises(InvalidInput):
        await registry.datasets.add_address(alice, "../events", address)


async def test_versions_are_numbered_without_gaps_by_many_at_once(
    registry: Registry, tmp_path: Path, alice: Caller
) -> None:
    artefact = await registry.artefacts.add(alice, folder_of(tmp_path / "one", a="1"))

    async def register(number: int) -> ModelVersionView:
        new = NewVersion(kind="test", key=f"run.{number % 4}")
        return await registry.versions.register(alice, "ranker", artefact, new)

    made = await asyncio.gather(*(register(number) for number in range(8)))
    assert sorted({each.version for each in made}) == [1, 2, 3, 4]
    assert len({each.id for each in made}) == 4, "the same key is the same version"
    group = (await registry.versions.groups(alice))[0]
    assert (group.name, group.versions) == ("ranker", 4)


async def test_approval(
    registry: Registry, tmp_path: Path, alice: Caller, bob: Caller, heard: Heard
) -> None:
    made = await version(registry, alice, tmp_path, "one", approved=False)
    assert (made.status, made.metrics, made.code_version) == ("pending", {"HR": 0.7}, "c1")
    with pytest.raises(Conflict, match="is pending"):
        await registry.aliases.move(alice, "ranker", {"champion": made.id})
    with pytest.raises(NotFound):
        await registry.versions.decide(bob, made.id, Approval.APPROVED)
    with pytest.raises(InvalidInput):
        await registry.versions.decide(alice, made.id, Approval.PENDING)
    decided = await registry.versions.decide(alice, made.id, Approval.APPROVED, reason="better")
    assert (decided.status, decided.decided_by_name, decided.reason) == (
        "approved",
        "Alice",
        "better",
    )
    await registry.versions.decide(alice, made.id, Approval.APPROVED, reason="again")
    told = [data for type_, data in heard.events if type_ == "stoa.model.decided"]
    assert len(told) == 1
    await registry.aliases.move(alice, "ranker", {"champion": made.id})
    with pytest.raises(Conflict, match="in use"):
        await registry.versions.decide(alice, made.id, Approval.REJECTED)
    actions = [each.action for each in await AuditLog(registry.versions._database).list(alice)]
    assert actions == ["model.alias_moved", "model.decided", "model.registered"]


async def test_aliases_move_in_one_stroke_and_back(
    registry: Registry, tmp_path: Path, alice: Caller, bob: Caller
) -> None:
    one, two, three = [
        await version(registry, alice, tmp_path, text) for text in ("one", "two", "three")
    ]
    aliases = registry.aliases
    await aliases.move(alice, "ranker", {"champion": one.id, "challenger": two.id})
    pending = await version(registry, alice, tmp_path, "four", approved=False)
    with pytest.raises(Conflict):
        await aliases.move(alice, "ranker", {"challenger": None, "champion": pending.id})
    assert (await aliases.get(alice, "ranker", "challenger")) is not None, "all or nothing"
    await aliases.move(alice, "ranker", {"champion": two.id, "challenger": None})
    await aliases.move(alice, "ranker", {"champion": three.id})
    assert (await aliases.roll_back(alice, "ranker")).id == two.id
    assert (await aliases.roll_back(alice, "ranker", reason="worse")).id == one.id
    with pytest.raises(Conflict, match="no version before"):
        await aliases.roll_back(alice, "ranker")
    champion = await aliases.get(alice, "ranker")
    assert champion is not None
    assert (champion.id, champion.aliases) == (one.id, ["champion"])
    assert await aliases.get(bob, "ranker") is None
    with pytest.raises(NotFound):
        await aliases.roll_back(bob, "ranker")
    history = await aliases.history(alice, "ranker")
    assert (history[0].reason, history[0].rolled_back, history[0].by_name) == (
        "worse",
        True,
        "Alice",
    )
    await aliases.move(alice, "ranker", {"champion": three.id})
    assert (await aliases.roll_back(alice, "ranker")).id == one.id


async def test_a_reader_always_sees_one_champion(
    registry: Registry, tmp_path: Path, alice: Caller
) -> None:
    one, two = [await version(registry, alice, tmp_path, text) for text in ("one", "two")]
    await registry.aliases.move(alice, "ranker", {"champion": one.id, "challenger": two.id})

    async def swap() -> None:
        for turn in range(10):
            a, b = (one.id, two.id) if turn % 2 else (two.id, one.id)
            await registry.aliases.move(alice, "ranker", {"champion": a, "challenger": b})

    async def look() -> None:
        for _ in range(20):
            by_alias = (await registry.versions.groups(alice))[0].aliases
            assert sorted(by_alias.values()) == [1, 2]

    await asyncio.gather(swap(), look())


async def test_lineage_from_data_to_endpoint(
    registry: Registry, tmp_path: Path, alice: Caller
) -> None:
    raw = await registry.datasets.add(alice, "raw", folder_of(tmp_path / "raw", a="1"))
    made = Made(run_id="run_1", code_version="abc", sources=[raw.id])
    ready = await registry.datasets.add(alice, "ready", folder_of(tmp_path / "r", a="2"), made=made)
    artefact = await registry.artefacts.add(alice, folder_of(tmp_path / "m", a="3"))
    new = NewVersion(kind="ease", made=Made(sources=[ready.id]), status=Approval.APPROVED)
    model = await registry.versions.register(alice, "ranker", artefact, new)
    wanted = Wanted(traffic=[Share(version_id=model.id)])
    endpoint = await registry.endpoints.set(alice, "shop", wanted)
    graph = await registry.lineage.of(alice, model.id)
    assert {node.name for node in graph.nodes} == {
        "raw v1",
        "ready v1",
        "ranker v1",
        "shop",
        f"files {artefact.digest[:12]}",
    }
    arrows = {(edge.source, edge.target) for edge in graph.edges}
    assert {(raw.id, ready.id), (ready.id, model.id), (model.id, endpoint.id)} <= arrows
    node = next(node for node in graph.nodes if node.id == ready.id)
    assert (node.run_id, node.code_version) == ("run_1", "abc")


async def test_endpoints(registry: Registry, tmp_path: Path, alice: Caller, bob: Caller) -> None:
    one = await version(registry, alice, tmp_path, "one")
    bad = await version(registry, alice, tmp_path, "bad", approved=False)
    await registry.versions.decide(alice, bad.id, Approval.REJECTED)
    endpoints = registry.endpoints
    first = await endpoints.set(alice, "shop", Wanted(traffic=[Share(version_id=one.id)]))
    assert (first.generation, first.served, first.state) == (1, 0, EndpointState.STARTING)
    ready = await endpoints.report(alice, "shop", 1, EndpointState.READY)
    assert (ready.served, ready.state) == (1, EndpointState.READY)
    second = await endpoints.set(alice, "shop", first, expected=1)
    assert second.state is EndpointState.UPDATING
    late = await endpoints.report(alice, "shop", 1, EndpointState.FAILED)
    assert late.state is EndpointState.UPDATING, "a word about an old generation changes nothing"
    with pytest.raises(Conflict, match="meanwhile"):
        await endpoints.set(alice, "shop", first, expected=1)
    with pytest.raises(Conflict, match="rejected"):
        await endpoints.set(alice, "shop", Wanted(traffic=[Share(version_id=bad.id)]))
    for wrong in (
        Wanted(traffic=[Share(version_id=one.id, weight=0)]),
        Wanted(traffic=[Share(version_id=one.id)], least_replicas=3, most_replicas=2),
    ):
        with pytest.raises(InvalidInput):
            await endpoints.set(alice, "shop", wrong)
    with pytest.raises(NotFound):
        await endpoints.set(bob, "shop", Wanted(traffic=[Share(version_id=one.id)]))
    with pytest.raises(NotFound):
        await endpoints.show(bob, "shop")
    assert await endpoints.list(bob) == []
    await endpoints.remove(alice, "shop")
    assert await endpoints.list(alice) == []
