"""A run that is stopped on one layout and goes on on another one is the run that was never stopped."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.compute.training.pretraining.processes import torchrun
from tests.compute.training.pretraining.supervised import losses, make_run, recipe, write_text

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
TRAIN = "stoa.compute.training.pretraining.train"
HALF, WHOLE = 10, 20


def wanted(text: Path, steps: int, **layout: Any) -> dict[str, Any]:
    whole = recipe(text, steps, layout=layout, checkpoints={"every": HALF, "export": False})
    whole["model"]["vocabulary_multiple"] = 2  # a layout of tensors needs it
    return whole


def go_on(folder: Path, steps: dict[str, Any], ranks: int) -> dict[int, float]:
    make_run(folder, steps)
    (folder / "result.json").unlink(missing_ok=True)
    torchrun(ranks, TRAIN, "--folder", str(folder), seconds=200)
    return losses(folder)


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[int, float]]:
    """The text, a folder stopped half way on two shards, and the losses of a run that went through."""
    folder = tmp_path_factory.mktemp("half")
    text = write_text(folder, lines=300)
    go_on(folder / "stopped", wanted(text, HALF), 2)
    straight = go_on(folder / "straight", wanted(text, WHOLE), 2)
    return text, folder / "stopped", straight


@pytest.mark.parametrize(
    ("layout", "ranks"),
    [
        pytest.param({"tensor": 2}, 2, id="tensor 2"),
        pytest.param({}, 1, id="one process"),
        pytest.param({"shard": 2, "tensor": 2}, 4, id="shard 2 x tensor 2"),
    ],
)
def test_it_goes_on_on_another_layout(
    layout: dict[str, int],
    ranks: int,
    half: tuple[Path, Path, dict[int, float]],
    tmp_path: Path,
) -> None:
    text, stopped, straight = half
    shutil.copytree(stopped, tmp_path / "run")
    found = go_on(tmp_path / "run", wanted(text, WHOLE, **layout), ranks)
    assert sorted(found) == list(range(1, WHOLE + 1))
    assert found == pytest.approx(straight, abs=1e-5)
    manifest = tmp_path / "run" / "checkpoints" / f"step-{WHOLE:08d}" / "manifest.json"
    assert json.loads(manifest.read_text())["world"] == ranks
