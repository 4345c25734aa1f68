"""The real loop under the real supervisor, killed, stopped and asked to stop: no step is lost.

Bit for bit on the same layout: the losses of all steps, and the weights that come out.
"""

import hashlib
import random
import signal
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from stoa.compute.training.pretraining.ledger import goodput, marks
from stoa.compute.training.pretraining.presence import EXIT_STOPPED
from stoa.compute.training.pretraining.shelf import FolderShelf
from tests.compute.training.pretraining.supervised import (
    losses,
    recipe,
    supervised,
    write_text,
)

pytestmark = pytest.mark.timeout(900)
STEPS = 100


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text(tmp_path_factory.mktemp("text"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, text: Path) -> Callable[[int], Path]:
    """The folder of a run of so many steps that nothing happened to."""

    @cache
    def run(steps: int) -> Path:
        folder = tmp_path_factory.mktemp("undisturbed") / "run"
        with supervised(folder, recipe(text, steps)) as running:
            assert running.wait() == 0, running.log()
        return folder

    return run


def weights(folder: Path) -> str:
    model = folder / "artefacts" / "model" / "model.safetensors"
    return hashlib.sha256(model.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("steps", "times"),
    [
        pytest.param(STEPS, 2, marks=pytest.mark.slow),
        pytest.param(400, 9, marks=pytest.mark.long),
    ],
)
def test_a_run_whose_ranks_are_killed_is_the_undisturbed_one(
    tmp_path: Path, text: Path, undisturbed: Callable[[int], Path], steps: int, times: int
) -> None:
    """kill -9 of a random rank every 40 steps or so."""
    drawn = random.Random(4)
    folder = tmp_path / "run"
    with supervised(folder, recipe(text, steps), seconds=800) as running:
        begun = running.begun()
        kills = [number * 40 + drawn.randint(-9, 9) for number in range(1, times + 1)]
        for step in kills:
            running.at(step)
            running.kill(drawn.randrange(2))
            running.next_try()
        took = running.ended() - begun
        assert running.wait() == 0, running.log()
    whole = undisturbed(steps)
    expected = losses(whole)
    assert sorted(expected) == list(range(1, steps + 1))
    assert losses(folder) == expected
    assert weights(folder) == weights(whole)
    booked = goodput(folder)
    assert booked.failures == len(kills)
    assert booked.attempts == len(kills) + 1
    assert sum(booked.seconds.values()) == pytest.approx(booked.wall, abs=1e-6)
    assert booked.wall == pytest.approx(took, abs=5)  # by the clock of the test
    assert booked.seconds["lost"] > 0
    assert booked.seconds["restart"] > 0
    last = max(span.last for span in booked.spans if span.kind == "productive")
    assert last == steps


@pytest.mark.slow
def test_a_stopped_rank_is_found_and_a_wish_to_stop_is_granted(
    tmp_path: Path, text: Path, undisturbed: Callable[[int], Path]
) -> None:
    """SIGSTOP hangs all ranks: found by signs of life. SIGTERM: saved at that step, code 75, goes on."""
    folder = tmp_path / "run"
    wanted = recipe(text, STEPS, recovery={"hang": 15})
    with supervised(folder, wanted) as running:
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
    with supervised(folder, wanted) as running:
        assert running.wait() == 0, running.log()
    whole = undisturbed(STEPS)
    assert losses(folder) == losses(whole)
    assert weights(folder) == weights(whole)
    booked = goodput(folder)
    assert booked.seconds["idle"] > 0
    assert sum(booked.seconds.values()) == pytest.approx(booked.wall, abs=1e-6)
