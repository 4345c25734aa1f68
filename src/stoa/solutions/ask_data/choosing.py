"""Which tables a question is about: words, meaning and values, and then their neighbours by foreign key.

A small database is shown whole. In a large one each table is scored by the words it shares with the
question, by how near its description is in meaning, and by values of it that the question names; the
tables that join the best ones come along. Vectors of tables are kept with the catalogue's version.
"""

import asyncio
from collections.abc import Sequence

import numpy as np
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stoa.base.database import new_id
from stoa.contract import Call
from stoa.core.language.words import content_stems
from stoa.core.tables.catalogue import Table
from stoa.solutions.ask_data.cards import card, within_budget
from stoa.solutions.ask_data.knowing import Known, words_of
from stoa.solutions.ask_data.tables import TableVectorsRow

SCHEMA_TOKENS = 6000
"""Most tokens of schema in a prompt."""
_SHOWN_WHOLE = 12
_BEST = 8
_MOST = 16
_WORDS, _MEANING, _VALUE = 1.0, 1.5, 0.6
_LEAST_OF_BEST = 0.35
"""A table scored under this share of the best one is not about the question."""


async def choose_tables(
    call: Call, known: Known, question: str, vector: np.ndarray | None
) -> list[Table]:
    """The tables that matter, most likely first. `vector`: the question's meaning, if there is one."""
    tables = known.seen.tables
    if len(tables) <= _SHOWN_WHOLE:
        return list(tables)
    nearness = np.zeros(len(tables), dtype=np.float32)
    if vector is not None:
        nearness = (await _vectors(call, known)) @ vector
    scores = await asyncio.to_thread(_scores, known, question, nearness)
    order = sorted(range(len(tables)), key=lambda place: (-scores[place], place))
    least = scores[order[0]] * _LEAST_OF_BEST
    best = [tables[place] for place in order[:_BEST] if scores[place] >= least]
    return _with_neighbours(known, best)


def described_tables(tables: Sequence[Table]) -> list[str]:
    """Their cards, within the budget of a prompt."""
    return within_budget(tables, SCHEMA_TOKENS)


def _scores(known: Known, question: str, nearness: np.ndarray) -> list[float]:
    asked = frozenset(content_stems(question))
    lowered = question.lower()
    floor = float(np.median(nearness)) if len(nearness) else 0.0
    return [
        _WORDS * len(asked & stems) / max(1, len(asked))
        + _MEANING * max(0.0, float(nearness[place]) - floor)
        + _VALUE * _names_value(known.seen.tables[place], lowered)
        for place, stems in enumerate(known.stems)
    ]


def _names_value(table: Table, question: str) -> bool:
    return any(
        isinstance(value, str) and len(value) > 2 and value.lower() in question
        for column in table.columns
        for value in (column.values or ())
    )


def _with_neighbours(known: Known, best: Sequence[Table]) -> list[Table]:
    """The best tables, then those that lie between two of them, then what they refer to."""
    chosen = {table.key: table for table in best}
    between = [
        table for table in known.seen.tables
        if table.key not in chosen and len(known.joined.get(table.key, set()) & chosen.keys()) >= 2
    ]  # fmt: skip
    referred = [
        found for table in best for key in table.foreign_keys
        if key.to_table not in chosen and (found := known.seen.table(key.to_table)) is not None
    ]  # fmt: skip
    for table in [*between, *referred]:
        if len(chosen) < _MOST:
            chosen.setdefault(table.key, table)
    return list(chosen.values())


async def _vectors(call: Call, known: Known) -> np.ndarray:
    """What the seen tables mean, float32, shape (tables, dimensions); made once per version."""
    models, connection = call.platform.models, known.connection
    await models.embedder.prepare()
    space = f"{models.embedder.name}:{known.policy_digest[:16]}"
    shape = (len(known.seen.tables), models.embedder.dimensions)

    def load(session: Session) -> bytes | None:
        return session.scalar(
            sa.select(TableVectorsRow.vectors).where(
                TableVectorsRow.connection_id == connection.id,
                TableVectorsRow.version == connection.version,
                TableVectorsRow.space == space,
            )
        )

    kept = known.vectors.get(space)
    if kept is not None:
        return kept
    content = await call.platform.database.read(load, workspace=call.caller.workspace_id)
    if content is not None and len(content) == 4 * shape[0] * shape[1]:
        vectors = np.frombuffer(content, dtype=np.float32).reshape(shape)
    else:
        texts = [f"{words_of(table)[:600]}" or card(table) for table in known.seen.tables]
        vectors = await models.embed(texts, workspace=call.caller.workspace_id, kind="passage")
        await _keep(call, known, space, vectors)
    known.vectors[space] = vectors
    return vectors


async def _keep(call: Call, known: Known, space: str, vectors: np.ndarray) -> None:
    row = TableVectorsRow(
        id=new_id("vec"),
        connection_id=known.connection.id,
        version=known.connection.version,
        space=space,
        vectors=vectors.astype(np.float32).tobytes(),
    )

    def keep(session: Session) -> None:
        old = sa.delete(TableVectorsRow).where(
            TableVectorsRow.connection_id == known.connection.id,
            TableVectorsRow.version < known.connection.version,
        )
        session.execute(old)
        session.add(row)

    try:
        await call.platform.database.write(keep, workspace=call.caller.workspace_id)
    except IntegrityError:
        return  # another question made the same at the same moment, or the connection is gone
