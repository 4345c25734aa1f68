"""Models that are one matrix from items to items: EASE (dense) and nearest neighbours (sparse).

The score of an item is the sum of the weights that lead to it from what the user had, so anybody with
a history can be scored, seen in training or not. Steck, "Embarrassingly Shallow Autoencoders", 2019.
"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from stoa.compute.networks.recommenders.interactions import Interactions
from stoa.compute.networks.recommenders.recommender import Recommender, Scores, Tensors


class Ease(Recommender):
    """A dense matrix with an empty diagonal, the closed-form ridge solution."""

    kind: ClassVar[str] = "ease"

    def __init__(self, seen: Interactions, weights: NDArray[np.float32]) -> None:
        """`weights` [from item, to item]."""
        super().__init__(seen)
        self.weights = weights

    def score_many(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> Scores:
        """Rows of what each user had, summed."""
        found = np.empty(items.shape, np.float32)
        for place, user in enumerate(users):
            found[place] = self._from(self.seen.of(int(user)), items[place])
        return found

    def fold_in(self, history: NDArray[np.int64], items: NDArray[np.int64]) -> Scores:
        """The same sum, over a history given."""
        return self._from(history, items)

    def _from(self, history: NDArray[np.integer], items: NDArray[np.int64]) -> Scores:
        if len(items) * 4 < self.weights.shape[1]:
            few: Scores = self.weights[np.ix_(history, items)].sum(axis=0, dtype=np.float32)
            return few
        every: Scores = self.weights[history].sum(axis=0, dtype=np.float32)
        return every[items]

    def item_vectors(self) -> NDArray[np.float32] | None:
        """Items resemble each other where the same histories lead to them."""
        return np.ascontiguousarray(self.weights.T)

    def tensors(self) -> Tensors:
        """The matrix."""
        return {"weights": self.weights}

    @classmethod
    def from_tensors(cls, tensors: Tensors, settings: dict[str, Any], seen: Interactions) -> "Ease":
        """From the matrix."""
        return cls(seen, tensors["weights"])


class ItemNeighbours(Recommender):
    """For each item the k items most like it and how much: rows of equal length, padded with 0."""

    kind: ClassVar[str] = "item_knn"

    def __init__(
        self, seen: Interactions, neighbours: NDArray[np.int32], weights: NDArray[np.float32]
    ) -> None:
        """`neighbours` and `weights` [items, k]; an unused place has weight 0."""
        super().__init__(seen)
        self.neighbours = neighbours
        self.weights = weights

    def score_many(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> Scores:
        """Likeness to what each user had, summed."""
        found = np.empty(items.shape, np.float32)
        for place, user in enumerate(users):
            found[place] = self._from(self.seen.of(int(user)), items[place])
        return found

    def fold_in(self, history: NDArray[np.int64], items: NDArray[np.int64]) -> Scores:
        """The same sum, over a history given."""
        return self._from(history, items)

    def _from(self, history: NDArray[np.integer], items: NDArray[np.int64]) -> Scores:
        spread = np.bincount(
            self.neighbours[history].ravel(),
            weights=self.weights[history].ravel(),
            minlength=self.seen.item_count,
        )
        return spread[items].astype(np.float32)

    def tensors(self) -> Tensors:
        """Neighbours and their weights."""
        return {"neighbours": self.neighbours, "weights": self.weights}

    @classmethod
    def from_tensors(
        cls, tensors: Tensors, settings: dict[str, Any], seen: Interactions
    ) -> "ItemNeighbours":
        """From neighbours and weights."""
        return cls(seen, tensors["neighbours"], tensors["weights"])
