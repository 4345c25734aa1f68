"""Pipelines as they are declared: steps with named inputs and outputs, in plain Python.

    TRAIN = Pipeline(
        "train",
        inputs=Request,
        steps=(
            Step(prepare, {"data": "inputs.dataset_id"}),
            Step(train, {"prepared": "prepare", "recipe": "inputs.recipes"}, over="recipe"),
            Step(judge, {"prepared": "prepare", "trained": "train"}),
            Step(register, {"best": "judge.best"}, unless=is_no_better),
        ),
    )

A step is a function: its first parameter is the `StepCall`, the others are its inputs, and what it
returns are its outputs (a pydantic model, a dataclass or plain values). A reference names where an
input comes from: `inputs`, a step, or a part of either (`judge.best`). From the references alone come
the order, the graph, and what may run side by side. This file runs nothing.
"""

import inspect
import re
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from pydantic import BaseModel

INPUTS: Final = "inputs"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")
_REFERENCE = re.compile(r"([a-z][a-z0-9_]*)(?:\.([A-Za-z_]\w*))?")

Work = Callable[..., Awaitable[Any]]
Unless = Callable[..., str | None]


@dataclass(frozen=True)
class Step:
    """One step of a pipeline."""

    work: Work
    takes: Mapping[str, str] = field(default_factory=dict)
    """Parameter → reference."""
    name: str = ""
    """Of the function where it is empty."""
    title: str = ""
    over: str = ""
    """The parameter whose reference is a list: the step is done once per item, side by side, and its
    outputs are the list of what each came to."""
    at_once: int = 4
    """Items that are worked on at a time."""
    tolerates: bool = False
    """Items that fail are left out, as long as one does not."""
    unless: Unless | None = None
    """Told some of the step's inputs by their names; a text is the reason why the step is skipped."""
    after: tuple[str, ...] = ()
    """Steps that come before without giving anything."""
    even_if_skipped: bool = False
    """Done although a step it depends on was skipped; that input is None."""
    rescues: tuple[str, ...] = ()
    """Done only when one of these steps has failed; gets the error's text as `error`, if it wants it."""
    cache: bool = True
    """The same inputs and the same code come to the same outputs: take them from an earlier run."""
    code: tuple[str, ...] = ()
    """Packages or modules, by name, whose source counts as the step's own code."""
    retries: int = 0
    """Further attempts after an error that says it may pass."""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.work.__name__)
        if not _NAME.fullmatch(self.name) or self.name == INPUTS:
            raise TypeError(f"'{self.name}' can't be the name of a step")
        known = set(self._parameters)
        wrong = set(self.takes) - known
        missing = {each for each in self._required if each not in self.takes} - {"error"}
        if wrong or missing:
            raise TypeError(f"step {self.name}: parameters {sorted(wrong | missing)} do not fit")
        if self.over and self.over not in self.takes:
            raise TypeError(f"step {self.name}: it takes no '{self.over}' to go over")

    @cached_property
    def _signature(self) -> list[inspect.Parameter]:
        return list(inspect.signature(self.work).parameters.values())[1:]

    @property
    def _parameters(self) -> list[str]:
        return [each.name for each in self._signature]

    @property
    def _required(self) -> list[str]:
        return [each.name for each in self._signature if each.default is inspect.Parameter.empty]

    @property
    def wants_error(self) -> bool:
        """Whether a rescuing step has a parameter for the error."""
        return "error" in self._parameters and "error" not in self.takes

    @cached_property
    def types(self) -> dict[str, Any]:
        """Annotations by parameter, and of what comes back as `return`."""
        return typing.get_type_hints(self.work, include_extras=True)

    @property
    def sources(self) -> set[str]:
        """Names of the steps it takes something from."""
        named = {source_of(reference)[0] for reference in self.takes.values()}
        return named - {INPUTS}

    @property
    def needs(self) -> set[str]:
        """Names of all steps that come before it."""
        return self.sources | set(self.after) | set(self.rescues)

    @property
    def shown_as(self) -> str:
        """What people read."""
        return self.title or self.name.replace("_", " ").capitalize()


@dataclass(frozen=True)
class Pipeline:
    """Steps that belong together."""

    name: str
    inputs: type[BaseModel]
    steps: tuple[Step, ...]
    title: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise TypeError(f"'{self.name}' can't be the name of a pipeline")
        names = [step.name for step in self.steps]
        if len(set(names)) != len(names):
            raise TypeError(f"pipeline {self.name}: two steps of one name")
        before: set[str] = set()
        for step in self.steps:
            later = step.needs - before
            if later:
                raise TypeError(
                    f"pipeline {self.name}: step {step.name} needs {sorted(later)}, not declared before it"
                )
            self._check_inputs(step)
            before.add(step.name)

    def _check_inputs(self, step: Step) -> None:
        for reference in step.takes.values():
            source, part = source_of(reference)
            if source == INPUTS and part and part not in self.inputs.model_fields:
                raise TypeError(f"step {step.name}: the inputs have no '{part}'")

    def step(self, name: str) -> Step:
        """The step of that name. Raises KeyError."""
        return next(step for step in self.steps if step.name == name)

    def below(self, name: str) -> set[str]:
        """A step and all that depends on it."""
        found = {name}
        for step in self.steps:
            if step.needs & found:
                found.add(step.name)
        return found

    @property
    def shown_as(self) -> str:
        """What people read."""
        return self.title or self.name.replace("_", " ").capitalize()


def source_of(reference: str) -> tuple[str, str]:
    """The step (or `inputs`) and the part of it that a reference names; no part is all of it."""
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise TypeError(f"'{reference}' is no reference: say inputs.part, step or step.part")
    return found.group(1), found.group(2) or ""
