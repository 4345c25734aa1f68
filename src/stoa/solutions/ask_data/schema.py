"""The words of ask_data: what its operations take and what they give back."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, StringConstraints, model_validator

from stoa.contract import FileField, FileId, Request, Result
from stoa.core.tables.catalogue import Catalogue, Kind
from stoa.solutions.ask_data.results import Cell

LONGEST_QUESTION = 2000
MOST_QUESTIONS = 4
"""A question and up to three follow-ups."""

Id = Annotated[str, StringConstraints(max_length=40)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Question = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_QUESTION)]
TableKey = Annotated[str, StringConstraints(min_length=1, max_length=260)]
RoleName = Literal["owner", "editor", "reviewer", "member"]
CsvFile = Annotated[FileId, FileField(accept=(".csv",))]


class Done(Result):
    """Nothing more to say than that it was done, and to what."""

    id: str


# --- connections -----------------------------------------------------------------------------


class Connect(Request):
    """A database to ask, by URL. The URL is kept sealed; it is never shown again."""

    name: Name = Field(description="What people call it.")
    url: str = Field(
        min_length=1,
        max_length=2000,
        description="sqlite:///file, postgresql://…, mysql://… or duckdb:///file. Use a login that can only read.",
    )


class TryConnection(Request):
    """A connection to try: a kept one by name, or a URL before it is kept."""

    database: str = Field("", max_length=80, description="Id or name of a kept connection.")
    url: str = Field("", max_length=2000, description="A URL to try without keeping it.")


class ListConnections(Request):
    """All connections of the workspace."""


class DatabaseRequest(Request):
    """One connection, by id or name."""

    database: Name = Field(description="Id or name of the connection.")


class HealthView(Result):
    """What a database answered when it was tried."""

    dialect: str
    server_version: str
    read_only: bool
    """The login itself can't write, whatever we do."""
    warnings: list[str]


class ConnectionView(Result):
    """A connection, without its secret."""

    id: str
    name: str
    dialect: str
    address: str
    """Where it is, without user and password."""
    read_only: bool
    warnings: list[str]
    tables: int
    version: int
    """Version of its catalogue."""
    described: int
    """Tables with a description that a person wrote or imported."""
    refreshed_at: datetime
    added_by: str


class Connections(Result):
    """The connections of the workspace, by name."""

    connections: list[ConnectionView]


# --- catalogue -------------------------------------------------------------------------------


class ShowCatalogue(Request):
    """The catalogue of a database, or a part of it, as the caller may see it."""

    database: Name = Field(description="Id or name of the connection.")
    table: str = Field("", max_length=260, description="Only this table, by its key.")
    text: str = Field("", max_length=200, description="Only tables with this in name or words.")
    limit: int = Field(50, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=1_000_000)


class CatalogueView(Result):
    """Tables with their columns, keys, values and descriptions."""

    database: str
    name: str
    catalogue: Catalogue
    total: int
    """How many tables there are in all."""


class Describe(Request):
    """What a table or a column means, in words that people use. It outlives every refresh."""

    database: Name = Field(description="Id or name of the connection.")
    table: TableKey = Field(description="Key of the table: name, or schema.name.")
    column: str = Field("", max_length=260, description="The column; empty: the table itself.")
    description: str = Field(max_length=2000)


class Draft(Request):
    """Tables without a description to draft one for."""

    database: Name = Field(description="Id or name of the connection.")
    tables: int = Field(200, ge=1, le=2000, description="Most tables to describe at once.")


class Drafted(Result):
    """What was drafted."""

    described: int
    version: int
    answered_by: str


class ImportDescriptions(Request):
    """Descriptions as CSV with a heading line: table, description, and maybe column."""

    database: Name = Field(description="Id or name of the connection.")
    file: CsvFile | None = Field(None, description="A file of table,description lines.")
    text: str = Field("", max_length=4_000_000, description="The lines themselves, instead.")


class Imported(Result):
    """What an import did."""

    described: int
    unknown: list[str]
    """Tables and columns of the file that the database does not have."""
    version: int


class Export(Result):
    """A file, as text."""

    name: str
    media_type: str
    text: str


