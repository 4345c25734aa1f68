"""What the chaos tests are made of: workers one can kill, consumers that keep books, a person who decides."""

import asyncio
import os
import random
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from stoa.base.errors import Conflict, SetupError, StoaError
from stoa.base.identity.caller import Caller
from stoa.core.flows.approval_rows import Ballot
from stoa.dispatch import Dispatcher
from tests.forked import Forked

T = TypeVar("T")


class Workers:
    """Worker processes by name, forked off a parent that has everything loaded."""

    def __init__(self, url: str, home: Path) -> None:
        module = "tests.solutions.answer_reviews.chaos_worker"
        self._parent = Forked(
            module, [url, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.pids: dict[str, int] = {}
        self.kills = 0
        self._ready: dict[str, threading.Event] = {}
        assert self._read() == "parent"
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def start(self, name: str) -> None:
        """Start a worker; it may still be opening the house when this returns."""
        self._ready[name] = threading.Event()
        self._ready[f"pid {name}"] = threading.Event()
        assert self._parent.stdin is not None
        self._parent.stdin.write(f"{name}\n")
        self._parent.stdin.flush()
        assert self._ready[f"pid {name}"].wait(60)

    def wait(self, name: str) -> bool:
        """Until the worker takes work; False where it has not come up in a minute."""
        return self._ready[name].wait(60)

    def kill(self, name: str) -> None:
        """kill -9, wherever it is."""
        os.kill(self.pids.pop(name), signal.SIGKILL)
        self.kills += 1

    def end(self) -> None:
        """Kill them all."""
        for name in [*self.pids]:
            self.kill(name)
        self._parent.kill()
        self._parent.wait()
        self._listener.join()
        for pipe in (self._parent.stdin, self._parent.stdout):
            if pipe is not None:
                pipe.close()

    def _read(self) -> str:
        assert self._parent.stdout is not None
        return self._parent.stdout.readline().strip()

    def _listen(self) -> None:
        while line := self._read():
            match line.split():
                case ["pid", name, pid]:
                    self.pids[name] = int(pid)
                    self._ready[f"pid {name}"].set()
                case ["ready", name]:
                    self._ready[name].set()


@contextmanager
def running_workers(url: str, home: Path) -> Iterator[Workers]:
    """Workers, all dead at the end."""
    workers = Workers(url, home)
    try:
        yield workers
    finally:
        workers.end()


class Consumer:
    """A webhook that keeps books: every event id it was sent, and those it took, once each.

    Now and then it is busy, and now and then it takes an event and fails to say so.
    """

    def __init__(self, seed: int) -> None:
        self.sent: Counter[str] = Counter()
        self.taken: dict[str, dict[str, Any]] = {}
        self._chance = random.Random(seed)

    async def take(self, request: Request) -> Response:
        """One delivery."""
        try:
            event = await request.json()
        except ClientDisconnect:  # whoever sent it was killed half-way
            return Response(status_code=400)
        self.sent[event["id"]] += 1
        mood = self._chance.random()
        if mood < 0.05:
            return Response(status_code=503)
        self.taken.setdefault(event["id"], event)
        return Response(status_code=500 if mood < 0.1 else 204)

    def app(self) -> Starlette:
        """The server."""
        return Starlette(routes=[Route("/hook", self.take, methods=["POST"])])


async def patient(work: Callable[[], Awaitable[T]]) -> T:
    """The result of `work`, once the database answers."""
    while True:
        try:
            return await work()
        except SetupError:
            await asyncio.sleep(0.1)


async def decide_all(house: Dispatcher, person: Caller, decisions: dict[str, str]) -> None:
    """Decide whatever comes into the inbox, twice over and then otherwise, until cancelled.

    `decisions` is told what was decided first.
    """
    approvals = house.platform.flows.approvals
    while True:
        try:
            inbox = await approvals.list(person, limit=100)
            for each in inbox:
                choice = "accept" if hash_of(each.id) % 3 else "reject"
                other = "reject" if choice == "accept" else "accept"
                decision = await approvals.decide(person, each.id, Ballot(choice=choice))
                assert decision.choice is not None
                decisions.setdefault(each.id, decision.choice)
                assert (await approvals.decide(person, each.id, Ballot(choice=choice))) == decision
                try:
                    await approvals.decide(person, each.id, Ballot(choice=other))
                except Conflict:
                    continue
                raise AssertionError("a second, other decision was taken")
        except StoaError as error:
            if not isinstance(error, SetupError | Conflict):
                raise
        await asyncio.sleep(0.2)


def hash_of(text: str) -> int:
    """The same number for the same text in every process."""
    return sum(position * ord(letter) for position, letter in enumerate(text, 1))
