"""An endpoint as it runs in this process: its components, and the step from one generation to the next.

A new generation is brought up beside the old one and takes over in one assignment; only then is the
old one drained. Whatever fails before leaves the old one answering.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from stoa.base.telemetry import get_logger
from stoa.core.inference.component import Component
from stoa.core.inference.desired import Desired
from stoa.core.inference.meter import Meter
from stoa.core.inference.presence import Serving
from stoa.core.inference.process import ProcessReplica
from stoa.core.inference.replica import MakeReplica, ReplicaFailed
from stoa.core.inference.splitting import Place, place_of
from stoa.core.inference.views import Arm, State

_log = get_logger(__name__)
Fetch = Callable[[str, str], Awaitable[Path]]
"""(workspace, version) → the folder of its artefact on this machine."""
Placing = Callable[[str], MakeReplica]
"""Version → how a replica of it is made: where replicas run."""


class LiveEndpoint:
    """One endpoint in this process."""

    def __init__(self, fetch: Fetch, placing: Placing) -> None:
        self.desired: Desired | None = None
        """What answers now."""
        self.problem = ""
        self.failed_generation = 0
        self.meter = Meter()
        self.changing = asyncio.Lock()
        self._fetch = fetch
        self._placing = placing
        self._components: dict[str, Component] = {}
        self._draining: set[asyncio.Task[None]] = set()

    @property
    def components(self) -> Mapping[str, Component]:
        """By version."""
        return self._components

    def choose(self, user: str) -> tuple[Place, Component]:
        """The arm that a user is given, and what answers for it."""
        desired = self.desired
        assert desired is not None
        salt = f"{desired.id}\n{desired.challenger}"
        place = place_of(user, salt, desired.share)
        version = desired.champion
        if place.arm is Arm.CHALLENGER and desired.challenger is not None:
            version = desired.challenger
        return place, self._components[version]

    async def prepare(self, desired: Desired, version: str) -> Component:
        """A component of a version, up and ready, that takes no part yet.

        It begins with as many replicas as answer now, so that taking over costs no capacity.

        Raises:
            ReplicaFailed: it does not come up.
            NotFound, SetupError: its artefact can't be had.
        """
        folder = await self._fetch(desired.workspace, version)
        component = Component(version, folder, desired.scaling, make=self._placing(version))
        running = max((each.replicas for each in self._components.values()), default=1)
        await component.start(min(desired.scaling.max_replicas, running))
        return component

    async def adopt(self, desired: Desired, ready: Mapping[str, Component] | None = None) -> None:
        """Serve a generation; components in `ready` are taken over as they are.

        Raises:
            ReplicaFailed, NotFound, SetupError: it did not come up; what was served before still is.
        """
        made = dict(ready or {})
        try:
            for version in desired.versions:
                running = self._components.get(version)
                if version in made:
                    continue
                if running is None or running.scaling != desired.scaling:
                    made[version] = await self.prepare(desired, version)
        except BaseException:
            await self._close(
                [each for version, each in made.items() if version not in (ready or {})]
            )
            raise
        before = self._components
        after = {version: made.get(version) or before[version] for version in desired.versions}
        self._components, self.desired, self.problem = after, desired, ""
        kept = set(after.values())
        old = [each for each in (*before.values(), *made.values()) if each not in kept]
        if old:
            task = asyncio.create_task(self._close(old, None))
            self._draining.add(task)
            task.add_done_callback(self._draining.discard)

    async def ask(self, component: Component, method: str, payload: Any) -> Any:
        """One call, measured."""
        started = time.perf_counter()
        failed = True
        try:
            value = await component.submit(method, payload)
            failed = False
            return value
        finally:
            self.meter.note(time.perf_counter() - started, failed=failed)

    def say(self) -> Serving | None:
        """What this process tells of it."""
        desired = self.desired
        if desired is None:
            return None
        running = self._components
        outstanding = sum(each.outstanding for each in running.values())
        problem = self.problem or next((c.problem for c in running.values() if c.problem), "")
        return Serving(
            workspace=desired.workspace,
            endpoint_id=desired.id,
            generation=desired.generation,
            problem=problem,
            replicas={version: each.replicas for version, each in running.items()},
            kinds={version: each.kind for version, each in running.items()},
            figures={**self.meter.snapshot(), "outstanding": outstanding},
        )

    async def close(self, seconds: float | None = None) -> None:
        """Drain and end everything."""
        components, self._components = list(self._components.values()), {}
        self.desired = None
        await self._close(components, seconds)
        if self._draining:
            await asyncio.gather(*self._draining, return_exceptions=True)

    async def _close(self, components: list[Component], seconds: float | None = 0) -> None:
        await asyncio.gather(*(each.close(seconds) for each in components))


def here(_: str) -> MakeReplica:
    """Replicas as processes of this one."""
    return ProcessReplica


def state_of(said: Mapping[str, Serving], generation: int) -> tuple[State, str]:
    """Where an endpoint stands, from what the serving processes say."""
    if not said:
        return State.DOWN, "No process serves it now."
    problem = next((each.problem for each in said.values() if each.problem), "")
    if not any(sum(each.replicas.values()) for each in said.values()):
        return State.DOWN, problem or "No replica is ready."
    if problem:
        return State.DEGRADED, problem
    if any(each.generation != generation for each in said.values()):
        return State.STARTING, ""
    return State.LIVE, ""


__all__ = ["Fetch", "LiveEndpoint", "Placing", "ReplicaFailed", "here", "state_of"]
