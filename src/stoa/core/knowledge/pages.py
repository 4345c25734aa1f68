"""The words of the knowledge room: pages in, passages out, hits back."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Box(BaseModel):
    """A rectangle on a page, in fractions (0..1) of its width and height, origin top left."""

    model_config = ConfigDict(frozen=True)

    x0: float
    y0: float
    x1: float
    y1: float


class Line(BaseModel):
    """A run of characters `text[start:end]` of its page that sits in one box."""

    start: int
    end: int
    box: Box


class Heading(BaseModel):
    """A heading found at `start` in the page's text; level 1 is the highest."""

    start: int
    level: int
    text: str


class ParsedPage(BaseModel):
    """One page (or sheet, slide, section of a flowing document), numbered from 1.

    Page accounting: each page of the source yields exactly one of these, either `indexed` with its
    text or `reported` with the reason why nothing of it can be found (blank, unreadable, limit …).
    """

    number: int
    status: Literal["indexed", "reported"]
    reason: str = ""
    source: Literal["text", "ocr", "none"] = "text"
    text: str = ""
    lines: list[Line] = Field(default_factory=list)
    """Sorted by start; empty for formats without layout."""
    headings: list[Heading] = Field(default_factory=list)
    tables: int = 0
    """How many tables were found; their rows are part of the text as `a | b | c`."""


class ParsedDocument(BaseModel):
    """What is known of a document beside its pages."""

    media_type: str
    title: str = ""
    pages: int
    language: str = ""


class Passage(BaseModel):
    """A chunk: what is embedded, searched and cited.

    `start`/`end` are character offsets in the text of page `page`; a passage that runs over a page
    break ends on `last_page` and `end` counts there. `text` is exactly what stands there.
    """

    id: str
    document_id: str
    ordinal: int
    page: int
    last_page: int
    start: int
    end: int
    text: str
    heading: str = ""
    """The path of headings above it, ` › ` between."""
    tokens: int = 0


Around = tuple[Passage | None, Passage | None]
"""The passages before and after one, in its document."""


class Hit(BaseModel):
    """A passage that answers a query. `score` sorts; `relevance` (0..1) is calibrated per embedder."""

    passage: Passage
    page: int
    """Of the pages that the passage runs over, the one that was found."""
    score: float
    relevance: float
    relevant: bool
    """Whether it clears the embedder's threshold."""
    before: Passage | None = None
    """The passage before it in its document, where that was asked for and there is one."""
    after: Passage | None = None


class Highlight(BaseModel):
    """Where a quote stands on a page."""

    page: int
    boxes: list[Box]
