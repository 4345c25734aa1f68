"""The process that a job starts to train: a supervisor over torchrun.

    python -m stoa.compute.training.pretraining.supervise --folder <run folder>

Ends with 0 when the run is done, 75 when it was asked to stop and can go on from its checkpoint, and else
with the code of the error that it gave up on.
"""

import argparse
import fcntl
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch

from stoa.base.errors import Conflict, StoaError
from stoa.compute.training.pretraining.recipe import Recipe, from_dict
from stoa.compute.training.pretraining.shelf import open_shelf
from stoa.compute.training.pretraining.supervisor import Supervisor
from stoa.core.jobs.folder import RunFolder

TRAIN: Final = "stoa.compute.training.pretraining.train"


def processes_on_each(recipe: Recipe) -> int:
    """As the recipe says; else one per GPU; else what the layout needs, shared by the nodes in use."""
    if recipe.recovery.processes is not None:
        return recipe.recovery.processes
    if torch.cuda.is_available():
        return torch.cuda.device_count()
    grid = recipe.layout
    needed = grid.replicate * (grid.shard or 1) * grid.tensor
    in_use = max(1, (len(recipe.recovery.nodes) or 1) - recipe.recovery.spares)
    return max(1, needed // in_use)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder. Raises Conflict: another supervisor does."""
    with (folder / "supervisor.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Conflict(
                f"Another supervisor looks after '{folder}'.",
                hint="Wait for it, or stop it with SIGTERM.",
            ) from error
        yield


def main() -> int:
    """Supervise the run of a folder."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s supervisor: %(message)s")
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--module", default=TRAIN, help="what torchrun runs")
    asked = parser.parse_args()
    folder = RunFolder(asked.folder)
    try:
        recipe = from_dict(folder.recipe())
        with alone(asked.folder):
            shelf = open_shelf(folder.checkpoints, recipe.checkpoints.to)
            supervisor = Supervisor(
                folder,
                recipe.recovery,
                shelf,
                module=asked.module,
                processes=processes_on_each(recipe),
            )
            return supervisor.run()
    except StoaError as error:
        print(error, file=sys.stderr)
        folder.fail(error.message, error.hint)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
