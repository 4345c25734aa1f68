"""The one door to operations: REST, CLI, MCP and the console all call through here.

It finds the operation, checks the role and the key's scope, validates the request, opens a span,
and either runs the handler at once or starts a durable run. So a check that stands here stands on
every face. It knows no solution by name and no face.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, Unpack

from pydantic import BaseModel, ValidationError

from stoa.base.errors import Forbidden, InvalidInput, NotFound
from stoa.base.identity.caller import OWNERS, Caller
from stoa.base.identity.people import stoa_itself
from stoa.base.telemetry import span
from stoa.contract import Call, Operation, Platform, Solution
from stoa.core.events.event import CloudEvent, matches
from stoa.core.flows.flows import RunView
from stoa.core.flows.questions import Asking, Decision
from stoa.core.flows.records import name_of
from stoa.core.models.prompts import Prompt, Reply

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)
S = TypeVar("S")
T = TypeVar("T")
OnEvent = Callable[[BaseModel], Awaitable[None]]
OnProgress = Callable[[str, int, int], Awaitable[None]]
WORKFLOW = "operation"


class RunStarted(BaseModel):
    """What a durable operation answers at once."""

    run_id: str


class PublishedType(BaseModel):
    """A type of event that a solution publishes, as consumers are shown it."""

    type: str
    solution: str
    description: str
    data_schema: dict[str, Any]
    """JSON schema of the event's data."""
    reactions: list[str]
    """Operations of this house that a run is started of for each such event."""


