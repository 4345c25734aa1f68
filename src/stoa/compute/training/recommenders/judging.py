"""How well a model ranks what was held out: the published protocol, one against 99.

For each user the held-out item is ranked among sampled items the user never had. Its rank is the
number of those with a strictly greater score, so that an equal score never counts against it: in the
published test files 156 users have their test item among their own negatives. A model that can't tell
items apart would so be the best of all; the share of such lists is measured beside (`ties`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stoa.compute.networks.recommenders.interactions import Interactions, blocks
from stoa.compute.networks.recommenders.recommender import Recommender

_USERS = 512
_MISSING = -1


@dataclass(frozen=True)
class HeldOut:
    """One row per user judged: the item held out, and negatives padded with -1."""

    users: NDArray[np.int64]  # [n]
    items: NDArray[np.int64]  # [n]
    negatives: NDArray[np.int64]  # [n, m]

    def __len__(self) -> int:
        return len(self.users)


def ranks(model: Recommender, held_out: HeldOut) -> NDArray[np.int64]:
    """Rank of each held-out item, 0 for the best."""
    return _ranks_and_ties(model, held_out)[0]


def _ranks_and_ties(
    model: Recommender, held_out: HeldOut
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    found = np.empty(len(held_out), np.int64)
    tied = np.empty(len(held_out), np.bool_)
    for rows in blocks(len(held_out), _USERS):
        scores = candidate_scores(model, held_out, rows)
        negatives = held_out.negatives[rows]
        found[rows] = ranks_of(scores, negatives)
        tied[rows] = are_tied(scores, held_out.items[rows], negatives)
    return found, tied


def candidate_scores(model: Recommender, held_out: HeldOut, rows: slice) -> NDArray[np.float32]:
    """Scores of the held-out item (first column) and its negatives: [rows, 1 + m]."""
    items = np.concatenate([held_out.items[rows, None], held_out.negatives[rows]], axis=1)
    return model.score_many(held_out.users[rows], np.maximum(items, 0))


def ranks_of(scores: NDArray[np.float32], negatives: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of the negatives score strictly more than the first column."""
    better = (scores[:, 1:] > scores[:, :1]) & (negatives != _MISSING)
    found: NDArray[np.int64] = better.sum(axis=1)
    return found


def are_tied(
    scores: NDArray[np.float32], items: NDArray[np.int64], negatives: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Of which lists most negatives score neither more nor less than the first column, NaN included.

    A few equal scores are in the nature of counts; most of a list equal is a model that knows nothing.
    """
    others = (negatives != _MISSING) & (negatives != items[:, None])
    apart = (scores[:, 1:] > scores[:, :1]) | (scores[:, 1:] < scores[:, :1])
    tied: NDArray[np.bool_] = 2 * (others & ~apart).sum(axis=1) > others.sum(axis=1)
    return tied


def hit_rate(found: NDArray[np.int64], k: int) -> float:
    """Share of users whose held-out item is among the first k. HR@k."""
    return float((found < k).mean()) if len(found) else 0.0


def gain(found: NDArray[np.int64], k: int) -> float:
    """NDCG@k: one relevant item, so 1 / log2(rank + 2) within the first k."""
    return float(np.where(found < k, 1 / np.log2(found + 2.0), 0).mean()) if len(found) else 0.0


def judge(model: Recommender, held_out: HeldOut, k: int = 10) -> dict[str, float]:
    """HR@k and NDCG@k as `hr` and `ndcg`; as `ties` the share of lists that the model can't order."""
    return figures(*_ranks_and_ties(model, held_out), k)


def figures(found: NDArray[np.int64], tied: NDArray[np.bool_], k: int = 10) -> dict[str, float]:
    """The same of ranks, and of which lists are tied."""
    ties = float(tied.mean()) if len(tied) else 0.0
    return {"hr": hit_rate(found, k), "ndcg": gain(found, k), "ties": ties}


def coverage(model: Recommender, users: NDArray[np.int64], k: int = 10) -> float:
    """Share of the catalogue that is in the first k of at least one of `users`."""
    shown: set[int] = set()
    for user in users:
        shown.update(model.top_n(int(user), k).items.tolist())
    return len(shown) / max(model.seen.item_count, 1)


def hold_out_one(seen: Interactions, *, negatives: int, seed: int) -> tuple[Interactions, HeldOut]:
    """For data without times: one random item of every user with two or more, and negatives."""
    random = np.random.default_rng(seed)
    sizes = np.diff(seen.starts)
    users = np.flatnonzero(sizes >= 2)
    places = seen.starts[users] + (random.random(len(users)) * sizes[users]).astype(np.int64)
    rest = np.delete(np.arange(len(seen)), places)
    train = Interactions.from_pairs(
        seen.users()[rest],
        seen.items[rest],
        user_count=seen.user_count,
        item_count=seen.item_count,
    )
    sampled = np.full((len(users), negatives), _MISSING, np.int64)
    for row, user in enumerate(users):
        free = np.setdiff1d(np.arange(seen.item_count), seen.of(int(user)), assume_unique=True)
        chosen = random.choice(free, min(negatives, len(free)), replace=False)
        sampled[row, : len(chosen)] = chosen
    return train, HeldOut(users, seen.items[places].astype(np.int64), sampled)
