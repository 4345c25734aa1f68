"""OpenAI's chat format as it comes in: the bodies that `/v1` takes.

Only what can be kept is taken: a field that would change the answer and that not every provider has
(`n`, `logprobs`) is refused, not ignored. This file knows no HTTP, no provider and no library of theirs.
"""

import base64
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from stoa.base.errors import InvalidInput

Json = dict[str, Any]


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


def pack(vector: Any, encoding: Literal["float", "base64"]) -> Any:
    """A vector (float32) as numbers, or as base64 of its little-endian bytes."""
    if encoding == "float":
        return vector.tolist()
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
