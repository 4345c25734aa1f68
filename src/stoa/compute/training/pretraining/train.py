"""The process that trains: `python -m stoa.compute.training.pretraining.train --folder <run folder>`.

Under torchrun every rank runs it; the first one writes for all. What it does is in the folder's
`recipe.json`, what comes out is described in `core/jobs/folder.py`.
"""

import os
import sys

import torch

from stoa.base.errors import StoaError
from stoa.compute.training.pretraining import sharding
from stoa.compute.training.pretraining.loop import Run
from stoa.compute.training.pretraining.presence import Presence
from stoa.compute.training.pretraining.recipe import Recipe, from_dict
from stoa.core.jobs.folder import RunFolder


def main() -> int:
    """Train what the folder asks for. Returns the exit code."""
    folder = RunFolder.from_arguments()
    try:
        recipe = from_dict(folder.recipe())
        prepare_torch(recipe)
        world = sharding.join()
        beat = recipe.recovery.heartbeat
        with Presence(folder.path, rank=world.rank, every=beat) as presence:
            with Run(folder, recipe, world, presence) as run:
                run.train()
    except StoaError as error:
        print(f"{error.code}: {error}", file=sys.stderr, flush=True)
        return error.exit_code
    sharding.leave()
    return 0


def prepare_torch(recipe: Recipe) -> None:
    """Settings of the process that decide speed and repeatability."""
    if recipe.efficiency.threads is not None:
        torch.set_num_threads(recipe.efficiency.threads)
    if recipe.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


if __name__ == "__main__":
    sys.exit(main())
