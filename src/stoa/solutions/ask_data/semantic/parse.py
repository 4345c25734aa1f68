"""Questions in English to SQL, without a model. It would rather say nothing than something wrong.

tokens → mentions (what words may be) → reading (the grammar) → meaning → building (SQL). Each word of the
question must have found its place on the way; otherwise `NotUnderstood` names those that did not.
"""

import json
from dataclasses import dataclass
from datetime import date
from typing import Final

from stoa.core.tables.catalogue import Catalogue
from stoa.solutions.ask_data.semantic.building import sql_of
from stoa.solutions.ask_data.semantic.columns import NotRead, Reason
from stoa.solutions.ask_data.semantic.expressions import CannotBuild
from stoa.solutions.ask_data.semantic.finishing import finish
from stoa.solutions.ask_data.semantic.followup import changed
from stoa.solutions.ask_data.semantic.joins import Ambiguous, Joins
from stoa.solutions.ask_data.semantic.keeping import Kept
from stoa.solutions.ask_data.semantic.meaning import Meaning
from stoa.solutions.ask_data.semantic.mentions import Item, mentions
from stoa.solutions.ask_data.semantic.naming import Naming
from stoa.solutions.ask_data.semantic.reading import Reader
from stoa.solutions.ask_data.semantic.stems import word_set
from stoa.solutions.ask_data.semantic.telling import told
from stoa.solutions.ask_data.semantic.tokens import Token, tokenise

_LONGEST: Final = 80
_WRITES: Final = word_set(
    """delete drop update insert alter truncate create remove erase modify add set change rename grant
    revoke overwrite wipe purge replace merge edit destroy"""
)
_POLITE: Final = word_set(
    """please can could would you kindly i want to like need now then and go ahead just"""
)


@dataclass(frozen=True)
class Understood:
    """A question that was understood whole."""

    sql: str
    """In the catalogue's dialect."""
    meaning: Meaning
    reasoning: str
    """What was understood, in plain English."""
    tables: tuple[str, ...]


@dataclass(frozen=True)
class NotUnderstood:
    """A question that was not, and the words that stood in the way."""

    words: tuple[str, ...]
    reason: str
    kind: Reason


class _Known:
    """What is made of a catalogue once."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.naming = Naming(catalogue)
        self.joins = Joins(self.naming)


_KNOWN: Final = Kept(_Known)


def parse(
    question: str,
    catalogue: Catalogue,
    *,
    previous: Meaning | None = None,
    today: date | None = None,
) -> Understood | NotUnderstood:
    """The SQL that answers a question, or the words that were not understood.

    `previous`: the meaning of the question before, which this one may change a part of. `today` (the
    clock's, where it is not given) is what `last month` counts from. Raises nothing.
    """
    known = _KNOWN.of(catalogue)
    tokens = tokenise(question)
    if not tokens:
        return NotUnderstood((), "there is no question", "words")
    if len(tokens) > _LONGEST:
        return NotUnderstood((), "the question is too long for me", "words")
    if word := _write(tokens):
        return NotUnderstood((word,), f"“{word}” would change the data; I only read", "writes")
    day = today or date.today()
    items = mentions(tokens, known.naming, day)
    if previous is not None:
        altered = _attempt(items, known, previous, day)
        if isinstance(altered, Understood):
            return altered
        fresh = _attempt(items, known, None, day)
        return fresh if isinstance(fresh, Understood) else altered
    return _attempt(items, known, None, day)


def _write(tokens: list[Token]) -> str | None:
    """The word that asks for a change: it leads the question, or a part of it."""
    leading = True
    for token in tokens:
        if leading and token.lower in _WRITES:
            return token.text
        leading = (leading and token.lower in _POLITE) or token.lower in (";", "then")
    return None


def _attempt(
    items: list[Item], known: _Known, previous: Meaning | None, today: date
) -> Understood | NotUnderstood:
    unknown = tuple(item.text for item in items if not item.known)
    if unknown:
        return _strange(unknown, items)
    try:
        if previous is not None:
            meaning = changed(items, known.naming, known.joins, previous, today)
        else:
            reader = Reader(items, known.naming, known.joins, today=today)
            reader.read()
            meaning = finish(reader)
            if forgotten := _forgotten(items, meaning):
                said = ", ".join(f"“{word}”" for word in forgotten)
                return NotUnderstood(forgotten, f"I did not find a place for {said}", "words")
        sql, tables = sql_of(meaning, known.naming, known.joins)
    except NotRead as error:
        return NotUnderstood(error.words, error.reason, error.kind)
    except Ambiguous as error:
        return NotUnderstood(error.tables, str(error), "ambiguous")
    except CannotBuild as error:
        return NotUnderstood((), str(error), "words")
    return Understood(sql, meaning, told(meaning, known.naming), tables)


def _forgotten(items: list[Item], meaning: Meaning) -> tuple[str, ...]:
    """Values and names that the question says and the meaning does not: passed over by mistake."""
    kept = meaning.model_dump_json().lower()
    return tuple(
        item.text
        for item in items
        if (item.literal or any(value.score == 1 for value in item.values))
        and not (item.names or item.ops or item.filler or item.number is not None)
        and not any(_kept(each, kept) for each in _meant(item))
    )


def _meant(item: Item) -> list[str]:
    return [str(value.value) for value in item.values] + ([item.literal] if item.literal else [])


def _kept(value: str, meaning: str) -> bool:
    return all(
        word.strip('"').lower() in meaning
        for word in json.dumps(value, ensure_ascii=False).strip('"').split()
    )


def _strange(unknown: tuple[str, ...], items: list[Item]) -> NotUnderstood:
    named = any(item.names or item.values for item in items)
    said = ", ".join(f"“{word}”" for word in unknown)
    if named:
        return NotUnderstood(unknown, f"I do not understand {said} in this database", "words")
    return NotUnderstood(unknown, f"nothing here is about {said}", "not_in_database")
