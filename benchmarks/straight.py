"""Runs the steps of an ingestion at once: what is measured is the work, not its durability."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Straight:
    """A `Stepper` that keeps nothing."""

    async def step(self, work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        return await work(*arguments)

    async def progress(self, message: str, done: int = 0, total: int = 0) -> None:
        return None
