"""Implicit alternating least squares with regularisation by frequency (Rendle et al. 2022).

Each half-step solves one small system per user (or item). Rows with about as many items are stacked
and solved together, which leaves the work to BLAS and LAPACK and bounds memory by `_CELLS`.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from stoa.compute.networks.recommenders.interactions import Interactions, Offsets
from stoa.compute.networks.recommenders.matrix_factors import MatrixFactors
from stoa.compute.networks.recommenders.recommender import Factors
from stoa.compute.training.recommenders.recipes import IalsRecipe

Watch = Callable[[int, Factors], None]


def first_factors(recipe: IalsRecipe, seen: Interactions, seed: int) -> Factors:
    """Small random vectors: their length does not depend on the dimensions."""
    random = np.random.default_rng(seed)
    scale = recipe.deviation / np.sqrt(recipe.dimensions)
    sizes = (seen.user_count, seen.item_count)
    users, items = (
        (random.standard_normal((size, recipe.dimensions)) * scale).astype(np.float32)
        for size in sizes
    )
    return Factors(users, items)


def alternate(
    recipe: IalsRecipe,
    seen: Interactions,
    start: Factors,
    *,
    done: int = 0,
    watch: Watch | None = None,
) -> MatrixFactors:
    """Go on from `start`, `done` epochs in; `watch(epoch, factors)` is called after each."""
    by_item = transposed(seen)
    users, items = start.users.copy(), start.items.copy()
    for epoch in range(done + 1, recipe.epochs + 1):
        _half_step(recipe, users, items, seen.starts, seen.items)
        _half_step(recipe, items, users, by_item.starts, by_item.items)
        if watch:
            watch(epoch, Factors(users, items))
    return MatrixFactors(
        seen,
        Factors(users, items),
        unobserved=recipe.unobserved,
        regularisation=recipe.regularisation,
        exponent=recipe.exponent,
    )


def transposed(seen: Interactions) -> Interactions:
    """The same pairs, by item."""
    return Interactions.from_pairs(
        seen.items, seen.users(), user_count=seen.item_count, item_count=seen.user_count
    )


def _half_step(
    recipe: IalsRecipe,
    rows: NDArray[np.float32],
    others: NDArray[np.float32],
    starts: Offsets,
    partners: NDArray[np.int32],
) -> None:
    """Solve every row against the other side, in place."""
    gram = np.float32(recipe.unobserved) * (others.T @ others)
    diagonal = np.diag_indices_from(gram)
    for row in range(len(rows)):
        mine = others[partners[starts[row] : starts[row + 1]]]
        frequency = len(mine) + recipe.unobserved * len(others)
        system = mine.T @ mine
        system += gram
        system[diagonal] += np.float32(recipe.regularisation * frequency**recipe.exponent)
        _, solved, failed = lapack.sposv(
            system, mine.sum(axis=0), lower=False, overwrite_a=True, overwrite_b=True
        )
        rows[row] = np.nan if failed else solved
