"""How people say the name of a column: shorter, without its unit, in other words. Knows one name at a time."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final

from stoa.core.tables.catalogue import Column
from stoa.solutions.ask_data.semantic.lexicon import OPERATORS
from stoa.solutions.ask_data.semantic.stems import stem, word_set
from stoa.solutions.ask_data.semantic.tokens import Token
from stoa.solutions.ask_data.semantic.vocabulary import FILLERS, SYNONYMS, VERBS

_ENDINGS: Final = word_set(
    """name quantity year code date datetime timestamp at on time str text dt ts number title value label num
    nbr no count cnt"""
)
UNITS: Final = word_set(
    """kg g gram lb km m cm mm meter mile mi ft foot inch l liter litre ml usd eur gbp kwh mwh watt mb gb kb byte
    ms sec second min minute hour hr day week month year pct percent percentage celsius"""
)
"""What the numbers of a column are measured in, where its name ends with it."""
_ADJECTIVES: Final = word_set(
    "unit net gross list base standard annual monthly daily hourly nightly new old actual"
)
"""First words of names that say nothing on their own."""
_FLAGS: Final = word_set("is has was are can")
_NO_HEADS: Final = _ENDINGS | word_set("id key type status no first last count by line")
_OPERATING: Final = frozenset(
    phrase
    for op, phrases in OPERATORS.items()
    for phrase in phrases
    if " " not in phrase and op != "span"
)
_SHARED = 0.6


def shared_prefix(names: Sequence[tuple[str, ...]], *, every: bool = False) -> tuple[str, ...]:
    """The first words that (nearly) all names begin with."""
    if len(names) < 3:
        return ()
    needed = len(names) if every else max(3, int(len(names) * _SHARED))
    prefix: tuple[str, ...] = ()
    while True:
        size = len(prefix) + 1
        counts: dict[tuple[str, ...], int] = defaultdict(int)
        for words in names:
            if len(words) > size:
                counts[words[:size]] += 1
        best = max(counts, key=lambda each: counts[each], default=None)
        if best is None or counts[best] < needed or best[: len(prefix)] != prefix:
            return prefix
        prefix = best


def shorter(words: tuple[str, ...], column: Column) -> Iterator[tuple[tuple[str, ...], float]]:
    """Shorter ways to say a column's name."""
    if len(words) > 1 and words[0] in _FLAGS:
        yield words[1:], 0.95
    for size in range(1, len(words)):
        lesser = words[:size]
        score = _beginning(words[size:], column)
        bare = size == 1 and (
            lesser[0] in _OPERATING or lesser[0] in FILLERS or lesser[0] in _ADJECTIVES
        )
        if score and not bare:
            yield lesser, score
    if len(words) > 1 and words[-1] not in _NO_HEADS:
        yield words[-1:], 0.9 if column.kind == "boolean" else 0.7
    if len(words) > 1 and words[-1] in ("date", "name", "type", "status"):
        yield words[-1:], 0.6
    if len(words) > 1 and words[-1] == "id" and column.kind == "text":
        yield words[:-1], 0.5


def said_with(words: tuple[str, ...], column: Column) -> Iterator[tuple[str, ...]]:
    """Words that people add: `inspection date` for `inspected_on`, `email address` for `email`."""
    if column.kind in ("date", "timestamp") and not {"date", "time"} & set(words):
        bare = words[:-1] if len(words) > 1 and words[-1] in _ENDINGS else words
        yield (*bare, "date")
        yield (*bare, "time")
    if column.kind == "text" and words[-1] == "email":
        yield (*words, "address")
    if column.kind == "text" and words[-1] in ("phone", "telephone", "mobile", "fax"):
        yield (*words, "number")


def _beginning(left_off: tuple[str, ...], column: Column) -> float:
    """How well a name is known by its first words, where the others are left off; 0: not at all."""
    number = column.kind in ("integer", "number")
    if len(left_off) == 1 and left_off[0] in _ENDINGS:
        return 0.75 if column.kind in ("date", "timestamp") else 0.9
    if number and (left_off[0] == "per" or (len(left_off) == 1 and left_off[0] in UNITS)):
        return 0.9
    return 0.7 if number and left_off[-1] not in ("id", "key") else 0.0


def readings(tokens: Sequence[Token]) -> Iterator[tuple[tuple[str, ...], float]]:
    """The stems of a phrase, then with near-synonyms, and `type of food` also as `food type`."""
    singulars = tuple(token.singular for token in tokens)
    stems = tuple(token.stem for token in tokens)
    yield stems, 0.0
    yield singulars, 0.0
    if len(tokens) <= 2:  # `joined`, `signed up`
        said = " ".join(token.lower for token in tokens)
        yield from ((tuple(map(stem, each.split())), 0.15) for each in VERBS.get(said, ()))
    if "of" in stems[1:-1]:
        place = stems.index("of", 1)
        ahead = stems[place + 2 :] if stems[place + 1] == "the" else stems[place + 1 :]
        yield (*ahead, *stems[:place]), 0.02
        return
    choices = [((word, 0.0), *((other, 0.1) for other in SYNONYMS.get(word, ()))) for word in stems]
    if len(stems) > 3 or all(len(each) == 1 for each in choices):
        return
    for chosen in product(*choices):
        if loss := sum(each[1] for each in chosen):
            yield tuple(each[0] for each in chosen), loss
