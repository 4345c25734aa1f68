"""Vectors in lists around centroids, for inner products: looks into the most promising lists only.

A list promises what its centroid promises plus what its farthest member may add, so long vectors far
from their centroid are not missed. Members lie side by side in memory: a list is one matrix product. A
million vectors take a few seconds to sort into lists, which is done once and kept beside the model
(`index.safetensors`). What may not be shown is taken away while searching, and if too little is left in
the lists looked into, the next ones are.
"""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

FILE: Final = "index.safetensors"
PROBED: Final = 96
"""Lists that a search looks into; of a thousand, for nine in ten hits right on hard data."""
_SAMPLE = 64
"""Vectors per list that centroids are found from."""
_ROUNDS = 6
_ROWS = 1 << 16
Vectors = NDArray[np.float32]
Indices = NDArray[np.int64]


class Lists(NamedTuple):
    """Where every vector belongs."""

    centroids: Vectors  # [lists, dimensions]
    starts: Indices  # [lists + 1]
    order: Indices  # [vectors], list by list

    def fits(self, vectors: Vectors) -> bool:
        """Whether these lists are of so many vectors of that length."""
        count, dimensions = vectors.shape
        return (
            self.centroids.shape[1] == dimensions
            and self.starts.shape == (len(self.centroids) + 1,)
            and len(self.order) == count == int(self.starts[-1])
        )


class InvertedLists:
    """Searches vectors by inner product."""

    def __init__(self, vectors: Vectors, lists: Lists) -> None:
        self._lists = lists
        self._sorted = np.ascontiguousarray(vectors[lists.order])
        self._hidden = np.zeros(len(vectors), np.bool_)
        self._reach = _reach(self._sorted, lists)

    def search(
        self,
        query: Vectors,
        count: int,
        *,
        mask: NDArray[np.bool_] | None,
        left_out: Indices,
        probed: int = PROBED,
    ) -> tuple[Indices, Vectors]:
        """The best `count` that are allowed, in no order, and their products with `query`.

        Fewer come only where no more are allowed.
        """
        centroids, starts, order = self._lists
        promise = centroids @ query + self._reach * np.float32(np.linalg.norm(query))
        ranking = np.argsort(-promise)
        self._hidden[left_out] = True
        try:
            found, scores = np.zeros(0, np.int64), np.zeros(0, np.float32)
            at = 0
            while at < len(ranking) and (at < probed or len(found) < count):
                spans = [(starts[each], starts[each + 1]) for each in ranking[at : at + probed]]
                at += probed
                ids = np.concatenate([order[first:end] for first, end in spans])
                more = np.concatenate([self._sorted[first:end] @ query for first, end in spans])
                free = ~self._hidden[ids]
                if mask is not None:
                    free &= mask[ids]
                found = np.concatenate([found, ids[free]])
                scores = np.concatenate([scores, more[free]])
        finally:
            self._hidden[left_out] = False
        if len(found) > count:
            top = np.argpartition(-scores, count)[:count]
            found, scores = found[top], scores[top]
        return found, scores


def build_lists(vectors: Vectors, *, seed: int = 0) -> Lists:
    """Sort vectors into about as many lists as the root of their number, by k-means on a sample."""
    random = np.random.default_rng(seed)
    count = len(vectors)
    lists = max(1, round(count**0.5))
    some = random.choice(count, min(count, lists * _SAMPLE), replace=False)
    sample = vectors[some].astype(np.float32)
    centroids = sample[random.choice(len(sample), lists, replace=False)].copy()
    for _ in range(_ROUNDS):
        nearest = _nearest(sample, centroids)
        members = np.argsort(nearest, kind="stable")
        sizes = np.bincount(nearest, minlength=lists)
        filled = sizes > 0
        firsts = np.concatenate([[0], np.cumsum(sizes)[:-1]])[filled]
        centroids[filled] = np.add.reduceat(sample[members], firsts) / sizes[filled, None]
    owner = _nearest(vectors, centroids)
    order = np.argsort(owner, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=lists))])
    return Lists(centroids, starts.astype(np.int64), order.astype(np.int64))


def write_lists(folder: Path, lists: Lists) -> None:
    """Keep lists in an artefact."""
    save_file(lists._asdict(), folder / FILE)


def read_lists(folder: Path, vectors: Vectors) -> Lists | None:
    """The lists of an artefact; None where it has none that fit its vectors."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        found = Lists(**load_file(path))
    except (SafetensorError, TypeError):
        return None
    return found if found.fits(vectors) else None


def _nearest(vectors: Vectors, centroids: Vectors) -> Indices:
    half = 0.5 * np.einsum("ij,ij->i", centroids, centroids)
    found = np.empty(len(vectors), np.int64)
    for start in range(0, len(vectors), _ROWS):
        block = vectors[start : start + _ROWS]
        found[start : start + len(block)] = np.argmax(block @ centroids.T - half, axis=1)
    return found


def _reach(members: Vectors, lists: Lists) -> Vectors:
    """Half the distance of each list's farthest member: the whole would favour wide lists too much."""
    found = np.zeros(len(lists.centroids), np.float32)
    for number, centroid in enumerate(lists.centroids):
        mine = members[lists.starts[number] : lists.starts[number + 1]]
        if len(mine):
            away = mine - centroid
            found[number] = 0.5 * np.sqrt(np.einsum("ij,ij->i", away, away).max())
    return found
