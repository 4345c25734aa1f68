"""Trains the runs of `sample/recorded` and keeps what they wrote: recipe, metrics, ledger, result, log.

    python -m stoa.solutions.pretrain_llm.sample.source.record

The first is killed once on the way (SIGKILL to the process that trains) and goes on by itself; the second
learns at a third of the rate. Paths of this machine are taken out of what is kept.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stoa.compute.training.pretraining.recipe import Recipe
from stoa.core.jobs.folder import RunFolder
from stoa.solutions.pretrain_llm.choosing import changed, from_file
from stoa.solutions.pretrain_llm.importing import KNOWN
from stoa.solutions.pretrain_llm.reading import MODULE

_SAMPLE = Path(__file__).parents[1]
_RUNS = {
    "killed-once": ("Harbour log, killed once", [], 330),
    "lower-rate": ("Harbour log, a third of the rate", ["optimiser.rate=0.001"], None),
}


_LONGER = ["schedule.steps=600", "batch.sequences=16", "checkpoints.export=false", "log.every=15"]


def main() -> None:
    """Train both, and keep what they wrote."""
    recipe = from_file(_SAMPLE.parent / "recipes" / "sample.toml")
    for name, (title, changes, kill_at) in _RUNS.items():
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            found = changed(recipe, [*_LONGER, *changes, f'name="{title}"'])
            _train(found, folder, kill_at)
            target = _SAMPLE / "recorded" / name
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            for file in KNOWN:
                if (folder / file).exists():
                    _copy(folder / file, target / file, folder)


def _train(recipe: Recipe, folder: Path, kill_at: int | None) -> None:
    text = str(_SAMPLE / "harbour.txt")
    whole = recipe.model_dump(mode="json")
    whole["data"]["sources"][0]["path"] = text
    (folder / "recipe.json").write_text(json.dumps(whole, indent=1))
    with (folder / "log.txt").open("wb") as log:
        command = [sys.executable, "-m", MODULE, "--folder", str(folder)]
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - our own module
        if kill_at is not None:
            _kill(folder, kill_at)
        if process.wait() != 0:
            raise SystemExit((folder / "log.txt").read_text())


def _kill(folder: Path, step: int) -> None:
    """SIGKILL to the rank, once it has reached the step."""
    while max((line["step"] for line in RunFolder(folder).metrics()), default=0) < step:
        time.sleep(0.05)
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        words = status.read_bytes().split(b"\0")
        trains = b"stoa.compute.training.pretraining.train" in words
        starts_others = b"torch.distributed.run" in words
        if trains and not starts_others and str(folder).encode() in words:
            os.kill(int(status.parent.name), signal.SIGKILL)


def _copy(source: Path, target: Path, folder: Path) -> None:
    text = source.read_text(encoding="utf-8", errors="replace")
    for path, shown in ((str(_SAMPLE), "sample"), (str(folder), "run"), (sys.prefix, "python")):
        text = text.replace(path, shown)
    target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
