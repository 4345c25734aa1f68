"""Models that are computed rather than trained: popularity, item neighbours, EASE.

Each is a function from interactions to a model. Dense work happens in single precision and in place,
so EASE over n items needs about 3 · 4 · n² bytes: 1.2 GB at 10,000 items.
"""

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.linalg import lapack

from stoa.base.errors import InvalidInput
from stoa.compute.networks.recommenders.interactions import Interactions, blocks
from stoa.compute.networks.recommenders.item_to_item import Ease, ItemNeighbours
from stoa.compute.networks.recommenders.popularity import Popularity
from stoa.compute.training.recommenders.recipes import EaseRecipe, ItemKnnRecipe

_ROWS = 2048  # items whose likeness to all others is dense at once


def matrix_of(seen: Interactions) -> sparse.csr_matrix:
    """Users by items, 1 where a user had the item."""
    values = np.ones(len(seen), np.float32)
    shape = (seen.user_count, seen.item_count)
    return sparse.csr_matrix((values, seen.items, seen.starts), shape=shape)


def count_popularity(seen: Interactions) -> Popularity:
    """The floor."""
    return Popularity(seen)


def find_neighbours(recipe: ItemKnnRecipe, seen: Interactions) -> ItemNeighbours:
    """For each item the `neighbours` most like it: cosine, damped for items that few had."""
    matrix = matrix_of(seen).tocsc()
    sizes = seen.popularity()
    width = min(recipe.neighbours, max(seen.item_count - 1, 1))
    near = np.zeros((seen.item_count, width), np.int32)
    weights = np.zeros((seen.item_count, width), np.float32)
    for rows in blocks(seen.item_count, _ROWS):
        together = (matrix[:, rows].T @ matrix).toarray()
        both = sizes[rows, None] * sizes[None, :]
        with np.errstate(divide="ignore", invalid="ignore"):
            likeness = together / (np.sqrt(both) + recipe.shrink)
        likeness[~np.isfinite(likeness)] = 0
        likeness[np.arange(likeness.shape[0]), np.arange(rows.start, rows.stop)] = 0
        place = np.argpartition(-likeness, width - 1, axis=1)[:, :width]
        near[rows] = place
        weights[rows] = np.take_along_axis(likeness, place, axis=1)
    return ItemNeighbours(seen, near, weights)


def solve_ease(recipe: EaseRecipe, seen: Interactions) -> Ease:
    """The ridge regression of every item on all others, solved at once.

    Raises:
        InvalidInput: more items than a dense matrix should be made of.
    """
    if seen.item_count > recipe.most_items:
        raise InvalidInput(
            f"EASE over {seen.item_count:,} items needs a matrix of"
            f" {seen.item_count**2 * 4 / 2**30:,.0f} GiB.",
            hint="Train ials or item_knn on catalogues as large, or raise most_items.",
        )
    matrix = matrix_of(seen)
    gram = np.asarray((matrix.T @ matrix).toarray(), np.float32, order="F")
    gram[np.diag_indices_from(gram)] += np.float32(recipe.regularisation)
    weights = _inverse(gram)
    diagonal = weights.diagonal().copy()
    weights /= -diagonal[None, :]
    np.fill_diagonal(weights, 0)
    return Ease(seen, np.ascontiguousarray(weights))


def _inverse(gram: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of a symmetric positive definite matrix, by Cholesky, in place."""
    factor, failed = lapack.spotrf(gram, lower=False, overwrite_a=True)
    if not failed:
        factor, failed = lapack.spotri(factor, lower=False, overwrite_c=True)
    if failed:
        raise InvalidInput(
            "EASE has no solution for this data.", hint="Raise its regularisation above 0."
        )
    upper = np.triu(factor)
    full: NDArray[np.float32] = upper + np.triu(upper, 1).T
    return full
