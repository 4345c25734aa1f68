"""Runs the real supervisor over a tiny model, and does to its processes what machines do."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from stoa.compute.training.pretraining.ledger import LEDGER, marks
from stoa.compute.training.pretraining.presence import signs
from stoa.core.jobs.folder import RunFolder
from tests.forked import Forked

ROOT = Path(__file__).parents[4]
SUPERVISE = "stoa.compute.training.pretraining.supervise"


def write_text(folder: Path, *, lines: int = 1500, seed: int = 0) -> Path:
    """JSON lines of made-up words, enough for the tiny model."""
    drawn = random.Random(seed)
    words = ["".join(drawn.choices("abcdefgh", k=drawn.randint(1, 6))) for _ in range(200)]
    path = folder / "text.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for _ in range(lines):
            text = " ".join(drawn.choices(words, k=drawn.randint(5, 40)))
            file.write(json.dumps({"text": text}) + "\n")
    return path


def recipe(text: Path, steps: int, **changes: Any) -> dict[str, Any]:
    """A tiny model on that text; `changes` replaces sections, or values within them."""
    whole: dict[str, Any] = {
        "model": {"layers": 2, "hidden": 32, "heads": 2, "intermediate": 64},
        "data": {"sources": [{"path": str(text)}], "sequence": 32, "validation_share": 0.02},
        "batch": {"sequences": 4},
        "schedule": {"steps": steps, "warmup": 10, "decay": 400},
        "efficiency": {"threads": 1},
        "checkpoints": {"every": 10},
        "evaluation": {"every": 0, "batches": 4},
        "log": {"every": 1, "tensorboard": False},
        "recovery": {
            "processes": 2,
            "heartbeat": 0.5,
            "hang": 60,
            "stall": 300,
            "restarts": 50,
            "fruitless": 5,
            "backoff": 0.1,
            "health_check": False,
        },
    }
    for section, values in changes.items():
        whole[section] = {**whole.get(section, {}), **values}
    return whole


def make_run(folder: Path, wanted: dict[str, Any]) -> RunFolder:
    """A run folder with this recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.json").write_text(json.dumps(wanted), encoding="utf-8")
    return RunFolder(folder)


def losses(folder: Path) -> dict[int, float]:
    """Training loss of every step that is part of the run."""
    lines = RunFolder(folder).metrics()
    return {line["step"]: line["values"]["loss"] for line in lines if "loss" in line["values"]}


class Supervised:
    """A supervisor at work on a folder; whatever is left of it is ended with the block."""

    def __init__(
        self, folder: Path, *, module: str | None = None, seconds: float = 300, forked: bool = True
    ) -> None:
        """With `forked`, torchrun and its ranks too have torch loaded when they begin: see `tests/forked.py`."""
        self.folder = folder
        self._until = time.monotonic() + seconds
        self._log = (folder / "log.txt").open("a")
        arguments = ["--folder", str(folder), *(["--module", module] if module else [])]
        how: dict[str, Any] = {"stdout": self._log, "stderr": self._log}
        self.process: Forked | subprocess.Popen[bytes]
        if forked:
            self.process = Forked(SUPERVISE, arguments, kit="training", **how)
        else:
            environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
            command = [sys.executable, "-m", SUPERVISE, *arguments]
            self.process = subprocess.Popen(command, env=environment, **how)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            for sign in self.signs().values():
                _kill(int(sign["pid"]), signal.SIGKILL)
            self.process.kill()
            self.process.wait()
        self._log.close()

    def tries(self) -> int:
        """How often processes were started."""
        return sum(mark.name == "launch" for mark in marks(self.folder))

    def next_try(self) -> None:
        """Wait until processes are started anew."""
        before = self.tries()
        for _ in self._polled():
            if self.tries() > before:
                return

    def signs(self) -> dict[int, dict[str, Any]]:
        """Signs of life of the try that runs now."""
        return signs(self.folder, self.tries())

    def begun(self) -> float:
        """Wait until the supervisor is at work; return the time."""
        for _ in self._polled():
            if (self.folder / LEDGER).exists():
                return time.time()
        raise AssertionError("the supervisor did not start")

    def ended(self) -> float:
        """Wait until the supervisor has said its last word; return the time."""
        while time.monotonic() < self._until:
            code = self.process.poll()
            if any(mark.name == "end" for mark in marks(self.folder)):
                return time.time()
            assert code is None, self.log()
            time.sleep(0.05)
        raise AssertionError(f"it did not end:\n{self.log()}")

    def at(self, step: int, ranks: int = 2) -> dict[int, dict[str, Any]]:
        """Wait until all ranks of the try have made a step; return their signs of life."""
        for found in self._polled():
            if len(found) == ranks and all(sign["step"] >= step for sign in found.values()):
                return found
        raise AssertionError(f"step {step} was not reached:\n{self.log()}")

    def kill(self, rank: int, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a rank."""
        _kill(int(self.signs()[rank]["pid"]), number)

    def wait(self) -> int:
        """The exit code."""
        try:
            return self.process.wait(timeout=max(1.0, self._until - time.monotonic()))
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"it did not end:\n{self.log()}") from error

    def log(self) -> str:
        """The end of what was printed."""
        return (self.folder / "log.txt").read_text(errors="replace")[-4000:]

    def _polled(self) -> Iterator[dict[int, dict[str, Any]]]:
        while time.monotonic() < self._until:
            if self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode}:\n{self.log()}")
            yield self.signs()
            time.sleep(0.05)


@contextmanager
def supervised(folder: Path, wanted: dict[str, Any], **how: Any) -> Iterator[Supervised]:
    """A supervisor on a fresh or a resumed run."""
    make_run(folder, wanted)
    with Supervised(folder, **how) as running:
        yield running


def _kill(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
