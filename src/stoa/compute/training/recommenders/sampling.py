"""Draws the pairs of one epoch: every positive once, in random order, each with fresh negatives.

All negatives of an epoch are drawn at once and those that turn out to be positives are drawn again,
until none is left. Looking a pair up is one bit where a bitmap of all pairs is small enough, else a
search in the sorted keys.
"""

import numpy as np
from numpy.typing import NDArray

from stoa.compute.networks.recommenders.interactions import Indices, Interactions

_BITMAP_PAIRS = 1 << 31  # 256 MiB of bits
_ROUNDS = 100


class NegativeSampler:
    """Uniform over the items that a user never had."""

    def __init__(self, seen: Interactions, negatives: int) -> None:
        self._seen = seen
        self._negatives = negatives
        self._users = seen.users()
        self._keys = seen.keys()
        self._bits: NDArray[np.uint8] | None = None
        if seen.user_count * seen.item_count <= _BITMAP_PAIRS:
            self._bits = np.zeros(seen.user_count * seen.item_count // 8 + 1, np.uint8)
            np.bitwise_or.at(self._bits, self._keys >> 3, _bit(self._keys))

    def epoch(self, random: np.random.Generator) -> tuple[Indices, Indices]:
        """Users [pairs] and items [pairs, 1 + negatives]; the first column are the positives.

        A user who had everything has no negatives to draw: such positives are left out.
        """
        sizes = np.diff(self._seen.starts)
        usable = np.flatnonzero(sizes[self._users] < self._seen.item_count)
        order = usable[random.permutation(len(usable))]
        users = self._users[order]
        items = np.empty((len(order), 1 + self._negatives), np.int32)
        items[:, 0] = self._seen.items[order]
        drawn = random.integers(
            0, self._seen.item_count, (len(order), self._negatives), dtype=np.int32
        )
        rows, columns = np.nonzero(self.had(users[:, None], drawn))
        for _ in range(_ROUNDS):
            if not len(rows):
                break
            again = random.integers(0, self._seen.item_count, len(rows), dtype=np.int32)
            drawn[rows, columns] = again
            wrong = self.had(users[rows], again)
            rows, columns = rows[wrong], columns[wrong]
        for row, column in zip(rows, columns, strict=True):  # those who had nearly everything
            had = self._seen.of(int(users[row]))
            free = np.setdiff1d(np.arange(self._seen.item_count), had, assume_unique=True)
            drawn[row, column] = random.choice(free)
        items[:, 1:] = drawn
        return users, items

    def had(self, users: Indices, items: Indices) -> NDArray[np.bool_]:
        """Which pairs are positives."""
        keys = users.astype(np.int64) * self._seen.item_count + items
        if self._bits is not None:
            is_set: NDArray[np.bool_] = (self._bits[keys >> 3] & _bit(keys)) != 0
            return is_set
        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        found: NDArray[np.bool_] = self._keys[places] == keys
        return found


def _bit(keys: NDArray[np.int64]) -> NDArray[np.uint8]:
    return np.left_shift(np.uint8(1), (keys & 7).astype(np.uint8))
