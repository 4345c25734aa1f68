"""What is made of a catalogue once, and kept as long as it is asked about.

The same catalogue is known by identity, at once; one that was read again from its store, by comparing.
Safe in threads: at worst two of them make the same thing.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from stoa.core.tables.catalogue import Catalogue

_MOST: Final = 16
Made = TypeVar("Made")


class Kept(Generic[Made]):
    """The last few catalogues, each with what `make` made of it."""

    def __init__(self, make: Callable[[Catalogue], Made]) -> None:
        self._make = make
        self._kept: OrderedDict[int, tuple[Catalogue, Made]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, catalogue: Catalogue) -> Made:
        """What was made of this catalogue, made now if need be."""
        with self._lock:
            found = self._kept.get(id(catalogue))
            others = list(self._kept.values())
        if found is None or found[0] is not catalogue:
            equal = (made for other, made in others if _alike(other, catalogue))
            made = next(equal, None)
            found = (catalogue, self._make(catalogue) if made is None else made)
        with self._lock:
            self._kept[id(catalogue)] = found
            self._kept.move_to_end(id(catalogue))
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return found[1]


def _alike(one: Catalogue, other: Catalogue) -> bool:
    """Whether two catalogues say the same, the cheap signs first."""
    return (
        one.dialect == other.dialect
        and one.version == other.version
        and len(one.tables) == len(other.tables)
        and one.tables == other.tables
    )
