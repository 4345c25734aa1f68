"""A prompt with its inputs filled in, ready to be put to whoever answers. Knows no provider."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from stoa.base.errors import InvalidInput
from stoa.core.models.prompts import Prompt

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)

_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)


@dataclass(frozen=True)
class Picture:
    """A picture to attach."""

    content: bytes
    media_type: str

    @classmethod
    def of(cls, content: bytes) -> "Picture":
        """Its kind is told by its first bytes. Raises InvalidInput for other content."""
        for start, kind in _PICTURES:
            if content.startswith(start):
                return cls(content, kind)
        if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
            return cls(content, "image/webp")
        raise InvalidInput(
            "This is no picture a model can see.", hint="Use PNG, JPEG, GIF or WebP."
        )


@dataclass(frozen=True)
class Question(Generic[In, Out]):
    """A prompt with its inputs filled in."""

    prompt: Prompt[In, Out]
    inputs: In
    text: str
    pictures: list[Picture]

    @classmethod
    def of(cls, prompt: Prompt[In, Out], inputs: In) -> "Question[In, Out]":
        """Raises InvalidInput for a picture that is none."""
        pictures = [Picture.of(content) for content in prompt.pictures(inputs)]
        return cls(prompt, inputs, prompt.request(inputs), pictures)

    @property
    def characters(self) -> int:
        """Length of all text that is sent."""
        return len(self.text) + len(self.prompt.template.instructions)
