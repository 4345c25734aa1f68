"""Artefacts: whole or not there, the same content once, checked on the way back."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.base.errors import Conflict, InvalidInput, NotFound, SetupError
from stoa.base.identity.caller import Caller
from stoa.base.objects import Objects
from stoa.core.registry.registry import Registry
from stoa.core.registry.tables import ArtefactRow
from stoa.core.registry.versions import NewVersion
from tests.core.registry.conftest import folder_of


async def test_there_and_back(registry: Registry, tmp_path: Path, alice: Caller) -> None:
    made = await registry.artefacts.add(alice, folder_of(tmp_path / "one", a="1", b__c="22"))
    assert [(each.path, each.size) for each in made.files] == [("a.txt", 1), ("b/c.txt", 2)]
    assert made.size == 3
    folder = await registry.artefacts.open(alice, made.id)
    assert (folder / "b" / "c.txt").read_text() == "22"
    single = await registry.artefacts.add(alice, tmp_path / "one" / "a.txt")
    assert [each.path for each in single.files] == ["a.txt"]


async def test_the_same_content_is_one_artefact(
    registry: Registry, database: Database, tmp_path: Path, alice: Caller, bob: Caller
) -> None:
    one = folder_of(tmp_path / "one", a="1")
    two = folder_of(tmp_path / "two", a="1")
    made = await asyncio.gather(
        *(registry.artefacts.add(alice, folder) for folder in (one, two, one, two))
    )
    assert len({each.id for each in made}) == 1
    other = await registry.artefacts.add(bob, one)
    assert other.digest == made[0].digest
    assert other.id != made[0].id
    renamed = await registry.artefacts.add(alice, folder_of(tmp_path / "three", b="1"))
    assert renamed.digest != made[0].digest, "names count"


async def test_what_was_half_uploaded_is_not_there(
    registry: Registry,
    database: Database,
    objects: Objects,
    tmp_path: Path,
    alice: Caller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = folder_of(tmp_path / "one", **{f"f{number}": "x" * 100 for number in range(20)})
    put, done = Objects.put, 0

    async def dies(self: Objects, key: str, content: bytes | Path) -> None:
        nonlocal done
        done += 1
        if done > 10:
            raise SetupError("The store is gone.", hint="")
        await put(self, key, content)

    with monkeypatch.context() as patch:
        patch.setattr(Objects, "put", dies)
        with pytest.raises(SetupError):
            await registry.artefacts.add(alice, folder)
    assert await objects.list("workspace_a"), "some of it is in the store"
    count = sa.select(sa.func.count()).select_from(ArtefactRow)
    assert database.read_now(lambda s: s.scalar(count), workspace=EVERY_WORKSPACE) == 0
    made = await registry.artefacts.add(alice, folder)
    assert len(list((await registry.artefacts.open(alice, made.id)).iterdir())) == 20


async def test_damage_is_noticed(
    registry: Registry, objects: Objects, tmp_path: Path, alice: Caller
) -> None:
    made = await registry.artefacts.add(alice, folder_of(tmp_path / "one", a="good"))
    folder = await registry.artefacts.open(alice, made.id)
    (folder / "a.txt").write_text("evil")
    assert (await registry.artefacts.open(alice, made.id) / "a.txt").read_text() == "evil"
    checked = await registry.artefacts.open(alice, made.id, check=True)
    assert (checked / "a.txt").read_text() == "good", "fetched anew"
    key = (await objects.list(f"workspace_a/artefacts/{made.digest}"))[0]
    await objects.put(key, b"evil")
    (folder / "a.txt").unlink()
    with pytest.raises(SetupError, match="damaged"):
        await registry.artefacts.open(alice, made.id)
    assert not list((folder.parent).glob(".*")), "nothing half is left behind"


async def test_what_can_not_be_stored(registry: Registry, tmp_path: Path, alice: Caller) -> None:
    (tmp_path / "empty").mkdir()
    links = folder_of(tmp_path / "links", a="1")
    (links / "passwords").symlink_to("/etc/passwd")
    for folder in (tmp_path / "empty", tmp_path / "absent", links):
        with pytest.raises(InvalidInput):
            await registry.artefacts.add(alice, folder)


async def test_removing(
    registry: Registry, objects: Objects, tmp_path: Path, alice: Caller, bob: Caller
) -> None:
    used = await registry.artefacts.add(alice, folder_of(tmp_path / "used", a="1"))
    unused = await registry.artefacts.add(alice, folder_of(tmp_path / "unused", a="2"))
    await registry.versions.register(alice, "model", used, NewVersion(kind="test"))
    with pytest.raises(NotFound):
        await registry.artefacts.remove(bob, unused.id)
    with pytest.raises(Conflict):
        await registry.artefacts.remove(alice, used.id)
    await registry.artefacts.remove(alice, unused.id)
    with pytest.raises(NotFound):
        await registry.artefacts.open(alice, unused.id)
    assert await objects.list(f"workspace_a/artefacts/{unused.digest}") == []
