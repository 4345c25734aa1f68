"""The goodput ledger: every second is booked once, and lost steps are booked as lost."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.compute.training.pretraining.ledger import (
    KINDS,
    Ledger,
    Mark,
    Name,
    book,
    goodput,
    marks,
)

NAMES: list[Name] = [
    "start",
    "check",
    "launch",
    "ready",
    "step",
    "saving",
    "saved",
    "stopped",
    "failed",
    "waiting",
    "done",
    "end",
]


def run(*told: tuple[str, float] | tuple[str, float, int]) -> list[Mark]:
    return [Mark(mark[0], mark[1], mark[2] if len(mark) > 2 else None) for mark in told]


def test_a_run_with_a_failure_is_booked_second_by_second() -> None:
    booked = book(
        run(
            ("start", 0),
            ("check", 1),
            ("launch", 3),
            ("ready", 10, 0),
            ("step", 20, 10),
            ("saving", 20, 10),
            ("saved", 21, 10),
            ("step", 31, 20),  # of which none was saved
            ("failed", 36),
            ("launch", 37),
            ("ready", 44, 10),
            ("step", 64, 30),
            ("done", 65),
            ("end", 66),
        )
    )
    assert booked.seconds == {
        "restart": 10 + 1 + 7,
        "productive": 10 + 20 + 1,
        "checkpoint": 1,
        "lost": 10 + 5,
        "idle": 1,
    }
    assert sum(booked.seconds.values()) == booked.wall == 66
    assert (booked.failures, booked.attempts) == (1, 2)
    assert booked.share == pytest.approx(31 / 66)


def test_steps_that_a_mark_holds_together_are_parted_where_training_goes_on() -> None:
    booked = book(
        run(
            ("launch", 0),
            ("ready", 0, 0),
            ("step", 10, 10),
            ("failed", 10),
            ("launch", 10),
            ("ready", 10, 4),
        )
    )
    assert booked.seconds["productive"] == pytest.approx(4)
    assert booked.seconds["lost"] == pytest.approx(6)


def test_time_in_which_no_supervisor_ran_is_idle() -> None:
    cut = run(("launch", 0), ("ready", 5, 0), ("step", 9, 4), ("start", 500), ("launch", 501))
    booked = book(cut, now=510)
    assert booked.seconds["idle"] == 491
    assert booked.seconds["restart"] == 5 + 1 + 9
    assert booked.wall == 510


@given(
    names=st.lists(st.sampled_from(NAMES), min_size=2, max_size=40),
    gaps=st.lists(st.floats(-1, 100), min_size=40, max_size=40),
    steps=st.lists(st.integers(0, 50), min_size=40, max_size=40),
)
def test_whatever_happens_spans_lie_end_to_end(
    names: list[str], gaps: list[float], steps: list[int]
) -> None:
    """Also where clocks of machines differ a little and marks come in any order."""
    times = list(itertools.accumulate(gaps))
    told = [Mark(name, times[at], steps[at]) for at, name in enumerate(names)]
    booked = book(told)
    assert set(booked.seconds) == set(KINDS)
    for one, other in itertools.pairwise(booked.spans):
        assert one.end == pytest.approx(other.begin)
    assert sum(booked.seconds.values()) == pytest.approx(booked.wall)
    assert all(span.seconds > 0 for span in booked.spans)


def test_marks_outlast_a_line_that_was_cut_in_two(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.mark("start")
    ledger.mark("launch", attempt=1, nodes=["a"])
    with ledger.path.open("a") as file:
        file.write('{"time": NaN, "mark": "step"}\n{"time": 1, "mark": "no such"}\n[]\n')
        file.write('{"time": [], "mark": "step"}\n{"time": 2, "mark": "step", "step": "x"}\n')
        file.write('{"time": 17, "mar')
    assert [mark.name for mark in marks(tmp_path)] == ["start", "launch"]
    assert goodput(tmp_path).attempts == 1
    assert goodput(tmp_path / "nowhere").wall == 0
