"""A rank of parity runs: twenty steps on the same sequences whatever the layout, for each case in turn. The
first rank writes losses and norms to the file that is named, by the case's name.

    torchrun … -m tests.compute.training.pretraining.twenty_steps OUT CASES

CASES is a JSON object of {"changes": …, "last": …, "kept": …}. With a folder of checkpoints, `kept`, a case
goes on from what is there, and leaves one behind step `last`. Starting processes takes longer than most
cases do, so all of one number of processes share a start.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from stoa.compute.training.pretraining import sharding
from stoa.compute.training.pretraining.checkpoints import Checkpointer
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


def run(
    recipe: Recipe, world: sharding.World, last: int = STEPS, kept: Path | None = None
) -> tuple[Engine, list[Any]]:
    """Train on them, on from a checkpoint where there is one. Returns the engine, and loss and norm of
    every step that was made."""
    layout = resolve(recipe, world.size, VOCABULARY)
    engine = Engine(recipe, layout, world, VOCABULARY)
    checkpoints = Checkpointer(kept) if kept is not None else None
    if checkpoints is not None:
        checkpoints.load(engine)
    share = SEQUENCES // layout.data
    rows = slice(layout.data_rank(world.rank) * share, (layout.data_rank(world.rank) + 1) * share)
    told = []
    for number in range(engine.steps, last):
        whole = sequences(number)
        step = engine.step(Batch(whole.tokens[rows].copy(), whole.labels[rows].copy()))
        told.append((step.loss, step.norm))
    if checkpoints is not None:
        checkpoints.save(engine.steps, engine, wait=True)
    return engine, told


def check_copies(engine: Engine) -> None:
    """Ranks that hold copies of a shard hold the same bits."""
    mine = {
        name: (sharding.coordinate(parameter), _digest(sharding.local(parameter.detach())))
        for name, parameter in engine.parameters.items()
    }
    ranks: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(ranks, mine)
    for name in mine:
        shards = {rank[name] for rank in ranks}
        assert len(shards) == len({place for place, _ in shards}), name


def _digest(part: torch.Tensor) -> str:
    return hashlib.sha256(part.contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()


def main() -> None:
    out, cases = Path(sys.argv[1]), json.loads(sys.argv[2])
    torch.set_num_threads(1)
    world = sharding.join()
    told = {}
    for name, case in cases.items():
        kept = Path(case["kept"]) if "kept" in case else None
        engine, told[name] = run(recipe_with(case["changes"]), world, case.get("last", STEPS), kept)
        if world.size > 1:
            check_copies(engine)
    if world.first:
        out.write_text(json.dumps(told))
    sharding.leave()


if __name__ == "__main__":
    main()
