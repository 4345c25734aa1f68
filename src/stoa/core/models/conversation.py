"""A conversation put to a model as it is: no prompt file, no validated output, tools called elsewhere.

This is what programs bring to `/v1`. It is booked and bounded like every other call. No twin answers
here: a twin knows one prompt, and an echo would be a lie.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.exceptions import AgentRunError
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.usage import RunUsage, UsageLimits

from stoa.base.errors import ProviderError
from stoa.core.models.failures import provider_error
from stoa.core.models.ledger import Ledger, Subject
from stoa.core.models.limits import Estimate
from stoa.core.models.prices import booked, estimate, priced
from stoa.core.models.providers import Catalogue

_MOST_ROUNDS = 12


@dataclass(frozen=True)
class Conversation:
    """Messages, tools a model may ask for, and the form of the answer (None: text)."""

    messages: list[ModelMessage]
    settings: ModelSettings = field(default_factory=lambda: ModelSettings(max_tokens=4096))
    tools: list[ToolDefinition] = field(default_factory=list)
    output: OutputObjectDefinition | None = None
    functions: Sequence[Callable[..., Awaitable[Any]]] = ()
    """Functions of ours that are run here when the model asks, until it answers in words. Their
    docstring and types tell the model what they do. Not for streams."""

    def parameters(self, model: Model) -> ModelRequestParameters:
        """As `model` can take them: a schema by the provider's means, else by instruction."""
        if self.output is None:
            return ModelRequestParameters(function_tools=self.tools)
        by_schema = model.profile.get("supports_json_schema_output", False)
        named = self.output.name is not None
        return ModelRequestParameters(
            function_tools=self.tools,
            output_mode="native" if by_schema and named else "prompted",
            output_object=self.output,
        )

    @property
    def characters(self) -> int:
        """About how long the text is."""
        parts = [part for message in self.messages for part in message.parts]
        return sum(len(str(getattr(part, "content", ""))) for part in parts)


@dataclass(frozen=True)
class Spoken:
    """A whole answer: who gave it, and what it used."""

    response: ModelResponse
    answered_by: str
    usage: RunUsage


class Speaker:
    """Puts conversations to the first model of a chain that answers."""

    def __init__(self, catalogue: Catalogue, ledger: Ledger) -> None:
        self._catalogue = catalogue
        self._ledger = ledger

    async def answer(
        self, chain: Sequence[str], conversation: Conversation, subject: Subject
    ) -> Spoken:
        """The whole answer. Raises LimitReached, ProviderError."""
        failure: ProviderError | None = None
        for name in chain:
            model = await self._catalogue.model(name)
            try:
                async with booked(self._ledger, subject, name, _most(model, conversation)) as usage:
                    response = await _request(model, name, conversation, usage)
                return Spoken(response, name, usage)
            except ProviderError as error:
                failure = error
        assert failure is not None, "a chain has at least one name"
        raise failure

    async def stream(
        self, chain: Sequence[str], conversation: Conversation, subject: Subject
    ) -> AsyncGenerator[Any]:
        """pydantic-ai's events as they come, then one `Spoken`. Close it: `contextlib.aclosing`.

        The next model of the chain takes over only while nothing has been sent.

        Raises:
            LimitReached: before anything is sent.
            ProviderError: every model failed, or one broke off half-way.
        """
        for left, name in zip(range(len(chain) - 1, -1, -1), chain, strict=True):
            sent = False
            try:
                async with aclosing(self._stream_one(name, conversation, subject)) as events:
                    async for event in events:
                        sent = True
                        yield event
            except ProviderError:
                if sent or not left:
                    raise
            else:
                return

    async def _stream_one(
        self, name: str, conversation: Conversation, subject: Subject
    ) -> AsyncGenerator[Any]:
        model = await self._catalogue.model(name)
        async with booked(self._ledger, subject, name, _most(model, conversation)) as usage:
            try:
                async with model_request_stream(
                    model,
                    conversation.messages,
                    model_settings=conversation.settings,
                    model_request_parameters=conversation.parameters(model),
                ) as stream:
                    try:
                        async for event in stream:
                            yield event
                    finally:  # a stream that is hung up has been used, too
                        response = stream.get()
                        usage.incr(priced(response))
            except AgentRunError as error:
                raise provider_error(error, name) from error
        yield Spoken(response, name, usage)


async def _request(
    model: Model, name: str, conversation: Conversation, usage: RunUsage
) -> ModelResponse:
    try:
        if conversation.functions:
            return await _work(model, conversation, usage)
        response = await model_request(
            model,
            conversation.messages,
            model_settings=conversation.settings,
            model_request_parameters=conversation.parameters(model),
        )
    except AgentRunError as error:
        raise provider_error(error, name) from error
    usage.incr(priced(response))
    return response


async def _work(model: Model, conversation: Conversation, usage: RunUsage) -> ModelResponse:
    """Ask, run what the model asks for, tell it, and again, up to a bound."""
    agent = Agent(tools=conversation.functions, output_type=str, name="chat")
    result = await agent.run(
        message_history=conversation.messages,
        model=model,
        model_settings=conversation.settings,
        usage=usage,
        usage_limits=UsageLimits(request_limit=_MOST_ROUNDS),
    )
    return result.response


def _most(model: Model, conversation: Conversation) -> Estimate:
    return estimate(model, conversation.characters, conversation.settings.get("max_tokens", 4096))
