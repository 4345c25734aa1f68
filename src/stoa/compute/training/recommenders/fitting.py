"""One way in for every kind of model: a recipe and data go in, a fitted model comes out.

Whatever is chosen (epochs, a blend's weights) is chosen on what was held out of the training data. What
was chosen comes back as a recipe, so that the same can be fitted again on all training data.
"""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from stoa.base.errors import InvalidInput
from stoa.compute.networks.recommenders.artefact import MODEL, load_model, save_model
from stoa.compute.networks.recommenders.blend import Blend, standardised
from stoa.compute.networks.recommenders.interactions import Ids, Interactions
from stoa.compute.networks.recommenders.recommender import Factors, Recommender
from stoa.compute.training.recommenders.closed_form import (
    count_popularity,
    find_neighbours,
    solve_ease,
)
from stoa.compute.training.recommenders.ials import alternate, first_factors
from stoa.compute.training.recommenders.judging import (
    HeldOut,
    candidate_scores,
    gain,
    ranks_of,
)
from stoa.compute.training.recommenders.recipes import (
    BlendRecipe,
    EaseRecipe,
    IalsRecipe,
    ItemKnnRecipe,
    ModelRecipe,
    NeuralRecipe,
    PopularityRecipe,
    SingleRecipe,
)

Told = Callable[[str, int, int, dict[str, float]], None]
"""Called after each epoch with what is trained, the epoch, of how many, and its figures."""


@dataclass(frozen=True)
class Data:
    """What a model may learn from, and what it is chosen by."""

    train: Interactions
    validation: HeldOut | None
    seed: int


@dataclass(frozen=True)
class Fitted:
    """A model, and the recipe that makes it without choosing again."""

    model: Recommender
    chosen: ModelRecipe


def fit(recipe: ModelRecipe, data: Data, checkpoints: Path, told: Told) -> Fitted:
    """Fit the model that the recipe describes; goes on from what is in `checkpoints`.

    Raises:
        InvalidInput: no interactions, a catalogue too large for the model, or training diverged.
    """
    if not len(data.train):
        raise InvalidInput("There is nothing to train on.", hint="Bring interactions first.")
    if isinstance(recipe, BlendRecipe):
        return _fit_blend(recipe, data, checkpoints, told)
    return _fit_single(recipe, data, checkpoints, told)


def _fit_single(recipe: SingleRecipe, data: Data, checkpoints: Path, told: Told) -> Fitted:
    if isinstance(recipe, NeuralRecipe):
        return _fit_neural(recipe, data, checkpoints, told)
    model: Recommender
    if isinstance(recipe, IalsRecipe):
        model = _fit_ials(recipe, data, checkpoints, told)
    elif isinstance(recipe, EaseRecipe):
        model = solve_ease(recipe, data.train)
    elif isinstance(recipe, ItemKnnRecipe):
        model = find_neighbours(recipe, data.train)
    else:
        assert isinstance(recipe, PopularityRecipe)
        model = count_popularity(data.train)
    return Fitted(model, recipe)


def _fit_neural(recipe: NeuralRecipe, data: Data, checkpoints: Path, told: Told) -> Fitted:
    # Only here: torch takes longer to load than the closed forms take to solve.
    from stoa.compute.training.recommenders.neural_training import (  # noqa: PLC0415
        NeuralTraining,
    )

    training = NeuralTraining(
        recipe,
        data.train,
        data.validation,
        seed=data.seed,
        checkpoint=checkpoints / "neural.safetensors",
        told=lambda phase, epoch, figures: told(phase, epoch, training.epochs(phase), figures),
    )
    model, best_epoch = training.run()
    return Fitted(model, recipe.model_copy(update={"epochs": best_epoch, "patience": 0}))


def _fit_ials(recipe: IalsRecipe, data: Data, checkpoints: Path, told: Told) -> Recommender:
    kept = checkpoints / "ials.safetensors"
    start, done = first_factors(recipe, data.train, data.seed), 0
    if kept.exists():
        found = load_file(kept)
        start, done = Factors(found["users"], found["items"]), int(found["epoch"][0])

    def watch(epoch: int, factors: Factors) -> None:
        checkpoints.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial")
        save_file({**factors._asdict(), "epoch": np.array([epoch])}, partial)
        partial.replace(kept)
        told("ials", epoch, recipe.epochs, {})

    return alternate(recipe, data.train, start, done=done, watch=watch)


def _fit_blend(recipe: BlendRecipe, data: Data, checkpoints: Path, told: Told) -> Fitted:
    fitted = [
        _kept(part, data, checkpoints / f"part-{number}", told)
        for number, part in enumerate(recipe.parts)
    ]
    models = [each.model for each in fitted]
    weights = list(recipe.weights)
    if not weights:
        weights = choose_weights(models, data.validation, recipe.steps)
    chosen = recipe.model_copy(
        update={"parts": tuple(each.chosen for each in fitted), "weights": tuple(weights)}
    )
    return Fitted(Blend(data.train, models, weights), chosen)


def _kept(recipe: SingleRecipe, data: Data, folder: Path, told: Told) -> Fitted:
    """A part that was finished before a kill is not trained again."""
    if (folder / "model" / MODEL).exists():
        chosen = json.loads((folder / "chosen.json").read_text(encoding="utf-8"))
        return Fitted(load_model(folder / "model"), type(recipe).model_validate(chosen))
    fitted = _fit_single(recipe, data, folder, told)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "chosen.json").write_text(fitted.chosen.model_dump_json(), encoding="utf-8")
    save_model(fitted.model, folder / "model", ids=Ids((), ()))
    return fitted


def choose_weights(models: list[Recommender], held_out: HeldOut | None, steps: int) -> list[float]:
    """Weights, multiples of 1 / steps that sum to 1, with the best NDCG@10 on what was held out.

    Equal where nothing was. Of equally good ones the most even, so that chance decides nothing.
    """
    even = [1 / len(models)] * len(models)
    if held_out is None or not len(held_out):
        return even
    whole = slice(0, len(held_out))
    scores = [standardised(candidate_scores(each, held_out, whole)) for each in models]
    best, chosen = -1.0, even
    for weights in sorted(_simplex(len(models), steps), key=lambda each: sum(w * w for w in each)):
        found = gain(ranks_of(_weighed(scores, weights), held_out.negatives), 10)
        if found > best:
            best, chosen = found, list(weights)
    return chosen


def _weighed(scores: list[NDArray[np.float32]], weights: tuple[float, ...]) -> NDArray[np.float32]:
    total = np.zeros_like(scores[0])
    for each, weight in zip(scores, weights, strict=True):
        total += np.float32(weight) * each
    return total


def _simplex(parts: int, steps: int) -> list[tuple[float, ...]]:
    cuts = itertools.combinations_with_replacement(range(steps + 1), parts - 1)
    return [tuple((b - a) / steps for a, b in itertools.pairwise((0, *cut, steps))) for cut in cuts]
