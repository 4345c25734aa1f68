"""Processes that have Stoa loaded when they begin, for tests that start dozens of them.

One parent for each process of pytest, and for each set of modules, loads them and forks a child for each
`Forked`. What is saved is the seconds of processor time in which Python loads modules. Everything else is as
with `subprocess.Popen`: a child has arguments, environment, folder and streams of its own, opens whatever it
needs itself, and can be stopped, killed and waited for. What a process of the kit `training` starts as
`sys.executable -m module`, such as torchrun its ranks, is forked too.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, Final, Literal

ROOT: Final = Path(__file__).parents[1]
STOA: Final = "stoa.app.cli.main:main"
"""What the command `stoa` calls."""
Kit = Literal["house", "training"]
_LOADED: Final[dict[str, tuple[str, ...]]] = {
    "house": (
        "pytest",  # the programs of tests stand among tests
        "stoa.app.cli.admin",
        "stoa.app.cli.evaluate",
        "stoa.app.cli.operations",
        "stoa.app.cli.processes",
        "stoa.app.cli.settings",
        "stoa.app.house",
        "stoa.app.rest.application",
    ),
    "training": (
        "stoa.compute.training.pretraining.supervise",
        "stoa.compute.training.pretraining.train",
        "torch.distributed.run",
    ),
}


class Forked:
    """A process that runs a module, or the function after a colon, as `python -m` would.

    `stdin`, `stdout` and `stderr` are files, or `subprocess.PIPE` for text streams of the same names.
    """

    def __init__(
        self,
        target: str,
        arguments: Sequence[str] = (),
        *,
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
        stdin: int | IO[Any] = 0,
        stdout: int | IO[Any] = 1,
        stderr: int | IO[Any] = 2,
        kit: Kit = "house",
    ) -> None:
        self.stdin: IO[str] | None = None
        self.stdout: IO[str] | None = None
        self.stderr: IO[str] | None = None
        self.returncode: int | None = None
        theirs: list[int] = []
        ours: list[int] = []
        for name, given in (("stdin", stdin), ("stdout", stdout), ("stderr", stderr)):
            if given != subprocess.PIPE:
                theirs.append(given if isinstance(given, int) else given.fileno())
                continue
            reading, writing = os.pipe()
            theirs.append(reading if name == "stdin" else writing)
            ours.append(theirs[-1])
            mine = open(writing, "w") if name == "stdin" else open(reading)  # noqa: SIM115
            setattr(self, name, mine)
        request = {
            "target": target,
            "arguments": list(arguments),
            "cwd": str(cwd),
            "env": dict(os.environ if env is None else env),
        }
        self._channel = socket.socket(socket.AF_UNIX)
        self._channel.connect(_parent(kit))
        socket.send_fds(self._channel, [b"\0"], theirs)
        self._channel.sendall(json.dumps(request).encode() + b"\n")
        for each in ours:
            os.close(each)
        self._told = self._channel.makefile("rb")
        self.pid = int(self._told.readline())

    def poll(self) -> int | None:
        """The exit code, minus the signal where one ended it; None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended."""
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._channel, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self.returncode = int(self._told.readline())
            self._told.close()
            self._channel.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self.send_signal(signal.SIGKILL)


def run_forked(
    target: str, arguments: Sequence[str], *, timeout: float, **given: Any
) -> "subprocess.CompletedProcess[str]":
    """Run to the end, as `subprocess.run(capture_output=True, text=True)` does."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        with open(os.devnull) as nothing:
            process = Forked(target, arguments, stdin=nothing, stdout=out, stderr=errors, **given)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
            process.wait()
        for each in (out, errors):
            each.seek(0)
        return subprocess.CompletedProcess(list(arguments), code, out.read(), errors.read())


@cache
def _parent(kit: Kit) -> str:
    """Address of the parent, which is started here and ends when this process does."""
    address = f"{tempfile.mkdtemp(prefix='stoa-forked-')}/parent"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forked", kit, address],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.stdout.close()

    def end() -> None:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()

    atexit.register(end)
    return address


def _serve(kit: str, address: str) -> str | None:
    """Fork a child for each request. None at the end of whoever asked; in a child, its target."""
    if kit == "house":
        importlib.import_module("stoa.wiring").solutions()
    for name in _LOADED[kit]:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    python = _forking_python(address)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen(64)
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker)
    os.write(1, b"ready\n")
    children: dict[int, socket.socket] = {}
    bound: set[socket.socket] = set()
    with selectors.DefaultSelector() as selector:
        for each in (0, woken, listening.fileno()):
            selector.register(each, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in selector.select()}
            if 0 in ready:
                shutil.rmtree(Path(address).parent)
                return None
            if woken in ready:
                os.read(woken, 1024)
                for asking in _tell_of_the_dead(children):
                    if asking in bound:
                        bound.remove(asking)
                        selector.unregister(asking)
                    asking.close()
            for pid, asking in children.items():
                if asking in bound and asking.fileno() in ready:
                    os.kill(pid, signal.SIGKILL)  # whoever asked is gone
                    bound.remove(asking)
                    selector.unregister(asking)
            if listening.fileno() not in ready:
                continue
            asking, _ = listening.accept()
            _, streams, _, _ = socket.recv_fds(asking, 1, 3)
            with asking.makefile("rb") as body:
                request = json.loads(body.readline())
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for held in (asking, listening, *children.values()):
                    held.close()
                break
            children[pid] = asking
            if request.get("bound"):
                bound.add(asking)
                selector.register(asking, selectors.EVENT_READ)
            for stream in streams:
                os.close(stream)
            asking.sendall(f"{pid}\n".encode())
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    for stream in (*streams, woken, waker):
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["env"])
    if kit == "training":
        sys.executable = str(python)
    os.chdir(request["cwd"])
    sys.argv[1:] = request["arguments"]
    return str(request["target"])


def _forking_python(address: str) -> Path:
    """A program to call as Python that runs modules in children of this process: see `tests/fork.py`."""
    path = Path(address).with_name("python")
    client = shlex.join([sys.executable, "-IS", str(Path(__file__).with_name("fork.py")), address])
    path.write_text(f'#!/bin/sh\nexec {client} "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def _tell_of_the_dead(children: dict[int, socket.socket]) -> Iterator[socket.socket]:
    """Tell those who asked how their children ended; the channels that are done with."""
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        asking = children.pop(pid)
        with suppress(BrokenPipeError):  # nobody wants to know
            asking.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        yield asking


if __name__ == "__main__":
    if (wanted := _serve(*sys.argv[1:3])) is not None:
        its_module, _, its_function = wanted.partition(":")
        if its_function:
            getattr(importlib.import_module(its_module), its_function)()
        else:
            runpy.run_module(its_module, run_name="__main__", alter_sys=True)
