"""What a solution is given, and what it gives back.

Given: a `Platform` (the core, built once) and, per call, a `Call` (who calls, progress, durable
steps). Given back: a `Solution`, which is a tuple of `Operation`s and a few optional extras. From
that declaration alone REST, CLI, MCP and the console offer the solution; none of them is known here.
"""

import inspect
import re
import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, TypeVar, Unpack

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from stoa.base.database import Database
from stoa.base.files import Files
from stoa.base.identity.accounts import Accounts
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import EVERYONE, Caller, Role
from stoa.base.objects import Objects
from stoa.base.settings import Settings
from stoa.core.evaluation.report import Graded
from stoa.core.events.events import Events
from stoa.core.flows.flows import Flows
from stoa.core.flows.questions import Asking, Decision
from stoa.core.jobs.jobs import Jobs
from stoa.core.knowledge.knowledge import Knowledge
from stoa.core.models.models import Models
from stoa.core.models.prompts import Prompt, Reply
from stoa.core.pipelines.pipelines import Pipelines
from stoa.core.registry.registry import Registry
from stoa.core.tables.opening import OpenDatabases

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)
S = TypeVar("S")
T = TypeVar("T")
_Model = type[BaseModel]
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class FileField:
    """Marks a string field as the id of an uploaded file, so that each face offers an upload.

    REST takes the id that `POST /api/files` returned; the CLI takes a path and uploads it; the
    console shows a file picker. `accept` lists file name endings, for the picker only.
    """

    accept: tuple[str, ...] = ()


FileId = Annotated[str, FileField(), StringConstraints(pattern=r"^file_[0-9a-z]{26}$")]
"""Id of an uploaded file. `Annotated[FileId, FileField(accept=(".pdf",))]` narrows the picker."""


class Request(BaseModel):
    """Base of request types: unknown fields are refused, surrounding spaces dropped, and so is text
    that no database stores (NUL, half of a surrogate pair)."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, data: Any) -> Any:
        _check_storable(data)
        return data


def _check_storable(data: Any) -> None:
    if isinstance(data, str) and _UNSTORABLE.search(data):
        raise ValueError("it holds a character that can't be stored (NUL or half of a pair)")
    if isinstance(data, dict):
        for key, value in data.items():
            _check_storable(key)
            _check_storable(value)
    elif isinstance(data, list | tuple):
        for value in data:
            _check_storable(value)


class Result(BaseModel):
    """Base of result types."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Platform:
    """The core, as one value: what every solution may use. Built in `wiring.py` only."""

    settings: Settings
    database: Database
    objects: Objects
    files: Files
    accounts: Accounts
    audit: AuditLog
    models: Models
    registry: Registry
    events: Events
    flows: Flows
    jobs: Jobs
    pipelines: Pipelines
    knowledge: Knowledge
    databases: OpenDatabases


