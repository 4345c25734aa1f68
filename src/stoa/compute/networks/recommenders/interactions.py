"""Who had what: the items of every user as one flat list, compressed by rows.

Users and items are indices from 0; names of the outside world stand in `Ids`. Each pair is kept once.
Needs numpy only, because what serves a model reads this too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stoa.base.errors import InvalidInput

Indices = NDArray[np.int32]
Offsets = NDArray[np.int64]


@dataclass(frozen=True)
class Interactions:
    """The items of user u are `items[starts[u]:starts[u + 1]]`, ascending."""

    starts: Offsets  # [users + 1]
    items: Indices  # [pairs]
    item_count: int

    @classmethod
    def from_pairs(
        cls,
        users: NDArray[np.integer],
        items: NDArray[np.integer],
        *,
        user_count: int,
        item_count: int,
    ) -> "Interactions":
        """Sorted and without repeats. Raises InvalidInput for an index out of range."""
        for name, values, count in (("user", users, user_count), ("item", items, item_count)):
            if len(values) and (values.min() < 0 or values.max() >= count):
                raise InvalidInput(
                    f"An interaction names {name} {int(values.max())}, but there are {count}.",
                    hint="Prepare the data again: its ids and its pairs do not belong together.",
                )
        keys = np.unique(users.astype(np.int64) * max(item_count, 1) + items)
        owners = keys // max(item_count, 1)
        starts = np.zeros(user_count + 1, np.int64)
        np.cumsum(np.bincount(owners, minlength=user_count), out=starts[1:])
        return cls(starts, (keys % max(item_count, 1)).astype(np.int32), item_count)

    @property
    def user_count(self) -> int:
        """Users, those without any item included."""
        return len(self.starts) - 1

    def __len__(self) -> int:
        return len(self.items)

    def of(self, user: int) -> Indices:
        """The items of one user."""
        return self.items[self.starts[user] : self.starts[user + 1]]

    def users(self) -> Indices:
        """The user of every pair, so that `zip(users(), items)` are the pairs."""
        return np.repeat(np.arange(self.user_count, dtype=np.int32), np.diff(self.starts))

    def keys(self) -> Offsets:
        """user * item_count + item of every pair, ascending: for looking pairs up."""
        return self.users().astype(np.int64) * max(self.item_count, 1) + self.items

    def popularity(self) -> NDArray[np.float32]:
        """How many users had each item. [items]"""
        return np.bincount(self.items, minlength=self.item_count).astype(np.float32)

    def with_pairs(self, users: NDArray[np.integer], items: NDArray[np.integer]) -> "Interactions":
        """These and some more of the same users and items."""
        return Interactions.from_pairs(
            np.concatenate([self.users(), users]),
            np.concatenate([self.items, items]),
            user_count=self.user_count,
            item_count=self.item_count,
        )


@dataclass(frozen=True)
class Ids:
    """The outside names of users and items, in the order of their indices."""

    users: tuple[str, ...]
    items: tuple[str, ...]

    @classmethod
    def numbered(cls, user_count: int, item_count: int) -> "Ids":
        """Names for data that came without: the indices themselves."""
        return cls(
            tuple(str(each) for each in range(user_count)),
            tuple(str(each) for each in range(item_count)),
        )


def blocks(count: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` that cover `range(count)`: bounds what is in memory at once."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def as_items(items: Iterable[int] | NDArray[np.integer], item_count: int) -> Offsets:
    """Item indices as an array. Raises InvalidInput for one out of range: numpy would wrap -1."""
    found = np.asarray(items if isinstance(items, np.ndarray) else list(items), dtype=np.int64)
    if found.size and (found.min() < 0 or found.max() >= item_count):
        raise InvalidInput(
            f"There is no item {int(found.max() if found.max() >= item_count else found.min())}.",
            hint=f"Items are numbered from 0 to {item_count - 1}.",
        )
    return found
