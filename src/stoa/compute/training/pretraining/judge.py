"""The process that judges checkpoints: `python -m stoa.compute.training.pretraining.judge --folder F`.

It takes the weights of some checkpoints of a run, one after the other, as Hugging Face models, and lets
lm-evaluation-harness ask them tasks that need no network: those in a folder, not the harness' own, which
it would fetch. `recipe.json` is a `JudgeRecipe`; a metric line a checkpoint comes out, and all scores in
the result's details.
"""

import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import torch
from pydantic import BaseModel, Field
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.state_dict_loader import load as read_tensors
from transformers import LlamaForCausalLM

from stoa.base.errors import InvalidInput, SetupError
from stoa.compute.training.pretraining import build, sharding, weights
from stoa.compute.training.pretraining.data.prepare import prepare
from stoa.compute.training.pretraining.data.vocabulary import Vocabulary
from stoa.compute.training.pretraining.layout import resolve
from stoa.compute.training.pretraining.recipe import Recipe
from stoa.compute.training.pretraining.shelf import open_shelf
from stoa.core.jobs.folder import RunFolder, work_in_folder

METRICS: Final = ("acc", "exact_match", "bits_per_byte", "word_perplexity")
"""The one metric of a task that is shown: the first of these that it has."""


_RESAMPLED = 100
"""Times that examples are drawn anew for a standard error that has no formula."""


class JudgeRecipe(BaseModel):
    """What to judge."""

    run: str
    """The run folder of the training."""
    recipe: Recipe
    """Its recipe."""
    tasks: list[str] = []
    """Names; none: all in the folder."""
    folder: str
    """Tasks as the harness reads them: YAML files, with their examples beside them."""
    checkpoints: int = Field(3, ge=1)
    examples: int | None = None


def main() -> int:
    """Judge. Returns the exit code."""
    return work_in_folder(
        lambda folder: _judge(folder, JudgeRecipe.model_validate(folder.recipe()))
    )


def _judge(folder: RunFolder, asked: JudgeRecipe) -> None:
    harness = _harness(folder, Path(asked.folder), asked.tasks)
    steps = chosen(open_shelf(*_shelf(asked)).steps(), asked.checkpoints)
    if not steps:
        raise InvalidInput("The run has no whole checkpoint.", hint="Train it further first.")
    vocabulary = prepare(asked.recipe.data, _data(asked)).vocabulary
    judged: list[dict[str, Any]] = []
    for place, step in enumerate(steps):
        folder.progress(f"Checkpoint of step {step:,}", place, len(steps))
        with tempfile.TemporaryDirectory() as name:
            model = _model(asked, step, vocabulary, Path(name))
            scores = harness.scores(model, vocabulary, asked.examples)
        folder.metric(step, **{each["task"]: each["value"] for each in scores})
        tokens = step * asked.recipe.tokens_per_step
        judged.append({"step": step, "tokens": tokens, "scores": scores})
    last = {each["task"]: each["value"] for each in judged[-1]["scores"]}
    folder.progress("Judged", len(steps), len(steps))
    folder.finish(last, {"checkpoints": judged, "harness": harness.name})


def chosen(steps: list[int], count: int) -> list[int]:
    """So many of the steps, spread evenly, the last always one of them."""
    if len(steps) <= count:
        return steps
    if count == 1:
        return steps[-1:]
    width = (len(steps) - 1) / (count - 1)
    return [steps[round(place * width)] for place in range(count)]


def _shelf(asked: JudgeRecipe) -> tuple[Path, str | None]:
    return Path(asked.run) / "checkpoints", asked.recipe.checkpoints.to


def _data(asked: JudgeRecipe) -> Path:
    named = asked.recipe.data.folder
    return Path(named) if named else Path(asked.run) / "data"


def _model(
    asked: JudgeRecipe, step: int, vocabulary: Vocabulary, scratch: Path
) -> LlamaForCausalLM:
    """The weights of a checkpoint, whatever layout wrote them, as transformers reads them."""
    alone = asked.recipe.with_changes(
        {"layout": {}, "model.start_from": None, "efficiency.compile": False}
    )
    rows = build.padded(alone, vocabulary.size)
    model, _ = build.build(alone, resolve(alone, 1, rows), sharding.join(), rows)
    names = {f"model.{name}": each.detach() for name, each in model.named_parameters()}
    shelf = open_shelf(*_shelf(asked))
    read_tensors(dict(names), storage_reader=FileSystemReader(shelf.fetch(step)), no_dist=True)
    shelf.release(step)
    weights.save(
        scratch, build.whole_weights(model, keep=True), build.config_of(alone, rows), model.dtype
    )
    found: LlamaForCausalLM = LlamaForCausalLM.from_pretrained(scratch, dtype=torch.float32)
    found.train(False)
    return found.to(torch.device("cuda" if torch.cuda.is_available() else "cpu"))


class _Harness:
    """lm-evaluation-harness with a folder of tasks."""

    def __init__(self, folder: Path, tasks: list[str]) -> None:
        from lm_eval.tasks import TaskManager  # noqa: PLC0415 - an optional part

        self._manager = TaskManager(include_path=str(folder), include_defaults=False)
        known = list(self._manager.all_tasks)
        unknown = [each for each in tasks if each not in known]
        if unknown:
            raise InvalidInput(
                f"There is no task '{unknown[0]}'.", hint=f"There are: {', '.join(sorted(known))}."
            )
        self._tasks = tasks or sorted(known)
        self.name = f"lm-evaluation-harness {version('lm_eval')}"

    def scores(
        self, model: LlamaForCausalLM, vocabulary: Vocabulary, examples: int | None
    ) -> list[dict[str, Any]]:
        """One value a task, with its standard error and what guessing reaches."""
        from lm_eval.evaluator import simple_evaluate  # noqa: PLC0415 - an optional part

        from stoa.compute.training.pretraining.judged_model import (  # noqa: PLC0415 - needs it too
            JudgedModel,
        )

        judged = JudgedModel(model, vocabulary)
        found = simple_evaluate(
            judged, tasks=self._tasks, task_manager=self._manager, limit=examples,
            bootstrap_iters=_RESAMPLED, log_samples=False,
        )  # fmt: skip
        return [
            _score(name, found["results"][name], found["configs"][name]) for name in self._tasks
        ]


def _harness(folder: RunFolder, tasks: Path, names: list[str]) -> _Harness:
    # Set before `datasets` is imported: nothing is asked of any network, nothing kept outside the folder.
    os.environ |= {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HOME": str(folder.path / "cache"),
        "TQDM_DISABLE": "1",
    }
    os.chdir(tasks)  # where the examples lie that the tasks name
    try:
        return _Harness(tasks, names)
    except ModuleNotFoundError as error:
        raise SetupError(
            f"Evaluation needs lm-evaluation-harness: {error.name} is missing.",
            hint="Install stoa[lm-evaluation].",
        ) from error


def _score(task: str, found: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    values = {name.split(",")[0]: value for name, value in found.items()}
    metric = next(name for name in METRICS if name in values)
    error = values.get(f"{metric}_stderr")
    chance = (config.get("metadata") or {}).get("chance")
    return {
        "task": task,
        "metric": metric,
        "value": float(values[metric]),
        "error": float(error) if isinstance(error, float) else None,
        "chance": float(chance) if chance is not None else None,
    }


if __name__ == "__main__":
    sys.exit(main())
