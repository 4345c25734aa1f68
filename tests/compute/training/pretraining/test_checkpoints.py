"""Checkpoints: whole or not there, kept as asked, and never harmed by what happens to the next one."""

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import obstore
import pytest
import torch
from torch import Tensor

from stoa.base.errors import InvalidInput, SetupError
from stoa.compute.training.pretraining.checkpoints import Checkpointer
from stoa.compute.training.pretraining.recipe import CheckpointRecipe
from stoa.compute.training.pretraining.shelf import FolderShelf, open_shelf
from tests.compute.training.pretraining.disks import filled
from tests.s3_server import S3Server

pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled:UserWarning")


class Kept:
    """A model of two tensors."""

    def __init__(self, step: int = 0, size: int = 64) -> None:
        self.weights = {
            "weight": torch.full((size, size), float(step)),
            "half": torch.full((3,), float(step), dtype=torch.bfloat16),
        }
        self.step = step

    def tensors(self) -> dict[str, Tensor]:
        return self.weights

    def values(self) -> dict[str, Any]:
        return {"step": self.step}

    def restore(self, values: dict[str, Any]) -> None:
        self.step = values["step"]


def save(folder: Path, *steps: int, **recipe: Any) -> Checkpointer:
    checkpointer = Checkpointer(folder, CheckpointRecipe(**recipe))
    for step in steps:
        checkpointer.save(step, Kept(step), wait=True)
    return checkpointer


def loaded(folder: Path, **recipe: Any) -> tuple[int | None, dict[int, str]]:
    kept = Kept()
    found = Checkpointer(folder, CheckpointRecipe(**recipe)).load(kept)
    if found is None:
        return None, {}
    assert kept.step == found.step
    assert all(bool((tensor == float(found.step)).all()) for tensor in kept.weights.values())
    return found.step, found.passed_over


@pytest.mark.parametrize("to", ["folder", "store"])
def test_a_checkpoint_comes_back_and_old_ones_go(to: str, tmp_path: Path) -> None:
    url = f"file://{tmp_path / 'store'}" if to == "store" else None
    recipe: dict[str, Any] = {"keep_last": 2, "keep_every": 40, "to": url}
    assert loaded(tmp_path / "c", **recipe) == (None, {})
    save(tmp_path / "c", *range(10, 101, 10), **recipe)
    assert open_shelf(tmp_path / "c", url).steps() == [40, 80, 90, 100]
    assert loaded(tmp_path / "c", **recipe) == (100, {})
    if to == "store":
        assert not [each for each in (tmp_path / "c").rglob("*") if each.is_file()]


def test_training_goes_on_while_a_checkpoint_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written is the state at the time of `save`, whatever training does to it then."""
    go_on = threading.Event()
    checkpointer, kept = Checkpointer(tmp_path), Kept(5)
    begin = checkpointer._begin

    def slow(step: int) -> None:
        assert go_on.wait(30)
        begin(step)

    monkeypatch.setattr(checkpointer, "_begin", slow)
    checkpointer.save(5, kept)
    kept.weights["weight"].fill_(99)
    kept.step = 6
    assert FolderShelf(tmp_path).steps() == []
    go_on.set()
    checkpointer.wait()
    assert loaded(tmp_path) == (5, {})


@pytest.mark.parametrize("room", [0, 4096, 16384])
def test_a_full_disk_leaves_the_last_good_one_and_the_next_is_tried(
    room: int, small_disk: Path
) -> None:
    """Full before the first byte, in the middle of a file, and while the rest is written."""
    folder = small_disk / "c"
    checkpointer = save(folder, 10)
    with filled(small_disk, room):
        checkpointer.save(20, Kept(20))  # training goes on
        checkpointer.close()
        assert checkpointer.failures == 1
        assert not (folder / "step-00000020").exists()  # its space is free again
        assert loaded(folder) == (10, {})
        with pytest.raises(SetupError, match=r"step 30 could not be written: .*MiB are free there"):
            checkpointer.save(30, Kept(30), wait=True)
        checkpointer.save(35, Kept(35))
        checkpointer.close()
    checkpointer.save(40, Kept(40))
    checkpointer.wait()  # says nothing of the one before
    assert loaded(folder) == (40, {})


@pytest.mark.parametrize("what", ["content", "missing", "manifest", "no metadata", "no manifest"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(what: str, tmp_path: Path) -> None:
    save(tmp_path, 10, 20)
    folder = tmp_path / "step-00000020"
    part = folder / "__0_0.distcp"
    if what == "content":
        content = bytearray(part.read_bytes())
        content[len(content) // 2] ^= 1
        part.write_bytes(bytes(content))
    elif what == "missing":
        part.unlink()
    elif what == "manifest":
        (folder / "manifest.json").write_text('{"step": 20')
    else:
        (folder / {"no metadata": ".metadata", "no manifest": "manifest.json"}[what]).unlink()
    step, passed = loaded(tmp_path)
    assert step == 10
    if what in {"content", "missing", "manifest"}:
        assert list(passed) == [20]
        assert FolderShelf(tmp_path).steps() == [10]  # never shown again
    save(tmp_path, 20)
    assert loaded(tmp_path) == (20, {})


def test_checkpoints_lie_in_s3_and_one_it_refuses_leaves_those_before(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    s3.put("bucket", "other", b"somebody else's")
    url = "s3://bucket/runs/first"
    checkpointer = save(tmp_path / "c", 10, 20, 30, to=url, keep_last=2)
    assert open_shelf(tmp_path / "c", url).steps() == [20, 30]
    assert loaded(tmp_path / "elsewhere", to=url) == (30, {})
    with monkeypatch.context() as patched:
        patched.setattr(obstore, "put", refused)
        checkpointer.save(40, Kept(40))
        checkpointer.close()
    assert checkpointer.failures == 1
    assert loaded(tmp_path / "c", to=url) == (30, {})
    s3.refuse()  # believes no signature from now on
    with pytest.raises(SetupError, match=r"at s3://bucket/runs/first can't be listed"):
        loaded(tmp_path / "c", to=url)


def refused(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_damaged_object_is_passed_over(tmp_path: Path) -> None:
    url = f"file://{tmp_path / 'store'}"
    save(tmp_path / "c", 10, 20, to=url)
    part = tmp_path / "store" / "step-00000020" / "__0_0.distcp"
    part.write_bytes(part.read_bytes()[:-1])
    assert loaded(tmp_path / "c", to=url)[0] == 10
    shutil.rmtree(tmp_path / "store" / "step-00000010")
    assert loaded(tmp_path / "c", to=url) == (None, {})


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    save(tmp_path, 10)
    with pytest.raises(InvalidInput, match="does not fit this model"):
        Checkpointer(tmp_path).load(Kept(size=32))
    manifest = json.loads((tmp_path / "step-00000010" / "manifest.json").read_text())
    assert manifest["step"] == 10
    assert set(manifest["files"]) == {".metadata", "__0_0.distcp"}


def test_a_store_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="can't be opened"):
        Checkpointer(tmp_path, CheckpointRecipe(to="carrier-pigeon://x"))
