"""Launchers: how the guard of a job is started, found again, and told to stop.

The guard and the run folder are the same everywhere, so what a launcher knows is little: this machine
(`Local`, which also does torchrun: that is another command, not another place) or a Ray cluster
(`ray.py`). Neither knows any rows.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any, Final, Protocol

from stoa.core.jobs.folder import CHECKPOINTS, RECIPE, read_json, write_whole
from stoa.core.jobs.guard import GUARD, LAUNCH, STOP, take_lock
from stoa.core.jobs.job import Launch
from stoa.core.jobs.processes import MARK, Handle, end_all, handle_of, is_alive, tell, this_host

_USUAL: Final = (
    "PATH", "HOME", "USER", "LANG", "LC_", "TZ", "TMPDIR", "PYTHON", "VIRTUAL_ENV", "LD_LIBRARY_PATH",
    "CUDA_", "NVIDIA_", "NCCL_", "GLOO_", "ROCR_", "HIP_", "OMP_", "MKL_", "OPENBLAS_", "TORCH_",
    "XDG_", "SSL_CERT_", "HF_HOME", "HF_HUB_OFFLINE",
)  # fmt: skip
"""Variables that a process is given, by how they begin. Keys and addresses of databases are not among them."""
_NEVER: Final = ("TOKEN", "SECRET", "PASSWORD")
_WORDS: Final = "guard.txt"
_MOST_WORDS = 2_000


class Launcher(Protocol):
    """Starts guards in one place."""

    async def start(
        self, job_id: str, attempt: int, folder: Path, launch: Launch
    ) -> dict[str, Any]:
        """Start a guard in a prepared folder; by what it is found again, plain JSON."""
        ...

    async def find(self, job_id: str, attempt: int, folder: Path) -> dict[str, Any] | None:
        """The handle of an attempt whose start was cut off before anybody wrote it down."""
        ...

    async def is_alive(self, job_id: str, folder: Path, handle: Mapping[str, Any]) -> bool:
        """Whether the guard, or what it guards, may still be at work."""
        ...

    async def stop(self, job_id: str, folder: Path, handle: Mapping[str, Any]) -> None:
        """Tell the guard to end its processes. It takes its time; ask `is_alive`."""
        ...

    async def words(self, folder: Path, handle: Mapping[str, Any]) -> str:
        """What a guard said that could not even begin."""
        ...

    async def clear(self, job_id: str, folder: Path) -> None:
        """End whatever a dead guard has left behind."""
        ...


class Local:
    """Processes of this machine."""

    def __init__(self) -> None:
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    async def start(
        self, job_id: str, attempt: int, folder: Path, launch: Launch
    ) -> dict[str, Any]:
        """Start a guard in a session of its own: a Ctrl-C on the worker does not reach it."""
        with (folder / _WORDS).open("wb") as words:
            child = self._popen(job_id, folder, launch, words)
        self._children[job_id] = child
        return handle_of(child.pid).model_dump()

    def _popen(
        self, job_id: str, folder: Path, launch: Launch, words: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - a command of ours
            [sys.executable, "-m", "stoa.core.jobs.guard", "--folder", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            env=environment_of(job_id, launch, os.environ),
            cwd=folder,
            start_new_session=True,
        )

    async def find(self, job_id: str, attempt: int, folder: Path) -> dict[str, Any] | None:
        """What the guard wrote of itself when it had the folder's lock."""
        return await asyncio.to_thread(read_json, folder / GUARD)

    async def is_alive(self, job_id: str, folder: Path, handle: Mapping[str, Any]) -> bool:
        """A child's system knows; others by number, start time and mark; elsewhere by the folder's lock."""
        found = Handle.model_validate(handle)
        if found.host != this_host():
            return await asyncio.to_thread(is_locked, folder)
        child = self._children.get(job_id)
        if child is None or child.pid != found.pid:
            return await asyncio.to_thread(is_alive, found, job_id)
        if child.poll() is None:
            return True
        del self._children[job_id]
        return False

    async def stop(self, job_id: str, folder: Path, handle: Mapping[str, Any]) -> None:
        """By a file, which guards on other machines see, too, and by SIGTERM, which is faster."""
        await asyncio.to_thread((folder / STOP).touch)
        await asyncio.to_thread(tell, Handle.model_validate(handle), job_id)

    async def words(self, folder: Path, handle: Mapping[str, Any]) -> str:
        """The guard's own output, which is empty as long as all is well."""
        return await asyncio.to_thread(_read_words, folder)

    def close(self) -> None:
        """Let go of guards that still work; whoever follows next finds them by their handles."""
        for child in self._children.values():
            child.returncode = child.poll() or 0  # or it would warn that nobody waits for it
        self._children.clear()

    async def clear(self, job_id: str, folder: Path) -> None:
        """SIGKILL to everything of the job on this machine."""
        await asyncio.to_thread(end_all, job_id)


