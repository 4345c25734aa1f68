"""One replica on this machine: a process that serves one model, and the socket to it.

The socket is a pair whose other end the child inherits: it has no path that others could open, and
when this process is gone, by whatever signal, the child reads its end and ends too. This file knows
frames and processes, and nothing of models or routing.
"""

import asyncio
import os
import socket
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from stoa.base.telemetry import get_logger
from stoa.core.inference.replica import OnLost, OnReply, ReplicaFailed
from stoa.core.inference.views import Scaling
from stoa.core.inference.wire import HEALTH, CallFrame, Connection, framed, replies

_MODULE: Final = "stoa.compute.serving.replica"
_KEPT = ("PATH", "PYTHONPATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
"""Of our environment: a replica needs no key and no password."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_LINES = 20
_log = get_logger(__name__)


class ProcessReplica(Connection):
    """A running process and the connection to it."""

    def __init__(self, on_reply: OnReply) -> None:
        super().__init__()
        self.outstanding = 0
        """Calls sent and not answered."""
        self.batches: dict[int, Any] = {}
        """What the router keeps for each batch under way, by id."""
        self.kind = ""
        self.retiring = False
        self.has_suspect = False
        """What it works on was under way when another replica died."""
        self._process: asyncio.subprocess.Process | None = None
        self._on_reply = on_reply
        self._lost: OnLost | None = None
        self._next = 0
        self._ready: asyncio.Future[dict[str, Any]] | None = None
        self._said: deque[str] = deque(maxlen=_LINES)
        self._watching: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Of its process; 0 before it is started."""
        return self._process.pid if self._process else 0

    @property
    def is_open(self) -> bool:
        """Whether calls can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    async def start(self, folder: Path, scaling: Scaling, on_lost: OnLost) -> None:
        """Start the process and wait until the model is loaded and healthy.

        Raises:
            ReplicaFailed: it did not get that far in `scaling.start_seconds`.
        """
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        ours, theirs = socket.socketpair()
        try:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *_command(folder, theirs.fileno(), scaling.memory_mb),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.PIPE,
                    pass_fds=(theirs.fileno(),),
                    env=_environment(scaling),
                )
            finally:
                theirs.close()
            ours.setblocking(False)
            await loop.create_connection(lambda: self, sock=ours)
        except BaseException:
            ours.close()
            raise
        self._watching = asyncio.create_task(self._watch())
        self.send_batch(HEALTH, [None])
        try:
            async with asyncio.timeout(scaling.start_seconds):
                described = await self._ready
        except TimeoutError:
            await self.end(0)
            raise ReplicaFailed(f"It was not ready in {scaling.start_seconds:g} s.") from None
        except BaseException:
            await self.end(0)
            raise
        self.kind = str(described.get("kind", ""))
        self._lost = on_lost

    def send_batch(self, method: str, payloads: list[Any]) -> int:
        """Send a batch; its id. A connection that is lost is told of by `on_lost`, not here."""
        self._next += 1
        self.send(framed(CallFrame(self._next, method, payloads)))
        return self._next

    def on_frame(self, body: bytes) -> None:
        """A reply."""
        reply = replies.decode(body)
        if self._ready is not None and not self._ready.done():
            code, value = reply.results[0]
            if code:
                self._ready.set_exception(ReplicaFailed(str(value[0])))
            else:
                self._ready.set_result(value)
            return
        self._on_reply(self, reply.id, reply.results)

    def on_lost(self) -> None:
        """The process ended, or cut the connection."""
        if self._ready is not None and not self._ready.done():
            asyncio.get_running_loop().create_task(self._tell_why())
        elif self._lost is not None:
            lost, self._lost = self._lost, None
            lost(self)

    def kill(self) -> None:
        """End it now: it hangs."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        self.close()

    async def end(self, seconds: float) -> None:
        """Ask it to end, and see to it that it has after `seconds`."""
        self._lost = None
        process = self._process
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate() if seconds else process.kill()
            try:
                async with asyncio.timeout(seconds or 5):
                    await process.wait()
            except TimeoutError:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        self.close()
        if self._watching is not None:
            await self._watching

    async def _tell_why(self) -> None:
        """The last words take the other pipe, and may come after the end of the socket."""
        if self._watching is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await asyncio.shield(self._watching)
        if self._ready is not None and not self._ready.done():
            words = self._said[-1] if self._said else "It ended without a word."
            self._ready.set_exception(ReplicaFailed(words))

    async def _watch(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            text = line.decode("utf-8", "replace").rstrip()
            if text:
                self._said.append(text)
                _log.info("replica", pid=self.pid, says=text[:2000])
        await self._process.wait()


def _command(folder: Path, descriptor: int, memory_mb: int | None) -> Sequence[str]:
    words = [sys.executable, "-m", _MODULE, "--artefact", str(folder), "--fd", str(descriptor)]
    return words if memory_mb is None else [*words, "--memory-mb", str(memory_mb)]


def _environment(scaling: Scaling) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    threads = {name: str(scaling.threads) for name in _THREADS}
    return {**kept, **threads, "PYTHONUNBUFFERED": "1"}
