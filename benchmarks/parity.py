"""How far are losses from those of one process, on every layout?

    python -m benchmarks.parity

Each layout of `tests/compute/training/pretraining/test_parity.py` makes the same twenty steps in float32 over
gloo on this machine. The figure is the largest difference of a step's loss from the same step in one process,
beside the limit that the tests hold it to.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from tests.compute.training.pretraining.test_parity import ALONE, LAYOUTS, SAME, hopped, told_by
from tests.compute.training.pretraining.twenty_steps import STEPS, recipe_with, run

from benchmarks.results import record


def main() -> None:
    one = run(recipe_with({}), ALONE)[1]
    tied = run(recipe_with({"model.tie_embeddings": True}), ALONE)[1]
    for parts in (2, 8):
        tell(
            f"accumulation {parts}", run(recipe_with({"batch.accumulation": parts}), ALONE)[1], one
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for ranks, layouts in LAYOUTS.items():
            exact = {each: case for each, case in layouts.items() if "by chance" not in each}
            for each, told in told_by(folder, ranks, exact).items():
                tell(each, told, tied if each.startswith("tied") else one)
        tell("stopped every 3 steps, on another layout each time", hopped(folder), one)


def tell(layout: str, found: list[Any], one: list[Any]) -> None:
    """The row of a layout. `found`: loss and norm of every step."""
    loss, norm = np.abs(np.array(found) - np.array(one)).max(axis=0)
    note = f"the largest of {STEPS} steps; of the gradient's norm {norm:.1e}"
    record(f"off one process, {layout}", float(loss), "nats", "limit", SAME, note)


if __name__ == "__main__":
    main()
