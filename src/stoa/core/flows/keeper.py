"""A thread that does small chores at their intervals: heartbeats, reaping, deadlines, schedules.

A thread of its own, so that a worker whose event loop is busy still shows that it lives. A chore
that fails is logged and done again at its next turn. This file knows no chore.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

log = logging.getLogger(__name__)
_PATIENCE = 5.0


@dataclass(frozen=True)
class Chore:
    """Something to do every so many seconds."""

    name: str
    every: float
    do: Callable[[], None]


class Keeper:
    """Does chores until it is stopped."""

    def __init__(self, name: str, chores: Sequence[Chore]) -> None:
        self._chores = chores
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Begin; every chore is done once at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the chore that is being done. Blocking."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE)

    def _work(self) -> None:
        due = dict.fromkeys(self._chores, 0.0)
        while not self._stop.is_set():
            for chore in self._chores:
                if due[chore] <= time.monotonic() and not self._stop.is_set():
                    _do(chore)
                    due[chore] = time.monotonic() + chore.every
            self._stop.wait(max(0.0, min(due.values()) - time.monotonic()))


def _do(chore: Chore) -> None:
    try:
        chore.do()
    except Exception:  # the edge: a thread that dies would leave all chores undone
        log.exception("the chore '%s' failed", chore.name)
