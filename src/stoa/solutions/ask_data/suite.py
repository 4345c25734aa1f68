"""Execution accuracy: questions with gold SQL, asked through the whole pipeline, results compared.

    stoa evaluate ask_data --suite questions.csv --with shop=postgresql://reader@host/shop

A suite is a CSV, JSON or TOML file of entries with `question`, `query` (or `sql`), and `db_name` (or
`database`); entries that share a database are asked one by one. `--with NAME=URL` says where a database
is; the name `*` stands for all others. Gold queries run through the same guard and connection, so one
that can't run here is left out and counted.
"""

import asyncio
import csv
import io
import json
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stoa.base.errors import InvalidInput, StoaError
from stoa.contract import Call
from stoa.core.evaluation.graders import Grade
from stoa.core.evaluation.report import Graded, summarise
from stoa.core.tables.databases import ReadOnlyDatabase
from stoa.core.tables.guard import guard
from stoa.solutions.ask_data.connections import opened
from stoa.solutions.ask_data.knowing import Known, know
from stoa.solutions.ask_data.results import cells
from stoa.solutions.ask_data.schema import Answers, Ask, Connect, ListConnections

if TYPE_CHECKING:
    from stoa.solutions.ask_data.comparing import Ranking, Verdict

_SECONDS, _ROWS, _BYTES = 60.0, 10_000, 64 * 2**20
_DIALECTS = {"postgresql": "postgres"}


class Entry(BaseModel):
    """A question with the queries that answer it."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    question: str = Field(min_length=1)
    query: str = Field("", alias="sql")
    db_name: str = Field("", alias="database")
    instructions: str = ""
    """What the question leaves unsaid; asked together with it where `--with instructions=yes`."""
    answerable: bool = True


async def suite(call: Call, path: Path, given: Mapping[str, str]) -> Graded:
    """Ask every question of a file and grade it by the result of its gold query.

    Raises:
        InvalidInput: the file can't be read, or a database is not given.
    """
    entries = await asyncio.to_thread(read_suite, path)
    options = dict(given)
    instructed = options.pop("instructions", "") in {"yes", "1", "true"}
    names = sorted({entry.db_name for entry in entries})
    for name in names:
        await _connect(call, name, options)
    grades = []
    for done, entry in enumerate(entries):
        await call.progress("Asking", done, len(entries))
        grade = await _graded(call, entry, instructed=instructed)
        if grade is not None:
            grades.append(grade)
    if not grades:
        raise InvalidInput("No gold query of this file runs.", hint="Check the databases.")
    return summarise(path.name, grades)


def read_suite(path: Path) -> list[Entry]:
    """The entries of a CSV, JSON (list, or lines) or TOML (`[[case]]`) file. Raises InvalidInput."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        match path.suffix.lower():
            case ".csv":
                found: Any = list(csv.DictReader(io.StringIO(text)))
            case ".toml":
                found = tomllib.loads(text).get("case", [])
            case ".jsonl":
                found = [json.loads(line) for line in text.splitlines() if line.strip()]
            case _:
                found = json.loads(text)
        return [Entry.model_validate(each) for each in found]
    except (OSError, ValueError, ValidationError) as error:
        raise InvalidInput(
            f"The suite {path.name} can't be read: {error}.",
            hint="It takes CSV, JSON or TOML with question, query and db_name.",
        ) from error


async def _connect(call: Call, name: str, urls: Mapping[str, str]) -> None:
    there = await call.call("connections", ListConnections())
    if any(each.name == (name or "database") for each in there.connections):
        return
    url = urls.get(name) or urls.get("*", "").replace("{}", name)
    if not url:
        raise InvalidInput(f"Where is the database '{name}'?", hint=f"Say --with {name}=URL.")
    await call.call("connect", Connect(name=name or "database", url=url))


async def _graded(call: Call, entry: Entry, *, instructed: bool) -> Grade | None:
    """The grade of one entry; None where none of its gold queries runs."""
    known = await know(call, entry.db_name or "database")
    golds = await _run_golds(call, known, entry.query) if entry.answerable else []
    if entry.answerable and not golds:
        return None
    question = f"{entry.question} {entry.instructions}" if instructed else entry.question
    request = Ask(
        database=known.connection.id, question=question.strip(), use_vector_db=False, rows=_ROWS
    )
    started = time.perf_counter()
    try:
        answers: Answers = await call.call("ask", request)
    except StoaError as error:
        return Grade(case=entry.question, answer="", error=str(error), correct=False)
    answer = answers.answers[0]
    common: dict[str, Any] = {
        "case": entry.question,
        "answer": answer.sql_code or answer.english_answer,
        "seconds": round(time.perf_counter() - started, 4),
        "tokens": answer.input_tokens + answer.output_tokens,
    }
    refused = answer.sql_answer is None
    if not entry.answerable:
        return Grade(**common, refused=refused)
    found = [] if answer.sql_answer is None else answer.sql_answer.rows
    verdicts = ["different" if refused else gold.verdict(found) for gold in golds]
    right = any(verdict != "different" for verdict in verdicts)
    return Grade(
        **common,
        correct=right,
        exact="equal" in verdicts,
        right_when_answered=None if refused else right,
        refused_wrongly=refused,
    )


@dataclass(frozen=True)
class Gold:
    """A gold query that ran, and its rows; with its ties, where it cuts a ranking off."""

    rows: Sequence[Sequence[Any]]
    everything: Sequence[Sequence[Any]] | None
    ranking: "Ranking | None"

    def verdict(self, found: Sequence[Sequence[Any]]) -> "Verdict":
        """Compare a result with it."""
        from stoa.solutions.ask_data.comparing import compare  # noqa: PLC0415 - brings the parser

        plain = compare(self.rows, found)
        if plain == "different" and self.ranking is not None and self.everything is not None:
            return self.ranking.accepts(self.everything, found)
        return plain


async def _run_golds(call: Call, known: Known, query: str) -> list[Gold]:
    from stoa.solutions.ask_data.comparing import (  # noqa: PLC0415 - brings the parser
        gold_queries,
        ranking_of,
    )

    golds = []
    async with opened(call, known.connection) as database:
        for sql in gold_queries(query):
            rows = await _rows(database, known, sql)
            if rows is None:
                continue
            dialect = known.seen.dialect
            ranking = ranking_of(sql, _DIALECTS.get(dialect, dialect))
            everything = None if ranking is None else await _rows(database, known, ranking.sql)
            golds.append(Gold(rows, everything, ranking))
    return golds


async def _rows(database: ReadOnlyDatabase, known: Known, sql: str) -> list[list[Any]] | None:
    """Rows of a gold query through guard and connection; None where it does not run."""
    try:
        guarded = await asyncio.to_thread(
            guard, sql, known.catalogue, known.policy, limit=_ROWS + 1
        )
        found = await database.run(guarded.sql, seconds=_SECONDS, rows=_ROWS, bytes=_BYTES)
    except StoaError:
        return None
    return cells(found.rows)
