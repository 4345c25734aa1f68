"""Puts one prompt to one model and gets a valid output back, or a clear failure.

The same road for every provider and for offline twins: pydantic-ai's agent loop, which validates the
output against its type and lets a model mend an invalid one a bounded number of times. This file
knows neither roles nor budgets.
"""

from collections.abc import AsyncIterable, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pydantic_core
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.exceptions import AgentRunError, UnexpectedModelBehavior
from pydantic_ai.messages import (
    BinaryContent,
    PartDeltaEvent,
    PartStartEvent,
    ToolCallPart,
    ToolCallPartDelta,
    UserContent,
)
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RunUsage

from stoa.base.errors import Bug, InvalidInput
from stoa.core.models.failures import provider_error
from stoa.core.models.prompts import Prompt
from stoa.core.models.templates import DATA_RULE
from stoa.core.models.twins import twin_model

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)
OnPartial = Callable[[dict[str, Any]], Awaitable[None]]

_OUTPUT_RETRIES = 2
_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)


@dataclass(frozen=True)
class Question(Generic[In, Out]):
    """A prompt with its inputs filled in, ready to be put to any model."""

    prompt: Prompt[In, Out]
    inputs: In
    content: list[UserContent]

    @classmethod
    def of(cls, prompt: Prompt[In, Out], inputs: In) -> "Question[In, Out]":
        """Raises InvalidInput for a picture that is none."""
        return cls(prompt, inputs, [prompt.request(inputs), *map(picture, prompt.pictures(inputs))])

    @property
    def characters(self) -> int:
        """Length of all text that is sent."""
        asked = sum(len(part) for part in self.content if isinstance(part, str))
        return asked + len(self.prompt.template.instructions)


class Asker:
    """Keeps an agent for each prompt: making one costs more than running it."""

    def __init__(self) -> None:
        self._agents: dict[Prompt[Any, Any], Agent[object, Any]] = {}

    async def ask(
        self,
        model: Model,
        name: str,
        question: Question[In, Out],
        usage: RunUsage,
        on_partial: OnPartial | None = None,
    ) -> Out:
        """The output of `model`, called `name`. What it used is added to `usage`, also on failure.

        Raises:
            ProviderError: the model failed, or found no valid output.
        """
        try:
            return await self._run(model, question, usage, on_partial)
        except AgentRunError as error:
            raise provider_error(error, name) from error

    async def ask_twin(
        self, question: Question[In, Out], usage: RunUsage, on_partial: OnPartial | None = None
    ) -> Out:
        """The output of the prompt's offline twin. `on_partial` gets it once, whole."""
        twin = twin_model(lambda: question.prompt.twin(question.inputs))
        try:
            output = await self._run(twin, question, usage, None)
        except UnexpectedModelBehavior as error:
            raise Bug(f"The twin of {question.prompt.name} made an invalid output.") from error
        if on_partial is not None:
            await on_partial(output.model_dump(mode="json"))
        return output

    async def _run(
        self,
        model: Model,
        question: Question[In, Out],
        usage: RunUsage,
        on_partial: OnPartial | None,
    ) -> Out:
        head = question.prompt.head
        settings = ModelSettings(max_tokens=head.max_tokens)
        if head.temperature is not None:
            settings["temperature"] = head.temperature
        if head.top_p is not None:
            settings["top_p"] = head.top_p

        async def follow(_context: object, events: AsyncIterable[Any]) -> None:
            assert on_partial is not None
            await _send_partials(events, on_partial)

        result = await self._agent(question.prompt).run(
            question.content,
            model=model,
            model_settings=settings,
            usage=usage,
            event_stream_handler=follow if on_partial else None,
        )
        output: Out = result.output
        return output

    def _agent(self, prompt: Prompt[In, Out]) -> Agent[object, Out]:
        if prompt not in self._agents:
            self._agents[prompt] = Agent(
                output_type=prompt.output,
                instructions=[prompt.template.instructions, DATA_RULE],
                name=prompt.name,
                retries=_OUTPUT_RETRIES,
            )
        return self._agents[prompt]


def picture(content: bytes) -> BinaryContent:
    """A picture to attach, its kind told by its first bytes. Raises InvalidInput for other content."""
    for start, kind in _PICTURES:
        if content.startswith(start):
            return BinaryContent(content, media_type=kind)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return BinaryContent(content, media_type="image/webp")
    raise InvalidInput("This is no picture a model can see.", hint="Use PNG, JPEG, GIF or WebP.")


async def _send_partials(events: AsyncIterable[Any], on_partial: OnPartial) -> None:
    """Read the arguments of the output tool as they come in; send each state that differs."""
    call: ToolCallPart | None = None
    sent: dict[str, Any] = {}
    async for event in events:
        match event:
            case PartStartEvent(part=ToolCallPart() as started):
                call = started
            case PartDeltaEvent(delta=ToolCallPartDelta() as delta) if call is not None:
                applied = delta.apply(call)
                call = applied if isinstance(applied, ToolCallPart) else call
            case _:
                continue
        partial = _readable(call)
        if partial and partial != sent:
            sent = partial
            await on_partial(partial)


def _readable(call: ToolCallPart) -> dict[str, Any]:
    """The arguments so far, as far as they are whole JSON; the last string may be cut."""
    if not isinstance(call.args, str):
        return call.args or {}
    try:
        found = pydantic_core.from_json(call.args, allow_partial="trailing-strings")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
