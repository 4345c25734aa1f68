"""Reuse that cannot lie: the query of an earlier question runs again only where the same is asked.

A stored pair belongs to a scope: workspace, database, version of its catalogue, rights of the role, and
the questions that it followed. Within it a near question is found by meaning, and then its fingerprint
must be equal, term by term: numbers, dates, names, negation, comparison, order. A question that is near
and not the same becomes an example in the prompt. Periods that count from today are days in the
fingerprint, so tomorrow they are another question.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stoa.base.database import new_id, now
from stoa.contract import Call
from stoa.solutions.ask_data.knowing import Known
from stoa.solutions.ask_data.prompting import Example
from stoa.solutions.ask_data.schema import Reuse
from stoa.solutions.ask_data.semantic.literals import (
    Fingerprint,
    difference,
    fingerprint,
    same,
)
from stoa.solutions.ask_data.tables import PairRow

NEW, GOOD, BAD = "new", "good", "bad"
_NEAR = 0.6
"""Least cosine of two questions for one to be worth comparing with the other."""
_AN_EXAMPLE = 0.35
_EXAMPLES = 3
_COMPARED = 20
_MOST_PAIRS = 500
"""Pairs of one scope that are compared: good ones first, then the newest."""


@dataclass
class Nearest:
    """What earlier questions have to give for a new one."""

    reuse: Reuse
    pair: PairRow | None = None
    """The pair that asks the same."""
    examples: list[Example] = field(default_factory=list)
    asked: Fingerprint | None = None
    vector: np.ndarray | None = None


def not_looked(why: str) -> Nearest:
    """Nothing was looked for."""
    return Nearest(Reuse(used=False, question="", why=why, examples=[]))


def scope_of(known: Known, history: Sequence[str]) -> str:
    """Digest of all that must be the same for a query to mean the same."""
    parts = [
        known.connection.workspace_id,
        known.connection.id,
        str(known.connection.version),
        known.policy_digest,
        *map(_words, history),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


async def find_nearest(
    call: Call, known: Known, question: str, history: Sequence[str], today: date
) -> Nearest:
    """The stored pair that asks the same, or the nearest ones as examples."""
    asked = fingerprint(question, known.seen, today)
    models, workspace = call.platform.models, call.caller.workspace_id
    scope, space = scope_of(known, history), models.embedder.name

    def look(session: Session) -> PairRow | dict[str, bytes]:
        worded = _worded(session, scope, question)
        if worded is not None and _asks(asked, worded):
            return worded
        return _vectors(session, scope, space)

    stored = await call.platform.database.read(look, workspace=workspace)
    if isinstance(stored, PairRow):  # nothing need be compared by meaning
        return Nearest(_reuse_of(stored), pair=stored, asked=asked)
    vector = (await models.embed([question], workspace=workspace, kind="query"))[0]
    if not stored:
        found = not_looked("no earlier question")
    else:
        vectors = np.frombuffer(b"".join(stored.values()), dtype=np.float32)
        nearness = dict(zip(stored, vectors.reshape(len(stored), -1) @ vector, strict=True))
        best = sorted(nearness, key=nearness.__getitem__, reverse=True)[:_COMPARED]
        near = [each for each in best if nearness[each] >= _AN_EXAMPLE]
        pairs = await call.platform.database.read(
            lambda session: _pairs(session, near), workspace=workspace
        )
        found = _compare(asked, pairs, nearness)
    found.asked, found.vector = asked, vector
    return found


def _worded(session: Session, scope: str, question: str) -> PairRow | None:
    """The pair that was asked in the same words."""
    return session.scalar(
        sa.select(PairRow).where(
            PairRow.scope == scope, PairRow.wording == _wording(question), PairRow.state != BAD
        )
    )


def _vectors(session: Session, scope: str, space: str) -> dict[str, bytes]:
    """By id, what the pairs that may be compared mean: good ones first, then the newest."""
    statement = (
        sa.select(PairRow.id, PairRow.vector)
        .where(PairRow.scope == scope, PairRow.space == space, PairRow.state != BAD)
        .order_by(PairRow.state == NEW, PairRow.at.desc())
        .limit(_MOST_PAIRS)
    )
    return dict(session.execute(statement).all())


def _pairs(session: Session, ids: Sequence[str]) -> list[PairRow]:
    """These pairs, in the order of `ids`, without those that are gone meanwhile."""
    found = {row.id: row for row in session.scalars(sa.select(PairRow).where(PairRow.id.in_(ids)))}
    return [found[each] for each in ids if each in found]


def _compare(
    asked: Fingerprint, pairs: Sequence[PairRow], nearness: dict[str, np.floating]
) -> Nearest:
    """The first of `pairs` (the nearest first) that asks the same, else examples."""
    near = [pair for pair in pairs if nearness[pair.id] >= _NEAR]
    for pair in near:
        if _asks(asked, pair):
            return Nearest(_reuse_of(pair), pair=pair)
    examples = [Example(question=pair.question, sql=pair.sql) for pair in pairs[:_EXAMPLES]]
    if not near:
        why = "no earlier question is near enough"
    else:
        why = f"differs in {difference(asked, Fingerprint.model_validate(near[0].fingerprint))}"
    return Nearest(
        Reuse(
            used=False,
            question=near[0].question if near else "",
            why=why,
            examples=[each.question for each in examples],
        ),
        examples=examples,
    )


def _asks(asked: Fingerprint, pair: PairRow) -> bool:
    return same(asked, Fingerprint.model_validate(pair.fingerprint))


def _reuse_of(pair: PairRow) -> Reuse:
    why = f"asks the same as “{pair.question}”"
    return Reuse(used=True, question=pair.question, why=why, examples=[])


@dataclass(frozen=True)
class Answered:
    """A question that was answered, to be kept as a pair."""

    question: str
    history: Sequence[str]
    sql: str
    reasoning: str
    answered_by: str
    english: str
    english_by: str
    rows_digest: str


async def keep_pair(
    call: Call, known: Known, answered: Answered, nearest: Nearest, today: date
) -> str:
    """Store question and query for reuse; return the pair's id, empty where it can't be kept."""
    models, workspace = call.platform.models, call.caller.workspace_id
    asked = nearest.asked or fingerprint(answered.question, known.seen, today)
    if not asked.terms:
        return ""
    vector = nearest.vector
    if vector is None:
        found = await models.embed([answered.question], workspace=workspace, kind="query")
        vector = found[0]
    row = PairRow(
        id=new_id("pair"),
        connection_id=known.connection.id,
        scope=scope_of(known, answered.history),
        wording=_wording(answered.question),
        question=answered.question,
        fingerprint=asked.model_dump(mode="json"),
        sql=answered.sql,
        reasoning=answered.reasoning,
        answered_by=answered.answered_by,
        english=answered.english,
        english_by=answered.english_by,
        rows_digest=answered.rows_digest,
        space=models.embedder.name,
        vector=np.asarray(vector, dtype=np.float32).tobytes(),
        state=NEW,
        at=now(),
    )

    def keep(session: Session) -> str:
        there = session.scalar(
            sa.select(PairRow).where(PairRow.scope == row.scope, PairRow.wording == row.wording)
        )
        if there is None:
            session.add(row)
            return row.id
        if there.state == BAD and there.sql == row.sql:
            return ""  # judged already
        if there.state != GOOD:  # a newer answer to the same words takes the place of the older
            there.state = NEW
            there.sql, there.reasoning, there.at = row.sql, row.reasoning, row.at
            there.fingerprint, there.vector, there.space = row.fingerprint, row.vector, row.space
            there.answered_by, there.english_by = row.answered_by, row.english_by
            there.english, there.rows_digest = row.english, row.rows_digest
        return there.id

    try:
        return await call.platform.database.write(keep, workspace=workspace)
    except IntegrityError:
        return ""  # the connection was removed meanwhile


def judge(session: Session, pair_id: str, sql: str, *, good: bool) -> None:
    """A person's word on a pair: good ones are preferred, bad ones are never used again.

    `sql` is the query that was judged: a word on another than the pair now holds says nothing of it.
    """
    row = session.get(PairRow, pair_id) if pair_id else None
    if row is None or row.sql != sql:
        return
    row.state = GOOD if good else BAD


def _wording(question: str) -> str:
    """Digest of the words, however they are spaced, ended and capitalised."""
    return hashlib.sha256(_words(question).encode()).hexdigest()


def _words(question: str) -> str:
    return " ".join(question.split()).strip(" ?.!").casefold()
