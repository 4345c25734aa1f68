"""How many rankings a second come through the whole API, and what each costs.

    python -m benchmarks.serving [--locust PYTHON]

`rank` of recommend_products, in the house of all solutions, orders 25 items for a user with a registered
NeuMF of the size of MovieLens-1M, with an API key, through REST. An open-loop generator (`open_loop.py`)
shares the machine with the server; latency counts from the moment a request was due. CPU seconds are those
of the server and its replicas, so they hold on a busy machine too. Beside it, in the same run: plain FastAPI
with the same network in torch in its own process, without any authentication, which is what most people
would write first. With a Python that has locust, `locustfile.py` asks both sorts of requests, too.
"""

import argparse
import asyncio
import csv
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil

from benchmarks.open_loop import Measured, closed_loop, load
from benchmarks.results import record
from benchmarks.serving_house import ITEMS, USERS, prepared, redeploy

CANDIDATES, BODIES = 25, 500
RATE, SECONDS = 1000, 5
LIMIT_MS = 20.0
RATES = (500, 1000, 1500, 2000, 3000)
LOCUST_USERS = 50


def requests(path: str, key: str) -> list[bytes]:
    """Different users and items, as bytes to send."""
    random = np.random.default_rng(1)
    made = []
    for _ in range(BODIES):
        items = [str(each) for each in random.choice(ITEMS, CANDIDATES, replace=False)]
        body = json.dumps({"user": str(random.integers(USERS)), "items": items}).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


