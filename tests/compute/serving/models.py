"""Small real models in artefact folders, for the tests of serving: random numbers, true shapes."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from stoa.compute.networks.recommenders.artefact import save_model
from stoa.compute.networks.recommenders.interactions import Ids, Interactions
from stoa.compute.networks.recommenders.matrix_factors import MatrixFactors
from stoa.compute.networks.recommenders.neural import Neural
from stoa.compute.networks.recommenders.recommender import Factors, Recommender, Tensors

USERS, ITEMS, FACTORS = 60, 200, 8


def interactions(users: int = USERS, items: int = ITEMS, *, cold: int = 0) -> Interactions:
    """Twenty items and a few more for every user, popular ones more often, and every item for somebody;
    nobody had the last `cold` items."""
    random = np.random.default_rng(5)
    warm = items - cold
    chance = 1 / np.arange(1, warm + 1)
    chance /= chance.sum()
    had = [random.choice(warm, min(20, warm), replace=False, p=chance) for _ in range(users)]
    return Interactions.from_pairs(
        np.concatenate(
            [np.repeat(np.arange(users), [len(each) for each in had]), np.arange(warm) % users]
        ),
        np.concatenate([*had, np.arange(warm)]),
        user_count=users,
        item_count=items,
    )


def neumf(seen: Interactions, *, seed: int = 1, factors: int = FACTORS) -> Neural:
    """NeuMF with three layers."""
    random = np.random.default_rng(seed)
    wide = factors * 4

    def made(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return (random.standard_normal(shape) * 0.1).astype(np.float32)

    tensors: Tensors = {
        "mf.users": made(seen.user_count, factors),
        "mf.items": made(seen.item_count, factors),
        "mlp.users": made(seen.user_count, wide),
        "mlp.items": made(seen.item_count, wide),
        "output.weight": made(factors * 2),
        "output.bias": made(1),
    }
    sizes = [wide * 2, wide, factors * 2, factors]
    for number, (inner, outer) in enumerate(pairwise(sizes)):
        tensors[f"layers.{number}.weight"] = made(outer, inner)
        tensors[f"layers.{number}.bias"] = made(outer)
    return Neural(seen, tensors)


def ials(seen: Interactions, *, factors: int = FACTORS) -> MatrixFactors:
    """Random factors."""
    random = np.random.default_rng(2)
    sides = [
        random.standard_normal((count, factors)).astype(np.float32)
        for count in (seen.user_count, seen.item_count)
    ]
    return MatrixFactors(seen, Factors(*sides), unobserved=0.3, regularisation=0.005, exponent=1.0)


def names(seen: Interactions) -> Ids:
    """u0, u1 …, i0, i1 …"""
    return Ids(
        tuple(f"u{each}" for each in range(seen.user_count)),
        tuple(f"i{each}" for each in range(seen.item_count)),
    )


def saved(model: Recommender, folder: Path) -> Path:
    """The model as an artefact."""
    save_model(model, folder, ids=names(model.seen))
    return folder
