"""A worker process for the tests that kill it: `python -m tests.core.flows.worker_process URL HOME NAME`.

Its workflow does a number of steps, each of which writes a line under a key of run and step, unless
it is there. `calls` counts how often a step was at it: once, but for those that a kill cut off.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.base.identity.caller import Caller
from stoa.base.settings import Settings
from stoa.core.flows.engine import Pace
from stoa.core.flows.flows import Flows, RunView

PACE = Pace(queue=0.05, watch=0.1, beat=0.2, dead_after=2.0, sweep=0.5, rest=0.1)

LINES = sa.Table(
    "line",
    sa.MetaData(),
    sa.Column("key", sa.String(80), primary_key=True),
    sa.Column("run_id", sa.String(40)),
    sa.Column("calls", sa.Integer),
)
CONCURRENCY = 4


class Line(BaseModel):
    step: int
    text: str


def register(flows: Flows, database: Database) -> None:
    """The workflow `lines`, payload `steps` and `seconds` per step; and `harm`, which kills its process."""

    async def line(run_id: str, step: int, seconds: float) -> Line:
        await asyncio.sleep(seconds / 2)
        await database.write(lambda s: _put(s, run_id, step), workspace=EVERY_WORKSPACE)
        await asyncio.sleep(seconds / 2)
        return Line(step=step, text=f"line {step}")

    async def work(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        total = 0
        for step in range(payload["steps"]):
            await flows.progress(run.id, f"step {step}", step, payload["steps"])
            written = await flows.step("line", line, run.id, step, payload["seconds"])
            total += written.step
        return {"total": total, "by": caller.name}

    async def harm(run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0.15)
        os.kill(os.getpid(), signal.SIGKILL)
        return {}

    flows.register("lines", work)
    flows.register("harm", harm)


def _put(session: Any, run_id: str, step: int) -> None:
    key = f"{run_id}.{step}"
    changed = session.execute(
        sa.update(LINES).where(LINES.c.key == key).values(calls=LINES.c.calls + 1)
    )
    if changed.rowcount == 0:
        session.execute(sa.insert(LINES).values(key=key, run_id=run_id, calls=1))


async def main(url: str, home: str, name: str) -> None:
    """Work until killed."""
    database = Database(url)
    settings = Settings.load(home=Path(home), executor_id=name, worker_concurrency=CONCURRENCY)
    flows = Flows(settings, database, pace=PACE)
    register(flows, database)
    await flows.launch()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
