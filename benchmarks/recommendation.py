"""How well the family ranks on MovieLens-1M by the protocol of "Neural Collaborative Filtering" (2017).

    python -m benchmarks.recommendation --pairs pairs.npz --tests folder [--models ease,ials] [--seeds 3]
        [--kept folder]

`--tests` holds the authors' published `ml-1m.test.rating` and `ml-1m.test.negative`; `--pairs` the training
pairs in their numbering (array `pairs` [n, 2]), which have no times. Whatever is chosen (epochs, weights
of the blend) is chosen on one random item per user held out of the training pairs; then the model is
fitted again on all of them and judged once on the published test. With `--kept` a run that was stopped goes
on from its checkpoints; the seconds of its fit are then kept with them. MovieLens' terms: use, never pass
on.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.results import record
from stoa.compute.networks.recommenders.interactions import Interactions
from stoa.compute.training.recommenders.fitting import Data, fit
from stoa.compute.training.recommenders.judging import HeldOut, hold_out_one, judge
from stoa.compute.training.recommenders.recipes import (
    BlendRecipe,
    EaseRecipe,
    IalsRecipe,
    ItemKnnRecipe,
    ModelRecipe,
    NeuralRecipe,
    PopularityRecipe,
)

USERS, ITEMS = 6040, 3706
_HOLD_OUT_SEED = 7
WIDE = IalsRecipe(
    dimensions=192, regularisation=0.007
)  # held out, the best of six sizes and weights
RECIPES: dict[str, ModelRecipe] = {
    "popularity": PopularityRecipe(),
    "item_knn": ItemKnnRecipe(),
    "ease": EaseRecipe(),
    "ials": WIDE,
    "neumf": NeuralRecipe(),
    "neumf_pretrained": NeuralRecipe(
        factor_num=64, num_layers=2, dropout=0.3, pretrain=4, pretrain_gmf=20, epochs=4
    ),
    "blend": BlendRecipe(parts=(EaseRecipe(), WIDE)),
}
PUBLISHED = {
    "neumf": ("He et al. 2017, 32 factors, not pretrained", 0.701, 0.425),
    "neumf_pretrained": ("He et al. 2017, 64 factors, pretrained", 0.730, 0.447),
    "ials": ("Rendle et al. 2022", 0.729, 0.452),
    "ease": ("EASE, as reported", 0.718, 0.451),
    "blend": ("a weight chosen on the test", 0.7315, 0.4556),
}
ALWAYS_THE_SAME = ("popularity", "item_knn", "ease")


def read(pairs: Path, tests: Path) -> tuple[Interactions, HeldOut]:
    """Training pairs and the published test."""
    found = np.load(pairs)["pairs"]
    seen = Interactions.from_pairs(found[:, 0], found[:, 1], user_count=USERS, item_count=ITEMS)
    test = np.loadtxt(tests / "ml-1m.test.rating", dtype=np.int64, usecols=(0, 1))
    lines = (tests / "ml-1m.test.negative").read_text().splitlines()
    negatives = np.array([[int(each) for each in line.split()[1:]] for line in lines])
    return seen, HeldOut(test[:, 0], test[:, 1], negatives)


def measure(
    name: str, seen: Interactions, test: HeldOut, seed: int, folder: Path
) -> dict[str, float]:
    """Choose on a hold-out of `seen`, fit on all of it, judge. Goes on from what is in `folder`."""
    train, validation = hold_out_one(seen, negatives=99, seed=_HOLD_OUT_SEED)
    chosen = fit(RECIPES[name], Data(train, validation, seed), folder / "first", _tell)
    found = judge(chosen.model, validation)
    print(f"{name}, seed {seed}, held out: {found}, chosen {chosen.chosen}", flush=True)
    clock = _Clock(folder / "seconds")
    last = fit(chosen.chosen, Data(seen, None, seed), folder / "second", clock.tell)
    seconds = clock.seconds()
    return {**judge(last.model, test), "seconds": seconds}


class _Clock:
    """CPU seconds of a fit, with those from before it was stopped."""

    def __init__(self, kept: Path) -> None:
        self._kept = kept
        self._before = float(kept.read_text()) if kept.exists() else 0.0
        self._began = time.process_time()

    def seconds(self) -> float:
        return self._before + time.process_time() - self._began

    def tell(self, what: str, epoch: int, of: int, figures: dict[str, float]) -> None:
        _tell(what, epoch, of, figures)
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        self._kept.write_text(str(self.seconds()))


def _tell(what: str, epoch: int, of: int, figures: dict[str, float]) -> None:
    words = ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
    print(f"  {what} {epoch}/{of} {words}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--tests", type=Path, required=True)
    parser.add_argument("--models", default=",".join(RECIPES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--kept", type=Path, help="a folder for checkpoints")
    given = parser.parse_args()
    seen, test = read(given.pairs, given.tests)
    with tempfile.TemporaryDirectory() as passing:
        measure_all(given.models.split(","), given.seeds, seen, test, given.kept or Path(passing))


def measure_all(names: list[str], most: int, seen: Interactions, test: HeldOut, kept: Path) -> None:
    """Each model with up to `most` seeds; one row for each figure."""
    for name in names:
        seeds = 1 if name in ALWAYS_THE_SAME else most
        folders = {seed: kept / f"{name}-{seed}" for seed in range(1, seeds + 1)}
        runs = [measure(name, seen, test, seed, folder) for seed, folder in folders.items()]
        for seed, found in enumerate(runs, 1):
            print(f"{name}, seed {seed}, test: {found}", flush=True)
        mean = {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}
        spread = float(np.std([run["ndcg"] for run in runs]))
        note = (
            f"ML-1M, 1 + 99, {seeds} seeds (NDCG ± {spread:.4f})" if seeds > 1 else "ML-1M, 1 + 99"
        )
        peer, hr, ndcg = PUBLISHED.get(name, ("", None, None))
        record(f"recommend {name}, HR@10", mean["hr"], "", peer, hr, note)
        record(f"recommend {name}, NDCG@10", mean["ndcg"], "", peer, ndcg, note)
        record(f"recommend {name}, fit", mean["seconds"], "CPU s", note=note)


if __name__ == "__main__":
    main()