@contextmanager
def running(words: Sequence[str], port: int) -> Iterator[psutil.Process]:
    """A server that has come to rest."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    started = subprocess.Popen([sys.executable, *words], env=environment)
    process = psutil.Process(started.pid)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if started.poll() is not None:
                    raise RuntimeError("the server did not start") from None
                time.sleep(0.1)
        calm, until = cpu_seconds(process), time.monotonic() + 60
        while time.monotonic() < until:
            time.sleep(2)
            spent, calm = cpu_seconds(process) - calm, cpu_seconds(process)
            if spent < 0.15:
                break
        yield process
    finally:
        started.terminate()
        started.wait()


def cpu_seconds(process: psutil.Process) -> float:
    """Of a process and its children."""
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        times = each.cpu_times()
        total += times.user + times.system
    return total


def measured(
    process: psutil.Process, port: int, made: Sequence[bytes], rate: float
) -> tuple[Measured, float]:
    """A run at a rate, and the CPU seconds of a thousand answers."""
    before = cpu_seconds(process)
    result = asyncio.run(load("127.0.0.1", port, made, rate=rate, seconds=SECONDS))
    return result, (cpu_seconds(process) - before) / max(result.ok, 1) * 1000


def sustained(process: psutil.Process, port: int, made: Sequence[bytes]) -> float:
    """The highest of some rates that is kept with p99 under the limit and no failure; 0 for none."""
    best = 0.0
    for rate in RATES:
        result, _ = measured(process, port, made, rate)
        print(f"  {rate}/s: p50 {result.percentile(0.5):.1f} p99 {result.percentile(0.99):.1f} ms")
        if result.failed or result.percentile(0.99) > LIMIT_MS:
            break
        best = float(rate)
    return best


def most(process: psutil.Process, port: int, made: Sequence[bytes]) -> tuple[float, float]:
    """Answers a second when 16 connections never rest, and CPU seconds of a thousand."""
    before = cpu_seconds(process)
    result = asyncio.run(closed_loop("127.0.0.1", port, made, seconds=SECONDS / 2, connections=16))
    return result.rate, (cpu_seconds(process) - before) / max(result.ok, 1) * 1000


async def updating(port: int, made: Sequence[bytes], home: Path, versions: list[str]) -> Measured:
    """Requests at a steady rate while the endpoint is updated from another process, twice."""

    async def update() -> None:
        for version in (versions[1], versions[0]):
            await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-m", "benchmarks.serving", "redeploy", str(home), version],
                check=True,
            )

    changing = asyncio.create_task(update())
    whole = Measured()
    while not changing.done():
        result = await load("127.0.0.1", port, made, rate=RATE, seconds=2)
        whole.due += result.due
        whole.ok += result.ok
        whole.failed += result.failed
        whole.latencies += result.latencies
    await changing
    return whole


def locust(python: str, port: int, key: str, folder: Path) -> dict[str, str]:
    """What locust says of the rankings by `LOCUST_USERS`, ten a second each: a row of its statistics."""
    words = ["-m", "locust", "-f", str(Path(__file__).with_name("locustfile.py")), "--headless"]
    words += ["-u", str(LOCUST_USERS), "-r", str(LOCUST_USERS), "-t", "20s", "--reset-stats"]
    words += ["--host", f"http://127.0.0.1:{port}", "--csv", str(folder / "locust")]
    environment = {
        **os.environ,
        "STOA_KEY": key,
        "STOA_USERS": str(USERS),
        "STOA_ITEMS": str(ITEMS),
    }
    subprocess.run([python, *words], env=environment, check=False, capture_output=True)
    with (folder / "locust_stats.csv").open() as table:
        rows = {row["Name"]: row for row in csv.DictReader(table)}
    return rows["/api/recommend_products/rank"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    """Measure both, print and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--locust", metavar="PYTHON", help="a Python that has locust")
    given = parser.parse_args()
    told = None
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        key, versions = asyncio.run(prepared(home))
        port = free_port()
        made = requests("/api/recommend_products/rank", key)
        with running(("-m", "benchmarks.serving_house", folder, str(port)), port) as server:
            asyncio.run(load("127.0.0.1", port, made, rate=100, seconds=2))
            ours, our_cpu = measured(server, port, made, RATE)
            our_rate = sustained(server, port, made)
            our_most, our_most_cpu = most(server, port, made)
            update = asyncio.run(updating(port, made, home, versions))
            if given.locust:
                told = locust(given.locust, port, key, home)
        port = free_port()
        made = requests("/rank", key)
        with running(("-m", "benchmarks.peer_serving", str(port)), port) as server:
            asyncio.run(load("127.0.0.1", port, made, rate=100, seconds=2))
            theirs, their_cpu = measured(server, port, made, RATE)
            their_rate = sustained(server, port, made)
            their_most, their_most_cpu = most(server, port, made)
    peer = "FastAPI + torch, no auth"
    busy = f"load of the machine {os.getloadavg()[0]:.0f}; {CANDIDATES} items, NeuMF-32"
    limit = f"p99 < {LIMIT_MS:g} ms"
    record(
        f"ranking at {RATE}/s, p50", ours.percentile(0.5), "ms", peer, theirs.percentile(0.5), busy
    )
    record(
        f"ranking at {RATE}/s, p99",
        ours.percentile(0.99),
        "ms",
        peer,
        theirs.percentile(0.99),
        busy,
    )
    record("ranking, CPU per 1,000 requests, open loop", our_cpu, "s", peer, their_cpu, busy)
    record(
        "ranking, CPU per 1,000 requests, saturated", our_most_cpu, "s", peer, their_most_cpu, busy
    )
    record(f"ranking, sustained with {limit}", our_rate, "/s", peer, their_rate, busy)
    record("ranking, 16 connections without rest", our_most, "/s", peer, their_most, busy)
    note = (
        f"{RATE}/s: {update.ok} answered, p99 {update.percentile(0.99):.0f} ms, two updates; {busy}"
    )
    record("ranking, failed requests during updates", float(update.failed), "", note=note)
    if told is not None:
        users = f"{LOCUST_USERS} users of locust, which shares the two cores; {busy}"
        record("ranking, locust", float(told["Requests/s"]), "/s", note=users)
        record("ranking, locust, p50", float(told["50%"]), "ms", note=users)
        record("ranking, locust, p99", float(told["99%"]), "ms", "limit", LIMIT_MS, note=users)
        record("ranking, locust, failed", float(told["Failure Count"]), "", note=users)


if __name__ == "__main__":
    if sys.argv[1:2] == ["redeploy"]:
        asyncio.run(redeploy(Path(sys.argv[2]), sys.argv[3]))
    else:
        main()
