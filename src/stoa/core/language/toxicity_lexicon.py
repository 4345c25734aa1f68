"""The word list of `toxicity_lexicon.toml`, read once and laid out for looking up.

A word is found in one dictionary access, a stem by its first or last letters, a phrase by its first word.
Knows the file's notation and nothing of what a hit means.
"""

import codecs
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from stoa.core.language.toxicity_text import fold, is_masked, readings, unmasked

Kind = Literal[
    "threat", "wish", "slur", "insult", "contempt", "beastly", "charge", "profanity", "sexual", "dismissal"
]  # fmt: skip
WORD_KINDS: tuple[Kind, ...] = (
    "slur", "insult", "contempt", "beastly", "charge", "profanity", "sexual"
)  # fmt: skip
PHRASE_KINDS: tuple[Kind, ...] = ("threat", "wish", "dismissal")
_FILE = Path(__file__).with_name("toxicity_lexicon.toml")
_STRONGEST = 4
_SHORTEST_STEM = 4
_WIDEST_GAP = 3
_MASKABLE = 2
"""Strength from which a word is looked for behind signs: `f**k`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the list says of a word."""

    kind: Kind
    weight: float
    """0..1."""
    language: str


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of a phrase. No words: a gap of up to three."""

    words: frozenset[str]
    optional: bool = False


@dataclass(frozen=True)
class Context:
    """Words around a hit, by what they say about it."""

    you: frozenset[str]
    them: frozenset[str]
    oneself: frozenset[str]
    thing: frozenset[str]
    copula: frozenset[str]
    negation: frozenset[str]
    report: frozenset[str]
    praise: frozenset[str]
    linking: frozenset[str]
    french: frozenset[str]


@dataclass(frozen=True)
class Lexicon:
    """Everything the file holds."""

    words: dict[str, tuple[Entry, ...]]
    beginnings: dict[str, tuple[Entry, ...]]
    endings: dict[str, tuple[Entry, ...]]
    phrases: dict[str, tuple[tuple[Kind, str, tuple[Slot, ...]], ...]]
    """By first word: kind, language, slots."""
    clash: dict[str, str]
    """Word → the language it counts in, where the other one has a harmless word of that spelling."""
    ambiguous: frozenset[str]
    innocent: frozenset[str]
    context: Context
    emoji: dict[str, float]
    maskable: tuple[str, ...]

    def look_up(self, word: str) -> tuple[str, tuple[Entry, ...]]:
        """What a folded word is listed as, and the reading it was found under; `("", ())` if not."""
        for reading in readings(word):
            if reading in self.innocent:
                return "", ()
            if found := self.words.get(reading) or self._by_stem(reading):
                return reading, found
        if is_masked(word):
            shape = unmasked(word)
            for each in self.maskable:
                if shape.match(each):
                    return each, self.words[each]
        return "", ()

    def _by_stem(self, word: str) -> tuple[Entry, ...]:
        for length in range(len(word) - 1, _SHORTEST_STEM - 1, -1):
            if found := self.beginnings.get(word[:length]):
                return found
            if found := self.endings.get(word[-length:]):
                return found
        return ()

    def phrase_ends(self, words: Sequence[str], at: int) -> Iterator[tuple[Kind, str, int]]:
        """Phrases that begin at a word: kind, language, and the place after their last word."""
        for kind, language, slots in self.phrases.get(words[at], ()):
            end = _matched(slots[1:], words, at + 1)
            if end:
                yield kind, language, end


def _matched(slots: Sequence[Slot], words: Sequence[str], at: int) -> int:
    """The place after the match of `slots` at `at`; 0 where they don't match."""
    if not slots:
        return at
    first, rest = slots[0], slots[1:]
    if not first.words:
        gaps = range(_WIDEST_GAP + 1)
        return next((end for gap in gaps if (end := _matched(rest, words, at + gap))), 0)
    if at < len(words) and words[at] in first.words and (end := _matched(rest, words, at + 1)):
        return end
    return _matched(rest, words, at) if first.optional else 0


