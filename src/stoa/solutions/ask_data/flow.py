"""From a question to rows and an answer that only says what they say. Read this first.

    reuse     an earlier question that asks the same: its query, guarded and run again
    tables    the ones the question is about, cut to a prompt's budget, as the role may see them
    query     SQL from the model, or from the offline parser
    guard     one read-only statement over permitted tables, with the role's policy written in
    explain   the database checks a new query before it runs; an error goes back to `query`, at most twice
    run       on a connection that can only read, within time, rows and bytes
    english   a few sentences, each number and name of which is looked up in the rows

Text of cells, comments and earlier questions is data: it reaches a model delimited, in a call without
tools, and whatever the model makes of it passes the guard before any database sees it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from stoa.base.database import new_id
from stoa.base.errors import QueryFailed, QueryTimeout, Refused
from stoa.contract import Call
from stoa.core.models.prompts import OFFLINE, Prompt
from stoa.core.tables.catalogue import Catalogue
from stoa.core.tables.databases import Rows
from stoa.core.tables.guard import Guarded, beyond, guard
from stoa.solutions.ask_data import offline
from stoa.solutions.ask_data.charting import suggest
from stoa.solutions.ask_data.checking import evidence_of, unfounded
from stoa.solutions.ask_data.choosing import choose_tables, described_tables
from stoa.solutions.ask_data.connections import opened
from stoa.solutions.ask_data.keeping import keep_answer
from stoa.solutions.ask_data.knowing import Known, know
from stoa.solutions.ask_data.prompting import EnglishInputs, Example, Failure, SqlDraft, SqlInputs
from stoa.solutions.ask_data.results import cells, digest_of_rows
from stoa.solutions.ask_data.reuse import Answered, Nearest, find_nearest, keep_pair, not_looked
from stoa.solutions.ask_data.schema import (
    Answer,
    Answers,
    Ask,
    AskEvent,
    Problem,
    ResultColumn,
    ResultTable,
    Reuse,
    RunSql,
)
from stoa.solutions.ask_data.stopwatch import Stopwatch
from stoa.solutions.ask_data.tables import PairRow
from stoa.solutions.ask_data.writing import write, write_nothing

SQL = Prompt(Path("prompts/sql.md"), twin=offline.sql)
ENGLISH = Prompt(Path("prompts/english.md"), twin=offline.english)

MOST_REPAIRS = 2
RESULT_BYTES = 4 * 2**20
_ROWS_READ_OUT = 30
"""Rows that the English prompt is shown; all of them count in the check."""
_CANNOT = "This cannot be answered from this database."
_MOST_NAMED = 6


async def ask(call: Call, request: Ask) -> Answers:
    """Ask a question about a database; answers hold SQL, rows, plain English and the reasoning.

    Further questions follow up the one before: each changes a part of it.
    """
    known = await know(call, request.database)
    answers: list[Answer] = []
    for number, question in enumerate(request.questions):
        asking = Asking(call, known, request, question, number, tuple(answers))
        answers.append(await asking.answer())
    return Answers(database=known.connection.id, answers=answers)


async def run_sql(call: Call, request: RunSql) -> Answer:
    """Run a query of your own: the same guard, the same policy, the same limits."""
    known = await know(call, request.database)
    asked = Ask(database=request.database, question=request.question or "SQL", rows=request.rows)
    asking = Asking(call, known, asked, request.question, 0, ())
    return await asking.run_given(request.sql)


@dataclass
class _Draft:
    """A query in the making, and what came of it."""

    sql: str = ""
    reasoning: str = ""
    answered_by: str = OFFLINE
    guarded: Guarded | None = None
    rows: Rows | None = None
    problem: Problem = ""
    message: str = ""
    missing: list[str] = field(default_factory=list)
    digest: str = ""


class Asking:
    """One question on its way to its answer."""

    def __init__(
        self,
        call: Call,
        known: Known,
        request: Ask,
        question: str,
        number: int,
        before: Sequence[Answer],
    ) -> None:
        self._call = call
        self._known = known
        self._request = request
        self._question = question
        self._number = number
        self._history = [Example(question=each.question, sql=each.sql_code) for each in before]
        self._today: date = datetime.now(UTC).date()
        self._watch = Stopwatch(self._step_begins)
        self._repairs = 0

    async def answer(self) -> Answer:
        """Answer it, keep it, and tell whoever listens."""
        nearest = await self._look_for_reuse()
        draft = await self._rerun(nearest)
        if draft is None:
            draft = await self._write_and_run(nearest)
        return await self._finish(draft, nearest)

    async def run_given(self, sql: str) -> Answer:
        """Run a query that a person wrote, and answer with its rows."""
        draft = await self._try(_Draft(sql=sql, reasoning="Your own query.", answered_by="you"))
        return await self._finish(draft, not_looked("a query of your own"))

    # --- reuse ---

    async def _look_for_reuse(self) -> Nearest:
        if not self._request.use_vector_db:
            return not_looked("switched off")
        async with self._watch.step("reuse"):
            history = [each.question for each in self._history]
            return await find_nearest(self._call, self._known, self._question, history, self._today)

    async def _rerun(self, nearest: Nearest) -> _Draft | None:
        """The earlier query, run again; None where there is none or it works no more."""
        if nearest.pair is None:
            return None
        pair = nearest.pair
        draft = await self._try(
            _Draft(sql=pair.sql, reasoning=pair.reasoning, answered_by=pair.answered_by),
            explained=True,
        )
        if not draft.problem or draft.problem == "timeout":
            return draft
        why = f"its query does not work any more: {draft.message}"
        nearest.reuse = Reuse(used=False, question=pair.question, why=why, examples=[])
        nearest.pair = None
        return None

    # --- query ---

    async def _write_and_run(self, nearest: Nearest) -> _Draft:
        """Write a query and run it; errors of guard and database go back, at most twice."""
        inputs = await self._inputs(nearest)
        while True:
            async with self._watch.step("query") as step:
                reply = await self._call.prompt(SQL, inputs)
                step.book(reply)
            written = reply.output
            draft = _Draft(written.sql.strip(), written.reasoning, reply.answered_by)
            if not draft.sql:
                return await self._refused(draft, written, inputs)
            draft = await self._try(draft)
            repairable = draft.problem in {"refused", "failed"} and reply.answered_by != OFFLINE
            if not repairable or self._repairs == MOST_REPAIRS:
                return draft
            self._repairs += 1
            failure = Failure(sql=draft.sql, error=draft.message)
            inputs = inputs.model_copy(update={"failures": [*inputs.failures, failure]})

    async def _inputs(self, nearest: Nearest) -> SqlInputs:
        async with self._watch.step("tables"):
            vector = nearest.vector
            if vector is None:
                vector = await self._meaning()
            whole = " ".join([*(each.question for each in self._history), self._question])
            tables = await choose_tables(self._call, self._known, whole, vector)
            return SqlInputs(
                question=self._question,
                history=self._history,
                dialect=self._known.seen.dialect,
                today=self._today.isoformat(),
                tables=await asyncio.to_thread(described_tables, tables),
                examples=nearest.examples,
                catalogue=self._known.seen,
            )

    async def _meaning(self) -> np.ndarray:
        found = await self._call.platform.models.embed(
            [self._question], workspace=self._call.caller.workspace_id, kind="query"
        )
        return np.asarray(found[0])

    async def _refused(self, draft: _Draft, written: SqlDraft, inputs: SqlInputs) -> _Draft:
        draft.problem, draft.message = "not_in_database", written.reasoning
        draft.missing = list(written.missing)
        if draft.answered_by == OFFLINE:
            draft.problem = await asyncio.to_thread(offline.why_not, inputs)
        return draft

    # --- guard, explain, run ---

    async def _try(self, draft: _Draft, *, explained: bool = False) -> _Draft:
        """Guard, explain and run a query; what goes wrong is in `problem` and `message`.

        `explained`: the database has taken it before.
        """
        seconds = self._call.platform.settings.query_seconds
        try:
            async with self._watch.step("guard"):
                draft.guarded = await asyncio.to_thread(
                    guard,
                    draft.sql,
                    self._known.catalogue,
                    self._known.policy,
                    limit=self._request.rows + 1,
                )
            async with opened(self._call, self._known.connection) as database:
                if not explained:
                    async with self._watch.step("explain"):
                        await database.explain(draft.guarded.sql, seconds=seconds)
                async with self._watch.step("run"):
                    draft.rows = await database.run(
                        draft.guarded.sql,
                        seconds=seconds,
                        rows=self._request.rows,
                        bytes=RESULT_BYTES,
                    )
        except Refused as error:
            draft.problem, draft.message = "refused", str(error)
        except QueryTimeout as error:
            draft.problem, draft.message = "timeout", str(error)
        except QueryFailed as error:
            draft.problem, draft.message = "failed", str(error)
        return draft

    # --- answer ---

    async def _finish(self, draft: _Draft, nearest: Nearest) -> Answer:
        answer = self._without_rows(draft, nearest)
        if draft.rows is not None:
            answer = await self._with_rows(answer, draft, draft.rows, nearest.pair)
        pair_id = await self._learn(draft, nearest, answer)
        answer.steps = self._watch.steps
        answer.seconds = self._watch.seconds
        answer.input_tokens = self._watch.input_tokens
        answer.output_tokens = self._watch.output_tokens
        await keep_answer(self._call, self._known, answer, pair_id)
        # A run keeps its events; rows are kept elsewhere, and not for good.
        told = None if self._call.run_id else answer
        await self._call.emit(
            AskEvent(question=self._number, step="done", steps=answer.steps, answer=told)
        )
        return answer

    def _without_rows(self, draft: _Draft, nearest: Nearest) -> Answer:
        return Answer(
            id=new_id("answer"),
            status_code=400 if draft.problem else 200,
            question=self._question,
            sql_code=draft.sql,
            sql_answer=None,
            english_answer=_said_of(draft, self._known.seen),
            reasoning=draft.reasoning,
            problem=draft.problem,
            missing=draft.missing,
            tables=list(draft.guarded.tables) if draft.guarded else [],
            reuse=nearest.reuse,
            steps=[],
            seconds=0,
            input_tokens=0,
            output_tokens=0,
            answered_by=draft.answered_by,
            english_by=OFFLINE,
            repairs=self._repairs,
            chart=None,
        )

    async def _with_rows(
        self, answer: Answer, draft: _Draft, found: Rows, pair: PairRow | None
    ) -> Answer:
        columns = [ResultColumn(name=name, kind=kind) for name, kind in found.columns]
        rows = cells(found.rows)
        table = ResultTable(columns=columns, rows=rows, truncated=found.truncated)
        draft.digest = await asyncio.to_thread(
            digest_of_rows, [column.name for column in columns], rows
        )
        if pair is not None and pair.rows_digest == draft.digest:
            text, by = pair.english, pair.english_by  # the same rows: it still holds
        elif not rows:
            text, by = await asyncio.to_thread(self._nothing, draft), OFFLINE
        else:
            text, by = await self._english(table, draft.answered_by)
        update = {
            "sql_answer": table,
            "english_answer": text,
            "english_by": by,
            "chart": suggest(columns, rows),
        }
        return answer.model_copy(update=update)

    async def _english(self, table: ResultTable, answered_by: str) -> tuple[str, str]:
        """The English answer, and who wrote it; what the rows do not hold is not said."""
        names = [column.name for column in table.columns]
        total = len(table.rows)
        plain = write(names, table.rows, total, truncated=table.truncated)
        if answered_by == "you":
            return plain, OFFLINE
        inputs = EnglishInputs(
            question=self._question,
            columns=names,
            rows=table.rows[:_ROWS_READ_OUT],
            total=total,
            truncated=table.truncated,
        )
        async with self._watch.step("english") as step:
            reply = await self._call.prompt(ENGLISH, inputs)
            step.book(reply)
        if reply.answered_by == OFFLINE:
            return reply.output.text, OFFLINE
        async with self._watch.step("check"):
            wrong = await asyncio.to_thread(self._unfounded, reply.output.text, names, table)
        if wrong or not reply.output.text.strip():
            return plain, "rows"
        return reply.output.text.strip(), reply.answered_by

    def _nothing(self, draft: _Draft) -> str:
        """That no record matches, and where the question lies beyond what there is."""
        guarded = draft.guarded
        return write_nothing(beyond(guarded.sql, self._known.seen) if guarded else [])

    def _unfounded(self, text: str, names: Sequence[str], table: ResultTable) -> list[str]:
        evidence = evidence_of(self._question, names, table.rows, len(table.rows))
        return unfounded(text, evidence)

    async def _learn(self, draft: _Draft, nearest: Nearest, answer: Answer) -> str:
        """Keep the pair for the next one who asks; the id of the pair that was made or used."""
        if nearest.pair is not None:
            return nearest.pair.id
        if draft.problem or draft.answered_by == "you" or not self._request.use_vector_db:
            return ""
        answered = Answered(
            self._question,
            [each.question for each in self._history],
            draft.sql,
            draft.reasoning,
            draft.answered_by,
            answer.english_answer,
            answer.english_by,
            draft.digest,
        )
        return await keep_pair(self._call, self._known, answered, nearest, self._today)

    async def _step_begins(self, name: str) -> None:
        steps = self._watch.steps
        await self._call.emit(AskEvent(question=self._number, step=name, steps=steps))
        await self._call.progress(f"Question {self._number + 1}: {name}")


def _said_of(draft: _Draft, seen: Catalogue) -> str:
    """Plain words for a question that has no rows to speak of."""
    match draft.problem:
        case "":
            return ""
        case "not_in_database":
            missing = f" It lacks: {', '.join(draft.missing)}." if draft.missing else ""
            return f"{_CANNOT}{missing or ' ' + draft.message} {_holds(seen)}"
        case "not_understood" | "ambiguous":
            words = f" Not understood: {', '.join(draft.missing)}." if draft.missing else ""
            message = draft.message.rstrip(".")
            return f"{message[:1].upper()}{message[1:]}.{words}"
        case "writes":
            return f"{_CANNOT} It can only be read, not changed."
    return draft.message


def _holds(seen: Catalogue) -> str:
    """What there is to ask about."""
    names = [table.name for table in seen.tables]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"It holds: {', '.join(names[:_MOST_NAMED])}{more}."
