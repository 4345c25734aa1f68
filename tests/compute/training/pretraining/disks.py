"""A disk that is full, for real: what writes must live with it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import lacking


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 128 KiB at `folder`."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0:
        lacking("root on Linux, to mount a small disk")
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        lacking("leave to mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(disk: Path, room: int) -> Iterator[None]:
    """Only so many bytes are free meanwhile."""
    status = os.statvfs(disk)
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * (status.f_bavail * status.f_frsize - room))
    try:
        yield
    finally:
        ballast.unlink()
