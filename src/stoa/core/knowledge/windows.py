"""Cuts a passage into the windows that are indexed, and says what of each is embedded.

Three things keep the index small and its vectors telling. What a passage repeats from the one before
has its windows there already. Columns of figures and the bars between cells say nothing to a sentence
encoder and push the labels of their rows out of the window, so they are left out of what is embedded;
keyword search still goes over them. And each window knows the page that most of it stands on. This
file knows no model and no index.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from stoa.core.knowledge.pages import Passage
from stoa.core.models.embedding.embedder import Window

_FIGURE = re.compile(r"(?<!\S)(?!(?:19|20)\d\d(?!\S))[$€£¥(~+−-]*\d[\d.,]*[%)]*(?!\S)")
_MARK = re.compile(r"(?<!\S)[|$€£¥%()—–−-]+(?!\S)")
_BAR = re.compile(r"(?<!\S)\|(?!\S)")
_LINE = re.compile(r"[^\n]*\n?")
_WORD = re.compile(r"\S*[^\W\d_]\S*")
_LEAST_FIGURES = 2
_ANCHOR = 32


@dataclass(frozen=True)
class PassageWindow:
    """`written` is the stretch of the passage, `embedded` what the encoder gets of it."""

    written: str
    embedded: str
    page: int


def repeated(before: Passage | None, passage: Passage) -> int:
    """How many characters a passage begins with that the one before ends with."""
    if before is None or (passage.page, passage.start) >= (before.last_page, before.end):
        return 0
    if passage.page == before.last_page:
        return before.end - passage.start
    if passage.page == before.page:
        return len(before.text) - (passage.start - before.start)
    # It begins amid a passage of many pages, at a place not known: the least that it can be.
    at = before.text.rfind(passage.text[:_ANCHOR])
    while at >= 0 and not passage.text.startswith(before.text[at:]):
        at = before.text.rfind(passage.text[:_ANCHOR], 0, at + _ANCHOR - 1)
    return len(before.text) - at if at >= 0 else 0


def windows_of(
    passage: Passage, skip: int, cut: Callable[[str], list[Window]]
) -> list[PassageWindow]:
    """The windows of `passage.text[skip:]`, at least one; together they hold all of it."""
    text, places = telling(passage.text[skip:])
    found = cut(text)
    starts = [0, *(skip + places(window.start) for window in found[1:]), len(passage.text)]
    starts[0] = skip
    return [
        PassageWindow(passage.text[start:end].strip(), window.text, _page(passage, start, end))
        for window, (start, end) in zip(found, pairwise(starts), strict=True)
    ]


def telling(text: str) -> tuple[str, Callable[[int], int]]:
    """The text without columns of figures and cell bars; and where a place in it stood before."""
    kept: list[tuple[int, int]] = []
    for line in _LINE.finditer(text):
        kept.extend(_kept(line))
    if not any(text[start:end].strip() for start, end in kept):
        return text, lambda place: place
    ends, total = [], 0
    for start, end in kept:
        total += end - start
        ends.append(total)

    def before(place: int) -> int:
        index = min(bisect_right(ends, place), len(kept) - 1)
        return kept[index][1] - (ends[index] - place)

    return "".join(text[start:end] for start, end in kept), before


def _kept(line: re.Match[str]) -> list[tuple[int, int]]:
    """Stretches of one line that are embedded."""
    written = line[0]
    left_out = [match.span() for match in _BAR.finditer(written)]
    figures = [match.span() for match in _FIGURE.finditer(written)]
    if len(figures) >= max(_LEAST_FIGURES, sum(1 for _ in _WORD.finditer(written))):
        left_out = figures + [match.span() for match in _MARK.finditer(written)]
    kept, at = [], 0
    for start, end in sorted(left_out):
        while end < len(written) and written[end] == " ":
            end += 1
        if start > at:
            kept.append((line.start() + at, line.start() + start))
        at = max(at, end)
    if at < len(written):
        kept.append((line.start() + at, line.end()))
    return kept


def _page(passage: Passage, start: int, end: int) -> int:
    """The page of the middle. Breaks between more than two pages are taken to be evenly apart."""
    middle = (start + end) / 2
    last = len(passage.text) - passage.end
    if passage.page == passage.last_page:
        return passage.page
    if middle >= last:
        return passage.last_page
    return passage.page + int(middle / last * (passage.last_page - passage.page))
