"""A weighted sum of models that err differently.

Scores of different models have different scales, and each model's scale differs from user to user, so
before they are added each model's scores are standardised over the candidates at hand.
"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from stoa.compute.networks.recommenders.interactions import Interactions
from stoa.compute.networks.recommenders.item_to_item import Ease, ItemNeighbours
from stoa.compute.networks.recommenders.matrix_factors import MatrixFactors
from stoa.compute.networks.recommenders.neural import Neural
from stoa.compute.networks.recommenders.popularity import Popularity
from stoa.compute.networks.recommenders.recommender import Recommender, Scores, Tensors

PARTS: dict[str, type[Recommender]] = {
    each.kind: each for each in (Popularity, ItemNeighbours, Ease, MatrixFactors, Neural)
}


class Blend(Recommender):
    """Parts and their weights."""

    kind: ClassVar[str] = "blend"

    def __init__(self, seen: Interactions, parts: list[Recommender], weights: list[float]) -> None:
        """`weights` as many as `parts`."""
        super().__init__(seen)
        self.parts = parts
        self.weights = weights

    def score_many(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> Scores:
        """Sum of standardised scores."""
        found = np.zeros(items.shape, np.float32)
        for part, weight in zip(self.parts, self.weights, strict=True):
            found += np.float32(weight) * standardised(part.score_many(users, items))
        return found

    def fold_in(self, history: NDArray[np.int64], items: NDArray[np.int64]) -> Scores:
        """The same sum, over what each part makes of the history."""
        found = np.zeros(items.shape, np.float32)
        for part, weight in zip(self.parts, self.weights, strict=True):
            found += np.float32(weight) * standardised(part.fold_in(history, items))
        return found

    def item_vectors(self) -> NDArray[np.float32] | None:
        """Those of the first part that has some."""
        every = (part.item_vectors() for part in self.parts)
        return next((each for each in every if each is not None), None)

    def settings(self) -> dict[str, Any]:
        """Weights and kinds; the tensors of part k are named `{k}.…`."""
        return {
            "weights": self.weights,
            "parts": [{"kind": part.kind, "settings": part.settings()} for part in self.parts],
        }

    def tensors(self) -> Tensors:
        """Those of all parts."""
        return {
            f"{number}.{name}": each
            for number, part in enumerate(self.parts)
            for name, each in part.tensors().items()
        }

    @classmethod
    def from_tensors(
        cls, tensors: Tensors, settings: dict[str, Any], seen: Interactions
    ) -> "Blend":
        """Parts are of any kind but this one."""
        parts = []
        for number, part in enumerate(settings["parts"]):
            own = {
                name.removeprefix(f"{number}."): each
                for name, each in tensors.items()
                if name.startswith(f"{number}.")
            }
            parts.append(PARTS[part["kind"]].from_tensors(own, part["settings"], seen))
        return cls(seen, parts, list(settings["weights"]))


def standardised(scores: Scores) -> Scores:
    """Mean 0 and deviation 1 along the last axis; all equal scores become 0."""
    if not scores.size:
        return scores
    centred = scores - scores.mean(axis=-1, keepdims=True)
    deviation = centred.std(axis=-1, keepdims=True)
    return np.asarray(centred / np.where(deviation > 0, deviation, 1), np.float32)
