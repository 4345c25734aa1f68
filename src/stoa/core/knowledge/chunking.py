"""Cuts pages into passages along the document's own structure.

Text is first taken apart into atoms: stretches of at most a few dozen tokens that end where a
heading, a paragraph, a line, a sentence or, at worst, a word ends. Passages are then filled atom by
atom. Each ends at the strongest joint in its second half, and the next one starts a little before
that end, so that a fact on the joint is whole in one of them. No overlap reaches over a heading: a
new section starts clean.

Works on a stream of pages and holds little more than one passage. Knows nothing of models; how
tokens are counted is handed in.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from stoa.core.knowledge.pages import Heading, ParsedPage, Passage

Count = Callable[[str], int]

_ATOM_SHARE = 8
"""An atom holds at most this part of a passage, so that ends and overlaps can be placed."""
_LEAST_FULL = 0.5
"""Where a passage may end at a joint weaker than a heading."""
_LEAST_SECTION = 0.25
"""A section shorter than this part of a passage shares one with the next section."""
_TOKENS = re.compile(r"[a-zA-Z]+|\d{1,3}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]|\w|[^\w\s]")
_LETTERS_A_TOKEN = 6
_OTHER_LETTERS_A_TOKEN = 2.5
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_LINE = re.compile(
    r"(?<=[.!?…。！？:;])\n|\n(?=[^\S\n]*(?:[-*•‣▪·–]|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)])\s)|\n(?=[^\n]* \| )"
)
_WRAP = re.compile(r"\n")
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|(?<=[.!?…][\"'”’)\]])\s+|(?<=[。！？])")
_WORD = re.compile(r"\s+")
_ENDS_SENTENCE = re.compile(r"[.!?…。！？:][\"'”’)\]]*\s*$")


@dataclass(frozen=True)
class Chunking:
    """How large passages are, in tokens of whoever embeds them."""

    max_tokens: int = 1_000
    overlap: int = 200

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.max_tokens:
            raise ValueError("overlap must be at least 0 and less than max_tokens")


class _Joint(IntEnum):
    """What ends before an atom; the stronger, the better a place to cut."""

    WORD = 0
    WRAP = 1
    """A line end inside a sentence, as a column's width made it."""
    SENTENCE = 2
    LINE = 3
    """A line end that means something: after a sentence, before a list item or a table row."""
    PARAGRAPH = 4
    PAGE = 5
    HEADING = 6


@dataclass(slots=True)
class _Atom:
    """`text[start:end]` of a page."""

    page: ParsedPage
    start: int
    end: int
    joint: _Joint
    tokens: int
    path: str


