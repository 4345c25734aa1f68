"""The process between a worker of Stoa and the process that trains: `… -m stoa.core.jobs.guard --folder F`.

It holds the folder's lock, so that never two work in one folder; gathers the log; ends the whole tree
at a limit or when it is told to (SIGTERM, or a file `stop`); and writes how it ended. It outlives the
worker: after a kill -9 of that, limits hold and nothing of the outcome is lost. Small on purpose: it
imports neither the database nor torch.

    launch.json   in: {"arguments": […], "seconds": …, "memory_mb": …, "grace": …, "with_parent": …}
    lock          locked while the guard or its process lives
    guard.json    out: host, number and start time of the guard
    stop          in: its being there means that the work is to stop
    exit.json     out: {"code": …, "reason": "" | "time" | "memory" | "stopped", "seconds": …, "memory_mb": …}
"""

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import IO, Any, Final

import psutil

from stoa.core.jobs.folder import FAILURE, LOG, RESULT, RunFolder, write_whole
from stoa.core.jobs.processes import handle_of

LAUNCH: Final = "launch.json"
LOCK: Final = "lock"
GUARD: Final = "guard.json"
STOP: Final = "stop"
EXIT: Final = "exit.json"
LOCKED_CODE: Final = 75
"""Another guard has the folder; nothing was done."""
_LOOK = 0.3
_MEBIBYTE = 2**20
_PATIENCE = 5.0
_PR_SET_CHILD_SUBREAPER = 36


class Guard:
    """Starts one command and sees to its end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        plain: dict[str, Any] = json.loads((folder / LAUNCH).read_text(encoding="utf-8"))
        self._command: list[str] = [sys.executable, *plain["arguments"]]
        self._seconds: float | None = plain.get("seconds")
        self._memory_mb: int | None = plain.get("memory_mb")
        self._grace: float = plain.get("grace", 10.0)
        self._with_parent: bool = plain.get("with_parent", False)
        self._parent = os.getppid()
        self._told = False
        self._most = 0

    def run(self) -> int:
        """Work until the command has ended; its exit code, or 128 and the signal's number."""
        lock = take_lock(self._folder, patience=_PATIENCE)
        if lock is None:
            return LOCKED_CODE
        # Of an attempt before; only here is it sure to be over.
        for name in (STOP, EXIT, RESULT, FAILURE):
            (self._folder / name).unlink(missing_ok=True)
        write_whole(self._folder / GUARD, handle_of(os.getpid()).model_dump_json())
        _adopt_orphans()
        signal.signal(signal.SIGTERM, self._tell)
        signal.signal(signal.SIGINT, self._tell)
        started = time.monotonic()
        with (self._folder / LOG).open("ab") as log:
            child = subprocess.Popen(  # noqa: S603 - a command of ours, not of a shell
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(lock.fileno(),),  # the folder stays locked while the command lives
            )
            reason = self._watch(child, started)
        self._end(child)
        code = child.wait()
        shown = code if code >= 0 else 128 - code
        outcome = {
            "code": shown,
            "reason": reason,
            "seconds": round(time.monotonic() - started, 3),
            "memory_mb": self._most,
        }
        write_whole(self._folder / EXIT, json.dumps(outcome), sync=True)
        return shown

    def _tell(self, _number: int, _frame: FrameType | None) -> None:
        self._told = True

    def _watch(self, child: subprocess.Popen[bytes], started: float) -> str:
        """Wait for the end of the command or a reason to end it."""
        while True:
            try:
                child.wait(timeout=_LOOK)
            except subprocess.TimeoutExpired:
                pass
            else:
                return ""
            self._most = max(self._most, _memory() // _MEBIBYTE)
            if self._seconds is not None and time.monotonic() - started > self._seconds:
                return "time"
            if self._memory_mb is not None and self._most > self._memory_mb:
                return "memory"
            orphaned = self._with_parent and os.getppid() != self._parent
            if self._told or orphaned or (self._folder / STOP).exists():
                return "stopped"

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        """SIGTERM to the whole tree, then SIGKILL to what is left of it."""
        for process in _tree():
            _signal(process, signal.SIGTERM)
        until = time.monotonic() + self._grace
        while time.monotonic() < until and (left := _tree()):
            for process in left:
                _reap(process, child)
            time.sleep(0.05)
        while left := _tree():
            for process in left:
                _signal(process, signal.SIGKILL)
                _reap(process, child)
            time.sleep(0.05)


def take_lock(folder: Path, *, patience: float = 0.0) -> IO[bytes] | None:
    """The folder's lock, held until the file is closed everywhere; None where another holds it."""
    file = (folder / LOCK).open("ab")
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                file.close()
                return None
            time.sleep(0.05)
        else:
            return file


def _adopt_orphans() -> None:
    """On Linux, grandchildren whose parent dies become children of this process, and stay in sight."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _tree() -> list[psutil.Process]:
    """All processes below this one that live."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def _memory() -> int:
    """Resident bytes of all processes below this one."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        try:
            total += process.memory_info().rss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _reap(process: psutil.Process, child: subprocess.Popen[bytes]) -> None:
    """Take leave of a process that has ended; the command itself is left to `Popen`."""
    if process.pid == child.pid:
        child.poll()
        return
    try:
        os.waitpid(process.pid, os.WNOHANG)
    except ChildProcessError:
        return


if __name__ == "__main__":
    sys.exit(Guard(RunFolder.from_arguments().path).run())
