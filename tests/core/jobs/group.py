"""A group of processes under torchrun, for tests: they sum something at each step.

The first writes metrics, checkpoints and the result.
"""

import json
import os
import time

import torch.distributed as dist
from torch import ones

from stoa.core.jobs.folder import RunFolder, write_whole


def main() -> None:
    """Work as the recipe says."""
    folder = RunFolder.from_arguments()
    recipe = folder.recipe()
    dist.init_process_group("gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    (folder.path / f"rank-{rank}.pid").write_text(str(os.getpid()))
    checkpoint = folder.checkpoints / "step.json"
    first = json.loads(checkpoint.read_text())["step"] + 1 if checkpoint.exists() else 0
    for step in range(first, recipe["steps"]):
        time.sleep(recipe["seconds"])
        total = ones(1)
        dist.all_reduce(total)
        assert total.item() == world
        if rank == 0:
            folder.metric(step, loss=1 / (step + 1))
            write_whole(checkpoint, json.dumps({"step": step}))
    if rank == 0:
        folder.finish({"world": world}, {"first": first})
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
