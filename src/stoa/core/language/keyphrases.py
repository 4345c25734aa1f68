"""Key phrases: RAKE's idea (runs of content words between function words) with plain statistics.

A phrase weighs by how many texts hold it and how many words it has; a phrase that almost only occurs
inside a longer one gives way to it. yake was not used: it is GPL.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from stoa.core.language.detect import detect_language
from stoa.core.language.words import function_words, is_number, stem, tokens

_LONGEST = 3
_BREAK = re.compile(r"[.,;:!?()\[\]{}|\"“”/\n]+")
_SHORTEST_WORD = 3


@dataclass(frozen=True)
class KeyPhrase:
    """A phrase as it is most often written, and which texts hold it."""

    text: str
    score: float
    held_by: tuple[int, ...]
    """Places of these texts in what was given."""

    @property
    def count(self) -> int:
        """How many texts hold it."""
        return len(self.held_by)


def key_phrases(texts: Sequence[str], *, limit: int = 10) -> list[KeyPhrase]:
    """The phrases that tell best what the texts are about, best first."""
    written: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    held_by: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, text in enumerate(texts):
        found = _phrases(text)
        for key, form in found:
            written[key][form] += 1
        for key in {key for key, _ in found}:
            held_by[key].append(place)
    scores = {key: _score(key, len(places)) for key, places in held_by.items()}
    scored = sorted(scores, key=lambda key: (-scores[key], -len(key), " ".join(key)))
    chosen: list[tuple[str, ...]] = []
    for key in scored:
        if len(chosen) == limit:
            break
        if not any(_overlap(key, other) for other in chosen):
            chosen.append(key)
    return [
        KeyPhrase(
            text=written[key].most_common(1)[0][0],
            score=round(scores[key], 4),
            held_by=tuple(held_by[key]),
        )
        for key in chosen
    ]


def _phrases(text: str) -> list[tuple[tuple[str, ...], str]]:
    """Every run of up to three content words, by its stems, with how it is written."""
    language = detect_language(text) or "en"
    skip = function_words(language)
    found: list[tuple[tuple[str, ...], str]] = []
    for part in _BREAK.split(text):
        run: list[str] = []
        for word in [*tokens(part), ""]:
            if word and word not in skip and len(word) >= _SHORTEST_WORD and not is_number(word):
                run.append(word)
                continue
            found += _within(run, language)
            run = []
    return found


def _within(run: list[str], language: str) -> list[tuple[tuple[str, ...], str]]:
    return [
        (tuple(stem(word, language) for word in run[start : start + size]),
         " ".join(run[start : start + size]))
        for size in range(1, _LONGEST + 1)
        for start in range(len(run) - size + 1)
    ]  # fmt: skip


def _score(key: tuple[str, ...], texts: int) -> float:
    """Texts that hold it, with a bonus for longer phrases: two words beat one of the same count."""
    return texts * (1 + 0.5 * (len(key) - 1))


def _overlap(key: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return set(key) <= set(other) or set(other) <= set(key)
