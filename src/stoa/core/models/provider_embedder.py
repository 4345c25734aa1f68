"""Vectors from a provider, such as `openai:text-embedding-3-small`.

What their cosine means is measured by whoever wraps this, like for every other embedder. This file
knows no provider by name; the catalogue does.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic_ai.embeddings import EmbeddingModel
from pydantic_ai.exceptions import AgentRunError
from pydantic_ai.usage import RunUsage

from stoa.core.models.embedding.embedder import Kind, Window
from stoa.core.models.embedding.windows import by_characters
from stoa.core.models.failures import provider_error
from stoa.core.models.providers import Catalogue
from stoa.core.models.retries import RetryPolicy

_BATCH = 128
_TINY = 1e-12


class ProviderEmbedder:
    """Asks a provider, in batches, with bounded retries."""

    def __init__(self, name: str, catalogue: Catalogue, policy: RetryPolicy) -> None:
        """Asks nobody yet."""
        self.name = name
        self._catalogue = catalogue
        self._policy = policy

    def windows(self, text: str, *, heading: str = "") -> list[Window]:
        """Pieces that are each taken in whole."""
        return by_characters(text, heading=heading)

    async def embed(self, texts: Sequence[str], kind: Kind) -> np.ndarray:
        """Unit vectors, float32, (len(texts), dimensions). Raises ProviderError, SetupError."""
        return await self.embed_counted(texts, kind, RunUsage())

    async def embed_counted(self, texts: Sequence[str], kind: Kind, usage: RunUsage) -> np.ndarray:
        """As `embed`; adds what it used to `usage`."""
        model = await self._catalogue.embedding_model(self.name)
        rows: list[Sequence[float]] = []
        try:
            for start in range(0, len(texts), _BATCH):
                # Providers refuse an empty text; a space stands for it.
                batch = [text or " " for text in texts[start : start + _BATCH]]
                rows += await self._ask(model, batch, kind, usage)
        except AgentRunError as error:
            raise provider_error(error, self.name) from error
        vectors = np.asarray(rows, np.float32).reshape(len(texts), -1)
        lengths: Any = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: np.ndarray = vectors / np.maximum(lengths, _TINY)
        return unit

    async def _ask(
        self, model: EmbeddingModel, texts: list[str], kind: Kind, usage: RunUsage
    ) -> list[Sequence[float]]:
        async for attempt in self._policy.attempts():
            with attempt:
                result = await model.embed(
                    texts, input_type="query" if kind == "query" else "document"
                )
        try:
            result.usage.cost = result.cost().total_price
        except LookupError:
            result.usage.cost = None
        usage.incr(result.usage)
        return list(result.embeddings)
