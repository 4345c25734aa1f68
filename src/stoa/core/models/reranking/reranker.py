"""The seam of reranking: something that reads a query and a text together and says how well they fit.

A reranker is slower than search by orders of magnitude and sees what no vector can: so it only puts in
order what search has found (Nogueira and Cho 2019, arXiv 1901.04085).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Scored:
    """How well each text answers the query, in the order of the texts."""

    scores: np.ndarray
    """float32, (number of texts,); higher is better, on the reranker's own scale."""
    tokens: int = 0
    """Read, where the reranker counts them."""


class Reranker(Protocol):
    """Scores texts for a query. May be asked from any event loop, several times at once."""

    name: str

    async def score(self, query: str, texts: Sequence[str]) -> Scored:
        """Raises SetupError, and ProviderError where a provider is asked."""
        ...
