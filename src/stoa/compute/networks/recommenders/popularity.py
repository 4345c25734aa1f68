"""The floor: everybody is offered what most people had."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from stoa.compute.networks.recommenders.interactions import Interactions
from stoa.compute.networks.recommenders.recommender import Recommender, Scores, Tensors


class Popularity(Recommender):
    """Scores an item by how many users had it."""

    kind: ClassVar[str] = "popularity"

    def score_many(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> Scores:
        """The same for every user."""
        return self._popularity[items]

    def tensors(self) -> Tensors:
        """None: what was seen says it all."""
        return {}

    @classmethod
    def from_tensors(
        cls, tensors: Tensors, settings: dict[str, Any], seen: Interactions
    ) -> "Popularity":
        """Counts `seen` again."""
        return cls(seen)