class Call(Protocol):
    """One call of one operation: who calls, and the means to work durably and visibly.

    The same operation code runs inside a durable run and outside one; only the means differ.
    """

    @property
    def platform(self) -> Platform:
        """The core."""
        ...

    @property
    def caller(self) -> Caller:
        """Who calls."""
        ...

    @property
    def run_id(self) -> str | None:
        """Id of the durable run, or None outside one."""
        ...

    @property
    def is_followed(self) -> bool:
        """Whether anybody receives what `emit` sends; if not, streaming can be spared."""
        ...

    async def step(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Run `work(*arguments)` once. In a durable run the result is stored, and after a crash
        it is returned instead of running again; so `work` is idempotent and its arguments and
        result are JSON-able (pydantic models, dataclasses of plain values, str, int, list …)."""
        ...

    async def map(
        self, work: Callable[[S], Awaitable[T]], items: Iterable[S], *, at_once: int = 8
    ) -> list[T]:
        """`work` for each item, at most `at_once` at a time; the results in the order of `items`.

        `work` may itself take steps, ask prompts and people; after a crash each item goes on where it
        was. The first error ends the others and is raised.
        """
        ...

    async def parallel(self, *works: Callable[[], Awaitable[Any]]) -> list[Any]:
        """All `works` side by side; their results in order. Otherwise as `map`."""
        ...

    async def progress(self, message: str, done: int = 0, total: int = 0) -> None:
        """Tell the people who wait: shown on the run page, the CLI bar and the event stream."""
        ...

    async def emit(self, event: BaseModel) -> None:
        """Send an intermediate event (a piece of an answer) to a caller who streams."""
        ...

    async def prompt(self, prompt: Prompt[In, Out], inputs: In) -> Reply[Out]:
        """Answer a prompt with the configured model, or its offline twin, and book the cost."""
        ...

    async def call(self, operation: str, request: BaseModel) -> Any:
        """Call another operation of the same solution as the same caller."""
        ...

    async def ask_person(
        self, question: str, *, choices: Sequence[str], **more: Unpack[Asking]
    ) -> Decision:
        """In a durable run, between steps: wait for a person to choose, for weeks if need be.

        `more` says whom to ask, what to show, how many must agree and until when (see `Asking`).
        Waiting holds no thread; the decision survives every crash.

        Raises:
            InvalidInput: the operation was called without a run, which could not wait.
        """
        ...


Handler = Callable[[Call, Any], Awaitable[BaseModel]]
OwnSuite = Callable[[Call, Path, Mapping[str, str]], Awaitable[Graded]]


@dataclass(frozen=True)
class Operation:
    """A named function with a request type, a result type, roles, and whether it is durable.

    Types are read from the handler's annotations: `async def ask(call: Call, request: Ask) -> Answer`.
    The first paragraph of its docstring is the description in every face.
    """

    run: Handler
    name: str = ""
    roles: frozenset[Role] = EVERYONE
    durable: bool = False
    destructive: bool = False
    """Faces ask before they call it."""
    streams: type[BaseModel] | None = None
    """Type of the events that `call.emit` sends, where it sends any."""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.run.__name__)
        for kind in (self.request, self.result):
            if not (inspect.isclass(kind) and issubclass(kind, BaseModel)):
                raise TypeError(f"operation {self.name}: {kind!r} is not a pydantic model")

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return typing.get_type_hints(self.run)

    @property
    def request(self) -> type[BaseModel]:
        """The type of the handler's second parameter."""
        name = list(inspect.signature(self.run).parameters)[1]
        return typing.cast("type[BaseModel]", self._hints[name])

    @property
    def result(self) -> type[BaseModel]:
        """The handler's return type."""
        return typing.cast("type[BaseModel]", self._hints["return"])

    @property
    def summary(self) -> str:
        """First paragraph of the handler's docstring, on one line."""
        return " ".join((inspect.getdoc(self.run) or "").split("\n\n")[0].split())


class PageContext(Protocol):
    """What a solution's page is given: the caller, and the same door the other faces use."""

    @property
    def caller(self) -> Caller:
        """Who is on the page. Checked again before every call."""
        ...

    async def call(self, operation: str, request: BaseModel | dict[str, Any]) -> Any:
        """Call an operation; a durable one is awaited to its end.

        What a person typed is given as a dict, so that it is checked where every face checks.
        """
        ...

    async def start(self, operation: str, request: BaseModel | dict[str, Any]) -> str:
        """Start a durable operation; return its run id."""
        ...

    async def follow(
        self, run_id: str, on_progress: Callable[[str, int, int], Awaitable[None]]
    ) -> Any:
        """Follow a run to its end, hearing (message, done, total); return its result.

        Raises:
            StoaError: what the run failed with; Cancelled where it was stopped.
        """
        ...

    async def upload(self, name: str, content: bytes | Path) -> str:
        """Store an uploaded file; return its `file_…` id."""
        ...

    async def stream(
        self,
        operation: str,
        request: BaseModel | dict[str, Any],
        on_event: Callable[[BaseModel], Awaitable[None]],
    ) -> Any:
        """Call an operation and receive what it emits while it works."""
        ...


@dataclass(frozen=True)
class Schedule:
    """Work a solution does by the clock: an operation called with `request` for each workspace
    that `workspaces` yields, as Stoa itself. `cron` is five fields, UTC."""

    name: str
    cron: str
    operation: str
    request: BaseModel


@dataclass(frozen=True)
class EventType:
    """A kind of event that a solution publishes: others subscribe to it by `type`."""

    type: str
    """Dotted or in capitals, such as `stoa.approval.decided`."""
    data: _Model
    """What the event's data look like; its JSON schema is shown to consumers."""
    description: str


@dataclass(frozen=True)
class Route:
    """A plain HTTP GET a solution needs beside its operations, such as a page picture.

    Served at `/api/{solution}/{path}`; `answer` gets the caller and the path parameters and returns
    (content type, bytes). It raises `NotFound` like everyone else.
    """

    path: str
    answer: Callable[[Platform, Caller, Mapping[str, str]], Awaitable[tuple[str, bytes]]]


@dataclass(frozen=True)
class Solution:
    """The declaration of one system: everything the house needs to know about a folder."""

    name: str
    title: str
    summary: str
    folder: Path
    operations: tuple[Operation, ...]
    prompts: tuple[Prompt[Any, Any], ...] = ()
    routes: tuple[Route, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    events: tuple[EventType, ...] = ()
    """What it publishes, through `platform.events.add` or `publish`."""
    reacts: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Event type (`*` stands for any characters) → durable operation. Each event starts one run of
    it, with the event's data as the request, as Stoa itself."""
    page: Callable[[PageContext], Awaitable[None]] | None = None
    sample: Callable[[Call], Awaitable[None]] | None = None
    """Fills a fresh sample workspace with the folder's `sample/`; idempotent."""
    suite: OwnSuite | None = None
    """Grades one answerer over a file of cases of the solution's own kind; gets `NAME=VALUE` options."""
    icon: str = "widgets"
    """Name of a Material icon."""
    status: Literal["ready", "preview"] = "ready"
    _by_name: dict[str, Operation] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name = {operation.name: operation for operation in self.operations}
        if len(by_name) != len(self.operations):
            raise TypeError(f"solution {self.name}: two operations of one name")
        for name in self.reacts.values():
            if name not in by_name or not by_name[name].durable:
                raise TypeError(f"solution {self.name}: reacts with {name}, no durable operation")
        object.__setattr__(self, "_by_name", by_name)

    def operation(self, name: str) -> Operation | None:
        """The operation of that name, or None."""
        return self._by_name.get(name)
