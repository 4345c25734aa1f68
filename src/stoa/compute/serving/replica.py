"""The process that serves one model: `python -m stoa.compute.serving.replica --artefact FOLDER --fd N`.

It answers batches on an inherited socket (see `core/inference/wire.py`). When the other end is gone, or on
SIGTERM, it finishes what it has read and ends. It knows no endpoint, no database and no workspace.
"""

import argparse
import asyncio
import os
import resource
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from stoa.base.errors import StoaError
from stoa.compute.serving.answering import results_of
from stoa.compute.serving.servable import Servable, kind_of, load
from stoa.core.inference.wire import HEALTH, CallFrame, Connection, ReplyFrame, calls, framed

FAILED: Final = 3
"""Exit code where the model could not be loaded; the reason is the last line on standard error."""


class Serving(Connection):
    """Answers the calls that come in, one batch after the other."""

    def __init__(self, model: Servable, kind: str) -> None:
        super().__init__()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._model = model
        self._kind = kind
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._working = 0
        self._ending = False

    def on_frame(self, body: bytes) -> None:
        """Answer here what is quick; hand the rest to the thread, so that health is still told."""
        call = calls.decode(body)
        if call.method == HEALTH:
            self._reply(call.id, [("", {"kind": self._kind, "pid": os.getpid()})])
        elif self._model.is_quick:
            self._reply(call.id, self._results(call))
        else:
            self._working += 1
            loop = asyncio.get_running_loop()
            working = loop.run_in_executor(self._thread, self._results, call)
            working.add_done_callback(lambda done: self._done(call.id, done.result()))

    def on_lost(self) -> None:
        """Nobody is there to answer any more."""
        if not self.ended.done():
            self.ended.set_result(None)

    def end(self) -> None:
        """Finish what has been read, then end."""
        self._ending = True
        if not self._working:
            self.on_lost()

    def finish(self) -> None:
        """Send what is written and close; the loop ends after it."""
        if self._transport is not None:
            self._transport.close()

    def _done(self, number: int, results: list[tuple[str, Any]]) -> None:
        self._working -= 1
        self._reply(number, results)
        if self._ending:
            self.end()

    def _reply(self, number: int, results: list[tuple[str, Any]]) -> None:
        self.send(framed(ReplyFrame(number, results)))

    def _results(self, call: CallFrame) -> list[tuple[str, Any]]:
        return results_of(self._model, call.method, call.payloads)


async def serve(folder: Path, connected: socket.socket) -> None:
    """Load, then answer until the other end is gone or SIGTERM comes."""
    kind = kind_of(folder)
    model = load(kind, folder)
    loop = asyncio.get_running_loop()
    connected.setblocking(False)
    _, serving = await loop.create_connection(lambda: Serving(model, kind), sock=connected)
    loop.add_signal_handler(signal.SIGTERM, serving.end)
    await serving.ended
    serving.finish()
    await asyncio.sleep(0)


def main() -> None:
    """The process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--artefact", type=Path, required=True)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--memory-mb", type=int)
    given = parser.parse_args()
    if given.memory_mb:
        limit = given.memory_mb * 2**20
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the group; the parent decides
    try:
        asyncio.run(serve(given.artefact, socket.socket(fileno=given.fd)))
    except StoaError as error:
        sys.exit(_told(str(error)))
    except (OSError, MemoryError, ValueError) as error:
        sys.exit(_told(f"{type(error).__name__}: {error}"))


def _told(reason: str) -> int:
    print(" ".join(reason.split()), file=sys.stderr, flush=True)
    return FAILED


if __name__ == "__main__":
    main()
