"""A pipeline with a job in it, and a worker process for it that tests kill:
`python -m tests.core.pipelines.durable URL HOME NAME`.

Each step writes a line to `lines.txt` in the home when it is done, so that what was done twice shows.
"""

import asyncio
import sys
from pathlib import Path

from pydantic import BaseModel

from stoa.base.database import Database
from stoa.base.errors import InvalidInput
from stoa.core.jobs.job import Launch
from stoa.core.pipelines.pipeline import Pipeline, Step
from stoa.core.pipelines.step_call import StepCall
from tests.core.pipelines.conftest import Rooms, build_rooms


class Inputs(BaseModel):
    home: str
    names: list[str] = ["a", "b"]
    steps: int = 6
    seconds: float = 0.1


def note(home: str, line: str) -> None:
    """Write down that something was done."""
    with (Path(home) / "lines.txt").open("a") as file:
        file.write(line + "\n")


async def prepare(call: StepCall, home: str) -> str:
    note(home, "prepare")
    return home


async def train(call: StepCall, home: str, name: str, steps: int, seconds: float) -> float:
    recipe = {"steps": steps, "seconds": seconds}
    job = await call.job(Launch(module="tests.core.jobs.trainer", recipe=recipe, title=name))
    note(home, f"train {name}")
    return float(job.metrics["HR"])


async def approve(call: StepCall, scores: list[float]) -> str | None:
    decision = await call.ask_person(f"Use {max(scores)}?", choices=["approve", "reject"])
    return decision.choice


async def deploy(call: StepCall, home: str, choice: str) -> str:
    note(home, "deploy")
    if (Path(home) / "broken").exists():
        raise InvalidInput("It is broken.", hint="Mend it.")
    return choice


TRAINING = Step(
    train,
    {"home": "prepare", "name": "inputs.names", "steps": "inputs.steps", "seconds": "inputs.seconds"},
    over="name",
)  # fmt: skip
PLAIN = Pipeline("plain", Inputs, (Step(prepare, {"home": "inputs.home"}), TRAINING))
WHOLE = Pipeline(
    "whole",
    Inputs,
    (
        Step(prepare, {"home": "inputs.home"}),
        TRAINING,
        Step(approve, {"scores": "train"}),
        Step(deploy, {"home": "prepare", "choice": "approve"}, cache=False),
    ),
)


def register(rooms: Rooms) -> None:
    """Make both pipelines startable."""
    rooms.register(PLAIN)
    rooms.register(WHOLE)


async def main(url: str, home: str, name: str) -> None:
    """Work until killed."""
    rooms = build_rooms(Database(url), Path(home), name)
    register(rooms)
    await rooms.flows.launch()
    await rooms.jobs.launch()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
