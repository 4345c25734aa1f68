"""Durable work: how fast, and against what the bare database can commit. `python -m benchmarks.flows`.

In one run and on one machine: steps and runs per second of one worker, the time from `start` to the
result, and from a person's decision to the resumed step. The peer is the same database doing nothing
but one small commit after another: a step can't be cheaper than the commits that make it durable.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import quantiles
from typing import Any

import sqlalchemy as sa
from tests.postgres import running_server

from benchmarks.results import record
from stoa.base.database import EVERY_WORKSPACE, Database, now
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.tables import Workspace
from stoa.base.settings import Settings
from stoa.core.flows.approval_rows import Ballot
from stoa.core.flows.flows import Flows, RunState, RunView
from stoa.wiring import migration_folders, solutions

CALLER = Caller("bench", "user_bench", Role.OWNER, "Bench")
RUNS, STEPS, SINGLE, DECISIONS, COMMITS = 40, 10, 60, 40, 400
LIMIT_MS = 200.0
"""From a decision to the resumed step, at the median."""
PROBE = sa.Table(
    "probe", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("at", sa.Float)
)


async def main() -> None:
    """SQLite, then PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="stoa-bench-", dir="/tmp") as folder:
        await measure("SQLite", f"sqlite:///{folder}/bench.sqlite", Path(folder))
        server = Path(folder) / "postgres"
        server.mkdir()
        with running_server(server) as url:
            await measure("PostgreSQL", url, Path(folder))


async def measure(name: str, url: str, home: Path) -> None:
    """All figures on one database."""
    database = Database(url)
    solutions()
    database.migrate(migration_folders())
    database.write_now(
        lambda s: s.add(Workspace(id="bench", name="Bench", created_at=now())),
        workspace=EVERY_WORKSPACE,
    )
    commits = commit_rate(database)
    async with launched(database, home) as flows:
        runs, steps = await throughput(flows)
        start = await start_to_result(flows)
        decide = await decide_to_resumed(flows)
    database.close()
    peer = f"{name}, bare commits"
    record(f"flows {name}: recorded steps a second", steps, "", peer, commits)
    record(f"flows {name}: runs of {STEPS} steps a second", runs, "", peer, commits)
    for what, times in (("start to result", start), ("decision to resumed step", decide)):
        cuts = quantiles(times, n=100)
        record(f"flows {name}: {what} p50", 1000 * cuts[49], "ms", peer, 1000 / commits)
        record(f"flows {name}: {what} p99", 1000 * cuts[98], "ms", peer, 1000 / commits)
    resumed = 1000 * quantiles(decide, n=100)[49]
    record(f"flows {name}: decision → resumed p50", resumed, "ms", "limit", LIMIT_MS)


def commit_rate(database: Database) -> float:
    """Small commits per second, one after another, through the same engine."""
    PROBE.create(database.engine)
    started = time.perf_counter()
    for number in range(COMMITS):
        database.write_now(
            lambda s, n=number: s.execute(sa.insert(PROBE).values(id=n, at=time.time())),  # type: ignore[misc]
            workspace=EVERY_WORKSPACE,
        )
    return COMMITS / (time.perf_counter() - started)


@contextlib.asynccontextmanager
async def launched(database: Database, home: Path) -> AsyncIterator[Flows]:
    """A worker with the workflows that are measured."""
    flows = Flows(Settings.load(home=home, worker_concurrency=8), database)

    async def add(number: int) -> int:
        return number + 1

    async def count(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        number = 0
        for _ in range(payload["steps"]):
            number = await flows.step("add", add, number)
        return {"number": number}

    async def ask(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        await flows.ask_person(run.id, question="Go on?", choices=["yes"])
        return {"at": await flows.step("clock", clock)}

    async def clock() -> float:
        return time.time()

    flows.register("count", count)
    flows.register("ask", ask)
    await flows.launch()
    yield flows
    await flows.close()


async def begin(flows: Flows, workflow: str, **payload: Any) -> str:
    """A new run."""
    return await flows.start(
        workflow, caller=CALLER, solution="bench", operation=workflow, payload=payload
    )


async def throughput(flows: Flows) -> tuple[float, float]:
    """Runs and steps per second of one worker with eight places."""
    started = time.perf_counter()
    ids = [await begin(flows, "count", steps=STEPS) for _ in range(RUNS)]
    await asyncio.gather(*(flows.wait(CALLER, run_id) for run_id in ids))
    seconds = time.perf_counter() - started
    return RUNS / seconds, RUNS * STEPS / seconds


async def start_to_result(flows: Flows) -> list[float]:
    """Seconds from `start` to the result of a run of one step, on an idle worker."""
    times = []
    for _ in range(SINGLE):
        started = time.perf_counter()
        await flows.wait(CALLER, await begin(flows, "count", steps=1))
        times.append(time.perf_counter() - started)
    return times


async def decide_to_resumed(flows: Flows) -> list[float]:
    """Seconds from `decide` to the first step after it."""
    times = []
    for _ in range(DECISIONS):
        run_id = await begin(flows, "ask")
        async for event in flows.events(CALLER, run_id):
            if event.data.get("state") == RunState.WAITING:
                break
        decided = time.time()
        await flows.approvals.decide(CALLER, event.data["approval"], Ballot("yes"))
        view = await flows.wait(CALLER, run_id)
        assert view.result is not None
        times.append(view.result["at"] - decided)
    return times


if __name__ == "__main__":
    asyncio.run(main())
