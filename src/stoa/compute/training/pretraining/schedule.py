"""The learning rate of a step: linear warm-up, cosine (or line) down, then level at the floor."""

import math

from stoa.compute.training.pretraining.recipe import Recipe


def rate(recipe: Recipe, step: int) -> float:
    """Learning rate of step `step`, counted from 0.

    The first step already moves (1 / (warmup + 1) of the full rate), step `warmup` is the first at the full
    rate, and from step `decay` on it is the floor.
    """
    plan = recipe.schedule
    full = recipe.optimiser.rate
    if step < plan.warmup:
        return full * (step + 1) / (plan.warmup + 1)
    if plan.shape == "constant":
        return full
    last = plan.decay if plan.decay is not None else plan.steps
    gone = min(1.0, (step - plan.warmup) / max(1, last - plan.warmup))
    left = 0.5 * (1 + math.cos(math.pi * gone)) if plan.shape == "cosine" else 1 - gone
    return full * (plan.floor + (1 - plan.floor) * left)
