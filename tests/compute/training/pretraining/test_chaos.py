"""The real loop under the real supervisor, killed, stopped and asked to stop: no step is lost.

Bit for bit on the same layout: the losses of all steps, and the weights that come out.
"""

import json
import math
import random
import signal
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from stoa.compute.training.pretraining.ledger import goodput, marks
from stoa.compute.training.pretraining.presence import EXIT_STOPPED
from stoa.compute.training.pretraining.shelf import FolderShelf
from tests.compute.training.pretraining.supervised import (
    losses,
    make_run,
    recipe,
    supervised,
    write_text,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
STEPS, KILLS = 400, 10
KEPT = 60  # a shorter run ends as this one was at that step
DYING = "tests.compute.training.pretraining.dying"


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text(tmp_path_factory.mktemp("text"))


def on(layout: dict[str, int], wanted: dict[str, Any]) -> dict[str, Any]:
    """The recipe on a layout."""
    wanted["layout"] = layout
    wanted["model"]["vocabulary_multiple"] = 2  # a layout of tensors needs it
    wanted["recovery"]["processes"] = math.prod(layout.values()) if layout else 2
    return wanted


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, text: Path) -> Callable[..., Path]:
    """The folder of a run of so many steps, on a layout, that nothing happened to."""

    @cache
    def run(steps: int, **layout: int) -> Path:
        folder = tmp_path_factory.mktemp("undisturbed") / "run"
        kept = {"keep_every": KEPT}
        with supervised(folder, on(layout, recipe(text, steps, checkpoints=kept))) as running:
            assert running.wait() == 0, running.log()
        return folder

    return run


def state(folder: Path, step: int) -> tuple[dict[str, Any], list[str]]:
    """What a checkpoint holds: plain values, and hashes of the ranks' weights and optimiser."""
    manifest = FolderShelf(folder / "checkpoints").manifest(step)
    return manifest.values, [manifest.files[name].sha256 for name in sorted(manifest.files)[1:]]


def test_a_run_whose_ranks_are_killed_is_the_undisturbed_one(
    tmp_path: Path, text: Path, undisturbed: Callable[..., Path]
) -> None:
    """kill -9 of a random rank every 40 steps or so."""
    drawn = random.Random(4)
    folder = tmp_path / "run"
    kills = [number * 37 + drawn.randint(-9, 9) for number in range(1, KILLS + 1)]
    with supervised(folder, on({}, recipe(text, STEPS)), seconds=500) as running:
        begun = running.begun()
        for step in kills:
            running.at(step)
            running.kill(drawn.randrange(2))
            running.next_try()
        took = running.ended() - begun
        assert running.wait() == 0, running.log()
    whole = undisturbed(STEPS)
    expected = losses(whole)
    assert sorted(expected) == list(range(1, STEPS + 1))
    assert losses(folder) == expected
    assert state(folder, STEPS) == state(whole, STEPS)
    model = "artefacts/model/model.safetensors"
    assert (folder / model).read_bytes() == (whole / model).read_bytes()
    booked = goodput(folder)
    assert booked.failures == len(kills)
    assert booked.attempts == len(kills) + 1
    assert sum(booked.seconds.values()) == pytest.approx(booked.wall, abs=1e-6)
    assert booked.wall == pytest.approx(took, abs=5)  # by the clock of the test
    assert booked.seconds["lost"] > 0
    assert booked.seconds["restart"] > 0
    last = max(span.last for span in booked.spans if span.kind == "productive")
    assert last == STEPS


def test_a_rank_that_dies_while_it_writes_a_checkpoint_costs_that_checkpoint_alone(
    tmp_path: Path, text: Path, undisturbed: Callable[..., Path]
) -> None:
    """kill -9 at every moment of the writing, and in between, on a grid of tensors and shards."""
    folder, grid, steps = tmp_path / "run", {"tensor": 2, "shard": 2}, 40
    moments = {5: "begun", 10: "written", 15: "unsealed", 20: "random", 25: "sealed", 30: "random"}
    deaths = [
        {"step": step, "moment": moment, "rank": 0 if "sealed" in moment else number % 4}
        for number, (step, moment) in enumerate(moments.items(), start=1)
    ]
    wanted = on(grid, recipe(text, steps, checkpoints={"every": 5}))
    make_run(folder, wanted)
    (folder / "deaths.json").write_text(json.dumps(deaths))
    with supervised(folder, wanted, module=DYING) as running:
        while running.tries() < len(deaths) + 1:
            running.next_try()
        running.at(38, ranks=4)
        running.kill(2)
        assert running.wait() == 0, running.log()
    started = [mark.step for mark in marks(folder) if mark.name == "ready"]
    assert started[:4] == [0, 0, 5, 10], "a checkpoint is taken though it is not whole"
    assert started[4] in {15, 20}
    assert started[5] == 25, "a checkpoint is not taken though it is whole"
    assert started[6] in {25, 30}
    assert started[7:] == [35]
    whole = undisturbed(steps, **grid)
    assert losses(folder) == losses(whole)
    assert sorted(losses(folder)) == list(range(1, steps + 1))
    assert state(folder, steps) == state(whole, steps)


def test_a_stopped_rank_is_found_and_a_wish_to_stop_is_granted(
    tmp_path: Path, text: Path, undisturbed: Callable[..., Path]
) -> None:
    """SIGSTOP hangs all ranks: found by signs of life. SIGTERM: saved at that step, code 75, goes on.
    These are processes as they are started anywhere, not forked ones."""
    folder, steps = tmp_path / "run", KEPT
    wanted = on({}, recipe(text, steps, recovery={"hang": 15}))
    with supervised(folder, wanted, forked=False) as running:
        running.at(25)
        running.kill(1, signal.SIGSTOP)
        running.next_try()
        running.at(30)
        running.process.send_signal(signal.SIGTERM)
        assert running.wait() == EXIT_STOPPED, running.log()
    reasons = [mark.facts["reason"] for mark in marks(folder) if mark.name == "failed"]
    assert len(reasons) == 1
    assert "no sign of life for 15 s: rank 1" in reasons[0]
    stopped = next(mark.step for mark in marks(folder) if mark.name == "stopped")
    assert stopped is not None
    assert FolderShelf(folder / "checkpoints").steps()[-1] == stopped
    with supervised(folder, wanted, forked=False) as running:
        assert running.wait() == 0, running.log()
    whole = undisturbed(STEPS)
    expected = losses(whole)
    assert losses(folder) == {step: expected[step] for step in range(1, steps + 1)}
    assert state(folder, steps) == state(whole, steps)
    booked = goodput(folder)
    assert booked.seconds["idle"] > 0
    assert sum(booked.seconds.values()) == pytest.approx(booked.wall, abs=1e-6)
