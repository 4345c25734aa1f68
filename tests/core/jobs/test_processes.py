"""Processes of a job are known from the moment they are started."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from stoa.core.jobs.processes import MARK, end_all, handle_of, is_alive

IDLE = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]


@pytest.fixture
def _one_core() -> Iterator[None]:
    """All on one core, as on a busy machine: whoever starts a process goes on before it does."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    yield
    os.sched_setaffinity(0, allowed)


@pytest.mark.usefixtures("_one_core")
def test_a_process_lives_from_its_start() -> None:
    """Just started, it often shows no environment to be known by."""
    for number in range(100):
        process = subprocess.Popen(IDLE, env={MARK: f"job_{number}"})
        handle = handle_of(process.pid)
        try:
            assert is_alive(handle, f"job_{number}")
            assert not is_alive(handle, "job_other")
        finally:
            process.kill()
            process.wait()
        assert not is_alive(handle, f"job_{number}")


@pytest.mark.usefixtures("_one_core")
def test_all_of_a_job_are_ended() -> None:
    """Also those that have only just begun, and no others."""
    other = subprocess.Popen(IDLE, env={MARK: "job_other"})
    try:
        for _ in range(10):
            mine = [subprocess.Popen(IDLE, env={MARK: "job_mine"}) for _ in range(3)]
            assert end_all("job_mine") >= 3
            assert [process.wait(10) for process in mine] == [-9, -9, -9]
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_process_without_an_environment_is_nobody_s() -> None:
    process = subprocess.Popen(IDLE, env={})
    try:
        assert not is_alive(handle_of(process.pid), "job_mine")
        assert end_all("job_mine") == 0
    finally:
        process.kill()
        process.wait()
