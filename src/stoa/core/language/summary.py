"""Extractive summary: the sentences that say most of what a text says, in its order, copied whole.

SumBasic's idea (Nenkova and Vanderwende 2005): a word weighs by how often the text uses it; the
sentence with the heaviest words is taken, and its words then weigh less, so the next one says more.
"""

from collections import Counter

from stoa.core.language.detect import detect_language
from stoa.core.language.sentences import split_sentences
from stoa.core.language.words import content_stems

_FEWEST_WORDS = 4


def summarise(text: str, *, most: int = 3) -> list[str]:
    """At most `most` sentences of the text, in its order."""
    language = detect_language(text) or "en"
    sentences = [
        each.text
        for each in split_sentences(text)
        if each.kind in ("prose", "item") and len(each.text.split()) >= _FEWEST_WORDS
    ]
    stems = [set(content_stems(each, language)) for each in sentences]
    counts = Counter(stem for each in stems for stem in each)
    weights = {stem: count / max(len(sentences), 1) for stem, count in counts.items()}
    chosen: list[int] = []
    while len(chosen) < min(most, len(sentences)):
        rest = [number for number in range(len(sentences)) if number not in chosen]
        best = max(rest, key=lambda number: (_weight(stems[number], weights), -number))
        chosen.append(best)
        for stem in stems[best]:
            weights[stem] **= 2
    return [sentences[number] for number in sorted(chosen)]


def _weight(stems: set[str], weights: dict[str, float]) -> float:
    return sum(weights[stem] for stem in stems) / len(stems) if stems else 0.0
