"""Candidates: the sentences of some passages that may answer a question, ranked by its words.

A sentence is taken with what it can't be read without: a table row with its header, an item with the
line that introduces its list. A short list is also a candidate as a whole. Headings answer nothing,
but what stands under them inherits their words.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from stoa.core.language.sentences import Sentence, split_sentences
from stoa.core.language.words import content_stems

_CONTEXT_WEIGHT = 0.6
"""A question's word in a heading or header above counts so much of one in the sentence."""
_LONGEST = 700
_FEWEST_WORDS = 3
_LIST_ITEMS = range(2, 10)
_POINTS_BACK = re.compile(
    r"(?:\W*\w+\W+){0,2}(?:it|its|they|their|them|this|that|these|those|he|his|she|her|such|otherwise|"
    r"er|sie|es|dies\w*|il|elle|ils|cela|ceci|eso|esto)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Text:
    """A passage to look in, and the words above it: title and headings."""

    text: str
    context: str = ""


@dataclass(frozen=True)
class Candidate:
    """A sentence, row or list that may answer. `text == passages[passage].text[start:end]`."""

    passage: int
    start: int
    end: int
    text: str
    kind: str
    """`prose`, `item`, `row`, or `list`."""
    lead: str = ""
    """Verbatim line above that it can't be read without: a table's header, a list's introduction."""
    heading: str = ""
    """Nearest heading above it within the passage."""
    before: str = ""
    """The sentence before, where this one points back to it (`When it sounds …`)."""
    coverage: float = 0.0
    """Share of the question's words in it and around it, weighted by how rare they are; 0..1."""
    own_coverage: float = 0.0
    """The same, of the words in it alone."""
    similarity: float | None = None
    """How close in meaning it is to the question, where an encoder was asked: its cosine, shifted so
    that 0.5 is what separates near from not for that encoder."""

    @property
    def reading(self) -> str:
        """How one would read it aloud: what an encoder is given. `Grade: Senior. Leave: 30 days`."""
        if self.kind != "row" or not self.lead:
            above = self.lead or self.before or self.heading
            return " ".join(each for each in (above, self.text) if each)
        cells, titles = _cells(self.text), _cells(self.lead)
        if len(cells) != len(titles):
            return f"{self.lead} {self.text}"
        pairs = [f"{title}: {cell}" for title, cell in zip(titles, cells, strict=True) if cell]
        return ". ".join([*([self.heading] if self.heading else []), *pairs])


def find_candidates(
    question: str, passages: Sequence[Text], *, language: str = "en", limit: int = 24
) -> list[Candidate]:
    """The sentences most likely to answer, best first: most by their words, the rest by the order of
    the passages, so that a paraphrase in the best passage is not lost. No sentence twice."""
    found: dict[str, Candidate] = {}
    for number, passage in enumerate(passages):
        for candidate in _candidates(number, passage.text):
            found.setdefault(" ".join(candidate.text.lower().split()), candidate)
    everything = list(found.values())
    shares = _coverage(question, everything, passages, language)
    scored = [
        replace(candidate, coverage=round(share, 4), own_coverage=round(own, 4))
        for candidate, (share, own) in zip(everything, shares, strict=True)
    ]
    by_words = sorted(scored, key=_order)
    chosen = [each for each in by_words[: limit * 2 // 3] if each.coverage > 0]
    rest = [each for each in scored if each not in chosen]
    return sorted(chosen + rest[: limit - len(chosen)], key=_order)


def _order(candidate: Candidate) -> tuple[float, int, int]:
    return -candidate.coverage, candidate.passage, candidate.start


@dataclass
class _Above:
    """What stands above the sentence that is being read."""

    heading: str = ""
    lead: str = ""
    header: str = ""
    items: list[Sentence] = field(default_factory=list)
    list_lead: str = ""
    sentence: Sentence | None = None


def _candidates(number: int, text: str) -> Iterator[Candidate]:
    """Every sentence of a passage, and every short list as a whole. Headings and table headers only
    lend their words to what stands under them."""
    above = _Above()

    def candidate(sentence: Sentence, kind: str, lead: str = "", before: str = "") -> Candidate:
        return Candidate(
            passage=number,
            start=sentence.start,
            end=sentence.end,
            text=sentence.text,
            kind=kind,
            lead=lead,
            heading=above.heading,
            before=before,
        )

    for sentence in [*split_sentences(text), None]:
        if above.items and (sentence is None or sentence.kind != "item"):
            if (whole := _whole_list(above.items, text)) is not None:
                yield candidate(whole, "list", above.list_lead)
            above.items = []
        if sentence is None:
            return
        lead = _lead_of(sentence, above)
        if lead is not None and _is_readable(sentence):
            before = _before(sentence, above)
            yield candidate(sentence, sentence.kind, lead, before)
        above.sentence = sentence


def _lead_of(sentence: Sentence, above: _Above) -> str | None:
    """The line that the sentence can't be read without; None for a line that is such a line itself.

    Keeps `above` up to date.
    """
    if sentence.kind == "heading":
        above.heading, above.lead, above.header = sentence.text, "", ""
        return None
    if sentence.kind == "row":
        if not above.header:
            above.header = sentence.text
            return None
        return above.header
    above.header = ""
    if sentence.kind == "item":
        above.list_lead = above.list_lead if above.items else above.lead
        above.items.append(sentence)
        return above.lead
    above.lead = sentence.text if sentence.text.endswith(":") else ""
    return ""


def _is_readable(sentence: Sentence) -> bool:
    return len(sentence.text) <= _LONGEST and len(sentence.text.split()) >= _FEWEST_WORDS


def _before(sentence: Sentence, above: _Above) -> str:
    """The sentence before in the same paragraph, where this one points back to it."""
    previous = above.sentence
    if previous is None or previous.kind != sentence.kind or sentence.kind == "row":
        return ""
    return previous.text if _POINTS_BACK.match(sentence.text) else ""


def _whole_list(items: Sequence[Sentence], text: str) -> Sentence | None:
    """The list from the mark of its first item to its last word, if it is short enough to show."""
    line_start = text.rfind("\n", 0, items[0].start) + 1
    start, end = line_start, items[-1].end
    while start < end and text[start].isspace():
        start += 1
    if len(items) not in _LIST_ITEMS or end - start > _LONGEST:
        return None
    return Sentence(text[start:end], start, end, "item")


def _coverage(
    question: str, candidates: Sequence[Candidate], passages: Sequence[Text], language: str
) -> list[tuple[float, float]]:
    """Per candidate the share of the question's words in and around it, and in it alone."""
    asked = set(content_stems(question, language))
    stems = [set(content_stems(each.text, language)) for each in candidates]
    weights = _rarity(asked, stems)
    total = sum(weights.values())
    if not total:
        return [(0.0, 0.0)] * len(candidates)
    contexts = [set(content_stems(each.context, language)) for each in passages]
    shares = []
    for candidate, own in zip(candidates, stems, strict=True):
        lines = f"{candidate.lead} {candidate.heading} {candidate.before}"
        near = set(content_stems(lines, language))
        around = (contexts[candidate.passage] | near) & asked - own
        inside = sum(weights[each] for each in asked & own) / total
        nearby = sum(weights[each] for each in around) / total
        shares.append((inside + _CONTEXT_WEIGHT * nearby, inside))
    return shares


def _rarity(asked: set[str], stems: Sequence[set[str]]) -> Mapping[str, float]:
    """BM25's inverse document frequency of each asked word, sentences being the documents."""
    count = len(stems)
    found = {word: sum(word in each for each in stems) for word in asked}
    return {
        word: math.log(1 + (count - number + 0.5) / (number + 0.5))
        for word, number in found.items()
    }


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]
