"""Runs as people look at them: in a list, one in full, some beside each other."""

import asyncio
from collections.abc import Sequence
from typing import Any

from stoa.base.settings import Settings
from stoa.compute.training.pretraining.recipe import Recipe
from stoa.contract import Call
from stoa.core.jobs.job import Curve as Measured
from stoa.solutions.pretrain_llm import measures
from stoa.solutions.pretrain_llm.choosing import (
    about,
    differences,
    greatest_vocabulary,
    named_recipe,
    recipe_names,
    recipe_text,
)
from stoa.solutions.pretrain_llm.planning import shape_of
from stoa.solutions.pretrain_llm.reading import Seen, curves_of, every_run, log_of, one_run, typed
from stoa.solutions.pretrain_llm.schema import (
    Compare,
    Compared,
    Curve,
    RecipeList,
    Recipes,
    RecipeView,
    RunList,
    Runs,
    RunView,
    ShowRun,
    Spike,
)

_POINTS = 500
_EVERY_POINT = 100_000
_OF_SPIKES = (measures.SPIKE, measures.NORM, measures.NORM_MEAN)
_MOST_SPIKES = 200


async def recipes(call: Call, request: Recipes) -> RecipeList:
    """Which recipes there are: what comes with Stoa, and what the operator put beside it."""
    settings = call.platform.settings
    return await asyncio.to_thread(_recipes, settings)


def _recipes(settings: Settings) -> RecipeList:
    found = []
    for name in recipe_names(settings):
        text, recipe = recipe_text(settings, name), named_recipe(settings, name)
        shape = shape_of(recipe)
        found.append(
            RecipeView(
                name=name,
                about=about(text),
                parameters=shape.parameters,
                steps=recipe.schedule.steps,
                tokens=recipe.schedule.steps * recipe.tokens_per_step,
                toml=recipe.to_toml(),
            )
        )
    return RecipeList(recipes=found)


async def runs(call: Call, request: Runs) -> RunList:
    """Training runs of the workspace, newest first: where they stand, and their newest figures."""
    return RunList(runs=[each.row() for each in await every_run(call, request.limit)])


async def show_run(call: Call, request: ShowRun) -> RunView:
    """One run: its curves, spikes, alarms, throughput, MFU by both conventions, and where its time
    went."""
    seen = await one_run(call, request.job)
    found = await curves_of(call, seen, request.curves or None, most=_POINTS)
    spikes = spikes_of(await curves_of(call, seen, _OF_SPIKES, most=_EVERY_POINT))
    recipe = typed(seen.recipe)
    return RunView(
        run=seen.row(),
        curves=[_curve(each) for each in found],
        spikes=spikes[:_MOST_SPIKES],
        one_step_spikes=_one_step(seen, spikes),
        alarms=_alarms(seen, recipe),
        mfu_attention=seen.value(measures.MFU_ATTENTION),
        ledger={name: round(each, 3) for name, each in _ledger(seen).items()},
        failures=seen.booked.failures if seen.booked else 0,
        parameters=_parameters(seen),
        log=await log_of(call, seen),
        error=seen.error,
        toml=recipe.to_toml() if recipe is not None else "",
    )


async def compare(call: Call, request: Compare) -> Compared:
    """Runs beside each other: one measure over steps, tokens or seconds, and how recipes differ."""
    found = [await one_run(call, each) for each in dict.fromkeys(request.jobs)]
    drawn = []
    for seen in found:
        wanted = [request.metric, measures.TOKENS]
        measured = await curves_of(call, seen, wanted, most=_POINTS)
        drawn.append(Curve(name=seen.title, points=_over(seen, measured, request)))
    return Compared(
        runs=[each.row() for each in found],
        curves=drawn,
        differences=differences([each.recipe for each in found]),
    )


def spikes_of(measured: Sequence[Measured]) -> list[Spike]:
    """Steps that the watch of the run called spikes, neighbours taken together.

    The rule of the source: a gradient norm beyond the mean of the 20 steps before by more than 0.1.
    """
    by_name = {each.name: {point.step: point.value for point in each.points} for each in measured}
    norms, means = by_name.get(measures.NORM, {}), by_name.get(measures.NORM_MEAN, {})
    found: list[Spike] = []
    for step in sorted(step for step, told in by_name.get(measures.SPIKE, {}).items() if told):
        if found and step == found[-1].step + found[-1].steps:
            found[-1] = found[-1].model_copy(update={"steps": found[-1].steps + 1})
        else:
            norm, mean = norms.get(step, 0.0), means.get(step, 0.0)
            found.append(Spike(step=step, norm=round(norm, 6), mean=round(mean, 6), steps=1))
    return found


def _one_step(seen: Seen, spikes: Sequence[Spike]) -> float | None:
    told = seen.value("one_step_spike_share")
    if told is not None:
        return told if seen.value("spikes") else None
    return sum(each.steps == 1 for each in spikes) / len(spikes) if spikes else None


def _alarms(seen: Seen, recipe: Recipe | None) -> list[str]:
    """What the watch over the run counted, in words."""
    beyond = "far above" if recipe is None else f"beyond {recipe.stability.alarm:g} times"
    words = {
        "alarms": f"The mean of the gradient norm grew {beyond} its lowest",
        "not_finite": "Loss or gradient was no finite number",
        "diverged": "The loss was far above its lowest",
    }
    counted = {name: int(seen.value(name) or 0) for name in words}
    return [
        f"{words[name]}: {'once' if count == 1 else f'{count} times'}."
        for name, count in counted.items()
        if count
    ]


def _ledger(seen: Seen) -> dict[str, float]:
    if seen.booked is not None and seen.booked.wall:
        return {str(name): seconds for name, seconds in seen.booked.seconds.items()}
    told = seen.details.get("ledger")
    if not isinstance(told, dict):
        return {}
    return {
        str(name): float(value)
        for name, value in told.items()
        if measures.number(value) is not None
    }


def _parameters(seen: Seen) -> int | None:
    told = measures.number(seen.details.get("parameters")) or measures.number(
        seen.result.get("parameters")
    )
    if told is not None:
        return int(told)
    recipe = typed(seen.recipe)
    known = recipe is not None and (recipe.model.vocabulary or greatest_vocabulary(recipe))
    return shape_of(recipe).parameters if recipe is not None and known else None


def _curve(found: Measured) -> Curve:
    return Curve(name=found.name, points=[(each.step, each.value) for each in found.points])


def _over(seen: Seen, measured: Sequence[Measured], request: Compare) -> list[tuple[int, float]]:
    """The points of the wanted measure, over what was asked."""
    by_name = {each.name: each.points for each in measured}
    points = by_name.get(request.metric, [])
    if request.over == "seconds":
        first = points[0].time if points else 0.0
        return [(round(each.time - first), each.value) for each in points]
    if request.over == "tokens":
        each_step = _tokens_a_step(seen.recipe)
        return [(each.step * each_step, each.value) for each in points]
    return [(each.step, each.value) for each in points]


def _tokens_a_step(recipe: dict[str, Any]) -> int:
    found = typed(recipe)
    return found.tokens_per_step if found is not None else 1
