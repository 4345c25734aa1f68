"""The best N of a catalogue: exact by scoring all that is allowed, or from an index of factors.

What is left out, filtered or seen is taken away before anything is chosen, never after, so that a narrow
filter still fills its N as long as there are N.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoa.compute.networks.recommenders.recommender import Recommender
from stoa.compute.serving.inverted_lists import (
    InvertedLists,
    Lists,
    build_lists,
    write_lists,
)

Indices = NDArray[np.int64]
Scores = NDArray[np.float32]
Score = Callable[[Indices], Scores]
INDEXED: Final = 100_000
"""Items from which on a model of factors is searched by an index: below, scoring all takes 2 ms."""
_GROUPS: Final = 1024
_NARROW = 20


class Hits(NamedTuple):
    """Items, best first, and their scores."""

    items: Indices
    scores: Scores


@dataclass(frozen=True)
class Allowed:
    """What may be among the hits."""

    mask: NDArray[np.bool_] | None
    """[items]; None: no filter."""
    among: Indices | None
    """Only these, each once; None: the whole catalogue."""
    left_out: Indices

    def is_narrow(self, item_count: int) -> bool:
        """Whether so little is allowed that scoring all of it is quickest."""
        if self.among is not None:
            return True
        return self.mask is not None and int(self.mask.sum()) * _NARROW < item_count

    def items(self, item_count: int) -> Indices:
        """All that is allowed, ascending."""
        if self.among is not None:
            free = self.among if self.mask is None else self.among[self.mask[self.among]]
            return np.setdiff1d(free, self.left_out, assume_unique=False)
        return self.items_from(0, item_count)

    def items_from(self, first: int, item_count: int) -> Indices:
        """Those of the catalogue from `first` on, ascending; `among` is not looked at."""
        free = (
            np.ones(item_count - first, np.bool_) if self.mask is None else self.mask[first:].copy()
        )
        free[self.left_out[self.left_out >= first] - first] = False
        return np.flatnonzero(free) + first


class TopN:
    """Searches the catalogue of one model."""

    def __init__(self, model: Recommender, lists: Lists | None = None, others: int = 0) -> None:
        """`lists` as kept with the model; without, a large catalogue is sorted here.

        `others`: items after the model's own that it does not know, but what scores does.
        """
        self._model = model
        self._own = model.seen.item_count
        self._item_count = self._own + others
        self._index: InvertedLists | None = None
        factors = model.factors()
        if factors is not None and (lists is not None or len(factors.items) >= INDEXED):
            self._index = InvertedLists(factors.items, lists or build_lists(factors.items))
        self._directions: NDArray[np.float32] | None = None

    def directions(self) -> NDArray[np.float32] | None:
        """Item vectors of length one, made when they are first asked for; None where there are none."""
        if self._directions is None:
            vectors = self._model.item_vectors()
            if vectors is None:
                return None
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            self._directions = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
        return self._directions

    def of_user(self, user: int, count: int, allowed: Allowed, score: Score) -> Hits:
        """The best for a user the model knows: from the index where there is one."""
        factors = self._model.factors()
        if self._index is None or factors is None or allowed.is_narrow(self._item_count):
            return self.of_scores(score, count, allowed)
        items, scores = self._index.search(
            factors.users[user],
            count,
            mask=None if allowed.mask is None else allowed.mask[: self._own],
            left_out=allowed.left_out[allowed.left_out < self._own],
        )
        if len(others := allowed.items_from(self._own, self._item_count)):
            items = np.concatenate([items, others])
            scores = np.concatenate([scores, score(others)])
        return best(items, scores, count)

    def of_scores(self, score: Score, count: int, allowed: Allowed) -> Hits:
        """The best by a function that scores any items: all that is allowed is scored."""
        items = allowed.items(self._item_count)
        return best(items, score(items), count)


def keep_lists(model: Recommender, folder: Path) -> None:
    """Write the lists of a large model of factors into its artefact, so that no replica builds them."""
    factors = model.factors()
    if factors is not None and len(factors.items) >= INDEXED:
        write_lists(folder, build_lists(factors.items))


def best(items: Indices, scores: Scores, count: int) -> Hits:
    """The `count` best, best first; equal ones by item.

    The least of the best group maxima bounds the last hit from below, so that two passes over the
    scores leave a handful to sort: a tenth of the time of partitioning a million.
    """
    chosen = np.arange(len(items))
    if len(items) > 64 * _GROUPS and count < _GROUPS // 2:
        size = len(items) // _GROUPS
        maxima = scores[: size * _GROUPS].reshape(_GROUPS, size).max(axis=1)
        bound = np.partition(maxima, _GROUPS - count)[_GROUPS - count]
        chosen = np.flatnonzero(scores >= bound)
    elif len(items) > count:
        bound = np.partition(scores, len(items) - count)[len(items) - count]
        chosen = np.flatnonzero(scores >= bound)
    order = chosen[np.lexsort((items[chosen], -scores[chosen]))][:count]
    return Hits(items[order], scores[order])