@lru_cache(maxsize=100_000)
def look_up(word: str) -> tuple[str, tuple[Entry, ...]]:
    """`Lexicon.look_up`, remembered: the same few thousand words make up most text."""
    return lexicon().look_up(word)


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The list, read at the first call."""
    content = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    groups = {name: frozenset(text.split()) for name, text in content["groups"].items()}
    made = _Maker(groups)
    for language in ("en", "fr"):
        for kind, by_strength in content[language].items():
            if kind in WORD_KINDS:
                made.add_words(language, kind, by_strength)
        made.add_words(language, "slur", {"4": codecs.decode(content["slurs"][language], "rot13")})
        for kind, lines in content[language]["phrases"].items():
            made.add_phrases(language, kind, lines)
    clash = {
        word: language
        for language in ("en", "fr")
        for word in content[language]["clash"]["words"].split()
    }
    return Lexicon(
        words=_frozen(made.words),
        beginnings=_frozen(made.beginnings),
        endings=_frozen(made.endings),
        phrases=_frozen(made.phrases),
        clash=clash,
        ambiguous=frozenset(fold(word) for word in content["ambiguous"]["words"].split()),
        innocent=frozenset(fold(word) for word in content["innocent"]["words"].split()),
        context=Context(
            **{
                name: frozenset(map(fold, text.split()))
                for name, text in content["context"].items()
            }
        ),
        emoji=content["emoji"]["hostile"],
        maskable=tuple(sorted(made.maskable)),
    )


def _frozen(found: dict[str, list[Any]]) -> dict[str, tuple[Any, ...]]:
    return {key: tuple(values) for key, values in found.items()}


class _Maker:
    """Fills the dictionaries."""

    def __init__(self, groups: dict[str, frozenset[str]]) -> None:
        self._groups = groups
        self.words: dict[str, list[Entry]] = {}
        self.beginnings: dict[str, list[Entry]] = {}
        self.endings: dict[str, list[Entry]] = {}
        self.phrases: dict[str, list[tuple[Kind, str, tuple[Slot, ...]]]] = {}
        self.maskable: set[str] = set()

    def add_words(self, language: str, kind: Kind, by_strength: dict[str, str]) -> None:
        for strength, text in by_strength.items():
            entry = Entry(kind, int(strength) / _STRONGEST, language)
            for written in text.split():
                self._add_word(fold(written), entry)

    def _add_word(self, written: str, entry: Entry) -> None:
        word = written.strip("*")
        if written.startswith("*"):
            self._put(self.endings, word, entry)
        elif written.endswith("*"):
            self._put(self.beginnings, word, entry)
        endings = ("s", "es") if entry.language == "en" else ("s", "e", "es")
        for form in (word, *(word + ending for ending in endings)):
            self._put(self.words, form, entry)
        if entry.kind in ("slur", "insult", "profanity", "sexual") and entry.weight > 0.5:
            self.maskable.add(word)

    @staticmethod
    def _put(where: dict[str, list[Entry]], word: str, entry: Entry) -> None:
        known = where.setdefault(word, [])
        if all(each.kind != entry.kind or each.language != entry.language for each in known):
            known.append(entry)

    def add_phrases(self, language: str, kind: Kind, lines: Sequence[str]) -> None:
        for line in lines:
            slots = tuple(self._slot(part) for part in line.split())
            for word in slots[0].words:
                self.phrases.setdefault(word, []).append((kind, language, slots))

    def _slot(self, written: str) -> Slot:
        if written == "..":
            return Slot(frozenset())
        optional = written.endswith("?")
        words: set[str] = set()
        for each in re.split(r"\|", written.rstrip("?")):
            words |= self._groups.get(each, frozenset({fold(each)}))
        return Slot(frozenset(words), optional)
