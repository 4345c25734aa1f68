"""The run folder: all that passes between a job and the process that works on it.

Both sides use this file: `core/jobs` writes the recipe and reads what comes, the training code in
`compute/` reads the recipe and writes what it has. It needs the standard library and our errors, so a
process that trains imports no database and no page.

    recipe.json      in: what to do
    log.txt          what the process writes to its output
    metrics.jsonl    one line per step: {"time": 1.0, "step": 3, "values": {"loss": 0.2}}
    progress.json    {"message": "epoch 3 of 10", "done": 3, "total": 10}, replaced in one stroke
    checkpoints/     from which a process that starts again in the same folder goes on
    artefacts/       the files that are the outcome
    result.json      {"metrics": {…}, "details": {…}}, written last and in one stroke: its being there
                     means that the work is done
    failure.json     {"message": "…", "hint": "…"}: why it was not, where the process knows

A process is `python -m <module> --folder <run folder>` and ends with code 0; `work_in_folder` is a main
function for it.
"""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from stoa.base.errors import StoaError

RECIPE: Final = "recipe.json"
LOG: Final = "log.txt"
METRICS: Final = "metrics.jsonl"
PROGRESS: Final = "progress.json"
CHECKPOINTS: Final = "checkpoints"
ARTEFACTS: Final = "artefacts"
RESULT: Final = "result.json"
FAILURE: Final = "failure.json"


class Lines:
    """A file that grows by whole lines. Several processes may add: a line is written in one stroke.

    What a full disk does not take is kept, and written with the next line: work is never lost because
    notes on it could not be kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unwritten = b""

    def add(self, line: Mapping[str, Any]) -> None:
        """Append a JSON object."""
        self._unwritten += json.dumps(line).encode() + b"\n"
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                written = os.write(file, self._unwritten)
            finally:
                os.close(file)
        except OSError:
            return
        self._unwritten = self._unwritten[written:]


class RunFolder:
    """One folder, one piece of work, seen from the process that does it."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._metrics = Lines(self.path / METRICS)

    @classmethod
    def from_arguments(cls, arguments: Sequence[str] | None = None) -> "RunFolder":
        """The folder that the command line names with `--folder`."""
        parser = argparse.ArgumentParser()
        parser.add_argument("--folder", type=Path, required=True)
        found, _ = parser.parse_known_args(arguments)
        return cls(found.folder)

    def recipe(self) -> dict[str, Any]:
        """What to do."""
        found: dict[str, Any] = json.loads((self.path / RECIPE).read_text(encoding="utf-8"))
        return found

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints, made where it is missing. Not empty: go on from there."""
        return self._made(CHECKPOINTS)

    @property
    def artefacts(self) -> Path:
        """The folder of files that are the outcome, made where it is missing."""
        return self._made(ARTEFACTS)

    def metric(self, step: int, **values: float) -> None:
        """Note measured values of one step. Values that are no finite number are kept as text.

        On a full disk they are noted later, together with others.
        """
        told = {name: _finite(value) for name, value in values.items()}
        self._metrics.add({"time": round(time.time(), 3), "step": step, "values": told})

    def go_back(self, step: int) -> None:
        """Forget metrics after `step`, where work goes on from a checkpoint of that step."""
        path = self.path / METRICS
        if not path.exists():
            return
        kept = [json.dumps(line) + "\n" for line in read_lines(path) if line["step"] <= step]
        write_whole(path, "".join(kept))

    def progress(self, message: str, done: int = 0, total: int = 0) -> None:
        """Tell how far the work is; the last word counts. On a full disk it is not told."""
        told = {"message": message, "done": done, "total": total}
        with suppress(OSError):
            write_whole(self.path / PROGRESS, json.dumps(told))

    def finish(
        self, metrics: Mapping[str, float] | None = None, details: Mapping[str, Any] | None = None
    ) -> None:
        """The last thing a process does: say that the work is done, and how well.

        Artefacts are on the disk before the result is, also after a power cut.
        """
        if (self.path / ARTEFACTS).is_dir():
            _sync_tree(self.path / ARTEFACTS)
        result = {
            "metrics": {name: _finite(value) for name, value in (metrics or {}).items()},
            "details": dict(details or {}),
        }
        write_whole(self.path / RESULT, json.dumps(result), sync=True)

    def result(self) -> dict[str, Any] | None:
        """What `finish` wrote; None while the work is not done."""
        return read_json(self.path / RESULT)

    def fail(self, message: str, hint: str = "") -> None:
        """Say why the work was given up, in words for whoever asked for it, before ending with a code
        other than 0. On a full disk it is not said; the log is told instead."""
        with suppress(OSError):
            write_whole(self.path / FAILURE, json.dumps({"message": message, "hint": hint}))

    def metrics(self) -> Iterator[dict[str, Any]]:
        """The lines of metrics so far; a half-written last one is left out."""
        return read_lines(self.path / METRICS)

    def _made(self, name: str) -> Path:
        folder = self.path / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def work_in_folder(work: Callable[[RunFolder], None]) -> int:
    """Do `work` in the folder that the command line names; returns the exit code of the process.

    An error of ours is for whoever asked for the work: they get its sentence and its hint. Any other
    is a fault, and ends in the log with where it came from.
    """
    folder = RunFolder.from_arguments()
    try:
        work(folder)
    except StoaError as error:
        print(f"{error.code}: {error}", file=sys.stderr, flush=True)
        folder.fail(error.message, error.hint)
        return error.exit_code
    return 0


def write_whole(path: Path, text: str, *, sync: bool = False) -> None:
    """Replace a file in one stroke: readers see the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object; None where the file is missing or holds none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The whole JSON lines of a file that may still grow."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if not line.endswith("\n"):
                return
            try:
                found = json.loads(line)
            except ValueError:  # a line that a kill cut in two, and the next one went on behind it
                continue
            if isinstance(found, dict) and {"step", "values"} <= found.keys():
                yield found


def _finite(value: float) -> float | str:
    """JSON has no NaN; what is none stays readable as text."""
    number = float(value)
    return number if math.isfinite(number) else str(number)


def _sync_tree(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
