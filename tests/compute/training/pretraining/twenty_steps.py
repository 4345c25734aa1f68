"""A rank of a parity run: twenty steps on the same sequences whatever the layout. Prints nothing; the first
rank writes losses, norms and a digest of the weights to the file that is named.

    torchrun … -m tests.compute.training.pretraining.twenty_steps OUT CHANGES
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stoa.compute.training.pretraining import sharding
from stoa.compute.training.pretraining.build import whole_weights
from stoa.compute.training.pretraining.engine import Engine
from stoa.compute.training.pretraining.interfaces import IGNORED, Batch
from stoa.compute.training.pretraining.layout import resolve
from stoa.compute.training.pretraining.recipe import Recipe, from_dict

STEPS, SEQUENCES, LENGTH, VOCABULARY = 20, 8, 32, 64
BASE: dict[str, Any] = {
    "data": {"sources": [{"path": "none"}], "sequence": LENGTH},
    "batch": {"sequences": SEQUENCES},
    "model": {"layers": 2, "hidden": 64, "heads": 8, "kv_heads": 4, "intermediate": 96},
    "schedule": {"steps": STEPS, "warmup": 4},
    "optimiser": {"rate": 3e-3},
}


def recipe_with(changes: dict[str, Any]) -> Recipe:
    """The recipe of all parity runs, with changes."""
    return from_dict(BASE).with_changes(changes)


def sequences(step: int) -> Batch:
    """All sequences of a step: every second token repeats the one before; some places don't count, not
    the same number on every rank."""
    drawn = np.random.default_rng(step).integers(0, VOCABULARY, (SEQUENCES, LENGTH + 1))
    drawn[:, 1::2] = drawn[:, :-1:2]
    labels = drawn[:, 1:].copy()
    labels[0, :5] = labels[3, :11] = IGNORED
    return Batch(drawn[:, :-1].copy(), labels)


def run(recipe: Recipe, world: sharding.World, steps: int = STEPS) -> tuple[Engine, list[Any]]:
    """Train on them. Returns the engine, and loss and norm of every step."""
    layout = resolve(recipe, world.size, VOCABULARY)
    engine = Engine(recipe, layout, world, VOCABULARY)
    share = SEQUENCES // layout.data
    rows = slice(layout.data_rank(world.rank) * share, (layout.data_rank(world.rank) + 1) * share)
    told = []
    for number in range(steps):
        whole = sequences(number)
        step = engine.step(Batch(whole.tokens[rows].copy(), whole.labels[rows].copy()))
        told.append((step.loss, step.norm))
    return engine, told


def main() -> None:
    out, changes = Path(sys.argv[1]), json.loads(sys.argv[2])
    torch.set_num_threads(1)
    world = sharding.join()
    engine, told = run(recipe_with(changes), world)
    found = whole_weights(engine.model, keep=world.first)
    if world.first:
        sums = {name: float(part.double().norm()) for name, part in found.items()}
        out.write_text(json.dumps({"steps": told, "sums": sums, "norm": engine.parameter_norm()}))
    else:
        engine.parameter_norm()
    sharding.leave()


if __name__ == "__main__":
    main()