@dataclass(frozen=True)
class _Call:
    """The `Call` that handlers see; durable where `run_id` is set."""

    dispatcher: "Dispatcher"
    solution: Solution
    caller: Caller
    run_id: str | None = None
    on_event: OnEvent | None = None
    on_progress: OnProgress | None = None

    @property
    def platform(self) -> Platform:
        return self.dispatcher.platform

    @property
    def is_followed(self) -> bool:
        return self.run_id is not None or self.on_event is not None

    async def step(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        if self.run_id is None:
            return await work(*arguments)
        return await self.platform.flows.step(name_of(work), work, *arguments)

    async def map(
        self, work: Callable[[S], Awaitable[T]], items: Iterable[S], *, at_once: int = 8
    ) -> list[T]:
        works = [partial(work, item) for item in items]
        return await self.platform.flows.side_by_side(*works, at_once=at_once)

    async def parallel(self, *works: Callable[[], Awaitable[Any]]) -> list[Any]:
        return await self.platform.flows.side_by_side(*works, at_once=max(1, len(works)))

    async def progress(self, message: str, done: int = 0, total: int = 0) -> None:
        if self.run_id is not None:
            await self.platform.flows.progress(self.run_id, message, done, total)
        if self.on_progress is not None:
            await self.on_progress(message, done, total)

    async def emit(self, event: BaseModel) -> None:
        if self.run_id is not None:
            await self.platform.flows.emit(self.run_id, event.model_dump(mode="json"))
        if self.on_event is not None:
            await self.on_event(event)

    async def prompt(self, prompt: Prompt[In, Out], inputs: In) -> Reply[Out]:
        return await self.platform.models.run(
            prompt, inputs, caller=self.caller, run_id=self.run_id
        )

    async def call(self, operation: str, request: BaseModel) -> Any:
        return await self.dispatcher.call(self.caller, self.solution.name, operation, request)

    async def ask_person(
        self, question: str, *, choices: Sequence[str], **more: Unpack[Asking]
    ) -> Decision:
        if self.run_id is None:
            raise InvalidInput(
                "This operation waits for a person, which takes a run.",
                hint="Start it as a run instead of calling it.",
            )
        return await self.platform.flows.ask_person(
            self.run_id, question=question, choices=choices, **more
        )


class Dispatcher:
    """Holds the platform and the solutions, and calls operations on them."""

    def __init__(self, platform: Platform, solutions: Iterable[Solution]) -> None:
        self.platform = platform
        self.solutions = {solution.name: solution for solution in solutions}
        platform.flows.register(WORKFLOW, self._work)
        for solution in self.solutions.values():
            for operation in dict.fromkeys(solution.reacts.values()):
                self._react(solution, operation)

    def find(self, solution: str, operation: str) -> tuple[Solution, Operation]:
        """Raises NotFound with the names there are."""
        found = self.solutions.get(solution)
        if found is None:
            names = ", ".join(self.solutions)
            raise NotFound(f"There is no solution '{solution}'.", hint=f"There are: {names}.")
        chosen = found.operation(operation)
        if chosen is None:
            names = ", ".join(each.name for each in found.operations)
            raise NotFound(
                f"'{solution}' has no operation '{operation}'.", hint=f"It has: {names}."
            )
        return found, chosen

    def admit(self, caller: Caller, solution: Solution, operation: Operation) -> None:
        """Raises Forbidden where the role or the key's scope does not allow the operation."""
        if not caller.may(f"{solution.name}.{operation.name}"):
            raise Forbidden(
                f"This key may not call {solution.name}.{operation.name}.",
                hint="Ask an owner for a key with that scope.",
            )
        if caller.role not in operation.roles | OWNERS:
            roles = " or ".join(sorted(operation.roles))
            raise Forbidden(
                f"{operation.name} takes the role {roles}; you are {caller.role}.",
                hint="Ask an owner of the workspace for the role.",
            )

    async def call(
        self,
        caller: Caller,
        solution: str,
        operation: str,
        request: BaseModel | dict[str, Any],
        *,
        on_event: OnEvent | None = None,
        on_progress: OnProgress | None = None,
    ) -> BaseModel:
        """The operation's result; a durable one is run in this process, without a run to watch.

        Faces use it for operations that are not durable; tests and other operations for both.
        """
        found, chosen, valid = self._prepare(caller, solution, operation, request)
        call = _Call(self, found, caller, None, on_event, on_progress)
        with span("operation", solution=solution, operation=operation):
            return await chosen.run(call, valid)

    async def start(
        self,
        caller: Caller,
        solution: str,
        operation: str,
        request: BaseModel | dict[str, Any],
        *,
        key: str | None = None,
    ) -> RunStarted:
        """Start a durable operation as a run. The same `key` starts it once."""
        _, chosen, valid = self._prepare(caller, solution, operation, request)
        if not chosen.durable:
            raise InvalidInput(f"{operation} answers at once.", hint="Call it without a run.")
        run_id = await self.platform.flows.start(
            WORKFLOW,
            caller=caller,
            solution=solution,
            operation=operation,
            payload=valid.model_dump(mode="json"),
            key=key,
        )
        return RunStarted(run_id=run_id)

    def as_call(
        self, caller: Caller, solution: Solution, *, on_progress: OnProgress | None = None
    ) -> Call:
        """A call of no operation: what a solution's sample and suites are given."""
        return _Call(self, solution, caller, on_progress=on_progress)

    async def fill(self, caller: Caller) -> None:
        """Fill the caller's workspace with the sample of every solution. Idempotent."""
        for solution in self.solutions.values():
            if solution.sample is not None:
                await solution.sample(self.as_call(caller, solution))

    def _react(self, solution: Solution, operation: str) -> None:
        """Each event starts one run of the operation, however often it is handed over."""
        name = f"{solution.name}.{operation}"
        types = [type_ for type_, chosen in solution.reacts.items() if chosen == operation]

        async def start(workspace: str, event: CloudEvent) -> None:
            data = event.data if isinstance(event.data, dict) else {}
            key = f"{name} {event.name}"
            await self.start(stoa_itself(workspace), solution.name, operation, data, key=key)

        self.platform.events.react(name, types, start)

    def published_types(self) -> list[PublishedType]:
        """The types of events that solutions declare, by name."""
        reactions = self.platform.events.reactions
        found = [
            PublishedType(
                type=each.type,
                solution=solution.name,
                description=each.description,
                data_schema=each.data.model_json_schema(),
                reactions=[name for name, types in reactions.items() if matches(types, each.type)],
            )
            for solution in self.solutions.values()
            for each in solution.events
        ]
        return sorted(found, key=lambda each: each.type)

    def _prepare(
        self, caller: Caller, solution: str, operation: str, request: BaseModel | dict[str, Any]
    ) -> tuple[Solution, Operation, BaseModel]:
        found, chosen = self.find(solution, operation)
        self.admit(caller, found, chosen)
        if isinstance(request, chosen.request):
            return found, chosen, request
        data = request.model_dump() if isinstance(request, BaseModel) else request
        try:
            return found, chosen, chosen.request.model_validate(data)
        except ValidationError as error:
            raise _refusal(error) from error

    async def _work(self, run: RunView, caller: Caller, payload: dict[str, Any]) -> dict[str, Any]:
        """The one durable workflow: an operation, by name."""
        found, chosen = self.find(run.solution, run.operation)
        call = _Call(self, found, caller, run.id)
        with span("operation", solution=run.solution, operation=run.operation, run=run.id):
            result = await chosen.run(call, chosen.request.model_validate(payload))
        return result.model_dump(mode="json")


def _refusal(error: ValidationError) -> InvalidInput:
    problems = [
        {"field": ".".join(str(part) for part in each["loc"]), "problem": each["msg"]}
        for each in error.errors()
    ]
    first = problems[0]
    where = f"'{first['field']}': " if first["field"] else ""
    return InvalidInput(
        f"{where}{first['problem']}.", hint="See the operation's fields.", fields=problems
    )
