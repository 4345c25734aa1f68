"""Writes the text of a page from its blocks, and notes where each stretch of it stands.

Lines of a paragraph end in one newline, paragraphs in two. A word hyphenated at a line's end is
joined, unless the page writes it with the hyphen elsewhere. A table's row becomes `a | b | c`.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from stoa.core.knowledge.pages import Box, Heading, Line
from stoa.core.knowledge.parsing.layout import Block, Row
from stoa.core.knowledge.parsing.tables import Table
from stoa.core.knowledge.parsing.words import Rectangle, Run, Word

_LINE_END_HYPHEN = re.compile(r"([^\W\d_]+)[-‐\u00ad]$")
_NUMBERED = re.compile(
    r"^(?:(?:chapter|section|part|appendix)\s+)?\d{1,3}(?:\.\d{1,3})*\.?\s+\S", re.I
)
_LONGEST_HEADING = 160


@dataclass
class PageText:
    """The text under construction. `place` turns a rectangle of the layout into a Box."""

    place: Callable[[Rectangle], Box]
    body_size: float
    compounds: frozenset[str] = frozenset()
    """Hyphenated words that stand inside lines of this page."""
    text: str = ""
    lines: list[Line] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)

    def add_blocks(self, blocks: Sequence[Block | Table]) -> None:
        for block in blocks:
            self._separate("\n\n")
            if isinstance(block, Table):
                self.add_table(block)
            else:
                self._add_rows(block)

    def add_table(self, table: Table) -> None:
        self._separate("\n\n")
        for row in table.rows:
            self._separate("\n")
            last = max((index for index, cell in enumerate(row) if cell), default=0)
            for index, cell in enumerate(row[: last + 1]):
                if index:
                    self.text += " | "
                for number, run in enumerate(cell):
                    if number:
                        self.text += " "
                    self._add_run(run)
        self._separate("\n\n")

    def _add_rows(self, rows: Block) -> None:
        leading = _usual_leading(rows)
        before: Row | None = None
        was_heading = False
        for row in rows:
            level = self._heading_level(row)
            if before is not None:
                apart = min(run.y0 for run in row) - max(run.y1 for run in before)
                size = max(run.size for run in row)
                new = apart > leading + 0.35 * size or bool(level) != was_heading
                if new or not self._join_hyphen(row):
                    self._separate("\n\n" if new else "\n")
            if level:
                self._note_heading(row, level, continues=was_heading and not self._ends_paragraph())
            self._add_row(row)
            before, was_heading = row, bool(level)

    def _add_row(self, row: Row) -> None:
        for index, run in enumerate(row):
            if index:
                self.text += " "
            self._add_run(run)

    def _add_run(self, run: Run) -> None:
        start = len(self.text)
        self.text += run.text
        if self.text[start:].strip():
            box = self.place((run.x0, run.y0, run.x1, run.y1))
            self.lines.append(Line(start=start, end=len(self.text), box=box))

    def _ends_paragraph(self) -> bool:
        return self.text.endswith("\n\n")

    def _separate(self, separator: str) -> None:
        if not self.text or self.text.endswith(separator):
            return
        self.text += "\n" if self.text.endswith("\n") else separator

    def _join_hyphen(self, row: Row) -> bool:
        """Take back the hyphen at the end of the text where `row` goes on with the word."""
        match = _LINE_END_HYPHEN.search(self.text[-60:])
        following = row[0].text
        if not match or not following[:1].islower():
            return False
        rest = re.match(r"[^\W\d_]*", following)
        if rest and f"{match[1]}-{rest[0]}".lower() in self.compounds:
            return True  # keeps its hyphen, loses the line break
        self.text = self.text[:-1]
        last = self.lines[-1]
        self.lines[-1] = last.model_copy(update={"end": len(self.text)})
        return True

    def _heading_level(self, row: Row) -> int:
        """1 to 4, or 0 for what is no heading: by size against the body, then by weight."""
        text = " ".join(run.text for run in row)
        if len(text) > _LONGEST_HEADING or sum(map(str.isalpha, text)) < 2:
            return 0
        if len(row) > 2 or text.endswith((",", ";", "-")):
            return 0
        ratio = max(run.size for run in row) / self.body_size if self.body_size else 1.0
        for level, least in ((1, 1.55), (2, 1.25), (3, 1.1)):
            if ratio >= least:
                return level
        bold = all(run.bold for run in row)
        if bold and ratio > 0.92 and (not text.endswith(".") or _NUMBERED.match(text)):
            return 4
        return 0

    def _note_heading(self, row: Row, level: int, *, continues: bool) -> None:
        text = " ".join(run.text for run in row)
        last = self.headings[-1] if self.headings else None
        if continues and last and last.level == level:
            self.headings[-1] = last.model_copy(update={"text": f"{last.text} {text}"[:300]})
        else:
            self.headings.append(Heading(start=len(self.text), level=level, text=text))


def body_size(words: Sequence[Word]) -> float:
    """The font size that most characters have."""
    sizes: Counter[float] = Counter()
    for word in words:
        sizes[round(word.size * 2) / 2] += len(word.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def compounds_of(words: Sequence[Word]) -> frozenset[str]:
    """Words written with a hyphen inside, in lower case."""
    return frozenset(word.text.strip(".,;:()").lower() for word in words if "-" in word.text[1:-1])


def _usual_leading(rows: Block) -> float:
    """The vertical gap between most rows: what is clearly more starts a paragraph."""
    gaps = sorted(
        min(run.y0 for run in row) - max(run.y1 for run in before) for before, row in pairwise(rows)
    )
    return gaps[len(gaps) // 2] if gaps else 0.0