class Refreshed(Result):
    """What a refresh found."""

    version: int
    added: list[str]
    removed: list[str]
    changed: list[str]


# --- policy ----------------------------------------------------------------------------------


class SetPolicy(Request):
    """What a role may see of a database. What is left out stays; `clear` takes the policy away."""

    database: Name = Field(description="Id or name of the connection.")
    role: RoleName
    tables: list[TableKey] | None = Field(
        None, max_length=2000, description="Keys of the permitted tables."
    )
    rows: dict[TableKey, str] | None = Field(
        None, description='Predicate per table: {"orders": "region = \'North\'"}.'
    )
    masked: dict[TableKey, list[str]] | None = Field(
        None, description='Columns that read as nothing: {"staff": ["salary"]}.'
    )
    clear: bool = Field(False, description="Take the policy of this role away.")


class PolicyView(Result):
    """What a role may see."""

    role: str
    tables: list[str] | None
    """None: all."""
    rows: dict[str, str]
    masked: dict[str, list[str]]


class Policies(Result):
    """The policies of a database; a role that is not named sees everything."""

    database: str
    policies: list[PolicyView]


class ShowPolicies(DatabaseRequest):
    """The policies of a database."""


# --- asking ----------------------------------------------------------------------------------


class Ask(Request):
    """A question about a database, and follow-ups that change a part of the question before."""

    database: Name = Field(description="Id or name of the connection.")
    input_queries: list[Question] = Field(
        [], max_length=MOST_QUESTIONS, description="The question, then its follow-ups."
    )
    question: str = Field(
        "", max_length=LONGEST_QUESTION, description="A single question, instead of input_queries."
    )
    use_vector_db: bool = Field(
        True,
        validation_alias=AliasChoices("use_vector_db", "useVectorDB"),
        description="Reuse the query of an earlier question that asks the same.",
    )
    rows: int = Field(1000, ge=1, le=10_000, description="Most rows an answer holds.")

    @model_validator(mode="after")
    def _one_way_to_ask(self) -> "Ask":
        if bool(self.question) == bool(self.input_queries):
            raise ValueError("give either 'question' or 'input_queries'")
        return self

    @property
    def questions(self) -> list[str]:
        """All questions, the first one first."""
        return self.input_queries or [self.question]


class ResultColumn(Result):
    """A column of a result."""

    name: str
    kind: Kind


class ResultTable(Result):
    """Rows as JSON holds them: dates as ISO 8601 text."""

    columns: list[ResultColumn]
    rows: list[list[Cell]]
    truncated: bool
    """The database held more rows than these."""


class Reuse(Result):
    """Whether the query of an earlier question was run again, and why not."""

    used: bool
    question: str
    """The nearest earlier question; empty where there is none."""
    why: str
    examples: list[str]
    """Earlier questions that were shown to the model."""


class StepTime(Result):
    """How long one step of an answer took, and the tokens it used."""

    name: str
    seconds: float
    input_tokens: int = 0
    output_tokens: int = 0


class Chart(Result):
    """A chart that suits the rows, by names of columns."""

    kind: Literal["bar", "line"]
    label: str
    value: str


Problem = Literal[
    "", "not_understood", "not_in_database", "ambiguous", "writes", "refused", "failed", "timeout"
]


class Answer(Result):
    """The answer to one question."""

    id: str
    status_code: Literal[200, 400]
    question: str
    sql_code: str
    """The query as it was written; it ran with the caller's policy and a LIMIT written in."""
    sql_answer: ResultTable | None
    english_answer: str
    reasoning: str
    problem: Problem
    """Why there is no answer; empty where there is one."""
    missing: list[str]
    """What was not understood, or what the database lacks."""
    tables: list[str]
    reuse: Reuse
    steps: list[StepTime]
    seconds: float
    input_tokens: int
    output_tokens: int
    answered_by: str
    """Who wrote the query: `offline`, or `provider:model`."""
    english_by: str
    """Who wrote the English: the same, or `rows` where the model's was not borne out by the rows."""
    repairs: int
    """How often the query was written anew after an error."""
    chart: Chart | None


