"""Puts one prompt to one model and gets a valid output back, or a clear failure.

A model is asked straight away, and nearly always that is all. An answer that does not fit is given to
pydantic-ai's agent as the first it gets: it tells the model what is wrong, a bounded number of times.
Letting the agent ask from the start would cost each good answer some twenty times the work (8 ms of a
core against 0.4). This file knows neither roles nor budgets.
"""

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, Generic, TypeVar

import pydantic_core
from pydantic import BaseModel, ValidationError
from pydantic_ai import Agent
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.exceptions import AgentRunError
from pydantic_ai.messages import (
    BinaryContent,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    ToolCallPart,
    ToolCallPartDelta,
    UserContent,
    UserPromptPart,
)
from pydantic_ai.models import (
    CompletedStreamedResponse,
    Model,
    ModelRequestParameters,
    StreamedResponse,
)
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import GenerateToolJsonSchema, ToolDefinition
from pydantic_ai.usage import RequestUsage, RunUsage

from stoa.core.models.failures import provider_error
from stoa.core.models.prices import priced
from stoa.core.models.prompts import Prompt
from stoa.core.models.question import Picture, Question
from stoa.core.models.templates import DATA_RULE
from stoa.core.models.twins import OnPartial

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)

_OUTPUT_RETRIES = 2
_OUTPUT_TOOL = "final_result"
"""What pydantic-ai's agent calls the tool that takes the output, so that it can take over."""
_OUTPUT_TOOL_DESCRIPTION = "The final response which ends this conversation"


class _Form(Generic[In, Out]):
    """How one prompt's output is asked for, and the agent that mends what does not fit."""

    def __init__(self, prompt: Prompt[In, Out]) -> None:
        self._prompt = prompt
        instructions = [prompt.template.instructions, DATA_RULE]
        self.instructions = "\n\n".join(filter(None, instructions))
        head = prompt.head
        self.settings = ModelSettings(max_tokens=head.max_tokens)
        if head.temperature is not None:
            self.settings["temperature"] = head.temperature
        if head.top_p is not None:
            self.settings["top_p"] = head.top_p
        self.parameters = _parameters(prompt.output)

    def output(self, response: ModelResponse) -> Out | None:
        """The output in the response; None where there is no valid one."""
        texts = [part for part in response.parts if isinstance(part, TextPart)]
        match response.tool_calls or texts:
            case [ToolCallPart(tool_name=name) as call] if name == _OUTPUT_TOOL:
                text = call.args_as_json_str()
            case [TextPart(content=text)]:
                pass
            case _:
                return None
        try:
            return self._prompt.output.model_validate_json(text)
        except ValidationError:
            return None

    @cached_property
    def mender(self) -> Agent[object, Out]:
        """Made when first needed: making one costs more than running it."""
        return Agent(
            output_type=self._prompt.output,
            instructions=self.instructions,
            name=self._prompt.name,
            retries=_OUTPUT_RETRIES,
        )


def _parameters(kind: type[BaseModel]) -> ModelRequestParameters:
    """By a tool, a schema or an instruction: as suits the model that is asked."""
    schema = kind.model_json_schema(schema_generator=GenerateToolJsonSchema)
    description = schema.pop("description", None)
    tool = ToolDefinition(
        name=_OUTPUT_TOOL,
        parameters_json_schema=schema,
        description=description or _OUTPUT_TOOL_DESCRIPTION,
        kind="output",
    )
    return ModelRequestParameters(
        output_mode="auto",
        output_tools=[tool],
        output_object=OutputObjectDefinition(schema, kind.__name__, description),
    )


class Asker:
    """Keeps the form of each prompt."""

    def __init__(self) -> None:
        self._forms: dict[Prompt[Any, Any], _Form[Any, Any]] = {}

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
        form = self._form(question.prompt)
        try:
            response = await _respond(model, question, form, usage, on_partial)
            output = form.output(response)
            if output is None:
                output = await _mend(model, question, form, response, usage, on_partial)
        except AgentRunError as error:
            raise provider_error(error, name) from error
        return output

    def _form(self, prompt: Prompt[In, Out]) -> _Form[In, Out]:
        if prompt not in self._forms:
            self._forms[prompt] = _Form(prompt)
        return self._forms[prompt]


def content_of(question: Question[Any, Any]) -> str | list[UserContent]:
    """The text, then the pictures. Text alone goes as it is: not every server takes it in parts."""
    if not question.pictures:
        return question.text
    return [question.text, *map(attached, question.pictures)]


def attached(picture: Picture) -> BinaryContent:
    """A picture as pydantic-ai sends it."""
    return BinaryContent(picture.content, media_type=picture.media_type)


async def _respond(
    model: Model,
    question: Question[In, Out],
    form: _Form[In, Out],
    usage: RunUsage,
    on_partial: OnPartial | None,
) -> ModelResponse:
    """One answer, whatever is in it."""
    request = UserPromptPart(content_of(question))
    asked = [ModelRequest([request], instructions=form.instructions)]
    if on_partial is None:
        response = await model_request(
            model,
            asked,
            model_settings=form.settings,
            model_request_parameters=form.parameters,
        )
        usage.incr(priced(response))
        return response
    async with model_request_stream(
        model,
        asked,
        model_settings=form.settings,
        model_request_parameters=form.parameters,
    ) as stream:
        try:
            await _send_partials(stream, on_partial)
        finally:  # a stream that is hung up has been used, too
            response = stream.get()
            usage.incr(priced(response))
    return response


async def _mend(
    model: Model,
    question: Question[In, Out],
    form: _Form[In, Out],
    response: ModelResponse,
    usage: RunUsage,
    on_partial: OnPartial | None,
) -> Out:
    """The output after the model has been told what `response` lacks."""

    async def follow(_context: object, events: AsyncIterable[Any]) -> None:
        assert on_partial is not None
        await _send_partials(events, on_partial)

    booked = replace(response, usage=RequestUsage())
    result = await form.mender.run(
        content_of(question),
        model=_Answered(model, booked),
        model_settings=form.settings,
        usage=usage,
        event_stream_handler=follow if on_partial else None,
    )
    return result.output


class _Answered(WrapperModel):
    """A model whose first answer has come already."""

    def __init__(self, wrapped: Model, response: ModelResponse) -> None:
        super().__init__(wrapped)
        self._first = [response]

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """That answer, then the model's."""
        if self._first:
            return self._first.pop()
        return await self.wrapped.request(messages, model_settings, model_request_parameters)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: Any = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """As `request`. The pieces of the first answer are not sent again."""
        if self._first:
            yield CompletedStreamedResponse(
                self._first.pop(), model_request_parameters=model_request_parameters
            )
            return
        async with self.wrapped.request_stream(
            messages, model_settings, model_request_parameters, run_context
        ) as stream:
            yield stream


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
