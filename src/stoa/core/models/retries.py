"""Asks a model again when it was only busy: bounded, with back-off, and as the provider asks.

It stands around any pydantic-ai model, so every provider is retried alike, whatever its client
library would do by itself (which is switched off). A stream is retried until it has opened; once
pieces have gone out, a break is the caller's to know.
"""

import random
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
from pydantic_ai.exceptions import ModelTimeoutError
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from stoa.core.models.failures import is_transient, retry_after


@dataclass(frozen=True)
class RetryPolicy:
    """How long one request may take and how often it is made again."""

    retries: int = 2
    timeout: float = 60.0
    """Seconds one attempt may take; for a stream, until it opens."""
    first_pause: float = 0.5
    """Seconds before the first retry; doubles each time, with chance added."""
    longest_pause: float = 30.0
    """A provider that asks for a longer wait is not waited for: the next model may answer now."""

    def pause(self, state: RetryCallState) -> float:
        """Seconds to wait before the next attempt."""
        error = state.outcome.exception() if state.outcome else None
        asked = retry_after(error) if error else None
        if asked is not None:
            return asked
        grown = self.first_pause * 2.0 ** (state.attempt_number - 1)
        return min(grown * random.uniform(0.75, 1.25), self.longest_pause)

    def worth_it(self, error: BaseException) -> bool:
        """Whether to try again at all."""
        return is_transient(error) and (retry_after(error) or 0.0) <= self.longest_pause

    def attempts(self) -> AsyncRetrying:
        """The loop over attempts; raises the last failure."""
        return AsyncRetrying(
            stop=stop_after_attempt(self.retries + 1),
            wait=self.pause,
            retry=retry_if_exception(self.worth_it),
            sleep=anyio.sleep,
            reraise=True,
        )


class RetryingModel(WrapperModel):
    """A model that is asked again, by a policy."""

    def __init__(self, wrapped: Model, policy: RetryPolicy) -> None:
        super().__init__(wrapped)
        self.policy = policy

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """One answer, after as many attempts as the policy allows."""
        async for attempt in self.policy.attempts():
            with attempt:
                try:
                    with anyio.fail_after(self.policy.timeout):
                        return await self.wrapped.request(
                            messages, model_settings, model_request_parameters
                        )
                except TimeoutError as error:
                    raise self._too_late() from error
        raise AssertionError("the loop returns or raises")

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: Any = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """One open stream, after as many attempts as the policy allows."""
        async with AsyncExitStack() as stack:
            async for attempt in self.policy.attempts():
                with attempt:
                    stream = self.wrapped.request_stream(
                        messages, model_settings, model_request_parameters, run_context
                    )
                    try:
                        with anyio.fail_after(self.policy.timeout):
                            response = await stack.enter_async_context(stream)
                    except TimeoutError as error:
                        raise self._too_late() from error
            yield response

    def _too_late(self) -> ModelTimeoutError:
        return ModelTimeoutError(self.model_name, f"no answer in {self.policy.timeout:g} s")
