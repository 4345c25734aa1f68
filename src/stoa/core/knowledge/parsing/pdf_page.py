"""What is on a PDF page, ready for the layout.

Text that runs sideways on the display is turned upright here, and its boxes are turned back when
they are handed out.
"""

from dataclasses import dataclass, field

import pypdfium2

from stoa.core.knowledge.pages import Box
from stoa.core.knowledge.parsing.pdf_geometry import Geometry
from stoa.core.knowledge.parsing.pdf_shapes import drawn_on
from stoa.core.knowledge.parsing.pdf_words import once, unmapped, words_of
from stoa.core.knowledge.parsing.tables import Edge
from stoa.core.knowledge.parsing.words import Rectangle, Word, turned


@dataclass
class Group:
    """Words that run in one direction, with the sheet turned so that they stand upright."""

    words: list[Word]
    turns: int
    """Quarters anticlockwise that the displayed sheet was turned by."""
    size: tuple[float, float]
    """Width and height of the displayed sheet, before the turn."""
    edges: list[Edge] = field(default_factory=list)

    def place(self, box: Rectangle) -> Box:
        """The box on the displayed page."""
        width, height = self.size
        if self.turns % 2:
            width, height = height, width
        x0, y0, x1, y1 = turned(box, -self.turns, width, height)
        width, height = self.size
        return Box(
            x0=_fraction(x0 / width),
            y0=_fraction(y0 / height),
            x1=_fraction(x1 / width),
            y1=_fraction(y1 / height),
        )


def _fraction(value: float) -> float:
    return round(min(max(value, 0.0), 1.0), 4)


@dataclass
class PageContent:
    """Everything the reader decides by."""

    size: tuple[float, float]
    groups: list[Group]
    characters: int
    unmapped: float
    """Share of characters, from a sample, whose glyphs map to no letter."""
    picture_share: float
    """Part of the page that its pictures cover, 0..1."""
    shapes: int


def look_at(page: pypdfium2.PdfPage) -> PageContent:
    """Read words, ruling lines and pictures of a page."""
    left, bottom, right, top = page.get_bbox()
    geometry = Geometry(left, bottom, right, top, page.get_rotation())
    edges, picture_share, shapes = drawn_on(page, geometry)
    textpage = page.get_textpage()
    try:
        directed = list(once(words_of(textpage.raw, geometry)))
        garbled = unmapped(textpage.raw)
    finally:
        textpage.close()
    groups = _groups(directed, geometry.size)
    if groups:
        turns = groups[0].turns
        groups[0].edges = [
            Edge(*turned((e.x0, e.y0, e.x1, e.y1), turns, *geometry.size), e.drawn) for e in edges
        ]
    return PageContent(
        size=geometry.size,
        groups=groups,
        characters=sum(len(word.text) for _, word in directed),
        unmapped=garbled,
        picture_share=picture_share,
        shapes=shapes,
    )


def _groups(directed: list[tuple[int, Word]], size: tuple[float, float]) -> list[Group]:
    """By direction, the one with most words first; skewed text last."""
    by_turn: dict[int, list[Word]] = {}
    for turns, word in directed:
        by_turn.setdefault(turns, []).append(word)
    groups = []
    for turns in sorted(by_turn, key=lambda turns: (turns < 0, -len(by_turn[turns]))):
        upright = max(turns, 0)
        for word in by_turn[turns] if upright else ():
            word.x0, word.y0, word.x1, word.y1 = turned(
                (word.x0, word.y0, word.x1, word.y1), upright, *size
            )
            word.size = word.y1 - word.y0
        groups.append(Group(by_turn[turns], upright, size))
    return groups
