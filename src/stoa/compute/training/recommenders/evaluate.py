"""Judges a model trained before on data prepared now: `… .evaluate --folder <run folder>`.

Model and data may be of different days, so users and items are matched by their outside names. A user
the model does not know is scored from what the data says they had; an item it does not know ranks last.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from stoa.compute.networks.recommenders.artefact import MODEL, load_ids, load_model
from stoa.compute.networks.recommenders.interactions import Ids
from stoa.compute.networks.recommenders.recommender import Recommender
from stoa.compute.training.recommenders.judging import HeldOut, are_tied, figures, ranks_of
from stoa.compute.training.recommenders.preparing.prepared import Prepared, open_prepared
from stoa.core.jobs.folder import RunFolder, work_in_folder
from stoa.core.jobs.recipe import make_recipe


class EvaluateRecipe(BaseModel):
    """A model's folder and prepared data."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: str
    model: str
    top_k: int = Field(10, ge=1, le=1000)


def main() -> int:
    """Work on the run folder of the command line. Returns the exit code."""
    return work_in_folder(lambda run: evaluate(run, make_recipe(EvaluateRecipe, run.recipe())))


def evaluate(run: RunFolder, recipe: EvaluateRecipe) -> None:
    """Figures on both splits, under the names that training gives them.

    Raises:
        InvalidInput: model or data can't be read.
    """
    folder = Path(recipe.model)
    folder = folder if (folder / MODEL).is_file() else folder / "model"
    model, ids = load_model(folder), load_ids(folder)
    prepared = open_prepared(Path(recipe.data))
    metrics = {"judged": float(len(prepared.test))}
    for prefix, held_out in (("validation_", prepared.validation), ("", prepared.test)):
        run.progress("Judging", 0, 1)
        if len(held_out):
            judged = figures(*judged_by_name(model, ids, prepared, held_out), recipe.top_k)
            metrics |= {f"{prefix}{name}": value for name, value in judged.items()}
    if "hr" in metrics:
        print(f"HR={metrics['hr']:.4f}; NDCG={metrics['ndcg']:.4f};", flush=True)
    run.finish(metrics, {"kind": model.kind})


def judged_by_name(
    model: Recommender, ids: Ids, prepared: Prepared, held_out: HeldOut
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Rank of each held-out item, and which lists are tied, for a model with ids of its own.

    What serves is the bar for what may replace it, so a list that it can't order is a miss: by the
    protocol it would be a hit, and a model that knows nothing here could never be replaced.
    """
    users = _places(prepared.ids.users, ids.users)
    items = _places(prepared.ids.items, ids.items)
    found = np.empty(len(held_out), np.int64)
    tied = np.empty(len(held_out), np.bool_)
    for row, user in enumerate(held_out.users):
        wanted = np.concatenate([held_out.items[row, None], held_out.negatives[row]])
        places = np.where(wanted >= 0, items[wanted], -1)
        known = np.maximum(places, 0)
        if users[user] >= 0:
            scores = model.score(int(users[user]), known)
        else:
            history = items[prepared.train.of(int(user))]
            scores = model.score_history(history[history >= 0], known)
        scores = np.where(places >= 0, scores, -np.inf).astype(np.float32)
        negatives = held_out.negatives[row][None, :]
        found[row] = ranks_of(scores[None, :], negatives)[0]
        tied[row] = are_tied(scores[None, :], held_out.items[row][None], negatives)[0]
        if places[0] < 0 or tied[row]:  # what can't be offered is no hit either
            found[row] = len(wanted)
    return found, tied


def _places(names: tuple[str, ...], known: tuple[str, ...]) -> NDArray[np.int64]:
    """For each name its place among the known ones, -1 where it is not."""
    place = {name: number for number, name in enumerate(known)}
    return np.array([place.get(name, -1) for name in names], np.int64)


if __name__ == "__main__":
    sys.exit(main())
