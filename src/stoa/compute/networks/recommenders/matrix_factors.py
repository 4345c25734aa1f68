"""Implicit matrix factorisation: a vector for every user and item, and the score is their product.

Somebody new is folded in exactly as training would have placed them: one small linear system. Hu,
Koren and Volinsky 2008, with the regularisation by frequency of Rendle et al. 2022.
"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from stoa.compute.networks.recommenders.interactions import Interactions
from stoa.compute.networks.recommenders.recommender import Factors, Recommender, Scores, Tensors


class MatrixFactors(Recommender):
    """Users and items in one space."""

    kind: ClassVar[str] = "ials"

    def __init__(
        self,
        seen: Interactions,
        factors: Factors,
        *,
        unobserved: float,
        regularisation: float,
        exponent: float,
    ) -> None:
        """The three numbers are those of training; folding somebody in needs them."""
        super().__init__(seen)
        self._factors = factors
        self.unobserved = unobserved
        self.regularisation = regularisation
        self.exponent = exponent
        self._gramian = unobserved * (factors.items.T @ factors.items)

    def score_many(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> Scores:
        """Inner products."""
        vectors = self._factors.users[users]
        scores: Scores = np.matmul(self._factors.items[items], vectors[:, :, None])[:, :, 0]
        return scores

    def fold_in(self, history: NDArray[np.int64], items: NDArray[np.int64]) -> Scores:
        """As if the user had been there in the last half-step of training."""
        had = self._factors.items[history]
        weight = self.regularisation * (
            (len(history) + self.unobserved * self.seen.item_count) ** self.exponent
        )
        system = self._gramian + had.T @ had + weight * np.eye(had.shape[1], dtype=np.float32)
        vector = np.linalg.solve(system, had.sum(axis=0)).astype(np.float32)
        return self._factors.items[items] @ vector

    def factors(self) -> Factors | None:
        """Both sides."""
        return self._factors

    def item_vectors(self) -> NDArray[np.float32] | None:
        """The items' side."""
        return self._factors.items

    def settings(self) -> dict[str, Any]:
        """The numbers that folding in needs."""
        return {
            "unobserved": self.unobserved,
            "regularisation": self.regularisation,
            "exponent": self.exponent,
        }

    def tensors(self) -> Tensors:
        """Both sides."""
        return {"users": self._factors.users, "items": self._factors.items}

    @classmethod
    def from_tensors(
        cls, tensors: Tensors, settings: dict[str, Any], seen: Interactions
    ) -> "MatrixFactors":
        """From both sides and the settings of training."""
        return cls(seen, Factors(tensors["users"], tensors["items"]), **settings)
