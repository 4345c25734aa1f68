"""Judges intermediate checkpoints of a run, as a pipeline: which ones, then the harness, then the table.

lm-evaluation-harness asks tasks that need no network; those in `tasks/` were written for this project,
and an operator's own lie in `{home}/tasks`. It runs as a job: nothing of it is imported here.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from stoa.base.errors import InvalidInput
from stoa.contract import Call
from stoa.core.jobs.folder import CHECKPOINTS
from stoa.core.jobs.job import JobView, Launch
from stoa.core.pipelines.pipeline import Pipeline, Step
from stoa.core.pipelines.step_call import StepCall
from stoa.solutions.pretrain_llm.reading import one_run
from stoa.solutions.pretrain_llm.schema import Evaluate, Evaluation, Judged

MODULE = "stoa.compute.training.pretraining.judge"
_TASKS = Path(__file__).parent / "tasks"


class Inputs(BaseModel):
    """What the pipeline is given."""

    title: str
    recipe: dict[str, Any]
    """Of the judging process."""


async def judge(step: StepCall, title: str, recipe: dict[str, Any]) -> dict[str, Any]:
    """The harness, over the checkpoints."""
    done: JobView = await step.job(
        Launch(module=MODULE, recipe=recipe, title=title, launcher="local")
    )
    return done.details


async def tabulate(step: StepCall, judged: dict[str, Any]) -> list[Judged]:
    """Scores by checkpoint, in the order of their tokens."""
    found = [Judged.model_validate(each) for each in judged["checkpoints"]]
    return sorted(found, key=lambda each: each.tokens)


EVALUATION = Pipeline(
    "evaluate_checkpoints",
    inputs=Inputs,
    title="Evaluate checkpoints",
    steps=(
        Step(judge, {"title": "inputs.title", "recipe": "inputs.recipe"}, cache=False),
        Step(tabulate, {"judged": "judge"}, cache=False),
    ),
)


async def evaluate(call: Call, request: Evaluate) -> Evaluation:
    """Judge a run's intermediate checkpoints with lm-evaluation-harness, on tasks that need no network:
    a table, and curves over the tokens they had seen."""
    seen = await one_run(call, request.job)
    if seen.folder is None or not (seen.folder / CHECKPOINTS).is_dir():
        raise InvalidInput(
            "The checkpoints of that run are not on this machine.", hint="Train it here first."
        )
    own = call.platform.settings.home.resolve() / "tasks"
    recipe = {
        "run": str(seen.folder),
        "recipe": seen.recipe,
        "tasks": request.tasks,
        "folder": str(own if own.is_dir() else _TASKS),
        "checkpoints": request.checkpoints,
        "examples": request.examples,
    }
    inputs = Inputs(title=f"Evaluation of {seen.title}", recipe=recipe)
    found = await call.platform.pipelines.run(call, EVALUATION, inputs)
    judged, table = found["judge"], found["tabulate"]
    return Evaluation(
        job=seen.id,
        checkpoints=[Judged.model_validate(each) for each in table],
        harness=judged["harness"],
    )
