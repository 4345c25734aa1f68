"""Waiting for people: what ten thousand open questions cost. `python -m benchmarks.approvals [NUMBER]`.

In one run and on one machine, on SQLite and PostgreSQL: memory and CPU of a worker while NUMBER runs
wait, beside the same worker while one waits; then the inbox over all of them, and the time from a
decision to the resumed run among them. The limit for that time is 200 ms at the median.
"""

import asyncio
import contextlib
import gc
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from tests.postgres import running_server

from benchmarks.results import record
from stoa.base.database import EVERY_WORKSPACE, Database, now
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.tables import Workspace
from stoa.base.settings import Settings
from stoa.core.flows.approval_rows import Ballot
from stoa.core.flows.flows import Flows, RunState, RunView
from stoa.core.flows.questions import Order, Sought
from stoa.wiring import migration_folders, solutions

CALLER = Caller("bench", "user_bench", Role.OWNER, "Bench")
NUMBER, DECISIONS, IDLE, LOOKS, AT_ONCE = 10_000, 40, 15.0, 40, 64
LIMIT_MS = 200.0


async def main(number: int) -> None:
    """SQLite, then PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="stoa-bench-", dir="/tmp") as folder:
        await measure("SQLite", f"sqlite:///{folder}/bench.sqlite", Path(folder), number)
        server = Path(folder) / "postgres"
        server.mkdir()
        with running_server(server) as url:
            await measure("PostgreSQL", url, Path(folder), number)


async def measure(name: str, url: str, home: Path, number: int) -> None:
    """All figures on one database."""
    solutions()
    database = Database(url)
    database.migrate(migration_folders())
    database.write_now(
        lambda s: s.add(Workspace(id="bench", name="Bench", created_at=now())),
        workspace=EVERY_WORKSPACE,
    )
    async with launched(database, home) as flows:
        await wait_many(flows, 1)
        bytes_one, cpu_one = memory(), await idle()
        await wait_many(flows, number - 1)
        bytes_many, cpu_many = memory(), await idle()
        inbox = await times(lambda: flows.approvals.list(CALLER, Sought(order=Order.OLDEST)))
        counted = await times(lambda: flows.approvals.count(CALLER))
        decided = await decisions(flows)
    database.close()
    at = f"approvals {name}, {number:,} waiting"
    peer = "the same worker, 1 waiting"
    record(f"{at}: memory", bytes_many / 2**20, "MiB", peer, bytes_one / 2**20)
    record(f"{at}: idle CPU", 100 * cpu_many, "% of a core", peer, 100 * cpu_one)
    record(f"{at}: first 100 of the inbox, p50", 1000 * median(inbox), "ms")
    record(f"{at}: count, p50", 1000 * median(counted), "ms")
    record(f"{at}: decision to resumed, p50", 1000 * median(decided), "ms", "limit", LIMIT_MS)


@contextlib.asynccontextmanager
async def launched(database: Database, home: Path) -> AsyncIterator[Flows]:
    """A worker whose runs ask a person and then note the time."""
    flows = Flows(Settings.load(home=home, worker_concurrency=16), database)

    async def clock() -> float:
        return time.time()

    async def ask(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        await flows.ask_person(
            run.id,
            question=f"Is reply {payload['number']} fit to be sent?",
            choices=["send", "reject"],
            to=Role.REVIEWER,
            context={"review": "The kettle is great, but it came late. " * 4},
            editable_text="Thank you for writing to us. " * 4,
            deadline=timedelta(weeks=4),
            default_choice="reject",
        )
        return {"at": await flows.step("clock", clock)}

    flows.register("ask", ask)
    await flows.launch()
    yield flows
    await flows.close()


async def wait_many(flows: Flows, number: int) -> None:
    """So many more runs, all of them waiting."""
    before = (await flows.approvals.count(CALLER)).waiting
    for first in range(0, number, AT_ONCE):
        batch = range(first, min(first + AT_ONCE, number))
        await asyncio.gather(*(begin(flows, each) for each in batch))
    while (await flows.approvals.count(CALLER)).waiting < before + number:  # noqa: ASYNC110
        await asyncio.sleep(0.2)


async def begin(flows: Flows, number: int) -> str:
    """A new run."""
    return await flows.start(
        "ask", caller=CALLER, solution="bench", operation="ask", payload={"number": number}
    )


def memory() -> int:
    """Bytes of this process that are in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def idle() -> float:
    """Share of one core that this process uses while nobody does anything."""
    await asyncio.sleep(3)
    started, used = time.perf_counter(), time.process_time()
    await asyncio.sleep(IDLE)
    return (time.process_time() - used) / (time.perf_counter() - started)


async def times(work: Callable[[], Awaitable[object]]) -> list[float]:
    """Seconds of each of a number of calls, one after another."""
    found = []
    for _ in range(LOOKS):
        started = time.perf_counter()
        await work()
        found.append(time.perf_counter() - started)
    return found


async def decisions(flows: Flows) -> list[float]:
    """Seconds from `decide` to the first step after it, of the oldest that wait."""
    found = []
    for each in await flows.approvals.list(CALLER, Sought(order=Order.OLDEST), limit=DECISIONS):
        decided = time.time()
        await flows.approvals.decide(CALLER, each.id, Ballot("send"))
        view = await flows.wait(CALLER, each.run_id)
        assert view.state is RunState.DONE
        assert view.result is not None
        found.append(view.result["at"] - decided)
    return found


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else NUMBER))
