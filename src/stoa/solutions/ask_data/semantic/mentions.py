"""A question's tokens, read against a catalogue: what each stretch of words may be.

Every stretch becomes one item with all its readings (a phrase that works, a name, a value, a number, a
period); which of them holds is decided by `reading`. Knows no grammar.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from stoa.solutions.ask_data.semantic.flags import denied, may_be_empty
from stoa.solutions.ask_data.semantic.lexicon import COMPARATIVES, MONTHS, OPERATORS, SUPERLATIVES
from stoa.solutions.ask_data.semantic.meaning import SpanUnit, Unit
from stoa.solutions.ask_data.semantic.naming import Name, Naming, ValueName
from stoa.solutions.ask_data.semantic.periods import Period, period_at
from stoa.solutions.ask_data.semantic.splitting import name_words, split_name
from stoa.solutions.ask_data.semantic.stems import stem, word_set
from stoa.solutions.ask_data.semantic.tokens import Token
from stoa.solutions.ask_data.semantic.vocabulary import FILLERS, NOUNS, SYNONYMS, VERBS

_UNITS: Final[dict[str, Unit]] = {
    "day": "day", "days": "day", "daily": "day", "date": "day", "week": "week", "weeks": "week", "weekly": "week",
    "month": "month", "months": "month", "monthly": "month", "quarter": "quarter", "quarters": "quarter",
    "quarterly": "quarter", "weekday": "weekday", "weekdays": "weekday", "year": "year", "years": "year", "yearly": "year", "annually": "year", "annual": "year",
}  # fmt: skip
_UNIT_PHRASES: Final[dict[str, Unit]] = {
    "day of the week": "weekday", "day of week": "weekday", "days of the week": "weekday",
    "hour of the day": "hour", "hour of day": "hour",
}  # fmt: skip
_SPANS: Final[dict[str, SpanUnit]] = {
    "second": "second", "seconds": "second", "minute": "minute", "minutes": "minute", "hour": "hour", "hours": "hour", "day": "day", "days": "day",
    "night": "day", "nights": "day", "week": "week", "weeks": "week",
}  # fmt: skip
_PHRASES: Final[dict[tuple[str, ...], list[str]]] = {}
_WITH_THE: Final = word_set("count most fewest max min sum avg top bottom first last")
for _operator, _phrases in OPERATORS.items():
    for _phrase in _phrases:
        _PHRASES.setdefault(tuple(_phrase.split()), []).append(_operator)
        if _operator in _WITH_THE and not _phrase.startswith("the "):
            _PHRASES.setdefault(("the", *_phrase.split()), []).append(_operator)
_OPERATING: Final = frozenset(key[0] for key in _PHRASES if len(key) == 1) - FILLERS
_SOFT: Final = word_set("of all return in who which only pronoun")
_SUPERLATIVES: Final = {
    words: found
    for phrase, found in SUPERLATIVES.items()
    for words in (tuple(phrase.split()), ("the", *phrase.split()))
}
_COMPARATIVES: Final = {tuple(phrase.split()): found for phrase, found in COMPARATIVES.items()}
_MONEY: Final = word_set(
    """revenue sales turnover income earnings proceeds takings spending spend spent"""
)
_FUNCTION_WORDS: Final = word_set(
    """a an the this that these those there their its his her it they them he she we our us me my i you your
    please can could would do does did of to for as list show give display find get tell return name what
    which who whom whose where when how is are was were be been has have had with in on at from by into and
    or all any also then so out up not no data table value values one"""
)
"""Words that are never a value, even where a column holds them."""
_NEVER_NAMES: Final = word_set(
    "do does did is are was were be in on at of to for from by with and or the a an it as"
)
"""Words that a sentence needs, even where a short key is called so."""
_GENERAL: Final = word_set("name date time code number id title type value year")
"""Ends of names that a question may add on its own: `region name`."""
_NO_EDGE: Final = word_set("a an the of in by and")
_LONGEST = 6
_COUNTING_FIRST: Final = word_set(
    """number count total sum average mean maximum minimum max min most top list percentage share ratio"""
)


@dataclass
class Item:
    """A stretch of tokens and all that it may be."""

    tokens: list[Token]
    ops: tuple[str, ...] = ()
    superlative: tuple[tuple[str, ...], bool] | None = None
    comparative: tuple[str, ...] = ()
    names: list[Name] = field(default_factory=list)
    values: list[ValueName] = field(default_factory=list)
    number: float | int | None = None
    period: Period | None = None
    unit: Unit | None = None
    span: SpanUnit | None = None
    """What a length of time is counted in."""
    literal: str | None = None
    negative: bool = False
    """`inactive`, where the names hold `active`."""
    money: bool = False
    """Revenue, sales: what was paid, wherever it is kept."""
    filler: bool = False

    @property
    def text(self) -> str:
        return " ".join(token.text for token in self.tokens)

    @property
    def known(self) -> bool:
        """Whether there is any reading at all."""
        return bool(
            self.ops or self.superlative or self.names or self.values or self.period or self.unit
            or self.span or self.literal or self.filler or self.money or self.number is not None
        )  # fmt: skip

    @property
    def plural(self) -> bool:
        """Whether its last word is a plural."""
        return self.tokens[-1].singular != self.tokens[-1].lower

    def table(self) -> Name | None:
        """The best reading as a table."""
        return next((name for name in self.names if name.column is None), None)


def mentions(tokens: Sequence[Token], naming: Naming, today: date) -> list[Item]:
    """All tokens, cut into items from left to right, the longest reading first."""
    items: list[Item] = []
    place = 0
    while place < len(tokens):
        item = _item_at(tokens, place, naming, today)
        size = len(item.tokens)
        if not item.known and items and _of_column(item, items[-1], naming):
            items[-1].tokens += item.tokens
        else:
            items.append(item)
        place += size
    return items


def _of_column(item: Item, before: Item, naming: Naming) -> bool:
    """Whether a word only repeats what the column of the value before it is about: `Italian food`."""
    word = item.tokens[0].stem
    near = {word, *SYNONYMS.get(word, ())}
    fitting = [
        value for value in before.values if near & {stem(each) for each in split_name(value.column)}
    ]
    if fitting:
        before.values = fitting
    return bool(fitting)


def _item_at(tokens: Sequence[Token], place: int, naming: Naming, today: date) -> Item:
    token = tokens[place]
    if token.kind == "quoted":
        return Item([token], literal=token.text, values=naming.values([token]))
    if token.capital and (run := _strange_run(tokens, place, naming)):
        return Item(run, literal=" ".join(each.text for each in run))
    if pair := _rate(tokens, place, naming) or _time_until(tokens, place, naming):
        return pair
    found = period_at(tokens, place, today)
    if found is not None and found[1] - place > _LONGEST:
        return Item(list(tokens[place : found[1]]), period=found[0])
    for length in range(min(_LONGEST, len(tokens) - place), 0, -1):
        chosen = list(tokens[place : place + length])
        item = _whole(chosen, naming)
        if found is not None and found[1] - place == length:
            item.period = found[0]
            if not found[0].bare_year:
                return item
        if length == 1 and token.number is not None:
            item.number = token.number
        if item.known and not (item.filler and len(item.tokens) == 1 and not _works(item)):
            return item
    item = _whole([token], naming)
    if item.known and _works(item):
        return item
    if token.capital and not item.filler:
        return _capitals(tokens, place, naming)
    if negative := denied(token, naming):
        return Item([token], names=negative, negative=True)
    return item


def _rate(tokens: Sequence[Token], place: int, naming: Naming) -> Item | None:
    """`success rate`, where no column is called so but a status may be a success."""
    chosen = list(tokens[place : place + 2])
    if len(chosen) < 2 or chosen[1].singular != "rate" or naming.names(chosen):
        return None
    found = naming.values(chosen[:1]) or naming.derived_values(chosen[0].lower)
    return Item(chosen, ops=("rate",), values=found) if found else None


def _time_until(tokens: Sequence[Token], place: int, naming: Naming) -> Item | None:
    """`response time`, where no column is called so but a row knows when it was responded to."""
    chosen = list(tokens[place : place + 2])
    if len(chosen) < 2 or chosen[1].singular not in ("time", "duration") or naming.names(chosen):
        return None
    dated = [
        each for each in naming.names(chosen[:1]) if each.column and may_be_empty(naming, each)
    ]
    return Item(chosen, ops=("lasting",), names=dated) if dated else None


def _works(item: Item) -> bool:
    return bool(
        item.ops or item.names or item.values or item.superlative or item.period or item.unit
        or item.span or item.money or item.number is not None
    )  # fmt: skip


def _whole(tokens: list[Token], naming: Naming) -> Item:
    """The readings of all these tokens taken as one."""
    if any(token.kind == "quoted" for token in tokens):
        return Item(tokens)
    key = tuple(token.lower for token in tokens)
    single = tokens[0] if len(tokens) == 1 else None
    item = Item(tokens)
    item.ops = tuple(_PHRASES.get(key, ()))
    item.superlative = _SUPERLATIVES.get(key)
    item.comparative = _COMPARATIVES.get(key, ())
    item.filler = single is not None and (key[0] in FILLERS or single.kind == "sign")
    item.filler = item.filler or (bool(item.ops) and set(item.ops) <= _SOFT)
    if single is not None:
        item.unit = _UNITS.get(key[0])
    item.unit = item.unit or _UNIT_PHRASES.get(" ".join(key))
    if single is not None:
        item.span = _SPANS.get(key[0])
        item.money = key[0] in _MONEY
    common = (
        key[0] in _FUNCTION_WORDS
        or bool(item.ops)
        or (single is not None and single.kind == "sign")
    )
    if not common or (single is not None and single.capital) or len(tokens) > 1:
        item.values = naming.values(tokens)
    if not (len(tokens) > 1 and (key[0] in _COUNTING_FIRST and "of" in key)) and (
        len(tokens) == 1 or (tokens[0].lower not in FILLERS or not item.ops)
    ):
        item.names = _names(tokens, naming)
        exact = item.filler or item.span or item.unit
        if exact and single is not None:  # `located` is no `location`, `nights` no `nightly rate`
            item.names = [name for name in item.names if naming.says(name, single)]
    return item


def _names(tokens: list[Token], naming: Naming) -> list[Name]:
    words = [token.lower for token in tokens]
    if any(token.kind in ("sign", "day") for token in tokens):
        return []
    if len(words) == 1 and words[0] in _NEVER_NAMES:
        return []
    if words[0] in _NO_EDGE or (words[-1] in _NO_EDGE and words[-1] != "in"):
        return []
    if words[-1] == "in":  # `check-in`
        found = naming.names(tokens) if len(words) == 2 else []
        done = " ".join(words) in VERBS
        return [n for n in found if n.column and (done or "in" in name_words(n.column))]
    if len(tokens) > 1 and any(
        word in ("and", "or", "with", "each", "is", "are") for word in words
    ):
        return []
    if len(tokens) > 1 and any(word in ("by", "per") for word in words):  # `price per unit`
        return [name for name in naming.names(tokens) if name.score >= 0.95]
    found = naming.names(tokens)
    if len(tokens) > 1:  # `employees hired` is two things
        ends = (" ".join(words[start:]) for start in range(1, len(words)))
        done = any(end in VERBS and end not in NOUNS for end in ends)
        found = [] if done else [name for name in found if _fits(name, tokens, naming)]
    return found


def _fits(name: Name, tokens: list[Token], naming: Naming) -> bool:
    """Whether several words are this one name: its last word is said, and no plural is before that."""
    if tokens[0].singular != tokens[0].lower and name.column:  # `tariffs cost` is two things
        return name.score >= 0.98
    own = naming.words[name.table]
    if name.column and tokens[-1].singular != tokens[-1].lower and tokens[-1].singular == own[-1]:
        return False  # `severity complaints` are complaints
    phrase = " ".join(token.lower for token in tokens)
    said = (
        any(naming.says(name, token) for token in (tokens[0], tokens[-1]) if name.column)
        or tokens[-1].singular in _GENERAL
    )
    if phrase in VERBS:
        return name.score >= 0.5
    return name.score >= (0.7 if said else 0.8)


_INSIDE: Final = word_set("of the and & de la van von del")


def _strange_run(tokens: Sequence[Token], place: int, naming: Naming) -> list[Token]:
    """Words with capitals that stand together as a name nobody knows, though parts may be known.

    `Let There Be Rock` is not about rock. Empty where all of it reads as names and values.
    """
    end = place + 1
    while end < len(tokens) and (
        tokens[end].capital
        or (tokens[end].lower in _INSIDE and end + 1 < len(tokens) and tokens[end + 1].capital)
    ):
        end += 1
    run = list(tokens[place:end])
    if _covered(run, naming):
        return []
    capitals = [token for token in run if token.capital]
    plain = [t for t in capitals if naming.names([t]) or t.lower in MONTHS or t.lower in _OPERATING]
    return (
        run if len(capitals) > 1 and len(plain) < len(capitals) and end == place + len(run) else []
    )


def _covered(run: list[Token], naming: Naming) -> bool:
    """Whether the run falls into pieces that are all names or values of the database."""
    if not run:
        return True
    for length in range(len(run), 0, -1):
        piece = run[:length]
        known = naming.values(piece) or naming.names(piece) or (
            length == 1 and (piece[0].lower in MONTHS or piece[0].lower in _INSIDE or piece[0].lower in _OPERATING)
        )  # fmt: skip
        if known and _covered(run[length:], naming):
            return True
    return False


def _capitals(tokens: Sequence[Token], place: int, naming: Naming) -> Item:
    """A run of unknown words with capitals: somebody's name, or something's."""
    end = place + 1
    while end < len(tokens) and tokens[end].capital and not naming.names(tokens[end : end + 1]):
        end += 1
    chosen = list(tokens[place:end])
    return Item(chosen, literal=" ".join(token.text for token in chosen))
