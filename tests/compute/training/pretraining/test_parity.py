"""The same losses on every layout: what sharding must never change."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import LlamaForCausalLM

from stoa.compute.training.pretraining import build, weights
from stoa.compute.training.pretraining.engine import Engine
from stoa.compute.training.pretraining.interfaces import IGNORED
from stoa.compute.training.pretraining.layout import resolve
from stoa.compute.training.pretraining.schedule import rate
from stoa.compute.training.pretraining.sharding import World
from tests.compute.training.pretraining.processes import torchrun
from tests.compute.training.pretraining.twenty_steps import (
    STEPS,
    VOCABULARY,
    recipe_with,
    run,
    sequences,
)

ALONE = World(rank=0, size=1, local_rank=0, device=torch.device("cpu"))
SAME = 1e-5


@pytest.fixture(scope="module")
def undivided() -> list[Any]:
    """Losses and norms of twenty steps in one process."""
    return run(recipe_with({}), ALONE)[1]


def told_by(tmp_path: Path, ranks: int, cases: dict[str, Any]) -> dict[str, Any]:
    """Losses and norms of each case on so many processes: see `twenty_steps`."""
    out = tmp_path / "told.json"
    torchrun(ranks, "tests.compute.training.pretraining.twenty_steps", str(out), json.dumps(cases))
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def test_it_learns(undivided: list[Any]) -> None:
    assert undivided[-1][0] < undivided[0][0] - 0.5


def test_it_trains_as_transformers_and_torch_do(undivided: list[Any], tmp_path: Path) -> None:
    """Their model, their AdamW with decay on every parameter, their clipping: losses and norms are ours."""
    recipe = recipe_with({})
    plan = recipe.optimiser
    engine = Engine(recipe, resolve(recipe, 1, VOCABULARY), ALONE, VOCABULARY)
    found = build.whole_weights(engine.model, keep=True)
    weights.save(tmp_path, found, engine.model.config, torch.float32)
    theirs = LlamaForCausalLM.from_pretrained(tmp_path, attn_implementation="eager")
    optimiser = torch.optim.AdamW(
        theirs.parameters(),
        betas=(plan.beta1, plan.beta2),
        eps=plan.eps,
        weight_decay=plan.weight_decay,
    )
    clipped = 0
    for number in range(STEPS):
        batch = sequences(number)
        logits = theirs(torch.from_numpy(batch.tokens)).logits
        labels = torch.from_numpy(batch.labels)
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED
        )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(theirs.parameters(), plan.clip)
        clipped += norm.item() > plan.clip
        optimiser.param_groups[0]["lr"] = rate(recipe, number)
        optimiser.step()
        told = [loss.item(), norm.item()]
        np.testing.assert_allclose(told, undivided[number], rtol=2e-4)
    assert clipped
    assert plan.weight_decay > 0


class Counted(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """How often each operation runs."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.times: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.times[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def test_what_is_computed_again_is_what_the_recipe_says() -> None:
    """In the backward pass: nothing, all but matrix products, or whole layers."""
    again = {}
    for name in ("none", "selective", "full"):
        recipe = recipe_with({"efficiency.recompute": name})
        engine = Engine(recipe, resolve(recipe, 1, VOCABULARY), ALONE, VOCABULARY)
        batch = sequences(0)
        loss = engine.model(torch.from_numpy(batch.tokens), torch.from_numpy(batch.labels), None)
        with Counted() as counted:
            loss.backward()
        again[name] = (counted.times["mm"], counted.times["silu"])
    layers = 2
    assert again["none"][1] == 0
    assert again["selective"] == (again["none"][0], layers)
    assert again["full"][0] > again["selective"][0]
    assert again["full"][1] == layers


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


def plain(**changes: Any) -> dict[str, Any]:
    return {"changes": {name.replace("__", "."): value for name, value in changes.items()}}


TENSOR = {"layout__tensor": 2}
SEQUENCE = {**TENSOR, "layout__sequence_parallel": True}
TIED = {"model__tie_embeddings": True}
LAYOUTS = {
    2: {
        "fsdp 2": plain(),
        "fsdp 2, accumulation": plain(batch__accumulation=4),
        "tensor 2": plain(**TENSOR),
        "sequence parallel 2": plain(**SEQUENCE),
        "tied, tensor 2": plain(**TIED, **TENSOR),
        "rounded by chance, fsdp 2": plain(precision__kind="bf16_stochastic"),
        "rounded by chance, fsdp 2, accumulation": plain(
            precision__kind="bf16_stochastic", batch__accumulation=2
        ),
    },
    4: {
        "fsdp 4": plain(),
        "tensor 4": plain(layout__tensor=4),
        "tensor 2 × fsdp 2": plain(**TENSOR),
        "replicate 2 × fsdp 2": plain(layout__replicate=2),
        "sequence parallel 2 × fsdp 2, accumulation, recomputation, loss in parts": plain(
            **SEQUENCE,
            batch__accumulation=2,
            efficiency__recompute="selective",
            efficiency__loss_chunks=2,
        ),
        "tied, tensor 2 × fsdp 2": plain(**TIED, **TENSOR),
        "rounded by chance, replicate 2 × fsdp 2": plain(
            precision__kind="bf16_stochastic", layout__replicate=2
        ),
        "rounded by chance, tensor 2 × fsdp 2": plain(precision__kind="bf16_stochastic", **TENSOR),
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [2, 4])
def test_every_layout_trains_alike(tmp_path: Path, undivided: list[Any], ranks: int) -> None:
    """bfloat16 on several ranks follows float32 closely; that copies of a shard are the same bits, the
    ranks see to."""
    tied = run(recipe_with({"model.tie_embeddings": True}), ALONE)[1]
    told = told_by(tmp_path, ranks, LAYOUTS[ranks])
    assert list(told) == list(LAYOUTS[ranks])
    for name, found in told.items():
        if name.startswith("rounded by chance"):
            losses, exact = np.array(found)[:, 0], np.array(undivided)[:, 0]
            assert np.abs(losses - exact).max() < 0.06, name
            continue
        expected = tied if name.startswith("tied") else undivided
        np.testing.assert_allclose(found, expected, atol=SAME, rtol=0, err_msg=name)


def test_tied_embeddings_with_the_loss_in_parts() -> None:
    tied = {"model.tie_embeddings": True}
    whole = run(recipe_with(tied), ALONE)[1]
    parts = run(recipe_with({**tied, "efficiency.loss_chunks": 2}), ALONE)[1]
    np.testing.assert_allclose(parts, whole, atol=SAME, rtol=0)


HOPS = [
    (4, [{}, {"layout__tensor": 4}, TENSOR]),
    (2, [SEQUENCE, {}]),
    (4, [{"layout__replicate": 2}]),
]


def hopped(folder: Path) -> list[Any]:
    """Three steps on each layout, every one from the checkpoint of the one before; the last in one process."""
    place = folder / "checkpoints"
    found: list[Any] = []
    for ranks, layouts in HOPS:
        cases = {
            str(number): {**plain(**changes), "kept": str(place), "last": len(found) + 3 * number}
            for number, changes in enumerate(layouts, start=1)
        }
        found += [step for told in told_by(folder, ranks, cases).values() for step in told]
    return found + run(recipe_with({}), ALONE, kept=place)[1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:torch.distributed is disabled:UserWarning")
def test_a_run_goes_on_over_every_layout(tmp_path: Path, undivided: list[Any]) -> None:
    np.testing.assert_allclose(hopped(tmp_path), undivided, atol=SAME, rtol=0)
