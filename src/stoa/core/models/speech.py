"""OpenAI's chat format, in and out, as values the models room works with.

Pictures come inside the request; an address that we or a provider would have to fetch is refused. This
file knows no HTTP and no provider.
"""

import base64
import binascii
import json
import re
from typing import Any

from pydantic_ai.messages import (
    FinishReason,
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    PartDeltaEvent,
    PartStartEvent,
    SystemPromptPart,
    TextPart,
    TextPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
    ToolReturnPart,
    UserContent,
    UserPromptPart,
)
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.usage import RunUsage

from stoa.base.errors import InvalidInput
from stoa.core.models.asking import attached
from stoa.core.models.conversation import Conversation
from stoa.core.models.question import Picture
from stoa.core.models.wire import (
    AssistantMessage,
    ChatRequest,
    Function,
    ImageContent,
    Message,
    ResponseFormat,
    SystemMessage,
    TextContent,
    ToolChoice,
    ToolMessage,
    UserMessage,
)

Json = dict[str, Any]
_DATA_URL = re.compile(r"\Adata:[\w.+/-]+;base64,(.*)\Z", re.DOTALL)
_REASONS: dict[FinishReason | None, str] = {
    "length": "length",
    "content_filter": "content_filter",
    "tool_call": "tool_calls",
}


def conversation_of(body: ChatRequest) -> Conversation:
    """What to put to a model. Raises InvalidInput where the messages don't fit together."""
    form = body.response_format
    return Conversation(
        messages=_messages(body.messages),
        settings=_settings(body),
        tools=[_tool(each.function) for each in body.tools],
        output=None if form is None else _output(form),
    )


def _settings(body: ChatRequest) -> ModelSettings:
    settings = ModelSettings(max_tokens=body.max_completion_tokens or body.max_tokens or 4096)
    if body.temperature is not None:
        settings["temperature"] = body.temperature
    if body.top_p is not None:
        settings["top_p"] = body.top_p
    if body.seed is not None:
        settings["seed"] = body.seed
    if body.stop:
        settings["stop_sequences"] = [body.stop] if isinstance(body.stop, str) else body.stop
    if body.tools and body.parallel_tool_calls is not None:
        settings["parallel_tool_calls"] = body.parallel_tool_calls
    if body.tools and body.tool_choice is not None:
        settings["tool_choice"] = (
            [body.tool_choice.function.name]
            if isinstance(body.tool_choice, ToolChoice)
            else body.tool_choice
        )
    return settings


def completion(response: ModelResponse, model: str, ident: str, usage: RunUsage) -> Json:
    """The answer to a chat that does not stream."""
    calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
    message: Json = {"role": "assistant", "content": response.text}
    if calls:
        message["tool_calls"] = [
            {
                "id": call.tool_call_id,
                "type": "function",
                "function": {"name": call.tool_name, "arguments": call.args_as_json_str()},
            }
            for call in calls
        ]
    choice = {"index": 0, "message": message, "finish_reason": finish_reason(response)}
    return {
        "id": ident,
        "object": "chat.completion",
        "created": int(response.timestamp.timestamp()),
        "model": model,
        "choices": [choice],
        "usage": used(usage),
    }


def finish_reason(response: ModelResponse) -> str:
    """Why the model stopped, in OpenAI's words."""
    if any(isinstance(part, ToolCallPart) for part in response.parts):
        return "tool_calls"
    return _REASONS.get(response.finish_reason, "stop")


