"""What the prompts of answer_reviews take and give: the types named in their front matter."""

from typing import Annotated

from pydantic import BaseModel, Field

from stoa.solutions.answer_reviews.schema import PictureVerdict


class ToxicityInputs(BaseModel):
    """A piece of a text."""

    text: str


class ToxicityOutput(BaseModel):
    """How toxic it is, and by which words."""

    score: float = Field(ge=0, le=1)
    quotes: list[str] = Field([], max_length=20)


class SentimentInputs(BaseModel):
    """A review and its stars."""

    text: str
    rating: int | None = None


class SentimentOutput(BaseModel):
    """How its writer feels, and about what."""

    score: float = Field(ge=-1, le=1)
    topics: list[Annotated[str, Field(max_length=200)]] = Field([], max_length=20)


class ReplyInputs(BaseModel):
    """All that a reply may be made of."""

    text: str
    language: str = ""
    """ISO 639-1; empty where it can't be told."""
    sentiment: float = 0.0
    topics: list[str] = []
    author: str = ""
    product: str = ""
    signature: str = ""


class ReplyOutput(BaseModel):
    """A reply, and why a person should look at it first, where one should."""

    text: str
    language: str = ""
    doubt: str = ""


class PictureInputs(BaseModel):
    """One picture."""

    picture: bytes
    product: str = ""


class PictureOutput(BaseModel):
    """Whether it may be shown."""

    verdict: PictureVerdict
    reason: str = Field(max_length=500)
