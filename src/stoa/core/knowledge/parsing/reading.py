"""The one shape that every reader has: a document that was opened, and its pages on demand.

A reader is a function `open_x(path, limits) -> Opened`. It runs in the worker process only. What it
raises: `UserError` when the document as a whole can't be read; anything else is caught by the
worker and reported for the page at hand.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stoa.core.knowledge.pages import ParsedPage

Patience = Callable[[float], None]
"""A reader calls it with seconds before it begins something slow, and gets that much time anew."""


@dataclass(frozen=True)
class Opened:
    """An opened document.

    Attributes:
        media_type: what it turned out to be.
        title: from its metadata; empty where it has none.
        pages: how many; 0 where only reading to the end tells. Only documents with a known number
            can be taken up again in the middle.
        read: `read(first, patience)` yields the pages from number `first` on, in order, without gaps.
    """

    media_type: str
    title: str
    pages: int
    read: Callable[[int, Patience], Iterator[ParsedPage]]


def unread(number: int, reason: str) -> ParsedPage:
    """The accounting line of a page of which nothing can be found."""
    return ParsedPage(number=number, status="reported", reason=reason, source="none")
