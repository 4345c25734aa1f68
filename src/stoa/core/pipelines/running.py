"""Working through a pipeline: every step as soon as what it needs is there.

Each step is a branch of the durable run. It waits for the steps before it, looks whether it was done
before (in this run before a crash, or in an earlier run with the same inputs and code), and else does
its work. What it came to is a row; so a run that begins again takes up where it was, and a step that
failed is done again without those that did not. A step that fails stops what depends on it, not what
does not; the run fails with the first such error once everything else has come to rest.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python
from sqlalchemy.orm import Session

from stoa.base.database import Database
from stoa.base.errors import Bug, InvalidInput, ProviderError, StoaError
from stoa.core.flows.records import as_stoa_error, write_error
from stoa.core.pipelines import rows
from stoa.core.pipelines.fingerprint import fingerprint
from stoa.core.pipelines.pipeline import INPUTS, Pipeline, Step, source_of
from stoa.core.pipelines.step_call import Bustle, Place, StepCall, StepServices
from stoa.core.pipelines.views import StepState

T = TypeVar("T")
MOST_ITEMS: Final = 200
_WHOLE = -1
_FIRST_PAUSE = 0.5
StillThere = Callable[[Any], Awaitable[bool]]
SideBySide = Callable[..., Awaitable[list[Any]]]


@dataclass
class _Outcome:
    """What a step has come to."""

    state: StepState
    outputs: Any = None
    error: StoaError | None = None
    blocked: bool = False
    """Skipped because something before it failed."""


@dataclass
class _Board:
    """Where the steps of one run stand, in this process."""

    outcomes: dict[str, _Outcome] = field(default_factory=dict)
    ended: dict[str, asyncio.Event] = field(default_factory=dict)


class Running:
    """One run of one pipeline."""

    def __init__(
        self,
        database: Database,
        services: StepServices,
        side_by_side: SideBySide,
        still_there: StillThere,
        pipeline: Pipeline,
        place: Place,
        id_: str,
        inputs: dict[str, Any],
        fresh: Sequence[str],
    ) -> None:
        self._database = database
        self._services = services
        self._side_by_side = side_by_side
        self._still_there = still_there
        self._pipeline = pipeline
        self._place = place
        self._id = id_
        self._inputs = inputs
        self._fresh = fresh
        self._bustle = Bustle()
        self._board = _Board(ended={step.name: asyncio.Event() for step in pipeline.steps})

    async def to_end(self) -> dict[str, Any]:
        """Outputs by step; None for those that were skipped.

        Raises:
            StoaError: the error of the first step that failed.
        """
        steps = self._pipeline.steps
        branches = [partial(self._branch, step) for step in steps]
        await self._side_by_side(*branches, at_once=len(branches))
        outcomes = self._board.outcomes
        failed = next((step for step in steps if outcomes[step.name].error is not None), None)
        if failed is not None:
            error = outcomes[failed.name].error
            assert error is not None
            told = f"{failed.shown_as}: {error.message}"
            await self._write(
                partial(rows.finish, id_=self._id, state=StepState.FAILED, error=told)
            )
            raise error
        await self._write(partial(rows.finish, id_=self._id, state=StepState.DONE))
        return {step.name: outcomes[step.name].outputs for step in steps}

    async def _branch(self, step: Step) -> None:
        for name in sorted(step.needs):
            await self._board.ended[name].wait()
        try:
            outcome = await self._come_to(step)
        except Exception as error:  # noqa: BLE001 - the edge of a step: it becomes the step's outcome
            told = as_stoa_error(error, where=f"step {step.name} of {self._id}")
            outcome = _Outcome(StepState.FAILED, error=told)
            await self._change(step, state=StepState.FAILED, error=write_error(told))
        self._board.outcomes[step.name] = outcome
        self._board.ended[step.name].set()

    async def _come_to(self, step: Step) -> _Outcome:
        reason, blocked = self._why_not(step)
        if reason:
            return await self._skip(step, reason, blocked=blocked)
        inputs = self._resolved(step)
        if step.unless is not None:
            told = step.unless(**_told(step.unless, self._typed(step, inputs, every=True)))
            if told is not None:
                return await self._skip(step, told)
        if step.over:
            return _Outcome(StepState.DONE, await self._each(step, inputs))
        return _Outcome(StepState.DONE, await self._once(step, inputs, _WHOLE, step.shown_as))

    def _why_not(self, step: Step) -> tuple[str, bool]:
        """Why a step can't or need not be done, by how those before it ended; and whether one failed."""
        outcomes = self._board.outcomes
        if step.rescues and all(outcomes[name].error is None for name in step.rescues):
            return "Nothing went wrong.", False
        for name in sorted(step.needs - set(step.rescues)):
            title = self._pipeline.step(name).shown_as
            if outcomes[name].state is StepState.FAILED:
                return f"'{title}' failed.", True
            if outcomes[name].blocked:
                return f"'{title}' could not be done.", True
            if outcomes[name].state is StepState.SKIPPED and not step.even_if_skipped:
                return f"'{title}' was skipped.", False
        return "", False

    async def _skip(self, step: Step, reason: str, *, blocked: bool = False) -> _Outcome:
        await self._change(step, state=StepState.SKIPPED, reason=reason)
        return _Outcome(StepState.SKIPPED, blocked=blocked)

    def _resolved(self, step: Step) -> dict[str, Any]:
        """The step's inputs as plain JSON."""
        found = {name: self._value(reference) for name, reference in step.takes.items()}
        if step.wants_error:
            errors = [self._board.outcomes[name].error for name in step.rescues]
            found["error"] = next(str(each) for each in errors if each is not None)
        return found

    def _value(self, reference: str) -> Any:
        source, part = source_of(reference)
        whole = self._inputs if source == INPUTS else self._board.outcomes[source].outputs
        if not part or whole is None:
            return whole
        if isinstance(whole, list):
            return [each[part] for each in whole]
        if not isinstance(whole, Mapping) or part not in whole:
            raise Bug(f"'{source}' has no '{part}'.", hint="Mend the pipeline's references.")
        return whole[part]

    def _typed(
        self, step: Step, inputs: Mapping[str, Any], *, every: bool = False
    ) -> dict[str, Any]:
        """The step's inputs as what its parameters say; `every`: what it goes over is still a list."""
        typed: dict[str, Any] = {}
        for name, value in inputs.items():
            kind = step.types.get(name, Any)
            if every and name == step.over:
                kind = list[kind]  # type: ignore[valid-type]
            if value is None and step.even_if_skipped:
                typed[name] = None
                continue
            try:
                typed[name] = TypeAdapter(kind).validate_python(value)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                raise InvalidInput(
                    f"'{name}' does not fit step {step.name}: {first['msg']}.",
                    hint="See what the step before it gives.",
                ) from error
        return typed

    async def _each(self, step: Step, inputs: dict[str, Any]) -> list[Any]:
        """The step for every item of what it goes over, side by side."""
        items = inputs[step.over]
        if not isinstance(items, list) or len(items) > MOST_ITEMS:
            raise InvalidInput(
                f"Step {step.name} goes over a list of up to {MOST_ITEMS}.", hint="Give fewer."
            )
        await self._change(step, state=StepState.RUNNING, total=len(items))
        errors: dict[int, StoaError] = {}

        async def one(number: int) -> Any:
            given = {**inputs, step.over: items[number]}
            try:
                return await self._once(step, given, number, _label(items[number], number))
            except Exception as error:  # noqa: BLE001 - the edge of an item: others go on
                told = as_stoa_error(error, where=f"step {step.name} of {self._id}")
                errors[number] = told
                await self._change(step, number, state=StepState.FAILED, error=write_error(told))
                return None

        works = [partial(one, number) for number in range(len(items))]
        found = await self._side_by_side(*works, at_once=step.at_once) if works else []
        if errors and (not step.tolerates or len(errors) == len(items)):
            raise errors[min(errors)]
        outputs = [each for number, each in enumerate(found) if number not in errors]
        await self._change(
            step, state=StepState.DONE, outputs=outputs, error=None, done=len(outputs)
        )
        return outputs

    async def _once(self, step: Step, inputs: dict[str, Any], item: int, title: str) -> Any:
        """One piece of work: kept from before, taken from an earlier run, or done."""
        plain = to_jsonable_python(inputs)
        print_ = fingerprint(self._pipeline.name, step, plain)
        begin = partial(
            rows.start,
            id_=self._id,
            name=step.name,
            item=item,
            title=title,
            inputs=plain,
            print_=print_,
        )
        row = await self._write(begin)
        if row.state == StepState.DONE:
            return row.outputs
        if step.cache and step.name not in self._fresh and "*" not in self._fresh:
            found = await self._from_before(step, item, print_)
            if found is not None:
                return found.outputs
        call = StepCall(
            self._services,
            self._bustle,
            self._place,
            self._pipeline.name,
            (self._id, step.name, item),
        )
        typed = self._typed(step, plain)
        with self._bustle.at_work():
            result = await _patiently(partial(step.work, call, **typed), step.retries)
        outputs = _plain(step, result)
        await self._change(step, item, state=StepState.DONE, outputs=outputs, error=None)
        return outputs

    async def _from_before(self, step: Step, item: int, print_: str) -> Any:
        found = await self._database.read(
            lambda s: rows.cached(s, print_, self._id), workspace=self._place.caller.workspace_id
        )
        if found is None or not await self._still_there(found.outputs):
            return None
        source = found.cached_from or found.pipeline_run_id
        await self._change(
            step, item, state=StepState.DONE, outputs=found.outputs, cached_from=source
        )
        return found

    async def _change(self, step: Step, item: int = _WHOLE, **columns: Any) -> None:
        await self._write(lambda s: rows.change(s, self._id, step.name, item, **columns))

    async def _write(self, work: Callable[[Session], T]) -> T:
        return await self._database.write(work, workspace=self._place.caller.workspace_id)


def _plain(step: Step, result: Any) -> Any:
    """What a step returned as plain JSON."""
    kind = step.types.get("return", Any)
    if kind is type(None):
        return None
    try:
        return TypeAdapter(kind).dump_python(result, mode="json", warnings="error")
    except ValueError as error:
        raise Bug(
            f"Step '{step.name}' returned a {type(result).__name__} that can't be kept.",
            hint="Annotate its return type with what it returns.",
        ) from error


def _told(unless: Callable[..., Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the step's inputs that the condition has parameters for."""
    names = unless.__code__.co_varnames[: unless.__code__.co_argcount]
    return {name: inputs[name] for name in names}


def _label(item: Any, number: int) -> str:
    if isinstance(item, Mapping):
        for name in ("title", "name", "kind", "id"):
            if isinstance(item.get(name), str):
                return str(item[name])
    return item if isinstance(item, str) and len(item) < 60 else f"{number + 1}"


async def _patiently(work: Callable[[], Awaitable[T]], retries: int) -> T:
    for attempt in range(retries):
        try:
            return await work()
        except ProviderError as error:
            if not error.retryable:
                raise
            await asyncio.sleep(_FIRST_PAUSE * 2**attempt * random.uniform(0.8, 1.2))
    return await work()
