"""What the router needs of a replica, wherever it runs: a process of this machine, or a place on a cluster."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from stoa.core.inference.views import Scaling


class ReplicaFailed(Exception):
    """It ended, or stayed silent, before it was ready; the text says what it said last."""


class Replica(Protocol):
    """Takes batches, two at a time, and answers them in any order."""

    outstanding: int
    """Calls sent and not answered."""
    batches: dict[int, Any]
    """What the router keeps for each batch under way, by id."""
    kind: str
    """Of the model, once it is ready."""
    retiring: bool
    has_suspect: bool
    """What it works on was under way when another replica died."""

    @property
    def pid(self) -> int:
        """Of its process on this machine; 0 where it has none."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether calls can be sent."""
        ...

    async def start(self, folder: Path, scaling: Scaling, on_lost: "OnLost") -> None:
        """Bring it up and wait until the model is loaded and healthy.

        Raises:
            ReplicaFailed: it did not get that far in `scaling.start_seconds`.
        """
        ...

    def send_batch(self, method: str, payloads: list[Any]) -> int:
        """Send a batch; its id. Raises TypeError for what JSON would not hold either."""
        ...

    def kill(self) -> None:
        """End it now: it hangs. `on_lost` follows."""
        ...

    async def end(self, seconds: float) -> None:
        """Let it end by itself within `seconds`; then end it."""
        ...


OnReply = Callable[[Replica, int, list[tuple[str, Any]]], None]
"""Told of each reply: the replica, the id of the batch, one result for each payload."""
OnLost = Callable[[Replica], None]
"""Told once when a replica that was ready is gone."""
MakeReplica = Callable[[OnReply], Replica]
