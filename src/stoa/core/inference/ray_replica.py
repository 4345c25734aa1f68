"""A replica of the router that is a place on a Ray cluster: two batches at a time, over HTTP.

How many processes there are behind it is the cluster's business (`ray_serve.py`). A request that fails
is a replica that died: its calls are asked again elsewhere, and the router starts another, which sees to
it that the application is there.
"""

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from stoa.core.inference.ray_serve import RayServe
from stoa.core.inference.replica import OnLost, OnReply, ReplicaFailed
from stoa.core.inference.views import Scaling
from stoa.core.inference.wire import CallFrame, encoded, replies


class RayReplica:
    """Carries batches to the application of one version."""

    def __init__(self, cluster: RayServe, version_id: str, on_reply: OnReply) -> None:
        self.outstanding = 0
        self.batches: dict[int, Any] = {}
        self.kind = ""
        self.retiring = False
        self.has_suspect = False
        self._cluster = cluster
        self._version = version_id
        self._on_reply = on_reply
        self._lost: OnLost | None = None
        self._name = ""
        self._seconds = 0.0
        self._next = 0
        self._under_way: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int:
        """None of its own on this machine."""
        return 0

    @property
    def is_open(self) -> bool:
        """Whether calls can be sent."""
        return self._lost is not None

    async def start(self, folder: Path, scaling: Scaling, on_lost: OnLost) -> None:
        """See to it that the application is there and answers. Raises ReplicaFailed."""
        self._seconds = scaling.timeout_seconds
        self._name, described = await self._cluster.bring_up(self._version, folder, scaling)
        self.kind = str(described.get("kind", ""))
        self._cluster.use(self._name)
        self._lost = on_lost

    def send_batch(self, method: str, payloads: list[Any]) -> int:
        """Send a batch; its id. One that does not arrive is told of by `on_lost`, not here."""
        self._next += 1
        body = encoded(CallFrame(self._next, method, payloads))
        task = asyncio.create_task(self._carry(self._next, body))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return self._next

    def kill(self) -> None:
        """Give up what is under way: it hangs."""
        asyncio.get_running_loop().call_soon(self._lose)

    async def end(self, seconds: float) -> None:
        """Wait up to `seconds` for what is under way. The application goes once nobody uses it."""
        if self._lost is not None:
            self._lost = None
            self._cluster.leave(self._name)
        if self._under_way and seconds:
            await asyncio.wait(self._under_way, timeout=seconds)
        for task in self._under_way:
            task.cancel()

    async def _carry(self, number: int, body: bytes) -> None:
        try:
            reply = replies.decode(await self._cluster.ask(self._name, body, self._seconds))
        except (ReplicaFailed, msgspec.DecodeError):
            self._lose()
        else:
            self._on_reply(self, number, reply.results)

    def _lose(self) -> None:
        lost, self._lost = self._lost, None
        if lost is None:
            return
        self._cluster.leave(self._name)
        for task in self._under_way:
            if task is not asyncio.current_task():
                task.cancel()
        lost(self)
