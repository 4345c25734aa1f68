"""Which tables, columns and values of a catalogue a phrase may mean.

Built once for a catalogue and kept: from a key (the stems of a phrase, written together) to what it may
name, with a score of how well. Names are cut into words, what all names share (`tbl_`, `sbTx`) is left
off, general endings (`_name`, `_date`) may be left out, and near-synonyms are tried last. Knows no
question.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from stoa.core.tables.catalogue import Catalogue, Column, Scalar, Table
from stoa.solutions.ask_data.semantic.keys import single_key
from stoa.solutions.ask_data.semantic.lexicon import NUMBER_WORDS
from stoa.solutions.ask_data.semantic.splitting import name_words
from stoa.solutions.ask_data.semantic.stems import root, singular, stem, word_set
from stoa.solutions.ask_data.semantic.tokens import Token, tokenise
from stoa.solutions.ask_data.semantic.vocabulary import VERBS
from stoa.solutions.ask_data.semantic.wording import readings, said_with, shared_prefix, shorter

_PREFIXES: Final = word_set("tbl dim fact vw stg tb mst lkp")
_NAME_WORDS: Final = (
    "name",
    "title",
    "label",
    "full name",
    "display name",
    "company name",
    "username",
)
DISPLAY: Final = "*"
"""In place of a column: the columns that a row is known by."""
_LONG_VALUE = 8
_VOWELS: Final = frozenset("aeiouy")


@dataclass(frozen=True)
class Name:
    """A table, or a column of it, that a phrase may mean. `score`: 1 is its very name."""

    table: str
    column: str | None
    score: float


@dataclass(frozen=True)
class ValueName:
    """A value that stands in a column. `score`: 1 is as written, apart from capitals."""

    table: str
    column: str
    value: Scalar
    score: float = 1.0
    sampled: bool = False
    """One of the values of a column that has others which nobody listed."""


class Naming:
    """The names and values of one catalogue, ready to be looked up."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.prefix = shared_prefix([name_words(table.name) for table in catalogue.tables])
        self._names: dict[str, dict[tuple[str, str | None], float]] = defaultdict(dict)
        self._values: dict[tuple[str, ...], list[ValueName]] = defaultdict(list)
        self._value_stems: dict[str, list[ValueName]] = defaultdict(list)
        self._short: set[str] = set()
        self._roots: dict[str, dict[tuple[str, str | None], float]] = defaultdict(dict)
        self._value_roots: dict[str, list[ValueName]] = defaultdict(list)
        self.words: dict[str, tuple[str, ...]] = {}
        for table in catalogue.tables:
            self._add_table(table)
            for column in table.columns:
                self._add_values(table, column)

    # --- looking up ----------------------------------------------------------------------

    def names(self, tokens: Sequence[Token]) -> list[Name]:
        """Tables and columns that the tokens, taken together, may mean; best first."""
        found: dict[tuple[str, str | None], float] = {}
        for words, loss in readings(tokens):
            for (table, column), score in self._names.get("".join(words), {}).items():
                place = (table, column)
                found[place] = max(found.get(place, 0), score - loss)
        if len(tokens) == 1 and tokens[0].lower in VERBS:  # `published` is no publisher
            does = {tokens[0].stem + ending for ending in ("er", "or", "r")}
            found = {
                place: score
                for place, score in found.items()
                if not does & set(name_words(place[1]) if place[1] else self.words[place[0]])
            }
        if not found and len(tokens) <= 2:
            found = self._abbreviated(tokens) or self._derived(tokens)
        names = [Name(table, column, score) for (table, column), score in found.items()]
        return sorted(names, key=lambda each: -each.score)

    def _abbreviated(self, tokens: Sequence[Token]) -> dict[tuple[str, str | None], float]:
        """`vehicle type` where a name says `veh_type`."""
        words = []
        for token in tokens:
            word = token.stem
            cuts = [word[:size] for size in (5, 4, 3) if len(word) >= size + 3]
            short = [
                cut for cut in cuts
                if cut in self._short and cut[-1] not in _VOWELS and word[len(cut)] in _VOWELS
            ]  # fmt: skip
            words.append(short[0] if len(short) == 1 else word)
        if words == [token.stem for token in tokens]:
            return {}
        return {place: score - 0.15 for place, score in self._names.get("".join(words), {}).items()}

    def _derived(self, tokens: Sequence[Token]) -> dict[tuple[str, str | None], float]:
        """`departed` where a date is called `departure`."""
        return self._roots.get(root(tokens[0].lower), {}) if len(tokens) == 1 else {}

    def values(self, tokens: Sequence[Token]) -> list[ValueName]:
        """Values that the tokens, taken together, spell; capitals are free."""
        key = tuple(token.lower for token in tokens)
        if len(tokens) == 1 and tokens[0].kind == "quoted":
            key = tuple(token.lower for token in tokenise(tokens[0].text))
        found = self._values.get(key, []) or self._values.get((*key[:-1], tokens[-1].singular), [])
        if found or len(tokens) > 1:
            return found
        stems = [tokens[0].stem, *(stem(each) for each in VERBS.get(tokens[0].lower, ()))]
        return [each for key in stems for each in self._value_stems.get(key, [])]

    def derived_values(self, word: str) -> list[ValueName]:
        """Values that share the root of a word: `cancelled` for `cancellation`."""
        return self._value_roots.get(root(word), [])

    def display(self, table: Table) -> tuple[str, ...]:
        """The columns that people know a row by: its name, or a person's two names; else none."""
        return self._display[table.key]

    @cached_property
    def _display(self) -> dict[str, tuple[str, ...]]:
        return {table.key: self._shown(table) for table in self.catalogue.tables}

    def _shown(self, table: Table) -> tuple[str, ...]:
        texts = {
            self.column_words(table, column): column.name
            for column in table.columns
            if column.kind == "text"
        }
        spelled = {" ".join(words): name for words, name in texts.items()}
        own = " ".join(self.words[table.key])
        for first, last in (
            ("first name", "last name"),
            ("firstname", "lastname"),
            ("forename", "surname"),
            ("given name", "family name"),
            ("fname", "lname"),
            ("name", "surname"),
            ("first name", "surname"),
        ):
            if first in spelled and last in spelled:
                return spelled[first], spelled[last]
        for wanted in (*_NAME_WORDS, f"{own} name", f"{own} title", own):
            if wanted in spelled:
                return (spelled[wanted],)
        named = [name for words, name in texts.items() if words and words[-1] in ("name", "title")]
        return (named[0],) if len(named) == 1 else ()

    def column_words(self, table: Table, column: Column) -> tuple[str, ...]:
        """The words of a column's name without what the names of its table share."""
        return self.stripped(table, column)[0]

    def says(self, name: Name, token: Token) -> bool:
        """Whether the very word, and not only its stem, stands in the name."""
        words = name_words(name.column) if name.column else self.words[name.table]
        said = {token.singular, *(singular(each) for each in VERBS.get(token.lower, ()))}
        done = {ending for word in words for ending in (f"{word}d", f"{word}ed")}  # `caused`
        return bool(said & set(words)) or token.lower in done

    # --- building ------------------------------------------------------------------------

    def _add_table(self, table: Table) -> None:
        words = self.without_prefix(name_words(table.name))
        self.words[table.key] = words
        place = (table.key, None)
        self._put(words, place, 1.0)
        if len(words) > 1:
            alone = (
                sum(name_words(each.name)[-1] == words[-1] for each in self.catalogue.tables) == 1
            )
            self._put(words[-1:], place, 0.86 if alone else 0.7)
        for text in (table.comment, table.description):
            said = tuple(singular(word) for word in text.lower().rstrip(".").split())
            if 0 < len(said) <= 2:
                self._put(said, place, 0.8)
        for column in table.columns:
            self._add_column(table, column, words)
        if (own := single_key(table)) is not None:
            self._put(("id",), (table.key, own.name), 0.9)
            self._put((*words, "id"), (table.key, own.name), 0.95)
        shown = self._shown(table)
        if len(shown) == 1:
            self._put(("name",), (table.key, shown[0]), 0.95)
        if len(shown) > 1:  # a person's two names, asked for as one
            both = (table.key, DISPLAY)
            self._put(("name",), both, 1.0)
            self._put(("full", "name"), both, 1.0)
            self._put((*words, "name"), both, 1.0)

    def _add_column(self, table: Table, column: Column, table_words: tuple[str, ...]) -> None:
        place = (table.key, column.name)
        full = self.without_prefix(name_words(column.name))
        self._put(full, place, 1.0)
        for words in self.stripped(table, column):
            self._put(words, place, 1.0)
            self._put((*table_words, *words), place, 1.0)
            for lesser, score in shorter(words, column):
                self._put(lesser, place, score)
                self._put((*table_words, *lesser), place, score - 0.05)
            if len(words) == 2 and column.kind in ("integer", "number"):
                self._put(words[::-1], place, 0.85)  # `planned quantity` for `quantity_planned`
            self._put((*words, table_words[-1]) if table_words else words, place, 0.85)
            for also in said_with(words, column):
                self._put(also, place, 0.85)
                self._put((*table_words, *also), place, 0.85)
            if column.kind == "text" and words[-1] not in ("name", "id"):
                self._put((*words, "name"), place, 0.75)
        for text in (column.comment, column.description):
            said = tuple(singular(word) for word in text.lower().rstrip(".").split())
            if 0 < len(said) <= 3:
                self._put(said, place, 0.85)

    def _put(self, words: Sequence[str], place: tuple[str, str | None], score: float) -> None:
        if not words or all(word.isdecimal() for word in words):
            return
        self._short.update(word for word in words if 3 <= len(word) <= 5)
        if len(words) == 1 and score >= 0.7:
            self._roots[root(words[0])][place] = score - 0.2
        for key in {"".join(map(stem, words)), "".join(words)}:
            kept = self._names[key]
            kept[place] = max(kept.get(place, 0), score)

    def _add_values(self, table: Table, column: Column) -> None:
        if column.kind != "text":
            return
        for value in dict.fromkeys((*(column.values or ()), *column.samples)):
            key = _value_key(str(value))
            if not key or len(key) > _LONG_VALUE or (len(key) == 1 and key[0].isdecimal()):
                continue
            sampled = column.values is None
            name = ValueName(table.key, column.name, value, sampled=sampled)
            self._values[key].append(name)
            if len(key) == 1 and len(key[0]) > 2:
                near = ValueName(table.key, column.name, value, 0.8, sampled)
                self._value_stems[stem(key[0])].append(near)
                self._value_roots[root(key[0])].append(near)

    def without_prefix(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """The words of a name without those that nearly all tables begin with."""
        size = len(self.prefix)
        if size and words[:size] == self.prefix and len(words) > size:
            words = words[size:]
        return words[1:] if len(words) > 1 and words[0] in _PREFIXES else words

    def stripped(self, table: Table, column: Column) -> list[tuple[str, ...]]:
        """The words of a column's name, shortest first: without its table's words, and with them."""
        kept = self._strip_cache.get((table.key, column.name))
        if kept is None:
            kept = list(self._strippings(table, column))
            self._strip_cache[table.key, column.name] = kept
        return kept

    @cached_property
    def _strip_cache(self) -> dict[tuple[str, str], list[tuple[str, ...]]]:
        return {}

    def _strippings(self, table: Table, column: Column) -> Iterator[tuple[str, ...]]:
        shared = self._column_prefixes.get(table.key)
        if shared is None:
            shared = shared_prefix([name_words(each.name) for each in table.columns], every=True)
            self._column_prefixes[table.key] = shared
        words = name_words(column.name)
        if shared and words[: len(shared)] == shared and len(words) > len(shared):
            words = words[len(shared) :]
        words = self.without_prefix(words)
        own = self.words.get(table.key) or self.without_prefix(name_words(table.name))
        if own and words[: len(own)] == own and len(words) > len(own):
            yield words[len(own) :]
        elif own and len(words) > 1 and words[0] == own[-1]:
            yield words[1:]
        yield words

    @cached_property
    def _column_prefixes(self) -> dict[str, tuple[str, ...]]:
        return {}


@lru_cache(maxsize=100_000)
def _value_key(value: str) -> tuple[str, ...]:
    """A value as the tokens that a question would say it with."""
    if value.isalpha() and value.isascii() and value.lower() not in NUMBER_WORDS:
        return (value.lower(),)
    return tuple(token.lower for token in tokenise(value))
