"""Foreign keys that a database does not declare: told from names and types, proved on the values.

A column is a candidate where its name points at the one key of another table; it is taken only where
every value it holds is a value of that key, and only where one table alone qualifies.
"""
# ruff: noqa: S608 - names of the catalogue, quoted

import re
from collections.abc import Awaitable, Callable
from typing import Any

from stoa.core.tables.catalogue import Catalogue, Column, ForeignKey, Table
from stoa.core.tables.quoting import quoted, quoted_table

First = Callable[[str], Awaitable[list[tuple[Any, ...]] | None]]
_KINDS = {"integer", "text"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_MOST_CHECKED = 200


async def infer_keys(first: First, catalogue: Catalogue) -> Catalogue:
    """The catalogue with inferred keys added, marked as such.

    Args:
        first: runs a query and gives its first row; None where it could not.
    """
    targets = [(table, key) for table in catalogue.tables if (key := _key(table)) is not None]
    tables = []
    checked = 0
    for table in catalogue.tables:
        found: list[ForeignKey] = []
        declared = {name for key in table.foreign_keys for name in key.columns}
        for column in table.columns:
            if column.name in declared or column.kind not in _KINDS or not column.distinct:
                continue
            candidates = [
                (other, key)
                for other, key in targets
                if other.key != table.key
                and key.kind == column.kind
                and points_at(column, other, key)
            ]
            checked += len(candidates)
            if not candidates or checked > _MOST_CHECKED:
                continue
            held = [
                each for each in candidates if await _holds(first, table, column, each, catalogue)
            ]
            if len(held) == 1:
                other, key = held[0]
                found.append(
                    ForeignKey(
                        columns=(column.name,),
                        to_table=other.key,
                        to_columns=(key.name,),
                        inferred=True,
                    )
                )
        keys = (*table.foreign_keys, *found)
        tables.append(table.model_copy(update={"foreign_keys": keys}))
    return catalogue.model_copy(update={"tables": tuple(tables)})


def points_at(column: Column, other: Table, key: Column) -> bool:
    """Whether a column's name points at the key of a table.

    `customer_id` at customers, `aid` at author.aid, `sbTxCustId` at sbCustomer.sbCustId.
    """
    words, target, name = _words(column.name), _words(key.name), _words(other.name)
    if column.name.lower() == key.name.lower():
        return words != ["id"] and key.name.lower() not in ("name", "code", "key", "date")
    if len(words) > 1 and words[-1] in ("id", "key", "code", "no"):
        stem = words[:-1]
        if stem[-len(name) :] == [*name[:-1], _singular(name[-1])] or stem == name:
            return True
    tail = target[1:] if len(target) > 2 and words[:1] == target[:1] else target
    return len(tail) > 1 and len(words) > len(tail) and words[-len(tail) :] == tail


def _key(table: Table) -> Column | None:
    """The column that alone identifies a row; declared, or the one whose values never repeat."""
    primary = [column for column in table.columns if column.primary_key]
    if len(primary) == 1:
        return primary[0]
    if primary or table.is_view or not table.rows or not table.columns:
        return None
    first = table.columns[0]
    return first if first.distinct == table.rows and first.kind in _KINDS else None


async def _holds(
    first: First, table: Table, column: Column, target: tuple[Table, Column], catalogue: Catalogue
) -> bool:
    """Whether every value is one of the key's: exact, by an anti-join that stops at the first miss."""
    other, key = target
    dialect = catalogue.dialect
    name, reference = quoted(column.name, dialect), quoted(key.name, dialect)
    missing = await first(
        f"SELECT 1 FROM {quoted_table(table, dialect)} a WHERE a.{name} IS NOT NULL AND NOT EXISTS"
        f" (SELECT 1 FROM {quoted_table(other, dialect)} b WHERE b.{reference} = a.{name}) LIMIT 1"
    )
    return missing == []


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word
