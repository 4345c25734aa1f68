"""What the loop asks of its neighbours: where batches come from, and what a checkpoint holds.

The loop knows the two protocols here and no more, so that data and checkpoints can be read, tested and
replaced alone. No torch is needed to read this file.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

IGNORED = -100  # label of a place that no loss is taken of


@dataclass(frozen=True)
class Batch:
    """The sequences of one step that one data-parallel rank works on.

    Every array has the shape [sequences of this rank (micro-batch × accumulation), tokens].
    """

    tokens: NDArray[np.int64]
    labels: NDArray[np.int64]  # the next token; IGNORED where there is none
    documents: NDArray[np.int64] | None = None  # number of the document, where they are masked


class Batches(Protocol):
    """An endless run of batches whose place can be kept and taken up again in O(1)."""

    def next(self) -> Batch:
        """The next step's share of this rank."""
        ...

    def state(self) -> dict[str, Any]:
        """Plain values (JSON) after the last `next`; the same on every rank and for every number of ranks."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Go on after the batch that `state` was taken behind, whatever the number of ranks now."""
        ...

    def close(self) -> None:
        """Stop the workers."""
        ...


class Kept(Protocol):
    """What a checkpoint keeps of a run. A checkpoint reads the tensors when saving and fills them in place
    when loading; DTensors among them are saved by shard and loaded into any layout."""

    def tensors(self) -> "dict[str, Tensor]":
        """Weights and optimiser state by name; every rank gives the same names in the same order."""
        ...

    def values(self) -> dict[str, Any]:
        """Plain values (JSON): step, tokens seen, the places of data and watches."""
        ...

    def restore(self, values: dict[str, Any]) -> None:
        """Take up `values`, after the tensors were filled."""
        ...
