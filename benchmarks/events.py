"""Events: from the outbox to a webhook, against plain POSTs to the same receiver. `python -m benchmarks.events`.

In one run and on one machine: events a second that one process writes (each in a transaction of its own, against
bare commits), and delivers to one webhook that answers at once, against the same number of POSTs by plain httpx
with as many under way and nothing kept. Then the time from the commit to the receiver on an idle house, and what
an idle house costs. The receiver is a process of its own, and signs, checks and keeps nothing.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import quantiles

import httpx
from tests.postgres import running_server

from benchmarks.flows import commit_rate
from benchmarks.results import record
from stoa.base.database import EVERY_WORKSPACE, Database, now
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.tables import Workspace
from stoa.base.settings import Settings
from stoa.core.events.events import Events
from stoa.core.events.pace import Pace
from stoa.wiring import migration_folders, solutions

CALLER = Caller("bench", "user_bench", Role.OWNER, "Bench")
DATA = {"review": "review_1", "text": "The zip broke on the second day. " * 5, "stars": 2}
SINGLE, IDLE_SECONDS = 50, 10.0


async def main() -> None:
    """SQLite, then PostgreSQL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=2000)
    count = parser.parse_args().events
    with tempfile.TemporaryDirectory(prefix="stoa-bench-", dir="/tmp") as folder, receiver() as at:
        plain = await posts_per_second(at, count)
        await measure("SQLite", f"sqlite:///{folder}/bench.sqlite", at, count, plain)
        server = Path(folder) / "postgres"
        server.mkdir()
        with running_server(server) as url:
            await measure("PostgreSQL", url, at, count, plain)


async def measure(name: str, url: str, at: str, count: int, plain: float) -> None:
    """All figures on one database."""
    database = Database(url)
    solutions()
    database.migrate(migration_folders())
    database.write_now(
        lambda s: s.add(Workspace(id="bench", name="Bench", created_at=now())),
        workspace=EVERY_WORKSPACE,
    )
    commits = commit_rate(database)
    written, delivered = await throughput(database, at, count)
    record(f"events {name}: written a second", written, "", "bare commits", commits)
    record(f"events {name}: delivered a second", delivered, "", "plain httpx POSTs", plain)
    async with launched(database) as events:
        cuts = quantiles(await commit_to_receiver(events, at), n=100)
        peer = await one_post(at)
        record(f"events {name}: commit to receiver p50", 1000 * cuts[49], "ms", "one POST", peer)
        record(f"events {name}: commit to receiver p99", 1000 * cuts[98], "ms", "one POST", peer)
        record(f"events {name}: idle, share of one CPU", await idle_share(), "")
    database.close()


def house(database: Database) -> Events:
    """A room that has not been launched."""
    settings = Settings.load(home=Path(tempfile.gettempdir()), webhook_private=True)
    return Events(settings, database, AuditLog(database), secret=b"s" * 32)


@contextlib.asynccontextmanager
async def launched(database: Database) -> AsyncIterator[Events]:
    """A room at work, with the webhooks that are there."""
    events = house(database)
    await events.launch()
    yield events
    await events.close()


async def throughput(database: Database, at: str, count: int) -> tuple[float, float]:
    """Events written, then delivered, a second: first all the one, then all the other."""
    events = house(database)
    await events.subscriptions.add(CALLER, url=f"{at}/events")
    await arrived(at)
    started = time.perf_counter()
    for _ in range(count):
        await publish(events)
    written = count / (time.perf_counter() - started)
    started = time.perf_counter()
    await events.launch()
    seen = 0
    while seen < count:
        await asyncio.sleep(0.02)
        seen += len(await arrived(at))
    delivered = count / (time.perf_counter() - started)
    await events.close()
    return written, delivered


async def publish(events: Events) -> None:
    """One event, in a transaction of its own."""
    await events.publish("bench", type="review.answered", source="/stoa/bench", data=DATA)


async def commit_to_receiver(events: Events, at: str) -> list[float]:
    """Seconds from the end of `publish` to the arrival, by one clock."""
    times = []
    for _ in range(SINGLE):
        await publish(events)
        committed = time.monotonic()
        while not (seen := await arrived(at)):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.005)
        times.append(seen[0] - committed)
        await asyncio.sleep(0.02)
    return times


async def idle_share() -> float:
    """CPU time of this process over time, while nothing happens."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    await asyncio.sleep(IDLE_SECONDS)
    after = resource.getrusage(resource.RUSAGE_SELF)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent / IDLE_SECONDS


async def posts_per_second(at: str, count: int) -> float:
    """Plain httpx, as many under way as a webhook may have."""
    body = json.dumps({"data": DATA}).encode()
    left = iter(range(count))

    async def post(client: httpx.AsyncClient) -> None:
        for _ in left:
            await client.post(f"{at}/plain", content=body)

    async with httpx.AsyncClient() as client:
        started = time.perf_counter()
        await asyncio.gather(*(post(client) for _ in range(Pace().of_one)))
        return count / (time.perf_counter() - started)


async def one_post(at: str) -> float:
    """Milliseconds of one plain POST, at the median."""
    times = []
    async with httpx.AsyncClient() as client:
        for _ in range(SINGLE):
            started = time.perf_counter()
            await client.post(f"{at}/plain", content=b"{}")
            times.append(time.perf_counter() - started)
    return 1000 * quantiles(times, n=100)[49]


async def arrived(at: str) -> list[float]:
    """When the events since the last question came, by the monotonic clock that processes share."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(at.rsplit(":", 1)[1]))
    writer.write(b"GET /arrived HTTP/1.1\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    found: list[float] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found


@contextlib.contextmanager
def receiver() -> Iterator[str]:
    """Address of a receiver in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_receive, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _receive(told: Connection) -> None:
    asyncio.run(_serve(told))


async def _serve(told: Connection) -> None:
    """HTTP/1.1 in the few lines that it takes: so that the receiver is not what is measured."""
    times: list[float] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length or 0))
                body = b""
                if head.startswith(b"post /events"):
                    times.append(time.monotonic())
                elif head.startswith(b"get"):
                    body = json.dumps(times).encode()
                    times.clear()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                if b"connection: close" in head:
                    break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    told.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
