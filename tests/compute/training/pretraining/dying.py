"""Trains as usual, and kills itself while a checkpoint is written: `deaths.json` of the run folder has one
death for each try, of a rank at a step, and the moment.

    begun     a folder without files
    random    any time while data are written, hashed and sealed
    written   data without hashes
    unsealed  data, and a manifest that is not in its place yet
    sealed    the manifest is in its place, and older checkpoints are not removed yet
"""

import json
import os
import random
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Final

from stoa.compute.training.pretraining import shelf
from stoa.compute.training.pretraining.checkpoints import Checkpointer
from stoa.compute.training.pretraining.presence import ATTEMPT
from stoa.compute.training.pretraining.train import main
from stoa.core.jobs.folder import write_whole

MOMENTS: Final = ("begun", "random", "written", "unsealed", "sealed")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(wanted: int, moment: str) -> None:
    """Die at a moment of the checkpoint of a step."""
    begin, publish = Checkpointer._begin, Checkpointer._publish
    seal = shelf.FolderShelf.seal

    def begins(self: Checkpointer, step: int) -> None:
        begin(self, step)
        if step == wanted and moment == "random":
            threading.Timer(random.Random(step).uniform(0, 0.1), die).start()
        elif step == wanted and moment == "begun":
            die()

    def publishes(self: Checkpointer, step: int) -> Any:
        if step == wanted and moment == "written":
            die()
        return publish(self, step)

    def writes(path: Path, text: str, *, sync: bool = False) -> None:
        write_whole(path.with_name(f".{path.name}.partial"), text, sync=sync)
        die()

    def seals(self: shelf.FolderShelf, manifest: shelf.Manifest) -> None:
        if manifest.step == wanted and moment == "unsealed":
            vars(shelf)["write_whole"] = writes
        seal(self, manifest)
        if manifest.step == wanted and moment == "sealed":
            die()

    for owner, name, instead in (
        (Checkpointer, "_begin", begins),
        (Checkpointer, "_publish", publishes),
        (shelf.FolderShelf, "seal", seals),
    ):
        setattr(owner, name, instead)


if __name__ == "__main__":
    deaths = json.loads((Path(sys.argv[-1]) / "deaths.json").read_text())
    attempt = int(os.environ[ATTEMPT])
    if attempt <= len(deaths) and deaths[attempt - 1]["rank"] == int(os.environ["RANK"]):
        arm(deaths[attempt - 1]["step"], deaths[attempt - 1]["moment"])
    sys.exit(main())
