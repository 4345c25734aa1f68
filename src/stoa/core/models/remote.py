"""Models of providers: asked, spoken with, embedded by, and booked.

All that knows pydantic-ai hangs on this file. Loading it takes most of a second, so it is loaded where a
model is configured and nowhere else.
"""

import time
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from pydantic import BaseModel

from stoa.base.settings import Settings
from stoa.core.models.asking import Asker
from stoa.core.models.conversation import Speaker
from stoa.core.models.embedding.embedder import Kind
from stoa.core.models.ledger import Ledger, Subject
from stoa.core.models.limits import tokens_of
from stoa.core.models.prices import booked, cost_of, estimate
from stoa.core.models.prompts import Reply
from stoa.core.models.provider_embedder import ProviderEmbedder
from stoa.core.models.providers import Catalogue
from stoa.core.models.question import Question
from stoa.core.models.reranking.provider_reranker import ProviderReranker
from stoa.core.models.reranking.reranker import Scored
from stoa.core.models.retries import RetryPolicy
from stoa.core.models.twins import OnPartial

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)


class Remote:
    """Everything that asks a provider."""

    def __init__(self, settings: Settings, ledger: Ledger, policy: RetryPolicy | None) -> None:
        """Asks nobody yet."""
        self._ledger = ledger
        policy = policy or RetryPolicy(settings.model_retries, settings.model_timeout)
        self.catalogue = Catalogue(settings, policy)
        self.embedder = ProviderEmbedder(settings.model_embedding, self.catalogue, policy)
        self.reranker = ProviderReranker(settings.model_reranker, self.catalogue, policy)
        self.speaker = Speaker(self.catalogue, ledger)
        self._asker = Asker()

    async def ask(
        self,
        name: str,
        question: Question[In, Out],
        subject: Subject,
        on_partial: OnPartial | None,
    ) -> Reply[Out]:
        """The reply of the model called `name`. Raises LimitReached, ProviderError."""
        started = time.perf_counter()
        model = await self.catalogue.model(name)
        most = estimate(model, question.characters, question.prompt.head.max_tokens)
        async with booked(self._ledger, subject, name, most) as usage:
            output = await self._asker.ask(model, name, question, usage, on_partial)
        return Reply(
            output=output,
            answered_by=name,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cost_usd=cost_of(usage),
            seconds=time.perf_counter() - started,
        )

    async def embed(
        self, texts: Sequence[str], subject: Subject, kind: Kind
    ) -> tuple[np.ndarray, int]:
        """Unit vectors and the tokens they took. Raises LimitReached, ProviderError."""
        most = tokens_of(sum(len(text) for text in texts))
        async with booked(self._ledger, subject, self.embedder.name, most) as usage:
            vectors = await self.embedder.embed_counted(texts, kind, usage)
        return vectors, usage.input_tokens

    async def score(self, query: str, texts: Sequence[str], subject: Subject) -> Scored:
        """How well each text answers the query. Raises LimitReached, ProviderError."""
        most = tokens_of(len(query) * len(texts) + sum(len(text) for text in texts))
        async with booked(self._ledger, subject, self.reranker.name, most) as usage:
            scored = await self.reranker.score(query, texts)
            usage.input_tokens = scored.tokens
        return scored

    async def close(self) -> None:
        """Close connections to providers."""
        await self.catalogue.close()