def estimate(text: str) -> int:
    """About how many word pieces a text has, without a tokenizer; rather too many than too few."""
    total = 0.0
    for match in _TOKENS.finditer(text):
        piece = match[0]
        if len(piece) > _LETTERS_A_TOKEN:
            total += -(-len(piece) // _LETTERS_A_TOKEN)
        elif len(piece) == 1 and piece.isalpha() and not piece.isascii() and piece < "\u3040":
            total += 1 / _OTHER_LETTERS_A_TOKEN
        else:
            total += 1
    return -int(-total // 1)


def chunk(
    document_id: str,
    pages: Iterable[ParsedPage],
    *,
    chunking: Chunking | None = None,
    count: Count = estimate,
) -> Iterator[Passage]:
    """Passages of a document in order; ids are `{document_id}:{ordinal}`, the same at every run.

    Every character of an indexed page that is not white space is in at least one passage. Reported
    pages have none. A passage over a page break holds the pages' parts with a newline between.
    """
    packer = _Packer(document_id, chunking or Chunking(), count)
    outline = _Outline()
    for page in pages:
        if page.status == "indexed":
            for atom in _atoms(page, outline, packer.chunking, count):
                yield from packer.add(atom)
    yield from packer.finish()


@dataclass
class _Outline:
    """The headings that stand above the current place."""

    stack: list[Heading] = field(default_factory=list)
    mid_sentence: bool = False
    """The page before ended within a sentence: its end is no place to cut."""

    def enter(self, heading: Heading) -> None:
        while self.stack and self.stack[-1].level >= heading.level:
            self.stack.pop()
        self.stack.append(heading)

    def path(self) -> str:
        return " › ".join(heading.text for heading in self.stack)


def _atoms(
    page: ParsedPage, outline: _Outline, chunking: Chunking, count: Count
) -> Iterator[_Atom]:
    headings = deque(sorted(page.headings, key=lambda heading: heading.start))
    size = max(chunking.max_tokens // _ATOM_SHARE, 1)
    joint = _Joint.WRAP if outline.mid_sentence else _Joint.PAGE
    outline.mid_sentence = not _ENDS_SENTENCE.search(page.text[-200:])
    at = 0
    while at < len(page.text):
        if headings and headings[0].start <= at:
            outline.enter(headings.popleft())
            joint = _Joint.HEADING
            continue
        until = min(headings[0].start, len(page.text)) if headings else len(page.text)
        for start, end, inner in _split(page.text, at, until, size, count):
            tokens = count(page.text[start:end])
            yield _Atom(page, start, end, max(joint, inner), tokens, outline.path())
            joint = _Joint.WORD
        at, joint = until, _Joint.PARAGRAPH


def _split(
    text: str, start: int, end: int, size: int, count: Count
) -> Iterator[tuple[int, int, _Joint]]:
    """Stretches of `text[start:end]` without white space around, of at most `size` tokens each."""
    separators = (
        (_PARAGRAPH, _Joint.PARAGRAPH),
        (_LINE, _Joint.LINE),
        (_SENTENCE, _Joint.SENTENCE),
        (_WRAP, _Joint.WRAP),
        (_WORD, _Joint.WORD),
    )

    def parts(start: int, end: int, depth: int, joint: _Joint) -> Iterator[tuple[int, int, _Joint]]:
        start, end = _trimmed(text, start, end)
        if start == end:
            return
        if count(text[start:end]) <= size:
            yield start, end, joint
            return
        if depth == len(separators):
            yield from _hard_cuts(text, start, end, size, joint, count)
            return
        pattern, kind = separators[depth]
        at, before = start, joint
        for match in pattern.finditer(text, start, end):
            yield from parts(at, match.start(), depth + 1, before)
            at, before = match.end(), kind
        yield from parts(at, end, depth + 1, before)

    yield from parts(start, end, 0, _Joint.WORD)


def _hard_cuts(
    text: str, start: int, end: int, size: int, joint: _Joint, count: Count
) -> Iterator[tuple[int, int, _Joint]]:
    """A "word" too long for an atom: halved until it fits, or is one character."""
    if end - start <= 1 or count(text[start:end]) <= size:
        yield start, end, joint
        return
    middle = (start + end) // 2
    yield from _hard_cuts(text, start, middle, size, joint, count)
    yield from _hard_cuts(text, middle, end, size, _Joint.WORD, count)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


@dataclass
class _Packer:
    """Fills passages with atoms."""

    document_id: str
    chunking: Chunking
    count: Count
    atoms: list[_Atom] = field(default_factory=list)
    tokens: int = 0
    repeated: int = 0
    """So many of the first atoms already stand in the passage before."""
    ordinal: int = 0

    def add(self, atom: _Atom) -> Iterator[Passage]:
        most = self.chunking.max_tokens
        if atom.joint is _Joint.HEADING and self.tokens >= _LEAST_SECTION * most:
            yield self._passage(len(self.atoms))
            self._keep_from(len(self.atoms), 0)
        if self.tokens + atom.tokens > most and len(self.atoms) > self.repeated:
            end = self._best_end(atom)
            yield self._passage(end)
            self._overlap(end, atom)
        self.atoms.append(atom)
        self.tokens += atom.tokens

    def finish(self) -> Iterator[Passage]:
        if len(self.atoms) > self.repeated:
            yield self._passage(len(self.atoms))
            self._keep_from(len(self.atoms), 0)

    def _best_end(self, following: _Atom) -> int:
        """How many atoms to take: up to the strongest joint in the second half, the last of equals."""
        best, best_joint = len(self.atoms), following.joint
        taken = self.tokens
        for index in range(len(self.atoms) - 1, self.repeated, -1):
            taken -= self.atoms[index].tokens
            if taken < _LEAST_FULL * self.chunking.max_tokens:
                break
            if self.atoms[index].joint > best_joint:
                best, best_joint = index, self.atoms[index].joint
        return best

    def _overlap(self, end: int, following: _Atom) -> None:
        """Drop what was taken but its last sentences, as many as the overlap and `following` allow."""
        rest = sum(atom.tokens for atom in self.atoms[end:]) + following.tokens
        room = min(self.chunking.overlap, self.chunking.max_tokens - rest)
        start = sentence_start = end
        joint_after = self.atoms[end].joint if end < len(self.atoms) else following.joint
        while start > 0 and joint_after is not _Joint.HEADING:
            room -= self.atoms[start - 1].tokens
            if room < 0:
                break
            start -= 1
            joint_after = self.atoms[start].joint
            if joint_after >= _Joint.SENTENCE:
                sentence_start = start
        start = sentence_start if sentence_start < end else start
        self._keep_from(start, end - start)

    def _keep_from(self, start: int, repeated: int) -> None:
        self.atoms = self.atoms[start:]
        self.tokens = sum(atom.tokens for atom in self.atoms)
        self.repeated = repeated

    def _passage(self, end: int) -> Passage:
        first, last = self.atoms[0], self.atoms[end - 1]
        text = _text(self.atoms[:end])
        passage = Passage(
            id=f"{self.document_id}:{self.ordinal}",
            document_id=self.document_id,
            ordinal=self.ordinal,
            page=first.page.number,
            last_page=last.page.number,
            start=first.start,
            end=last.end,
            text=text,
            heading=first.path,
            tokens=sum(atom.tokens for atom in self.atoms[:end]),
        )
        self.ordinal += 1
        return passage


def _text(atoms: list[_Atom]) -> str:
    """What stands from the first atom to the last, page by page."""
    first, last = atoms[0], atoms[-1]
    pages = {atom.page.number: atom.page for atom in atoms}
    return "\n".join(
        page.text[
            first.start if page is first.page else 0 : last.end if page is last.page else None
        ]
        for page in pages.values()
    )
