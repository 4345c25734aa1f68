"""One interface for everything that orders items for a user, whatever is inside.

A model scores: higher is better, and scores compare within one user only. Users and items are indices.
A user the model never saw is scored from a history of items (`score_history`), as far as the model
can; else by popularity, which is what every model knows. Needs numpy only: serving reads this.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoa.base.errors import InvalidInput
from stoa.compute.networks.recommenders.interactions import Interactions, as_items

Scores = NDArray[np.float32]
Tensors = dict[str, NDArray[Any]]


class Factors(NamedTuple):
    """Vectors whose inner product is the score: what an index for neighbours is built from."""

    users: NDArray[np.float32]  # [users, dimensions]
    items: NDArray[np.float32]  # [items, dimensions]


class Ranked(NamedTuple):
    """Items, best first, and their scores."""

    items: NDArray[np.int64]
    scores: Scores


class Recommender(ABC):
    """Scores items for users. `seen` is what it was trained on: who had what."""

    kind: ClassVar[str]

    def __init__(self, seen: Interactions) -> None:
        self.seen = seen
        self._popularity = seen.popularity()

    @abstractmethod
    def score_many(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> Scores:
        """Scores of `items` [n, m] for `users` [n], unchecked: [n, m]."""

    @abstractmethod
    def tensors(self) -> Tensors:
        """Everything `from_tensors` needs, `seen` aside."""

    @classmethod
    @abstractmethod
    def from_tensors(
        cls, tensors: Tensors, settings: dict[str, Any], seen: Interactions
    ) -> "Recommender":
        """The model that `tensors` and `settings` came from."""

    def settings(self) -> dict[str, Any]:
        """What is not a tensor, as JSON."""
        return {}

    def score(self, user: int, items: NDArray[np.integer] | list[int]) -> Scores:
        """Scores of `items` [m] for one user: [m]. Raises InvalidInput for an unknown index."""
        self._check_user(user)
        found = as_items(items, self.seen.item_count)
        scores: Scores = self.score_many(np.array([user]), found[None, :])[0]
        return scores

    def score_history(
        self, history: NDArray[np.integer] | list[int], items: NDArray[np.integer] | list[int]
    ) -> Scores:
        """Scores of `items` for somebody new who had `history`. By popularity where empty."""
        known = np.unique(as_items(history, self.seen.item_count))
        found = as_items(items, self.seen.item_count)
        if not len(known):
            return self.popularity(found)
        return self.fold_in(known, found)

    def fold_in(self, history: NDArray[np.int64], items: NDArray[np.int64]) -> Scores:
        """Scores from a history that is not empty. A model that can't read one goes by popularity."""
        return self.popularity(items)

    def popularity(self, items: NDArray[np.int64]) -> Scores:
        """How many users had each of `items`."""
        return self._popularity[items]

    def top_n(
        self,
        user: int,
        n: int,
        *,
        without_seen: bool = True,
        without: NDArray[np.integer] | list[int] | None = None,
    ) -> Ranked:
        """The best `n` of the whole catalogue, by scoring all of it."""
        self._check_user(user)
        everything = np.arange(self.seen.item_count)
        scores = self.score_many(np.array([user]), everything[None, :])[0].copy()
        if without_seen:
            scores[self.seen.of(user)] = -np.inf
        if without is not None:
            scores[as_items(without, self.seen.item_count)] = -np.inf
        return best(everything, scores, n)

    def factors(self) -> Factors | None:
        """Vectors whose inner products are the scores, where the model has such."""
        return None

    def item_vectors(self) -> NDArray[np.float32] | None:
        """Vectors by which items resemble each other (cosine), where the model has such."""
        return None

    def _check_user(self, user: int) -> None:
        if not 0 <= user < self.seen.user_count:
            raise InvalidInput(
                f"There is no user {user}.",
                hint=f"Users are numbered from 0 to {self.seen.user_count - 1};"
                " score somebody new by a history.",
            )


def best(items: NDArray[np.int64], scores: Scores, n: int) -> Ranked:
    """The `n` best of `items`, best first; ties by item, so that the order is always the same.

    An item whose score is minus infinity is left out.
    """
    allowed = np.flatnonzero(scores > -np.inf)
    if len(allowed) > n > 0:
        bar = np.partition(scores[allowed], len(allowed) - n)[len(allowed) - n]
        allowed = allowed[scores[allowed] >= bar]
    order = allowed[np.lexsort((items[allowed], -scores[allowed]))][: max(n, 0)]
    return Ranked(items[order], scores[order])
