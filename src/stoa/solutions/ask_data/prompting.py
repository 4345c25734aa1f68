"""What the prompts of ask_data take and give. Their texts are in prompts/, their twins in offline.py."""

from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from stoa.core.tables.catalogue import Catalogue


class Example(BaseModel):
    """A question that was answered before, with its SQL."""

    question: str
    sql: str


class Failure(BaseModel):
    """An attempt that did not work, and why."""

    sql: str
    error: str


class SqlInputs(BaseModel):
    """A question, what was asked before it, and the part of the schema it may be about."""

    question: str
    history: list[Example] = []
    """The questions it follows, oldest first; empty SQL where one was not answered."""
    dialect: str
    today: str
    """ISO 8601."""
    tables: list[str]
    """One description per table, as `cards.py` writes them."""
    examples: list[Example] = []
    failures: list[Failure] = []
    catalogue: SkipJsonSchema[Catalogue | None] = None
    """What the twin reads; models read `tables`."""


class SqlDraft(BaseModel):
    """One query, or what is missing to write one."""

    sql: str = Field("", description="One SELECT statement; empty where it can't be answered.")
    reasoning: str = Field(description="In plain English, how the query answers the question.")
    missing: list[str] = Field(
        [], description="What the database lacks to answer; empty where `sql` is given."
    )


class EnglishInputs(BaseModel):
    """A question and the rows that answer it."""

    question: str
    columns: list[str]
    rows: list[list[str | int | float | bool | None]]
    """The first rows, as many as a reader can take in."""
    total: int
    """How many rows there are."""
    truncated: bool = False
    """Whether the database held more than `total`."""


class English(BaseModel):
    """An answer in a few sentences."""

    text: str


class DescribeInputs(BaseModel):
    """A table to describe for people who will ask about it."""

    table: str
    """As `cards.py` writes it."""
    name: str
    columns: list[str]
    refers_to: list[str] = []


class Description(BaseModel):
    """What a row of the table stands for, in one or two sentences."""

    text: str
