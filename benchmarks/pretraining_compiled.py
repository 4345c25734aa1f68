"""Does torch.compile help on a CPU? The same engine with and without it, turn by turn, one thread.

    python -m benchmarks.pretraining_compiled [--steps 60]

Steps alternate, so that both meet the same machine; the median step counts, in CPU time. What compiling
itself takes (the first step by the clock, for the compiler works in processes of its own, with its cache as
it is: set TORCHINDUCTOR_CACHE_DIR to an empty folder for a cold one) stands in the note.
"""

import argparse
import statistics
import time

import numpy as np
import torch

from benchmarks.results import record
from stoa.compute.training.pretraining.engine import Engine
from stoa.compute.training.pretraining.interfaces import Batch
from stoa.compute.training.pretraining.layout import resolve
from stoa.compute.training.pretraining.recipe import from_dict
from stoa.compute.training.pretraining.sharding import World

LAYERS, WIDTH, SEQUENCES, LENGTH, VOCABULARY = 4, 128, 12, 64, 65  # the recipe `tinyshakespeare`
WARM = 5


def engine(*, compiled: bool) -> Engine:
    recipe = from_dict(
        {
            "model": {"layers": LAYERS, "hidden": WIDTH, "heads": 4},
            "data": {"sources": [{"path": "random"}], "sequence": LENGTH},
            "batch": {"sequences": SEQUENCES},
            "efficiency": {"compile": compiled},
        }
    )
    world = World(rank=0, size=1, local_rank=0, device=torch.device("cpu"))
    return Engine(recipe, resolve(recipe, 1, VOCABULARY), world, VOCABULARY)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    steps = parser.parse_args().steps
    torch.set_num_threads(1)
    engines = {compiled: engine(compiled=compiled) for compiled in (False, True)}
    used: dict[bool, list[float]] = {False: [], True: []}
    drawn, compiling = np.random.default_rng(0), 0.0
    for _ in range(steps):
        rows = drawn.integers(0, VOCABULARY, (SEQUENCES, LENGTH + 1))
        for compiled, made in engines.items():
            begun, clock = time.process_time(), time.perf_counter()
            made.step(Batch(rows[:, :-1].copy(), rows[:, 1:].copy()))
            used[compiled].append(time.process_time() - begun)
            compiling = compiling or compiled * (time.perf_counter() - clock)
    tokens = SEQUENCES * LENGTH
    step = {compiled: statistics.median(times[WARM:]) for compiled, times in used.items()}
    rate = {compiled: tokens / seconds for compiled, seconds in step.items()}
    record(
        "pretraining compiled, tokens per CPU second",
        rate[True],
        "tokens/s",
        "uncompiled",
        rate[False],
        f"{LAYERS} layers of {WIDTH}, {SEQUENCES} × {LENGTH} tokens, float32, 1 thread, median of {steps} "
        f"steps turn by turn; compiling took {compiling:.0f} s by the clock",
    )


if __name__ == "__main__":
    main()
