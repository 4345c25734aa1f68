"""Where a text hurts, and whom: word-list hits read in their context.

The same word is a slap or a shrug by what stands around it. "You are an idiot" aims at the reader, "these
people are idiots" at others, "I'm an idiot" at oneself, "the stupid zipper" at a thing; "not an idiot"
takes it back, "he called me an idiot" reports it, "fucking brilliant" praises. Each hit comes with that
reading; how much it counts is not decided here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stoa.core.language.toxicity_lexicon import Entry, Kind, lexicon, look_up
from stoa.core.language.toxicity_text import Token
from stoa.core.language.words import function_words

Aim = Literal["you", "them", "self", "thing", "open"]

_BREAK = re.compile(r"[.!?;\n…]")
_QUOTE = re.compile('["“”«»]')
_BEFORE, _AFTER = 5, 4
_HARMLESS = 0.15
"""How much of a word's weight stays where its harmless meaning is likelier."""
_ATTRIBUTES = ("contempt", "insult", "beastly", "charge", "profanity")
"""Kinds that may stand before the noun they are about."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One word or phrase of the list, read in its place."""

    kind: Kind
    weight: float
    """0..1, lowered where the context takes it back."""
    aim: Aim
    first: int
    last: int
    """Places of its first and last token."""
    disguised: bool = False


def hits_of(text: str, tokens: Sequence[Token]) -> list[Hit]:
    """All hits in order of their first token."""
    words = [token.word for token in tokens]
    clauses = _clauses(text, tokens)
    quoted = _quoted(text, tokens)
    reader = _Reader(words, clauses, quoted)
    book = lexicon()
    found: list[Hit] = []
    for at, token in enumerate(tokens):
        reading, entries = look_up(token.word)
        if token.disguised and not reading:  # "a m o r o n": the article was taken along
            reading, entries = look_up(token.word[1:])
        written = reading or token.word
        if reading:
            entries = reader.of_this_language(entries, at, book.clash.get(reading, ""))
        disguised = bool(reading) and (token.disguised or not token.word.isalpha())
        found += [reader.read(entry, at, at, disguised) for entry in entries]
        if written in book.phrases:
            found += [
                reader.read(Entry(kind, 1.0, language), at, end - 1, False)
                for kind, language, end in book.phrase_ends(words, at)
                if clauses[end - 1] == clauses[at]
            ]
    return found


def _clauses(text: str, tokens: Sequence[Token]) -> list[int]:
    """The number of each token's sentence."""
    numbers, number, last = [], 0, 0
    for token in tokens:
        if _BREAK.search(text, last, token.start):
            number += 1
        numbers.append(number)
        last = token.end
    return numbers


def _quoted(text: str, tokens: Sequence[Token]) -> list[bool]:
    """Whether each token stands between quotation marks that are few words apart."""
    marks = [found.start() for found in _QUOTE.finditer(text)]
    inside = [False] * len(tokens)
    at = 0
    for opening, closing in zip(marks[::2], marks[1::2], strict=False):
        if closing - opening > 80:
            continue
        while at < len(tokens) and tokens[at].start < opening:
            at += 1
        while at < len(tokens) and tokens[at].start < closing:
            inside[at] = True
            at += 1
    return inside


class _Reader:
    """Reads hits in the context of one text."""

    def __init__(self, words: list[str], clauses: list[int], quoted: list[bool]) -> None:
        self._words, self._clauses, self._quoted = words, clauses, quoted
        self._said, self._ambiguous = lexicon().context, lexicon().ambiguous

    def read(self, entry: Entry, first: int, last: int, disguised: bool) -> Hit:
        before = self._around(first, -_BEFORE)
        after = self._around(last, _AFTER)
        aim = self._aim(entry, before, after)
        weight = entry.weight
        if entry.kind not in ("threat", "wish", "dismissal"):
            if any(word in self._said.negation for word in before[:3]):
                weight *= 0.3
            if entry.kind in ("profanity", "sexual") and any(
                word in self._said.praise for word in (*after, *before[:1])
            ):
                weight *= 0.4
        if aim in ("open", "thing") and first == last and self._words[first] in self._ambiguous:
            weight *= _HARMLESS
        reported = any(word in self._said.report for word in before)
        if reported and any(word in self._said.oneself for word in before):
            weight *= 0.15
        elif reported or self._quoted[first]:
            weight *= 0.4
        return Hit(entry.kind, weight, aim, first, last, disguised)

    def _around(self, at: int, width: int) -> list[str]:
        """Up to `width` words of the same sentence, nearest first; before where it is negative."""
        step = 1 if width > 0 else -1
        found = []
        for place in range(at + step, at + width + step, step):
            if not 0 <= place < len(self._words) or self._clauses[place] != self._clauses[at]:
                break
            found.append(self._words[place])
        return found

    def _aim(self, entry: Entry, before: list[str], after: list[str]) -> Aim:
        said = self._said
        if entry.kind in _ATTRIBUTES and (noun := self._noun(entry, before, after)):
            if noun in said.thing:
                return "thing"
            if noun in said.them:
                return "them"
            is_said_of = any(word in said.copula or word in said.you for word in before[:3])
            if entry.kind in ("contempt", "charge") and not is_said_of:
                return "thing"
        for word in before:
            if word in said.you:
                return "you"
            if word in said.them:
                return "them"
            if word in said.oneself:
                return "self"
            if word in said.thing:
                return "thing"
        if any(word in said.you for word in after):
            return "you"
        if entry.kind in ("insult", "profanity") and any(word in said.them for word in after):
            return "them"
        return "open"

    def _noun(self, entry: Entry, before: list[str], after: list[str]) -> str:
        """The word that an attribute goes with: in English the one behind it, in French the one before."""
        beside = after[:1] if entry.language == "en" else before[:1]
        return next(
            (word for word in beside if word.isalpha() and word not in self._said.linking), ""
        )

    def of_this_language(
        self, entries: tuple[Entry, ...], at: int, needed: str
    ) -> tuple[Entry, ...]:
        """Without those that mean something else where they stand. `needed`: the only language in
        which the word hurts, if there is such a one."""
        if not needed and len({entry.language for entry in entries}) < 2:
            return entries
        near = self.language_near(at)
        if needed:
            return entries if near == needed else ()
        return tuple(entry for entry in entries if entry.language == near) or entries

    def language_near(self, at: int) -> str:
        """`en`, `fr`, or empty: whose function words stand self._said."""
        near = self._words[max(0, at - 8) : at] + self._words[at + 1 : at + 9]
        french = sum(word in self._said.french for word in near)
        english = sum(word in _ENGLISH for word in near)
        return "" if french == english else "fr" if french > english else "en"


_ENGLISH = function_words("en") - frozenset(["a", "me", "on", "an", "as", "is", "in", "or"])
