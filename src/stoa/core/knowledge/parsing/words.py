"""The words of a page, and the pieces of lines they stand in; points, origin top left, y down.

Words come from a PDF's text layer or from OCR; what follows (tables, reading order, text) does not
care which. Characters are put into their plain form here: ligatures apart, presentation forms of
Arabic and Hebrew back to letters, odd spaces to a space, what has no meaning dropped.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

Rectangle = tuple[float, float, float, float]
"""x0, y0, x1, y1."""

_PRESENTATION = re.compile("[\ufb00-\ufdff\ufe70-\ufefc\u1d00-\u1d2b\u2f00-\u2fd5]")
_SPACES = re.compile(r"[^\S\n]+")
_MEANINGLESS = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u200b\u2060\ufeff\ufffe\uffff\ud800-\udfff]"
)
_RTL = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_WIDE_GAP = 1.4
"""Words further apart than this many font sizes stand in different pieces of the line."""


@dataclass(slots=True)
class Word:
    """A word and its box. `size` is the font size in points, `break_before` starts a new line."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    bold: bool = False
    break_before: bool = False
    glued: bool = False
    """No space between the word before and this one."""


@dataclass(slots=True)
class Run:
    """Words in one line with no wide gap between them, in the order they are read."""

    words: list[Word]
    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def text(self) -> str:
        return "".join(
            word.text if word.glued or index == 0 else f" {word.text}"
            for index, word in enumerate(self.words)
        )

    @property
    def size(self) -> float:
        return max(word.size for word in self.words)

    @property
    def bold(self) -> bool:
        return all(word.bold for word in self.words)


def plain(text: str) -> str:
    """`text` in the form it is searched in; never longer words, never other words."""
    if text.isascii() and text.isprintable():
        return text
    text = _PRESENTATION.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    return _SPACES.sub(" ", _MEANINGLESS.sub("", text))


def is_rtl(text: str) -> bool:
    """Whether most letters of it are written from right to left."""
    return 2 * len(_RTL.findall(text)) > sum(map(str.isalpha, text)) > 0


def run_of(words: list[Word]) -> Run:
    """The run that these words make."""
    return Run(
        words,
        min([word.x0 for word in words]),
        min([word.y0 for word in words]),
        max([word.x1 for word in words]),
        max([word.y1 for word in words]),
    )


def runs_of(words: Iterable[Word]) -> list[Run]:
    """Words in the order of the file, cut where the line ends or a wide gap opens."""
    runs: list[Run] = []
    current: list[Word] = []
    for word in words:
        if current and (word.break_before or not _continues(current[-1], word)):
            runs.append(run_of(current))
            current = []
        current.append(word)
    if current:
        runs.append(run_of(current))
    return runs


def _continues(before: Word, word: Word) -> bool:
    overlap = min(before.y1, word.y1) - max(before.y0, word.y0)
    if overlap < 0.4 * min(before.y1 - before.y0, word.y1 - word.y0):
        return False
    gap = max(word.x0 - before.x1, before.x0 - word.x1)
    return gap < _WIDE_GAP * max(before.size, word.size, 1.0)


def turned(box: Rectangle, turns: int, width: float, height: float) -> Rectangle:
    """`box` after its sheet of `width` by `height` was turned `turns` quarters anticlockwise."""
    x0, y0, x1, y1 = box
    match turns % 4:
        case 1:
            return y0, width - x1, y1, width - x0
        case 2:
            return width - x1, height - y1, width - x0, height - y0
        case 3:
            return height - y1, x0, height - y0, x1
    return box
