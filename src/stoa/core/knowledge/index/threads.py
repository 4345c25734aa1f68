"""Threads of an index, apart from everyone else's: slow writes never make a search wait for a thread.

Work is handed over from any event loop; nothing here belongs to one.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class Threads:
    """A few threads that read, and two that write."""

    def __init__(self, *, readers: int) -> None:
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="index-read")
        self._writers = ThreadPoolExecutor(2, thread_name_prefix="index-write")

    async def read(self, work: Callable[..., T], *arguments: Any) -> T:
        """`work(*arguments)` in a reading thread."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, work, *arguments)

    async def write(self, work: Callable[..., T], *arguments: Any) -> T:
        """`work(*arguments)` in a writing thread."""
        return await asyncio.get_running_loop().run_in_executor(self._writers, work, *arguments)

    def close(self) -> None:
        """Wait for what is under way, then give the threads back."""
        for pool in (self._readers, self._writers):
            pool.shutdown(wait=True)
