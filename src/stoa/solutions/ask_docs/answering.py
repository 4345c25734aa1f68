"""What the prompts of ask_docs take and give. Their texts are in prompts/, their twins in offline.py."""

from typing import Literal

from pydantic import BaseModel, Field

from stoa.core.language.candidates import Candidate


class Exchange(BaseModel):
    """A question of the conversation and what was answered."""

    question: str
    answer: str


class UnderstandInputs(BaseModel):
    """The newest message, what was said before, and what there is to ask about."""

    message: str
    history: list[Exchange]
    titles: list[str]


class Understanding(BaseModel):
    """What a message is, and the question in it as it stands alone."""

    kind: Literal["question", "greeting", "clarify"]
    standalone: str = Field(
        "", description="The question, understandable without the conversation."
    )
    reply: str = Field("", description="What to say to a greeting, or the question to ask back.")


class PassageInput(BaseModel):
    """A passage as the answer prompt shows it."""

    number: int
    title: str
    heading: str
    page: int
    text: str


class AnswerInputs(BaseModel):
    """A question and the passages it may be answered from."""

    question: str
    passages: list[PassageInput]
    candidates: list[Candidate] = []
    """Sentences of the passages with what the twin needs to choose among them; empty for models."""


class DraftCitation(BaseModel):
    """A passage by its number, and words copied from it."""

    passage: int
    quote: str


class DraftSentence(BaseModel):
    """A sentence of an answer before it was checked."""

    text: str
    citations: list[DraftCitation]


class DraftAnswer(BaseModel):
    """An answer before it was checked; no sentences: the passages do not hold it."""

    sentences: list[DraftSentence]
