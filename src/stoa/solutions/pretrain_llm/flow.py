"""Training, top to bottom: a recipe, its text, a job that a supervisor watches over. Read this first.

A run is durable twice. The run of the operation survives this house's processes: the job is found again
by its key. The job survives its own: the supervisor starts failed ranks again from the newest whole
checkpoint. A job that was stopped or gave up goes on with `resume`.
"""

import asyncio
from pathlib import Path
from typing import Any

from stoa.base.database import new_id
from stoa.base.errors import Conflict, InvalidInput
from stoa.compute.training.pretraining.layout import resolve
from stoa.compute.training.pretraining.recipe import Recipe, from_dict
from stoa.contract import Call
from stoa.core.jobs.folder import CHECKPOINTS
from stoa.core.jobs.job import JobLimits, JobView, Launch
from stoa.solutions.pretrain_llm import measures
from stoa.solutions.pretrain_llm.choosing import (
    changed,
    local,
    named_recipe,
    sent_recipe,
    with_sources,
)
from stoa.solutions.pretrain_llm.data import dataset_file, files_on_disk
from stoa.solutions.pretrain_llm.reading import MODULE, Seen, one_run
from stoa.solutions.pretrain_llm.schema import Resume, Stop, Stopped, Train, Trained

_GRACE = 90.0
"""Seconds for a checkpoint when a run is asked to stop."""
_SAME = ("steps", "tokens", "validation_loss", "spikes", "not_finite", "diverged", "alarms")
"""Of what a run says at its end, what does not depend on how fast the machine was."""


async def train(call: Call, request: Train) -> Trained:
    """Train a Llama-type model from a recipe, and show its loss while it learns.

    The recipe is named, or sent as TOML; values of it can be changed, and the text can be a file, a
    dataset added before, or what the recipe names. It runs on this machine, or on the nodes that an
    operator's recipe names, and goes on by itself after failures.
    """
    recipe = await _recipe(call, request)
    await asyncio.to_thread(check, recipe)
    title = request.title or recipe.name
    await call.progress(f"Starting {title}", 0, recipe.schedule.steps)
    return _trained(await _launched(call, recipe, title))


async def resume(call: Call, request: Resume) -> Trained:
    """Go on with a run that was stopped or failed, from its last whole checkpoint; with more steps or
    another rate, if you like."""
    before = await one_run(call, request.job)
    _check_resumable(before)
    recipe = changed(from_dict(before.recipe), request.change)
    await asyncio.to_thread(check, recipe)
    await call.progress(f"Going on with {before.title}", before.step, recipe.schedule.steps)
    return _trained(await _launched(call, recipe, before.title, goes_on_from=before.id))


async def stop(call: Call, request: Stop) -> Stopped:
    """Ask a run to save a checkpoint and to end. It can go on with resume."""
    seen = await one_run(call, request.job)
    if seen.job is None or seen.job.state.ended:
        raise Conflict("That run is not at work.", hint="See its state.")
    view = await call.platform.jobs.cancel(call.caller, seen.id)
    return Stopped(job=view.id, state=view.state.value)


def check(recipe: Recipe) -> None:
    """Refuse what can't be trained, before anything starts.

    Raises:
        InvalidInput: the layout does not divide the model, the batch or the processes.
    """
    grid = recipe.layout
    nodes = max(1, len(recipe.recovery.nodes) - recipe.recovery.spares)
    needed = grid.replicate * (grid.shard or 1) * grid.tensor
    processes = recipe.recovery.processes
    resolve(recipe, processes * nodes if processes else needed)


async def _recipe(call: Call, request: Train) -> Recipe:
    """The recipe that was asked for, whole, with every file on this machine."""
    settings = call.platform.settings
    text = request.toml
    if request.recipe_file is not None:
        path = (await files_on_disk(call, [request.recipe_file]))[0]
        text = await asyncio.to_thread(_read, path)
    recipe = (
        sent_recipe(text)
        if text
        else await asyncio.to_thread(named_recipe, settings, request.recipe)
    )
    recipe = changed(recipe, request.change)
    if request.data and request.dataset:
        raise InvalidInput("The text is given twice.", hint="Give data or dataset, not both.")
    if request.data:
        return with_sources(recipe, await files_on_disk(call, request.data), recipe.name)
    if request.dataset:
        return with_sources(recipe, [await dataset_file(call, request.dataset)], recipe.name)
    return await asyncio.to_thread(local, recipe, settings)


async def _launched(
    call: Call, recipe: Recipe, title: str, *, goes_on_from: str | None = None
) -> JobView:
    launch = Launch(
        module=MODULE,
        recipe=recipe.model_dump(mode="json"),
        title=title,
        launcher="local",  # the supervisor starts torchrun itself, on all nodes
        limits=JobLimits(grace=_GRACE),
        goes_on_from=goes_on_from,
    )
    # Outside of a run every call is another job; within one, the run's own is found again.
    name = "train" if call.run_id is not None else new_id("call")
    return await call.platform.jobs.within(call, name, launch)


def _trained(view: JobView) -> Trained:
    began, ended = view.started_at or view.created_at, view.ended_at
    values: dict[str, Any] = view.latest | view.metrics
    return Trained(
        job=view.id,
        title=view.title,
        recipe=str(view.recipe.get("name", "")),
        steps=view.done,
        loss=measures.number(values.get(measures.LOSS)),
        validation_loss=measures.number(values.get(measures.VALIDATION)),
        metrics={name: view.metrics[name] for name in _SAME if name in view.metrics},
        seconds=round((ended - began).total_seconds(), 3) if ended else 0.0,
    )


def _check_resumable(seen: Seen) -> None:
    if seen.job is None:
        raise InvalidInput("That run was trained elsewhere.", hint="Go on with it where it was.")
    if not seen.job.state.ended:
        raise Conflict("That run is still at work.", hint="Stop it first, or let it finish.")
    if seen.folder is None or not (seen.folder / CHECKPOINTS).is_dir():
        raise InvalidInput(
            "There is no checkpoint of that run on this machine.", hint="Train it anew."
        )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput("The recipe is not text.", hint="Send a TOML file.") from error