def arguments_of(folder: Path, launch: Launch, *, torchrun: bool) -> list[str]:
    """What the guard gives to the Python that it runs in itself: on a cluster that is another one."""
    own = [launch.module, "--folder", str(folder)]
    if not torchrun:
        return ["-m", *own]
    return [
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc-per-node={launch.processes}",
        "--module",
        *own,
    ]


def environment_of(job_id: str, launch: Launch, given: Mapping[str, str]) -> dict[str, str]:
    """The variables of the processes: the usual ones, those of the launch, and the job's mark."""
    kept = {name: value for name, value in given.items() if _is_usual(name)}
    kept |= {name: given[name] for name in launch.pass_on if name in given}
    kept |= _of_launch(job_id, launch)
    return kept


def _of_launch(job_id: str, launch: Launch) -> dict[str, str]:
    own = {
        "PYTHONUNBUFFERED": "1",  # the log is read while it is written
        # Without it a torchrun group that restarts hangs: pytorch#135712.
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
        **launch.environment,
        MARK: job_id,
    }
    if launch.threads is not None:
        own["OMP_NUM_THREADS"] = str(launch.threads)
    return own


def prepare(folder: Path, launch: Launch, *, torchrun: bool, with_parent: bool) -> None:
    """Make a run folder ready for a guard. What an earlier attempt left for resuming stays. Blocking."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if launch.goes_on_from is not None:
        take_up(folder.parent / launch.goes_on_from, folder)
    write_whole(folder / RECIPE, json.dumps(launch.recipe, indent=1))
    plain = {
        "arguments": arguments_of(folder, launch, torchrun=torchrun),
        "seconds": launch.limits.seconds,
        "memory_mb": launch.limits.memory_mb,
        "grace": launch.limits.grace,
        "with_parent": with_parent,
    }
    write_whole(folder / LAUNCH, json.dumps(plain))


def take_up(before: Path, folder: Path) -> None:
    """Give a run folder the checkpoints and lines of another, unless it has checkpoints. Blocking.

    Files of checkpoints are written once and replaced as a whole, so both folders may share them.
    """
    target = folder / CHECKPOINTS
    if target.exists() or before.parent != folder.parent or not (before / CHECKPOINTS).is_dir():
        return
    scratch = folder / f".{CHECKPOINTS}.partial"
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(before / CHECKPOINTS, scratch, copy_function=os.link)
    for lines in before.glob("*.jsonl"):
        shutil.copy2(lines, folder / lines.name)
    scratch.rename(target)


def is_locked(folder: Path) -> bool:
    """Whether somebody works in the folder, here or on a machine that shares it. Blocking, short."""
    if not folder.is_dir():
        return False
    lock = take_lock(folder)
    if lock is None:
        return True
    lock.close()
    return False


def remove(folder: Path) -> None:
    """Delete a run folder. Blocking."""
    shutil.rmtree(folder, ignore_errors=True)


def _read_words(folder: Path) -> str:
    try:
        return (folder / _WORDS).read_text(encoding="utf-8", errors="replace")[-_MOST_WORDS:]
    except OSError:
        return ""


def _is_usual(name: str) -> bool:
    return name.startswith(_USUAL) and not _any_in(name, _NEVER)


def _any_in(name: str, words: Iterable[str]) -> bool:
    return any(word in name for word in words)
