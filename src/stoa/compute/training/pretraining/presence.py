"""What a rank tells its supervisor: that it lives, how far it is, why it failed; and what it is asked.

    with Presence(folder, rank=rank, every=2.0) as presence:
        with presence.busy(): …         # long work that is no step
        presence.ready(step)            # state restored; training goes on behind this step
        presence.stepped(step)          # after each step
        with presence.saving(step): …   # while training waits for a snapshot
        if presence.stop_asked: …       # SIGTERM came: save, call presence.stopped(step), leave with EXIT_STOPPED

Signs of life are files in the run folder, replaced by a thread, and datagrams to the supervisor, so that a process that was stopped or whose
machine is gone is told from one that works on a long step. A rank whose torchrun has died ends itself. It
knows nothing of torch.
"""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final, Self

from stoa.base.errors import StoaError, UserError
from stoa.compute.training.pretraining.hearing import LISTENER, Voice
from stoa.compute.training.pretraining.ledger import Ledger
from stoa.core.jobs.folder import read_json, write_whole

EXIT_STOPPED: Final = 75  # EX_TEMPFAIL: stopped on request with a checkpoint; start again to go on
PRESENCE: Final = "presence"
ATTEMPT: Final = "STOA_ATTEMPT"
_MARK_SECONDS: Final = 1.0


class Presence:
    """The signs of life of one rank, and its part of the ledger where it is rank 0."""

    def __init__(self, folder: Path, *, rank: int, every: float = 2.0) -> None:
        """Make ready; nothing is written before it is entered."""
        self._folder = folder / PRESENCE
        self._rank = rank
        self._every = every
        self._attempt = int(os.environ.get(ATTEMPT, "0"))
        self._ledger = Ledger(folder) if rank == 0 else None
        listener = os.environ.get(LISTENER)
        self._voice = Voice(listener) if listener else None
        self._parent = os.getppid()
        self._beats = 0
        self._step = -1
        self._busy = False
        self._marked = 0.0
        self._marked_step = -1
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name="presence", daemon=True)
        self._before: Any = None
        self.stop_asked = False

    def __enter__(self) -> Self:
        """Show the first sign of life; take SIGTERM as a wish."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._orphaned():
            os._exit(1)
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._asked)
        self._beat()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tell why it failed, where it did."""
        self._over.set()
        self._thread.join()
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)
        if error is not None and not isinstance(error, SystemExit):
            self._tell_failure(error)
        self._beat(leaving=True)
        if self._voice is not None:
            self._voice.close()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While it works on what takes as long as it takes: nobody waits for a step meanwhile."""
        self._busy = True
        self._beat()
        try:
            yield
        finally:
            self._busy = False

    def ready(self, step: int) -> None:
        """Model and data are there; training goes on behind `step`."""
        self._step = step
        self._mark("ready", step)

    def stepped(self, step: int) -> None:
        """A step is made."""
        self._step = step
        if time.monotonic() - self._marked >= _MARK_SECONDS:
            self._mark("step", step)

    @contextmanager
    def saving(self, step: int) -> Iterator[None]:
        """While training waits for a snapshot."""
        if self._marked_step != step:
            self._mark("step", step)
        self._mark("saving", step)
        yield
        self._mark("saved", step)

    def stopped(self, step: int) -> None:
        """Saved, and about to leave because that was asked."""
        self._mark("stopped", step)

    def done(self, step: int) -> None:
        """The last step is made and saved."""
        if self._marked_step != step:
            self._mark("step", step)

    def _mark(self, name: Any, step: int) -> None:
        self._marked, self._marked_step = time.monotonic(), step
        if self._ledger is not None:
            self._ledger.mark(name, step=step, attempt=self._attempt)

    def _asked(self, _signal: int, _frame: FrameType | None) -> None:
        self.stop_asked = True

    def _live(self) -> None:
        while not self._over.wait(self._every):
            if self._orphaned():
                os._exit(1)
            self._beat()

    def _orphaned(self) -> bool:
        """Whether the torchrun that started this process is gone: under a supervisor init is no parent."""
        parent = os.getppid()
        return ATTEMPT in os.environ and (parent == 1 or parent != self._parent)

    def _beat(self, *, leaving: bool = False) -> None:
        self._beats += 1
        sign = {
            "rank": self._rank,
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "node": int(os.environ.get("GROUP_RANK", "0")),
            "attempt": self._attempt,
            "beats": self._beats,
            "step": self._step,
            "busy": self._busy,
            "leaving": leaving,  # no more signs will come, and that is well
        }
        if self._voice is not None:
            self._voice.tell(sign)
        try:
            write_whole(self._folder / f"rank-{self._rank}.json", json.dumps(sign))
        except OSError:
            return  # a full disk is no reason to die; the next beat may succeed

    def _tell_failure(self, error: BaseException) -> None:
        told = {
            "attempt": self._attempt,
            "rank": self._rank,
            "error": type(error).__name__,
            "message": (error.message if isinstance(error, StoaError) else str(error))[:2000],
            "hint": error.hint[:2000] if isinstance(error, StoaError) else "",
            "code": error.exit_code if isinstance(error, StoaError) else 1,
            "retryable": not isinstance(error, UserError),
        }
        try:
            write_whole(self._folder / f"failure-{self._rank}.json", json.dumps(told))
        except OSError:
            return


def signs(folder: Path, attempt: int) -> dict[int, dict[str, Any]]:
    """The last sign of life of each rank of an attempt."""
    found = (read_json(path) for path in (folder / PRESENCE).glob("rank-*.json"))
    return {sign["rank"]: sign for sign in found if sign and sign["attempt"] == attempt}


def failures(folder: Path, attempt: int) -> list[dict[str, Any]]:
    """What ranks of an attempt told of their failure, those that no retry helps first."""
    found = (read_json(path) for path in (folder / PRESENCE).glob("failure-*.json"))
    told = [failure for failure in found if failure and failure["attempt"] == attempt]
    return sorted(told, key=lambda failure: (failure["retryable"], failure["rank"]))
