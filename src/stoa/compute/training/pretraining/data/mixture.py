"""Which row of which source a lane reads next: weights, epochs and shuffling, without any memory.

A lane is one row of the global batch. Lane j reads places j, j + L, j + 2L, … of an endless list in
which each source stands shuffled anew epoch after epoch. So what a lane reads depends on the seed and
on its own number alone, not on how many ranks share the lanes, and where it stands are two numbers
per source.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stoa.compute.training.pretraining.data.corpus import Corpus
from stoa.compute.training.pretraining.data.order import Permutation, scramble


@dataclass(frozen=True)
class Rows:
    """The rows of one source that a run may read: the first `count` of its corpus."""

    corpus: Corpus
    count: int
    weight: float


class Mixture:
    """The sources of a run and the shuffled order of each; shared by all lanes of a rank."""

    def __init__(
        self, sources: Sequence[Rows], lanes: int, seed: int, *, shuffle: bool = True
    ) -> None:
        self.sources = list(sources)
        self._shuffle = shuffle
        self.lanes = lanes
        self.seed = seed
        self._orders: list[dict[int, Permutation]] = [{} for _ in sources]

    def row(self, source: int, place: int) -> int:
        """The row at a place of the endless list of a source."""
        count = self.sources[source].count
        epoch, inside = divmod(place, count)
        if not self._shuffle:
            return inside
        orders = self._orders[source]
        if (order := orders.get(epoch)) is None:
            if len(orders) > 8:
                orders.pop(min(orders), None)
            order = orders[epoch] = Permutation(count, self.seed, source, epoch)
        return order[inside]


class Lane:
    """One row of the global batch: what it has read of each source, and what comes next."""

    def __init__(self, number: int, mixture: Mixture) -> None:
        self.number = number
        self._mixture = mixture
        self._taken = [0] * len(mixture.sources)
        # A head start of up to two rows, so that not all lanes read the same source at once.
        self._bytes = [
            scramble(mixture.seed, number, source, 1)
            / 2**63
            * entry.corpus.facts.bytes
            / entry.corpus.facts.rows
            * entry.weight
            for source, entry in enumerate(mixture.sources)
        ]

    def next(self) -> tuple[int, int]:
        """Source and row to read next: of the source that is furthest behind its weight."""
        sources = self._mixture.sources
        source = min(
            range(len(sources)), key=lambda number: self._bytes[number] / sources[number].weight
        )
        place = self.number + self._mixture.lanes * self._taken[source]
        row = self._mixture.row(source, place)
        self._taken[source] += 1
        self._bytes[source] += sources[source].corpus.size(row)
        return source, row

    def state(self) -> dict[str, Any]:
        """Where the lane stands."""
        return {"taken": list(self._taken), "bytes": list(self._bytes)}

    def load(self, state: dict[str, Any]) -> None:
        """Stand where a lane of this number stood."""
        self._taken = [int(number) for number in state["taken"]]
        self._bytes = [float(number) for number in state["bytes"]]
