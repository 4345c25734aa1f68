"""The server and worker processes: start, say so, and stop in order.

On SIGTERM the server takes no new connections, ends event streams (their readers come back with
Last-Event-ID), lets what is being answered finish, and only then gives durable work back: what is
unfinished goes on at the next start or on another process.
"""

import asyncio
import signal
import socket
import sys
from types import FrameType

import uvicorn
from fastapi import FastAPI

from stoa.app.house import at_work
from stoa.app.rest.application import create_app
from stoa.app.rest.parts import Parts
from stoa.base import telemetry
from stoa.base.errors import SetupError
from stoa.base.loading import loading
from stoa.base.settings import Settings
from stoa.dispatch import Dispatcher
from stoa.wiring import build

DRAIN_SECONDS = 20
"""How long requests in progress may take after SIGTERM."""


class _Server(uvicorn.Server):
    """uvicorn, telling the application that it stops before it waits for open answers."""

    def __init__(self, config: uvicorn.Config, parts: Parts, ready: str) -> None:
        super().__init__(config)
        self._parts = parts
        self._ready = ready
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say where."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.started:
            print(self._ready, file=sys.stderr, flush=True)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM or SIGINT; a second Ctrl-C does not wait for answers in progress.

        Instead of uvicorn's own, which after an orderly end would still kill the process by the
        signal: nothing below `run` would be closed, and the exit code would tell of a failure.
        """
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._parts.closing.set)


def serve(settings: Settings, *, sample: bool, works: bool) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises:
        SetupError: the port is taken, or a setting can't be used.
    """
    telemetry.setup(settings)
    listening = bound(settings)
    settings = settings.model_copy(update={"port": listening.getsockname()[1]})
    with loading():
        dispatcher = build(settings)
    try:
        with loading():
            app = create_app(dispatcher, sample=sample, works=works)
        ready = asyncio.run(_greeting(dispatcher, sample=sample))
        config = uvicorn.Config(
            app,
            # uvloop would run fork hooks in every child that reads a document; LanceDB's warn of a deadlock.
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
        server = _Server(config, _parts(app), ready)
        server.run(sockets=[listening])
    finally:
        dispatcher.platform.database.close()


def work(settings: Settings) -> None:
    """Work on durable runs until SIGTERM or Ctrl-C."""
    telemetry.setup(settings)
    with loading():
        dispatcher = build(settings)
    try:
        asyncio.run(_work(dispatcher))
    finally:
        dispatcher.platform.database.close()


async def _work(dispatcher: Dispatcher) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with at_work(dispatcher):
        print("Stoa works on runs.", file=sys.stderr, flush=True)
        await stop.wait()


async def _greeting(dispatcher: Dispatcher, *, sample: bool) -> str:
    platform = dispatcher.platform
    address = platform.settings.resolved_public_url()
    lines = [f"Stoa is ready on {address}"]
    if sample:
        await platform.accounts.ensure_sample()
    elif token := await platform.accounts.setup_token():
        lines.append(f"Nobody has an account yet. Make the first one: {address}/setup/{token}")
    return "\n".join(lines)


def bound(settings: Settings) -> socket.socket:
    """The listening socket, taken before anything is built: a taken port is told at once."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With the protocol named, asyncio sends small answers at once; without, the second part of an answer
    # waits 40 ms for the acknowledgement of the first (Nagle's algorithm).
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        raise SetupError(
            f"{settings.host}:{settings.port} can't be listened on: {error.strerror}.",
            hint="Stop what uses it, or choose another with --port.",
        ) from error
    return listening


def _parts(app: FastAPI) -> Parts:
    parts = app.state.parts
    assert isinstance(parts, Parts)
    return parts
