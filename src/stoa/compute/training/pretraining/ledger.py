"""The goodput ledger: where every second of a run went.

`ledger.jsonl` in the run folder is only ever appended to. Supervisor and rank 0 write marks into it, one
line each, when something begins or ends; `book` turns them into spans that lie end to end from the first
mark to the last, so the sums are the wall time whatever happened:

    productive   steps that are part of the run as it stands
    checkpoint   training waited for a snapshot (writing goes on behind it)
    restart      health check, start of processes, model and data, until training goes on
    lost         steps that were made again after a failure, and the time until it was noticed
    idle         nothing ran: waiting before another try, or the supervisor itself was away

It knows nothing of torch: the page reads it too.
"""

import json
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from stoa.core.jobs.folder import Lines

LEDGER: Final = "ledger.jsonl"

Kind = Literal["productive", "checkpoint", "restart", "lost", "idle"]
KINDS: Final[tuple[Kind, ...]] = ("productive", "checkpoint", "restart", "lost", "idle")

Name = Literal[
    "start",  # the supervisor begins
    "check",  # health check begins
    "launch",  # processes are started: attempt, nodes
    "ready",  # state is there, training goes on behind `step`
    "step",  # `step` is made
    "saving",  # training waits for the snapshot of `step`
    "saved",  # training goes on
    "stopped",  # asked to stop, and saved at `step`
    "failed",  # noticed: reason
    "waiting",  # before another try
    "done",  # the run is complete
    "end",  # the supervisor ends: reason
]
_WORKING: Final = {"ready", "step", "saved"}
_AFTER: Final[dict[str, Kind]] = {
    "start": "restart",
    "check": "restart",
    "launch": "restart",
    "failed": "restart",
    "saving": "checkpoint",
    "stopped": "idle",
    "waiting": "idle",
    "done": "idle",
    "end": "idle",
}


@dataclass(frozen=True)
class Mark:
    """Something began or ended. `time` in seconds since 1970."""

    name: str
    time: float
    step: int | None = None
    attempt: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Span:
    """Seconds of one kind. Steps `first` (exclusive) to `last` (inclusive) where some were made."""

    begin: float
    end: float
    kind: Kind
    first: int = 0
    last: int = 0

    @property
    def seconds(self) -> float:
        """How long."""
        return self.end - self.begin


@dataclass(frozen=True)
class Goodput:
    """The ledger, booked: spans end to end, and their sums."""

    spans: list[Span]
    failures: int
    attempts: int

    @property
    def seconds(self) -> dict[Kind, float]:
        """Seconds of each kind."""
        sums: dict[Kind, float] = dict.fromkeys(KINDS, 0.0)
        for span in self.spans:
            sums[span.kind] += span.seconds
        return sums

    @property
    def wall(self) -> float:
        """Seconds from the first mark to the last."""
        return self.spans[-1].end - self.spans[0].begin if self.spans else 0.0

    @property
    def share(self) -> float:
        """Productive seconds of all."""
        return self.seconds["productive"] / self.wall if self.wall else 0.0


class Ledger:
    """Appends marks. Several processes may."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LEDGER
        self._lines = Lines(self.path)

    def mark(self, name: Name, *, step: int | None = None, **facts: Any) -> None:
        """Write a mark with the time of now; on a full disk, together with the next one."""
        line: dict[str, Any] = {"time": time.time(), "mark": name}
        if step is not None:
            line["step"] = step
        self._lines.add({**line, **facts})


def marks(folder: Path) -> Iterator[Mark]:
    """The marks of a run folder in the order they were written; half-written lines are left out."""
    path = folder / LEDGER
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                mark = _mark(json.loads(line))
            # Half-written, or not from here.
            except (ValueError, KeyError, TypeError, OverflowError):
                continue
            yield mark


def _mark(found: dict[str, Any]) -> Mark:
    known = {"mark", "time", "step", "attempt"}
    name, moment = found["mark"], float(found["time"])
    if name not in _WORKING | _AFTER.keys() or not math.isfinite(moment):
        raise ValueError(name)
    numbers = [found.get(key) for key in ("step", "attempt")]
    step, attempt = (None if number is None else int(number) for number in numbers)
    return Mark(name, moment, step, attempt, {k: v for k, v in found.items() if k not in known})


def goodput(folder: Path, *, now: float | None = None) -> Goodput:
    """The ledger of a run folder, booked; up to `now` for a run that goes on."""
    found = list(marks(folder))
    return book(found, now=now)


def book(found: Iterable[Mark], *, now: float | None = None) -> Goodput:
    """Spans end to end from the first mark to the last one, or to `now`."""
    spans: list[Span] = []
    failures = attempts = step = 0
    before: Mark | None = None
    for mark in found:
        failures += mark.name == "failed"
        attempts += mark.name == "launch"
        if before is not None:
            begin = spans[-1].end if spans else before.time
            reached = mark.step if mark.name in {"step", "saving", "stopped"} else None
            kind = _kind(before.name, mark.name)
            if kind == "productive":
                spans.append(
                    Span(begin, max(begin, mark.time), kind, step, max(step, reached or 0))
                )
            else:
                spans.append(Span(begin, max(begin, mark.time), kind))
            step = max(step, reached or 0)
        if mark.name == "ready" and mark.step is not None:
            spans = _lose(spans, mark.step)
            step = mark.step
        before = mark
    if now is not None and before is not None:
        begin = spans[-1].end if spans else before.time
        kind = "productive" if before.name in _WORKING else _AFTER[before.name]
        spans.append(Span(begin, max(begin, now), kind, step, step))
    return Goodput(_merged(spans), failures, attempts)


def _kind(before: str, after: str) -> Kind:
    """What the time between two neighbouring marks was."""
    if before in _WORKING:
        if after == "failed":
            return "lost"
        return "idle" if after == "start" else "productive"
    if before == "saving" and after == "failed":
        return "lost"
    return "idle" if after == "start" else _AFTER[before]


def _lose(spans: list[Span], step: int) -> list[Span]:
    """Book steps behind `step` as lost: training goes on from there."""
    kept: list[Span] = []
    for span in spans:
        if span.kind != "productive" or span.last <= step:
            kept.append(span)
        elif span.first >= step:
            kept.append(Span(span.begin, span.end, "lost", span.first, span.last))
        else:
            share = (step - span.first) / (span.last - span.first)
            middle = span.begin + share * span.seconds
            kept.append(Span(span.begin, middle, "productive", span.first, step))
            kept.append(Span(middle, span.end, "lost", step, span.last))
    return kept


def _merged(spans: list[Span]) -> list[Span]:
    """Neighbours of one kind as one."""
    merged: list[Span] = []
    for span in spans:
        last = merged[-1] if merged else None
        if last is not None and last.kind == span.kind and last.last == span.first:
            merged[-1] = Span(last.begin, span.end, span.kind, last.first, span.last)
        elif span.seconds > 0:
            merged.append(span)
    return merged