def used(usage: RunUsage) -> Json:
    """What a call used, in OpenAI's words."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
    }


class Deltas:
    """Turns a model's events into OpenAI's deltas; numbers tool calls in the order they come."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}

    def of(self, event: Any) -> Json | None:
        """The delta of one event, or None where a chat has no word for it (thinking, say)."""
        match event:
            case PartStartEvent(part=TextPart(content=text)) if text:
                return {"content": text}
            case PartDeltaEvent(delta=TextPartDelta(content_delta=text)) if text:
                return {"content": text}
            case PartStartEvent(index=index, part=ToolCallPart() as call):
                number = self._numbers.setdefault(index, len(self._numbers))
                function = {"name": call.tool_name, "arguments": _arguments(call.args)}
                begun = {"id": call.tool_call_id, "type": "function", "function": function}
                return {"tool_calls": [{"index": number, **begun}]}
            case PartDeltaEvent(index=index, delta=ToolCallPartDelta(args_delta=more)) if more:
                function = {"arguments": _arguments(more)}
                return {"tool_calls": [{"index": self._numbers[index], "function": function}]}
        return None


def _arguments(arguments: str | Json | None) -> str:
    if arguments is None:
        return ""
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _messages(messages: list[Message]) -> list[ModelMessage]:
    names: dict[str, str] = {}
    found: list[ModelMessage] = []
    for message in messages:
        if isinstance(message, AssistantMessage):
            names |= {call.id: call.function.name for call in message.tool_calls}
            found.append(_response(message))
        elif found and isinstance(found[-1], ModelRequest):
            found[-1] = ModelRequest([*found[-1].parts, _part(message, names)])
        else:
            found.append(ModelRequest([_part(message, names)]))
    if not isinstance(found[-1], ModelRequest):
        raise InvalidInput(
            "The last message is the assistant's.", hint="End with a message to answer."
        )
    return found


def _part(
    message: SystemMessage | UserMessage | ToolMessage, names: dict[str, str]
) -> ModelRequestPart:
    match message:
        case SystemMessage():
            return SystemPromptPart(_text(message.content))
        case UserMessage(content=str() as text):
            return UserPromptPart(text)
        case UserMessage(content=list() as parts):
            return UserPromptPart([_content(part) for part in parts])
        case ToolMessage():
            name = names.get(message.tool_call_id)
            if name is None:
                raise InvalidInput(
                    f"No message before calls the tool call '{message.tool_call_id}'.",
                    hint="Send the assistant's message with its tool_calls first.",
                )
            return ToolReturnPart(name, _text(message.content), tool_call_id=message.tool_call_id)
    raise AssertionError("every kind of message is above")


def _response(message: AssistantMessage) -> ModelResponse:
    parts: list[ModelResponsePart] = []
    if message.content:
        parts.append(TextPart(_text(message.content)))
    parts += [
        ToolCallPart(call.function.name, call.function.arguments, tool_call_id=call.id)
        for call in message.tool_calls
    ]
    return ModelResponse(parts)


def _text(content: str | list[TextContent]) -> str:
    return content if isinstance(content, str) else "".join(part.text for part in content)


def _content(part: TextContent | ImageContent) -> UserContent:
    if isinstance(part, TextContent):
        return part.text
    found = _DATA_URL.match(part.image_url.url)
    if found is None:
        raise InvalidInput(
            "Pictures are not fetched from addresses.",
            hint="Send the picture itself as data:image/png;base64,….",
        )
    try:
        return attached(Picture.of(base64.b64decode(found[1], validate=True)))
    except binascii.Error as error:
        raise InvalidInput("The picture is no base64.", hint="Encode its bytes.") from error


def _tool(function: Function) -> ToolDefinition:
    return ToolDefinition(
        name=function.name,
        description=function.description,
        parameters_json_schema=function.parameters,
        strict=function.strict,
    )


def _output(form: ResponseFormat) -> OutputObjectDefinition | None:
    if form.type == "text":
        return None
    if form.type == "json_object":
        return OutputObjectDefinition(json_schema={"type": "object"})
    if form.json_schema is None:
        raise InvalidInput("'json_schema' is missing.", hint="Send response_format.json_schema.")
    return OutputObjectDefinition(
        json_schema=form.json_schema.schema_,
        name=form.json_schema.name,
        description=form.json_schema.description,
        strict=form.json_schema.strict,
    )
