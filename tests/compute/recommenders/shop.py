"""A small made-up shop: two tastes, so whoever had things of one taste has more of it next."""

import numpy as np

from stoa.compute.networks.recommenders.interactions import Interactions
from stoa.compute.training.recommenders.judging import HeldOut, hold_out_one

USERS, ITEMS, TASTES, EACH = 120, 40, 4, 7


def events(seed: int = 0) -> list[tuple[str, str, int]]:
    """(user, item, time): each user had `EACH` items of their taste and one of another."""
    random = np.random.default_rng(seed)
    found = []
    for user in range(USERS):
        own = np.arange(user % TASTES, ITEMS, TASTES)
        other = np.arange((user + 1) % TASTES, ITEMS, TASTES)
        had = [*random.choice(other, 1), *random.choice(own, EACH, replace=False)]
        found += [(f"u{user}", f"i{item}", 1000 + place) for place, item in enumerate(had)]
    return found


def split(negatives: int = 20, seed: int = 0) -> tuple[Interactions, HeldOut]:
    """Training interactions and one item held out of each user's."""
    rows = events(seed)
    seen = Interactions.from_pairs(
        np.array([int(user[1:]) for user, _, _ in rows]),
        np.array([int(item[1:]) for _, item, _ in rows]),
        user_count=USERS,
        item_count=ITEMS,
    )
    return hold_out_one(seen, negatives=negatives, seed=seed)
