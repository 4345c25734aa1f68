"""Scores from a server that has `/rerank` beside the OpenAI-compatible protocol: vLLM, LiteLLM, Infinity.

They took the request and the answer over from Cohere (https://docs.cohere.com/reference/rerank): a query
and documents go in, an index and a relevance score for each come back, best first.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import openai
from pydantic import BaseModel, ValidationError
from pydantic_ai.exceptions import (
    AgentRunError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelTimeoutError,
    ModelUnavailableError,
)

from stoa.core.models.failures import provider_error
from stoa.core.models.providers import Catalogue, split
from stoa.core.models.reranking.reranker import Scored
from stoa.core.models.retries import RetryPolicy

_CATEGORIES: dict[int, Any] = {
    401: ModelAuthenticationError,
    403: ModelAuthenticationError,
    404: ModelNotFoundError,
    429: ModelRateLimitError,
}


class _Result(BaseModel):
    index: int
    relevance_score: float


class _Usage(BaseModel):
    total_tokens: int = 0


class _Answer(BaseModel):
    results: list[_Result]
    usage: _Usage = _Usage()


class ProviderReranker:
    """Asks a server, with bounded retries."""

    def __init__(self, name: str, catalogue: Catalogue, policy: RetryPolicy) -> None:
        """Asks nobody yet."""
        self.name = name
        self._catalogue = catalogue
        self._policy = policy

    async def score(self, query: str, texts: Sequence[str]) -> Scored:
        """See `Reranker`. Raises ProviderError, also where a text comes back without a score."""
        try:
            answer = await self._answer(query, texts)
        except AgentRunError as error:
            raise provider_error(error, self.name) from error
        scores = np.full(len(texts), np.nan, np.float32)
        for each in answer.results:
            if 0 <= each.index < len(texts):
                scores[each.index] = each.relevance_score
        if np.isnan(scores).any():
            told = ModelAPIError(self.name, "not every document has a score")
            raise provider_error(told, self.name)
        return Scored(scores, answer.usage.total_tokens)

    async def _answer(self, query: str, texts: Sequence[str]) -> _Answer:
        client = await self._catalogue.own_server()
        _, model = split(self.name)
        body = {
            "model": model,
            "query": query,
            "documents": [text or " " for text in texts],
            "top_n": len(texts),
        }
        async for attempt in self._policy.attempts():
            with attempt:
                return await self._ask(client, body)
        raise AssertionError("the loop returns or raises")

    async def _ask(self, client: openai.AsyncOpenAI, body: dict[str, Any]) -> _Answer:
        try:
            return _Answer.model_validate(await client.post("/rerank", cast_to=object, body=body))
        except openai.APIStatusError as error:
            usual = ModelUnavailableError if error.status_code >= 500 else ModelRequestRejectedError
            raise ModelHTTPError.for_category(
                _CATEGORIES.get(error.status_code, usual),
                status_code=error.status_code,
                model_name=self.name,
                headers=dict(error.response.headers),
            ) from error
        except openai.APITimeoutError as error:
            raise ModelTimeoutError(self.name, "no answer in time") from error
        except openai.APIConnectionError as error:
            raise ModelConnectionError(self.name, "no connection") from error
        except (ValidationError, ValueError) as error:
            raise ModelAPIError(self.name, "no scores in the answer") from error
