"""OpenAI's chat format, in and out: what `/v1` takes and answers, as values the models room works with.

Only what can be kept is taken: a field that would change the answer and that not every provider has
(`n`, `logprobs`) is refused, not ignored. Pictures come inside the request; an address that we or a
provider would have to fetch is refused. This file knows no HTTP and no provider.
"""

import base64
import binascii
import json
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
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
from stoa.core.models.asking import picture
from stoa.core.models.conversation import Conversation

Json = dict[str, Any]
_DATA_URL = re.compile(r"\Adata:[\w.+/-]+;base64,(.*)\Z", re.DOTALL)
_REASONS: dict[FinishReason | None, str] = {
    "length": "length",
    "content_filter": "content_filter",
    "tool_call": "tool_calls",
}


class _Body(BaseModel):
    """Fields we don't know are ignored, as OpenAI's own clients send more with every release."""

    model_config = ConfigDict(extra="ignore")


class TextContent(_Body):
    """A piece of text."""

    type: Literal["text"]
    text: str


class ImageAddress(_Body):
    """Where the picture is: `data:image/png;base64,…`."""

    url: str


class ImageContent(_Body):
    """A picture."""

    type: Literal["image_url"]
    image_url: ImageAddress


Content = str | list[Annotated[TextContent | ImageContent, Field(discriminator="type")]]


class CalledFunction(_Body):
    """What the model wants to have called."""

    name: str
    arguments: str


class ToolCall(_Body):
    """One call of a tool."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class SystemMessage(_Body):
    """What the application says to the model."""

    role: Literal["system", "developer"]
    content: str | list[TextContent]


class UserMessage(_Body):
    """What the person says."""

    role: Literal["user"]
    content: Content


class AssistantMessage(_Body):
    """What the model said before."""

    role: Literal["assistant"]
    content: str | list[TextContent] | None = None
    tool_calls: list[ToolCall] = Field(default_factory=list)


class ToolMessage(_Body):
    """What a tool returned."""

    role: Literal["tool"]
    tool_call_id: str
    content: str | list[TextContent]


Message = Annotated[
    SystemMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")
]


class Function(_Body):
    """A function the model may have called."""

    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: str | None = None
    parameters: Json = Field(default_factory=lambda: {"type": "object", "properties": {}})
    strict: bool | None = None


class Tool(_Body):
    """A tool. Functions are the only kind."""

    type: Literal["function"]
    function: Function


class ChosenFunction(_Body):
    """The function that must be called."""

    name: str


class ToolChoice(_Body):
    """Which tool must be called."""

    type: Literal["function"]
    function: ChosenFunction


class JsonSchema(_Body):
    """The schema an answer must follow."""

    name: str = "answer"
    description: str | None = None
    schema_: Json = Field(alias="schema")
    strict: bool | None = None


class ResponseFormat(_Body):
    """Text, any JSON object, or JSON by a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(_Body):
    """`include_usage`: a last piece that says what was used."""

    include_usage: bool = False


class ChatRequest(_Body):
    """The body of `POST /v1/chat/completions`."""

    model: str
    messages: list[Message] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions | None = None
    tools: list[Tool] = Field(default_factory=list)
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    response_format: ResponseFormat | None = None
    parallel_tool_calls: bool | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    max_tokens: int | None = Field(None, gt=0)
    max_completion_tokens: int | None = Field(None, gt=0)
    stop: str | list[str] | None = None
    seed: int | None = None
    n: Literal[1] | None = None
    logprobs: Literal[False] | None = None

    def conversation(self) -> Conversation:
        """What to put to a model. Raises InvalidInput where the messages don't fit together."""
        form = self.response_format
        return Conversation(
            messages=_messages(self.messages),
            settings=self._settings(),
            tools=[_tool(each.function) for each in self.tools],
            output=None if form is None else _output(form),
        )

    def _settings(self) -> ModelSettings:
        settings = ModelSettings(max_tokens=self.max_completion_tokens or self.max_tokens or 4096)
        if self.temperature is not None:
            settings["temperature"] = self.temperature
        if self.top_p is not None:
            settings["top_p"] = self.top_p
        if self.seed is not None:
            settings["seed"] = self.seed
        if self.stop:
            settings["stop_sequences"] = [self.stop] if isinstance(self.stop, str) else self.stop
        if self.tools and self.parallel_tool_calls is not None:
            settings["parallel_tool_calls"] = self.parallel_tool_calls
        if self.tools and self.tool_choice is not None:
            settings["tool_choice"] = (
                [self.tool_choice.function.name]
                if isinstance(self.tool_choice, ToolChoice)
                else self.tool_choice
            )
        return settings


class EmbeddingRequest(_Body):
    """The body of `POST /v1/embeddings`."""

    model: str
    input: str | list[str]
    encoding_format: Literal["float", "base64"] = "float"

    def texts(self) -> list[str]:
        """The texts to embed; 1 to 2,048 of them."""
        texts = [self.input] if isinstance(self.input, str) else self.input
        if not 1 <= len(texts) <= 2048:
            raise InvalidInput("'input' takes 1 to 2048 texts.", hint="Send them in batches.")
        return texts


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


def pack(vector: Any, encoding: Literal["float", "base64"]) -> Any:
    """A vector (float32) as numbers, or as base64 of its little-endian bytes."""
    if encoding == "float":
        return vector.tolist()
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


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
        return picture(base64.b64decode(found[1], validate=True))
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
