"""The same losses on every layout: what sharding must never change."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stoa.compute.training.pretraining.sharding import World
from tests.compute.training.pretraining.processes import torchrun
from tests.compute.training.pretraining.twenty_steps import recipe_with, run

ALONE = World(rank=0, size=1, local_rank=0, device=torch.device("cpu"))
SAME = 1e-5


@pytest.fixture(scope="module")
def undivided() -> list[Any]:
    """Losses and norms of twenty steps in one process."""
    return run(recipe_with({}), ALONE)[1]


def told_by(tmp_path: Path, ranks: int, changes: dict[str, Any], *arguments: str) -> dict[str, Any]:
    out = tmp_path / "told.json"
    module = "tests.compute.training.pretraining.twenty_steps"
    torchrun(ranks, module, str(out), json.dumps(changes), *arguments)
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def test_it_learns(undivided: list[Any]) -> None:
    assert undivided[-1][0] < undivided[0][0] - 0.5


def test_micro_batches_are_averaged_over_tokens(undivided: list[Any]) -> None:
    """The parts have unequal numbers of tokens that count; a mean of means would differ."""
    for accumulation in (2, 8):
        told = run(recipe_with({"batch.accumulation": accumulation}), ALONE)[1]
        np.testing.assert_allclose(told, undivided, atol=SAME, rtol=0)


def test_what_saves_memory_changes_nothing(undivided: list[Any]) -> None:
    for changes in (
        {"efficiency.recompute": "selective"},
        {"efficiency.recompute": "full"},
        {"efficiency.loss_chunks": 3},
        {"efficiency.attention": "eager"},
    ):
        told = run(recipe_with(changes), ALONE)[1]
        np.testing.assert_allclose(told, undivided, atol=SAME, rtol=0, err_msg=str(changes))


def test_same_seed_same_bits() -> None:
    assert run(recipe_with({}), ALONE, 5)[1] == run(recipe_with({}), ALONE, 5)[1]
    assert run(recipe_with({"seed": 1}), ALONE, 1)[1] != run(recipe_with({}), ALONE, 1)[1]


def case(name: str, ranks: int, mark: Any = pytest.mark.long, **changes: Any) -> Any:
    """A layout; those marked slow cover each kind of splitting, and run in CI."""
    found = {key.replace("__", "."): value for key, value in changes.items()}
    return pytest.param(ranks, found, id=name, marks=mark)


SLOW = pytest.mark.slow
LAYOUTS = [
    case("fsdp 2", 2, SLOW),
    case("fsdp 4", 4),
    case("tensor 2", 2, SLOW, layout__tensor=2),
    case("tensor 4", 4, layout__tensor=4),
    case("tensor 2 × fsdp 2", 4, layout__tensor=2),
    case("replicate 2 × fsdp 2", 4, SLOW, layout__replicate=2),
    case("sequence parallel 2", 2, layout__tensor=2, layout__sequence_parallel=True),
    case(
        "sequence parallel 2 × fsdp 2, accumulation, recomputation, loss in parts",
        4,
        SLOW,
        layout__tensor=2,
        layout__sequence_parallel=True,
        batch__accumulation=2,
        efficiency__recompute="selective",
        efficiency__loss_chunks=2,
    ),
    case("fsdp 2, accumulation", 2, batch__accumulation=4),
]


@pytest.mark.parametrize(("ranks", "changes"), LAYOUTS)
def test_layout(tmp_path: Path, undivided: list[Any], ranks: int, changes: dict[str, Any]) -> None:
    told = told_by(tmp_path, ranks, changes)
    np.testing.assert_allclose(told["steps"], undivided, atol=SAME, rtol=0)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:torch.distributed is disabled:UserWarning")
def test_a_run_goes_on_over_other_layouts(tmp_path: Path, undivided: list[Any]) -> None:
    """Seven steps sharded, seven with tensor and sequence parallelism, the last six in one process."""
    place = tmp_path / "checkpoints"
    parallel = {"layout.tensor": 2, "layout.sequence_parallel": True}
    told = told_by(tmp_path, 2, {}, "7", str(place))["steps"]
    told += told_by(tmp_path, 2, parallel, "14", str(place))["steps"]
    told += run(recipe_with({}), ALONE, kept=place)[1]
    np.testing.assert_allclose(told, undivided, atol=SAME, rtol=0)


@pytest.mark.parametrize(
    "ranks",
    [
        pytest.param(1, marks=SLOW),
        pytest.param(2, marks=SLOW),
        pytest.param(4, marks=pytest.mark.long),
    ],
)
def test_tied_embeddings_on_every_kind_of_layout(tmp_path: Path, ranks: int) -> None:
    tied = {"model.tie_embeddings": True}
    alone = run(recipe_with(tied), ALONE)[1]
    changes = {**tied, "layout.tensor": 2} if ranks > 1 else {**tied, "efficiency.loss_chunks": 2}
    told = told_by(tmp_path, ranks, changes)["steps"]
    np.testing.assert_allclose(told, alone, atol=SAME, rtol=0)


@pytest.mark.parametrize(
    ("ranks", "changes"),
    [
        case("fsdp 2", 2, SLOW),
        case("replicate 2 × fsdp 2", 4, layout__replicate=2),
        case("tensor 2 × fsdp 2", 4, layout__tensor=2),
    ],
)
def test_stochastic_rounding_keeps_copies_alike(
    tmp_path: Path, ranks: int, changes: dict[str, Any]
) -> None:
    """bfloat16 on several ranks follows float32 closely; replicas that drifted would not."""
    kind = {"precision.kind": "bf16_stochastic"}
    told = np.array(told_by(tmp_path, ranks, {**changes, **kind})["steps"])
    exact = np.array(run(recipe_with({}), ALONE)[1])
    assert np.abs(told[:, 0] - exact[:, 0]).max() < 0.06
