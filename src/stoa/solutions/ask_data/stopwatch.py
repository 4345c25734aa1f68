"""How long each step of an answer takes, and the tokens it uses; tells whoever waits when one begins."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from stoa.base.telemetry import span
from stoa.core.models.prompts import Reply
from stoa.solutions.ask_data.schema import StepTime


class StepWatch:
    """One step while it runs."""

    def __init__(self) -> None:
        self.input_tokens = 0
        self.output_tokens = 0

    def book(self, reply: Reply[Any]) -> None:
        """Count a prompt's tokens."""
        self.input_tokens += reply.input_tokens
        self.output_tokens += reply.output_tokens


class Stopwatch:
    """The steps of one answer."""

    def __init__(self, on_step: Callable[[str], Awaitable[None]]) -> None:
        self._started = time.perf_counter()
        self._on_step = on_step
        self.steps: list[StepTime] = []

    @property
    def seconds(self) -> float:
        """Since the question came in."""
        return round(time.perf_counter() - self._started, 4)

    @property
    def input_tokens(self) -> int:
        """Of all steps."""
        return sum(step.input_tokens for step in self.steps)

    @property
    def output_tokens(self) -> int:
        """Of all steps."""
        return sum(step.output_tokens for step in self.steps)

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[StepWatch]:
        """Time a block. A step that fails is listed too."""
        await self._on_step(name)
        watch = StepWatch()
        started = time.perf_counter()
        try:
            with span(f"ask_data.{name}"):
                yield watch
        finally:
            self.steps.append(
                StepTime(
                    name=name,
                    seconds=round(time.perf_counter() - started, 4),
                    input_tokens=watch.input_tokens,
                    output_tokens=watch.output_tokens,
                )
            )
