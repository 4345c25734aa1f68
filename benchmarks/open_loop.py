"""An open-loop load generator over raw sockets: requests leave by the clock, not when answers come.

Latency counts from the moment at which a request was due, so a server that stalls is charged for every
request that should have been sent meanwhile (no coordinated omission). One process, no HTTP library.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass
class Measured:
    """What came of a run."""

    due: int = 0
    ok: int = 0
    failed: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    """Seconds, of answers with status 200."""
    failures: list[str] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 if ordered else 0.0

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.ok / self.seconds if self.seconds else 0.0


class _Connection(asyncio.Protocol):
    """One kept-alive connection with at most one request under way."""

    def __init__(self, done: Callable[["_Connection", bool, str], None]) -> None:
        self._done = done
        self._held = b""
        self._transport: asyncio.Transport | None = None
        self.due = 0.0
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, request: bytes, due: float) -> None:
        self.busy, self.due = True, due
        assert self._transport is not None
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, sep, body = self._held.partition(b"\r\n\r\n")
        if not sep:
            return
        lower = head.lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 :].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        self._held = b""
        self.busy = False
        self._done(self, head[9:12] == b"200", head[:60].decode("latin-1"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self.busy:
            self.busy = False
            self._done(self, False, f"connection lost: {exc}")

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def load(
    host: str,
    port: int,
    requests: Sequence[bytes],
    *,
    rate: float,
    seconds: float,
    connections: int = 64,
) -> Measured:
    """Send `requests` in turn at `rate` per second for `seconds`."""
    loop = asyncio.get_running_loop()
    measured = Measured()
    free: deque[_Connection] = deque()
    waiting: deque[tuple[bytes, float]] = deque()

    def done(connection: _Connection, ok: bool, said: str) -> None:
        if ok:
            measured.ok += 1
            measured.latencies.append(time.perf_counter() - connection.due)
        else:
            measured.failed += 1
            measured.failures.append(said)
        if not connection.is_open:
            return
        if waiting:
            connection.send(*waiting.popleft())
        else:
            free.append(connection)

    made = [
        (await loop.create_connection(lambda: _Connection(done), host, port))[1]
        for _ in range(connections)
    ]
    free.extend(made)
    start = time.perf_counter()
    total = int(rate * seconds)
    while measured.due < total:
        at = time.perf_counter() - start
        while measured.due < total and measured.due / rate <= at:
            due = start + measured.due / rate
            request = requests[measured.due % len(requests)]
            measured.due += 1
            if free:
                free.popleft().send(request, due)
            else:
                waiting.append((request, due))
        await asyncio.sleep(max(0.0, min(0.001, measured.due / rate - at)))
    deadline = time.perf_counter() + 15
    while (  # noqa: ASYNC110 - a poll at the end disturbs nothing
        measured.ok + measured.failed < measured.due and time.perf_counter() < deadline
    ):
        await asyncio.sleep(0.01)
    measured.seconds = time.perf_counter() - start
    measured.failed += measured.due - measured.ok - measured.failed
    for connection in made:
        connection.close()
    return measured


async def closed_loop(
    host: str, port: int, requests: Sequence[bytes], *, seconds: float, connections: int
) -> Measured:
    """The most that comes through when every connection sends as soon as it is answered."""
    loop = asyncio.get_running_loop()
    measured = Measured()
    until = time.perf_counter() + seconds
    ended = asyncio.Event()
    running = connections
    turn = iter(range(10**9))

    def done(connection: _Connection, ok: bool, said: str) -> None:
        nonlocal running
        now = time.perf_counter()
        measured.due += 1
        if ok:
            measured.ok += 1
            measured.latencies.append(now - connection.due)
        else:
            measured.failed += 1
            measured.failures.append(said)
        if now < until and connection.is_open:
            connection.send(requests[next(turn) % len(requests)], now)
            return
        running -= 1
        if not running:
            ended.set()

    start = time.perf_counter()
    for _ in range(connections):
        _, connection = await loop.create_connection(lambda: _Connection(done), host, port)
        connection.send(requests[next(turn) % len(requests)], time.perf_counter())
    await ended.wait()
    measured.seconds = time.perf_counter() - start
    return measured