class Answers(Result):
    """The answers, one a question, in their order. A question after one that failed may stand on it."""

    database: str
    answers: list[Answer]


class AskEvent(Result):
    """What happens while a question is answered."""

    question: int
    """Its number, from 0."""
    step: str
    """The step that begins, or `done`."""
    steps: list[StepTime]
    """The steps that ended."""
    answer: Answer | None = None


class RunSql(Request):
    """A query of one's own, checked by the same guard and run within the same policy."""

    database: Name = Field(description="Id or name of the connection.")
    sql: str = Field(min_length=1, max_length=20_000)
    question: str = Field("", max_length=LONGEST_QUESTION, description="What it answers.")
    rows: int = Field(1000, ge=1, le=10_000, description="Most rows the answer holds.")


class Submit(Ask):
    """The same as a question, answered in the background; fetch it with `result`."""

    seconds: int = Field(100, ge=1, le=600, description="Seconds after which it is given up.")


class Submitted(Result):
    """Where the answers of a submitted question lie, and until when."""

    database: str
    state: Literal["done", "timeout"]
    answers: list[str]
    """Ids for `result` and `download`."""
    message: str
    expires_at: datetime


class FetchResult(Request):
    """A result by the id of its run, or of one answer."""

    id: str = Field(max_length=80, description="Id of the run that submit gave, or of an answer.")


class ResultView(Result):
    """A submitted question: still worked on, done, or given up."""

    state: Literal["running", "done", "timeout", "failed", "cancelled"]
    message: str
    answers: list[Answer]
    expires_at: datetime | None


class Download(Request):
    """An answer as a file."""

    answer: Id
    format: Literal["csv", "parquet", "json"] = "csv"


class Link(Result):
    """A link that whoever has it may open until it expires."""

    name: str
    url: str
    expires_at: datetime


# --- saved questions, feedback, report ---------------------------------------------------------


class Save(Request):
    """Keep a question with its query, to ask it again with one press."""

    answer: Id = Field(description="Id of one of your own answers.")
    name: str = Field("", max_length=200, description="What to call it; empty: the question.")
    shared: bool = Field(False, description="Let everybody in the workspace use it.")


class ListSaved(Request):
    """Saved questions: one's own and shared ones."""

    database: str = Field("", max_length=80, description="Id or name of a connection; empty: all.")


class Forget(Request):
    """A saved question to remove, by id."""

    id: Id


class SavedView(Result):
    """A saved question. Its rows are not kept: it runs again, within the policy of whoever asks."""

    id: str
    name: str
    database: str
    question: str
    sql_code: str
    shared: bool
    mine: bool
    saved_at: datetime


class Saved(Result):
    """Saved questions, newest first."""

    saved: list[SavedView]


class Feedback(Request):
    """Whether an answer was right, and what was wrong. A bad one is never reused."""

    answer: Id
    good: bool
    why: str = Field("", max_length=2000)


class ReportRequest(Request):
    """How many days back to report."""

    days: int = Field(28, ge=1, le=365)
    database: str = Field("", max_length=80, description="Id or name of a connection; empty: all.")


class Asked(Result):
    """A question of the log: slow, failed, or judged bad."""

    question: str
    database: str
    at: datetime
    seconds: float
    problem: str
    why: str


class StepLatency(Result):
    """How long a step takes."""

    step: str
    p50: float
    p95: float


class Day(Result):
    """A day's questions."""

    day: str
    good: int
    bad: int
    asked: int


class Report(Result):
    """Acceptance, speed, failures and cost. `target` and `line` are shares of good judgements."""

    since: datetime
    questions: int
    answered: int
    reused: int
    repaired: int
    good: int
    bad: int
    acceptance: float | None
    """good / (good + bad); None before anybody judged."""
    target: float
    line: float
    days: list[Day]
    latency: list[StepLatency]
    slow: list[Asked]
    failed: list[Asked]
    bad_answers: list[Asked]
    problems: dict[str, int]
    input_tokens: int
    output_tokens: int
    tokens_by: dict[str, int]
    """Tokens by who answered."""


class Expire(Request):
    """Remove the rows of answers whose time is over."""


class Expired(Result):
    """How many answers lost their rows."""

    removed: int
