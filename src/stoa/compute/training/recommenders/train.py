"""Trains one model: `python -m stoa.compute.training.recommenders.train --folder <run folder>`.

The recipe names prepared data and a model. The outcome is `artefacts/model/`, plain files that serving
reads, and figures on the test split, on which nothing was chosen.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from stoa.compute.networks.recommenders.artefact import save_model
from stoa.compute.networks.recommenders.recommender import Recommender
from stoa.compute.serving.top_n import keep_lists
from stoa.compute.training.recommenders.fitting import Data, fit
from stoa.compute.training.recommenders.judging import HeldOut, coverage, judge
from stoa.compute.training.recommenders.preparing.prepared import Prepared, open_prepared
from stoa.compute.training.recommenders.recipes import EaseRecipe, ModelRecipe
from stoa.core.jobs.folder import RunFolder, work_in_folder
from stoa.core.jobs.recipe import make_recipe

_COVERAGE_USERS = 1000
_COVERAGE_SCORES = 50_000_000  # bounds what coverage costs on a large catalogue


class TrainRecipe(BaseModel):
    """Data, model, and how the model is judged."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: str = Field(description="Folder of prepared data")
    model: ModelRecipe = EaseRecipe()
    seed: int = Field(1, ge=0)
    top_k: int = Field(10, ge=1, le=1000)
    refit: bool = Field(
        False, description="Once all is chosen, fit again with the validation items in training"
    )


def main() -> int:
    """Work on the run folder of the command line. Returns the exit code."""
    return work_in_folder(lambda run: train(run, make_recipe(TrainRecipe, run.recipe())))


def train(run: RunFolder, recipe: TrainRecipe) -> None:
    """Fit, judge, save, tell.

    Raises:
        InvalidInput: the data or the recipe can't be used, or training diverged.
    """
    prepared = open_prepared(Path(recipe.data))
    teller = _Teller(run)
    data = Data(prepared.train, prepared.validation, recipe.seed)
    fitted = fit(recipe.model, data, run.checkpoints / "fit", teller.epoch)
    metrics = {
        f"validation_{name}": value
        for name, value in _judged(fitted.model, prepared.validation, recipe.top_k).items()
    }
    if recipe.refit and len(prepared.validation):
        data = Data(prepared.complete(), None, recipe.seed)
        fitted = fit(fitted.chosen, data, run.checkpoints / "refit", teller.epoch)
    model = fitted.model
    metrics.update(teller.last)
    metrics.update(_judged(model, prepared.test, recipe.top_k))
    metrics["judged"] = float(len(prepared.test))
    metrics["coverage"] = coverage(model, _some_users(prepared), recipe.top_k)
    folder = run.artefacts / "model"
    details: dict[str, Any] = {
        "recipe": recipe.model_dump(mode="json"),
        "chosen": fitted.chosen.model_dump(mode="json"),
        "data": prepared.counts,
    }
    save_model(model, folder, ids=prepared.ids, held_out=prepared.held_out(), details=details)
    keep_lists(model, folder)
    size = sum(each.stat().st_size for each in folder.iterdir())
    metrics["megabytes"] = round(size / 1e6, 3)
    if "hr" in metrics:
        print(f"HR={metrics['hr']:.4f}; NDCG={metrics['ndcg']:.4f};", flush=True)
    run.finish(metrics, {"model": folder.name, "kind": model.kind, "chosen": details["chosen"]})


def _judged(model: Recommender, held_out: HeldOut, k: int) -> dict[str, float]:
    """Nothing where nothing was held out: no figure is better than a false one."""
    return judge(model, held_out, k) if len(held_out) else {}


def _some_users(prepared: Prepared) -> np.ndarray[Any, np.dtype[np.int64]]:
    """At most a thousand, spread evenly; fewer where there are very many items."""
    count = prepared.train.user_count
    most = min(count, _COVERAGE_USERS, 1 + _COVERAGE_SCORES // prepared.train.item_count)
    return np.unique(np.linspace(0, count - 1, most).astype(np.int64))


class _Teller:
    """Tells metrics, progress and the log of each epoch."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._step = max((line["step"] for line in run.metrics()), default=0)
        self.last: dict[str, float] = {}

    def epoch(self, what: str, epoch: int, of: int, figures: dict[str, float]) -> None:
        """One epoch of one part is over."""
        self._step += 1
        if "loss" in figures:
            self.last = {"loss": figures["loss"]}
        if figures:
            self._run.metric(self._step, **figures)
            names = {"hr": "HR", "ndcg": "NDCG", "loss": "Loss"}
            words = " ".join(f"{names[name]}={value:.4f};" for name, value in figures.items())
            print(f"{what} epoch {epoch}: {words}", flush=True)
        self._run.progress(f"{what}, epoch {epoch} of {of}", epoch, of)


if __name__ == "__main__":
    sys.exit(main())
