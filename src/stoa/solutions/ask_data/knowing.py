"""What is known of a database, as one caller may see it: catalogue, policy, and what is made of them.

The catalogue that was reflected and the words that people wrote are kept apart and joined here, so a
refresh can't lose a word. What is made of them is kept in memory until the version changes.
"""

import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.errors import Bug
from stoa.contract import Call
from stoa.core.language.words import content_stems
from stoa.core.tables.catalogue import Catalogue, Column, Table
from stoa.core.tables.guard import Policy
from stoa.solutions.ask_data.cards import visible
from stoa.solutions.ask_data.connections import named
from stoa.solutions.ask_data.results import heading
from stoa.solutions.ask_data.tables import CatalogueRow, ConnectionRow, DescriptionRow, PolicyRow

_KEPT = 32


@dataclass(frozen=True)
class Known:
    """A database as one role sees it."""

    connection: ConnectionRow
    catalogue: Catalogue
    """Everything: what the guard resolves names against."""
    policy: Policy
    seen: Catalogue
    """What the role may see: what prompts, parser and people are shown."""
    policy_digest: str
    vectors: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    """What the seen tables mean, by vector space; derived."""

    @cached_property
    def stems(self) -> list[frozenset[str]]:
        """The stems of each seen table's names and words."""
        return [frozenset(content_stems(words_of(table))) for table in self.seen.tables]

    @cached_property
    def joined(self) -> dict[str, set[str]]:
        """By the key of a seen table, the tables that a foreign key ties to it, either way."""
        joined: dict[str, set[str]] = {}
        for table in self.seen.tables:
            for key in table.foreign_keys:
                joined.setdefault(table.key, set()).add(key.to_table)
                joined.setdefault(key.to_table, set()).add(table.key)
        return joined


_known: OrderedDict[tuple[str, int, str, str], Known] = OrderedDict()


async def know(call: Call, database: str) -> Known:
    """What the caller's role may know now of the database of that id or name. Raises NotFound."""

    def look(session: Session) -> tuple[ConnectionRow, Policy]:
        row = named(session, database)
        return row, policy_of(session, row.id, call.caller.role)

    row, policy = await call.platform.database.read(look, workspace=call.caller.workspace_id)
    digest = digest_of(policy)
    key = (row.id, row.version, row.refreshed_at.isoformat(), digest)
    kept = _known.get(key)
    if kept is None:
        kept = await call.platform.database.read(
            lambda session: _load(session, row, policy, digest),
            workspace=call.caller.workspace_id,
        )
        _known[key] = kept
        while len(_known) > _KEPT:
            _known.popitem(last=False)
    else:
        _known.move_to_end(key)
    return kept


def _load(session: Session, row: ConnectionRow, policy: Policy, digest: str) -> Known:
    catalogue = described(session, row)
    return Known(row, catalogue, policy, visible(catalogue, policy), digest)


def reflected(session: Session, connection_id: str) -> CatalogueRow:
    """The newest reflection of a database."""
    row = session.scalar(
        sa.select(CatalogueRow)
        .where(CatalogueRow.connection_id == connection_id)
        .order_by(CatalogueRow.version.desc())
        .limit(1)
    )
    if row is None:
        raise Bug("a connection without a catalogue")
    return row


def described(session: Session, row: ConnectionRow) -> Catalogue:
    """The newest reflection with the words that people wrote."""
    catalogue = Catalogue.model_validate_json(reflected(session, row.id).content)
    statement = sa.select(DescriptionRow).where(DescriptionRow.connection_id == row.id)
    written: dict[str, dict[str, str]] = {}
    for each in session.scalars(statement):
        written.setdefault(each.table_key, {})[each.column] = each.text
    tables = [_with_words(table, written.get(table.key, {})) for table in catalogue.tables]
    return catalogue.model_copy(update={"tables": tuple(tables), "version": row.version})


def _with_words(table: Table, words: dict[str, str]) -> Table:
    if not words:
        return table
    columns = [_with_word(column, words.get(column.name)) for column in table.columns]
    update: dict[str, object] = {"columns": tuple(columns)}
    if "" in words:
        update["description"] = words[""]
    return table.model_copy(update=update)


def _with_word(column: Column, text: str | None) -> Column:
    return column if text is None else column.model_copy(update={"description": text})


def policy_of(session: Session, connection_id: str, role: str) -> Policy:
    """What a role may see of a database; everything where nothing is said."""
    row = session.scalar(
        sa.select(PolicyRow).where(
            PolicyRow.connection_id == connection_id, PolicyRow.role == str(role)
        )
    )
    return Policy() if row is None else as_policy(row)


def as_policy(row: PolicyRow) -> Policy:
    """A stored policy as the guard takes it."""
    return Policy(
        tables=None if row.tables is None else frozenset(row.tables),
        rows=dict(row.rows),
        masked={table: frozenset(columns) for table, columns in row.masked.items()},
    )


def digest_of(policy: Policy) -> str:
    """Names a policy's content: two roles with the same rights share what was learned."""
    content = [
        None if policy.tables is None else sorted(policy.tables),
        sorted(policy.rows.items()),
        sorted((table, sorted(columns)) for table, columns in policy.masked.items()),
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def words_of(table: Table) -> str:
    """The words that say what a table is about: for comparing with a question."""
    parts = [heading(table.name), table.description, table.comment]
    for column in table.columns:
        parts += [heading(column.name), column.description, column.comment]
    return " ".join(part for part in parts if part)
