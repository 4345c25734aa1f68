"""Processes of this machine: whether one still is the one that was started, and ending all of a job.

A process is known by its number, its start time, and the id of its job in its environment, which its
children inherit: a number that the system gave to another process is not mistaken for it. While a
process changes its program it shows no environment for a moment, so a young one without is looked at
again.
"""

import os
import signal
import socket
import time
from typing import Final

import psutil
from pydantic import BaseModel

MARK: Final = "STOA_JOB"
"""Variable that every process of a job has: the job's id."""
_TOLERANCE = 5.0
_YOUNG = 1.0
_AGAIN = 0.005


class Handle(BaseModel):
    """By which a process is found again."""

    host: str
    pid: int
    started: float


def this_host() -> str:
    """The name of this machine."""
    return socket.gethostname()


def handle_of(pid: int) -> Handle:
    """The handle of a process that was just started."""
    try:
        started = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:  # it has ended already
        started = 0.0
    return Handle(host=this_host(), pid=pid, started=started)


def is_alive(handle: Handle, job_id: str) -> bool:
    """Whether that very process lives on this machine. Blocking, short."""
    if handle.host != this_host():
        return False
    try:
        process = psutil.Process(handle.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if abs(process.create_time() - handle.started) > _TOLERANCE:
            return False
        return _job_of(process) == job_id
    except psutil.AccessDenied:
        return True
    except psutil.NoSuchProcess:
        return False


def tell(handle: Handle, job_id: str) -> None:
    """SIGTERM to the process, if it still is the one."""
    if is_alive(handle, job_id):
        try:
            os.kill(handle.pid, signal.SIGTERM)
        except ProcessLookupError:
            return


def end_all(job_id: str) -> int:
    """SIGKILL to every process of a job on this machine, wherever in the tree; how many. Blocking."""
    ended = 0
    while found := living(job_id):
        for process in found:
            try:
                process.kill()
                ended += 1
            except psutil.NoSuchProcess:
                continue
        time.sleep(0.02)
    return ended


def living(job_id: str) -> list[psutil.Process]:
    """Every process of a job on this machine that lives, wherever in the tree. Blocking."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and _job_of(process) == job_id:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue
    return found


def _job_of(process: psutil.Process) -> str | None:
    """The id of the job that it is of. Raises NoSuchProcess once it has ended."""
    while not (found := process.environ()) and time.time() - process.create_time() < _YOUNG:
        time.sleep(_AGAIN)
    mark: str | None = found.get(MARK)
    return mark
