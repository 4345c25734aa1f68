"""Finds a quote on a page and says where it stands, for the highlight beside a citation.

A quote may differ from the page in white space, line breaks, hyphenation, ligatures and letter case,
and in nothing else.
"""

from stoa.core.knowledge.pages import Box, Line, ParsedPage
from stoa.core.knowledge.parsing.words import is_rtl, plain

_IGNORED = frozenset("-‐‑\u00ad|")
_QUOTES = str.maketrans("‘’‚“”„´`", "'''\"\"\"''")


def locate(page: ParsedPage, quote: str) -> list[Box]:
    """Boxes of the lines that the quote touches, cut to the part it covers; [] where it is not.

    Of several places, the first counts. A page without layout has no boxes: see `span` for those.
    """
    found = span(page.text, quote)
    if found is None:
        return []
    start, end = found
    touched = (line for line in page.lines if line.start < end and line.end > start)
    return [_part(page.text, line, start, end) for line in touched]


def span(text: str, quote: str) -> tuple[int, int] | None:
    """(start, end) of the quote in `text`; None where it does not stand there."""
    wanted, _ = _squeezed(plain(quote))
    if not wanted:
        return None
    exact = text.find(quote)
    if exact >= 0:
        return exact, exact + len(quote)
    squeezed, origins = _squeezed(text)
    at = squeezed.find(wanted)
    if at < 0:
        return None
    return origins[at], origins[at + len(wanted) - 1] + 1


def _squeezed(text: str) -> tuple[str, list[int]]:
    """Text without what may differ, and where each of its characters came from."""
    characters: list[str] = []
    origins: list[int] = []
    for index, character in enumerate(text.translate(_QUOTES)):
        if character.isspace() or character in _IGNORED:
            continue
        for folded in character.casefold():
            characters.append(folded)
            origins.append(index)
    return "".join(characters), origins


def _part(text: str, line: Line, start: int, end: int) -> Box:
    """The stretch of the line's box that the quote covers, as if all letters were equally wide."""
    length = line.end - line.start
    before = max(start - line.start, 0) / length
    after = max(line.end - end, 0) / length
    if is_rtl(text[line.start : line.end]):
        before, after = after, before
    width = line.box.x1 - line.box.x0
    return line.box.model_copy(
        update={"x0": line.box.x0 + before * width, "x1": line.box.x1 - after * width}
    )
