"""Cuts documents without pages into pages, so that a citation has a place.

A flowing document is a stream of blocks. Hard page breaks are kept; where there are none, a page
ends at a heading once it is half full, and at a paragraph when it is full. A paragraph that would
overfill a page on its own is cut between its lines, sentences or words.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from stoa.core.knowledge.pages import Heading, ParsedPage
from stoa.core.knowledge.parsing import refusal
from stoa.core.knowledge.parsing.limits import Limits
from stoa.core.knowledge.parsing.reading import Opened, Patience, unread
from stoa.core.knowledge.parsing.words import plain

PAGE_CHARACTERS = 3_000
_LONGEST = 2 * PAGE_CHARACTERS
_HEADING_CHARACTERS = 300
_CUTS = ("\n", ". ", "。", " ")
_PIPES = re.compile(r"\s*\|\s*")


@dataclass(frozen=True)
class Block:
    """A piece of a flowing document.

    Attributes:
        kind: a `row` is one row of a table; rows that follow each other are one table. `unread`
            reports a part that was left out, with the reason as its text.
        text: what it says; rows as `a | b | c`.
        level: of a heading, 1 is the highest.
    """

    kind: Literal["heading", "paragraph", "row", "item", "break", "unread"]
    text: str = ""
    level: int = 0


BREAK = Block("break")


def row(cells: Iterable[str]) -> Block:
    """A table row; line breaks and bars inside cells become spaces."""
    cleaned = [_PIPES.sub(" ", " ".join(cell.split())) for cell in cells]
    while cleaned and not cleaned[-1]:
        cleaned.pop()
    return Block("row", " | ".join(cleaned))


def page_of(number: int, blocks: Iterable[Block]) -> ParsedPage:
    """One page that holds all of these blocks."""
    page = _Page(number)
    for block in blocks:
        page.add(Block(block.kind, _plain_lines(block.text), block.level))
    return page.parsed()


def heading(text: str, level: int) -> Block:
    """A heading on one line."""
    return Block("heading", " ".join(text.split()), min(max(level, 1), 6))


def opened(
    media_type: str,
    title: str,
    blocks: Iterable[Block],
    limits: Limits,
    *,
    keep_breaks_only: bool = False,
) -> Opened:
    """A flowing document, cut into pages while its blocks come in."""

    def read(first: int, patience: Patience) -> Iterator[ParsedPage]:
        for page in paginate(blocks, keep_breaks_only=keep_breaks_only):
            if page.number > limits.pages:
                raise refusal.too_large("The document is too long", f"{limits.pages:,} pages")
            if page.number >= first:
                yield page

    return Opened(media_type, " ".join(title.split()), 0, read)


def paginate(blocks: Iterable[Block], *, keep_breaks_only: bool = False) -> Iterator[ParsedPage]:
    """Pages of about 3,000 characters, numbered from 1; with `keep_breaks_only`, hard breaks rule
    and only pages of several times that size are cut."""
    size = 4 * PAGE_CHARACTERS if keep_breaks_only else PAGE_CHARACTERS
    page = _Page(number=1)
    for block in blocks:
        if block.kind == "break":
            if page.text or keep_breaks_only:
                yield page.parsed()
                page = _Page(page.number + 1)
            continue
        if block.kind == "unread":
            if page.text:
                yield page.parsed()
                page = _Page(page.number + 1)
            yield unread(page.number, block.text)
            page = _Page(page.number + 1)
            continue
        for piece in _pieces(block):
            if page.is_full_before(piece, size):
                yield page.parsed()
                page = _Page(page.number + 1)
            page.add(piece)
    if page.text or page.number == 1:
        yield page.parsed()


@dataclass
class _Page:
    number: int
    text: str = ""
    headings: list[Heading] = field(default_factory=list)
    tables: int = 0
    last: str = ""

    def is_full_before(self, block: Block, size: int) -> bool:
        if not self.text:
            return False
        if block.kind == "heading" and block.level <= 3 and len(self.text) > size / 2:
            return self.last != "heading"
        return len(self.text) + len(block.text) > size and self.last != "heading"

    def add(self, block: Block) -> None:
        if not block.text:
            return
        if self.text:
            together = block.kind == self.last and block.kind in ("row", "item")
            self.text += "\n" if together else "\n\n"
        if block.kind == "heading":
            self.headings.append(
                Heading(
                    start=len(self.text), level=block.level, text=block.text[:_HEADING_CHARACTERS]
                )
            )
        if block.kind == "row" and self.last != "row":
            self.tables += 1
        self.text += block.text
        self.last = block.kind

    def parsed(self) -> ParsedPage:
        if not self.text:
            return ParsedPage(
                number=self.number, status="reported", reason="blank page", source="none"
            )
        return ParsedPage(
            number=self.number,
            status="indexed",
            text=self.text,
            headings=self.headings,
            tables=self.tables,
        )


def _pieces(block: Block) -> Iterator[Block]:
    """The block with its text in plain form, in pieces that fit on a page."""
    text = _plain_lines(block.text)
    while len(text) > _LONGEST:
        cut = _cut(text)
        yield Block(block.kind, text[:cut].rstrip(), block.level)
        text = text[cut:].lstrip()
    yield Block(block.kind, text, block.level)


def _plain_lines(text: str) -> str:
    return "\n".join(plain(line).rstrip() for line in text.split("\n")).strip("\n")


def _cut(text: str) -> int:
    for separator in _CUTS:
        at = text.rfind(separator, PAGE_CHARACTERS // 2, PAGE_CHARACTERS)
        if at > 0:
            return at + len(separator)
    return PAGE_CHARACTERS
