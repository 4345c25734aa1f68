"""What the prompts of ask_data do without a model: a parser over the catalogue, and rows copied.

The parser prefers silence to a wrong answer: it says which words it did not understand. The English is
made of the values in the rows and the names of the columns; it can't say anything else.
"""

from datetime import date
from typing import TYPE_CHECKING

from stoa.solutions.ask_data.prompting import (
    DescribeInputs,
    Description,
    English,
    EnglishInputs,
    SqlDraft,
    SqlInputs,
)
from stoa.solutions.ask_data.results import heading
from stoa.solutions.ask_data.schema import Problem
from stoa.solutions.ask_data.writing import write

if TYPE_CHECKING:
    from stoa.solutions.ask_data.semantic.parse import NotUnderstood

_COLUMNS_NAMED = 6


def sql(inputs: SqlInputs) -> SqlDraft:
    """The question as the parser reads it, after the questions before it."""
    understood = _understand(inputs)
    if isinstance(understood, SqlDraft):
        return understood
    return SqlDraft(reasoning=understood.reason, missing=list(understood.words))


def why_not(inputs: SqlInputs) -> Problem:
    """Of a question that was not understood: which kind of problem it is."""
    understood = _understand(inputs)
    if isinstance(understood, SqlDraft) or understood.kind == "words":
        return "not_understood"
    return understood.kind


def _understand(inputs: SqlInputs) -> "SqlDraft | NotUnderstood":
    """What the parser makes of the question. A follow-up changes what was meant before it."""
    # The parser writes SQL with a library that the bare package does not bring.
    from stoa.solutions.ask_data.semantic import parse as parser  # noqa: PLC0415

    if inputs.catalogue is None:
        return parser.NotUnderstood((), "There is no catalogue to read the question by.", "words")
    today = date.fromisoformat(inputs.today)
    meaning = None
    for turn in inputs.history:
        before = parser.parse(turn.question, inputs.catalogue, previous=meaning, today=today)
        if isinstance(before, parser.Understood):
            meaning = before.meaning
    found = parser.parse(inputs.question, inputs.catalogue, previous=meaning, today=today)
    if isinstance(found, parser.Understood):
        return SqlDraft(sql=found.sql, reasoning=found.reasoning)
    return found


def english(inputs: EnglishInputs) -> English:
    """The first rows, as a sentence."""
    text = write(inputs.columns, inputs.rows, inputs.total, truncated=inputs.truncated)
    return English(text=text)


def describe(inputs: DescribeInputs) -> Description:
    """What the names say: the table, its columns, and what it refers to."""
    named = [heading(column) for column in inputs.columns[:_COLUMNS_NAMED]]
    more = len(inputs.columns) - len(named)
    text = f"Records of {heading(inputs.name)}"
    if named:
        text += f", each with {', '.join(named)}" + (f" and {more} more" if more else "")
    if inputs.refers_to:
        text += f"; belongs to {', '.join(heading(each) for each in inputs.refers_to)}"
    return Description(text=f"{text}.")
