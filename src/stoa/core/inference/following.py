"""The endpoints that this process serves: brought up, followed, and said to be up.

A process that serves looks once a second at what is to be served and follows. One that does not serve
brings up only what is asked of it, when it is asked.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Final

from stoa.base.errors import SetupError, StoaError
from stoa.base.identity.caller import Caller
from stoa.base.identity.people import stoa_itself
from stoa.base.telemetry import get_logger
from stoa.core.inference.component import Component
from stoa.core.inference.desired import Desired, DesiredEndpoints
from stoa.core.inference.feedback import Feedback
from stoa.core.inference.live import LiveEndpoint, Placing
from stoa.core.inference.presence import SAY_SECONDS, Presence
from stoa.core.inference.replica import ReplicaFailed
from stoa.core.registry.registry import Registry

LOOK_SECONDS: Final = 1.0
_AGAIN_SECONDS = 10.0
_PRUNE_EVERY = 3600.0
_log = get_logger(__name__)
_Key = tuple[str, str]


class LiveEndpoints:
    """Keeps what answers in this process at what the database says is to be served."""

    def __init__(
        self,
        registry: Registry,
        desired: DesiredEndpoints,
        presence: Presence,
        feedback: Feedback,
        placing: Placing,
    ) -> None:
        self._registry = registry
        self._desired = desired
        self._presence = presence
        self._feedback = feedback
        self._placing = placing
        self._live: dict[_Key, LiveEndpoint] = {}
        self._following: asyncio.Task[None] | None = None
        self._changes: set[asyncio.Task[None]] = set()
        self.serves = False
        """Whether this process keeps the replicas of all endpoints up."""

    async def launch(self, *, serves: bool = True) -> None:
        """Bring up what is to be served, and follow changes.

        `serves=False`: only what is asked for in this process is brought up, when it is asked for.
        """
        self.serves = serves
        if serves:
            self._following = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Drain and end all replicas of this process."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
            self._following = None
        for task in self._changes:
            task.cancel()
        await asyncio.gather(*self._changes, return_exceptions=True)
        live, self._live = list(self._live.values()), {}
        await asyncio.gather(*(each.close(5.0) for each in live))
        if self.serves:
            with suppress(StoaError):  # who says nothing for a while is forgotten too
                await self._presence.say([])

    def find(self, workspace: str, name: str) -> LiveEndpoint | None:
        """What answers here under this name, if anything does."""
        return self._live.get((workspace, name))

    def at(self, workspace: str, name: str) -> LiveEndpoint:
        """The same, made where it is not there yet."""
        key = (workspace, name)
        live = self._live.get(key)
        if live is None:
            live = self._live[key] = LiveEndpoint(self._fetch, self._placing)
        return live

    async def drop(self, workspace: str, name: str) -> None:
        """End what runs here under this name, once nobody changes it; a call after this brings it up anew."""
        live = self._live.pop((workspace, name), None)
        if live is not None:
            async with live.changing:
                await live.close()

    async def adopt(
        self, live: LiveEndpoint, desired: Desired, ready: dict[str, Component] | None = None
    ) -> bool:
        """Serve a generation here, or note why not. Under `live.changing`."""
        try:
            await live.adopt(desired, ready)
        except (ReplicaFailed, StoaError, OSError) as error:
            live.problem, live.failed_generation = str(error), desired.generation
            _log.warning("an endpoint does not come up", endpoint=desired.name, error=str(error))
            await self._desired.report(desired, str(error))
            return False
        await self._desired.report(desired)
        return True

    async def brought_up(self, caller: Caller, name: str) -> LiveEndpoint:
        """An endpoint as it is to be served now, brought up here where it is not yet.

        Raises NotFound, SetupError.
        """
        desired = await self._desired.read(caller, name)
        live = self.at(caller.workspace_id, name)
        async with live.changing:
            served = live.desired
            if served is None or served.id != desired.id or served.generation < desired.generation:
                try:
                    await live.adopt(desired)
                except (ReplicaFailed, OSError) as error:
                    raise SetupError(
                        f"'{name}' does not come up: {error}", hint="Roll back, or deploy another."
                    ) from error
        await self.say()
        return live

    async def say(self) -> None:
        """Tell the other processes what is up here."""
        if not self.serves:
            return
        said = [each.say() for each in self._live.values()]
        waiting = [each for each in said if each is not None]
        await self._presence.say(waiting)

    async def until_followed(self, desired: Desired) -> None:
        """Wait for the serving processes, if there are any, to take the generation up."""
        loop = asyncio.get_running_loop()
        until = loop.time() + desired.scaling.start_seconds
        while loop.time() < until:
            said = await self._presence.of(desired.workspace, desired.id)
            if all(each.generation >= desired.generation or each.problem for each in said.values()):
                return
            await asyncio.sleep(0.2)

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        say_at = prune_at = 0.0
        again: dict[_Key, float] = {}
        while True:
            try:
                await self._look(again)
                if loop.time() >= say_at:
                    say_at = loop.time() + SAY_SECONDS
                    await self._feedback.flush()
                    await self.say()
                if loop.time() >= prune_at:
                    prune_at = loop.time() + _PRUNE_EVERY
                    await self._feedback.prune()
            except Exception:  # noqa: BLE001 - the edge: the next look may find the database again
                _log.exception("endpoints could not be followed")
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, again: dict[_Key, float]) -> None:
        """Begin to follow every endpoint whose generation is not the one served here."""
        at = asyncio.get_running_loop().time()
        wanted = await self._desired.generations()
        for key, (endpoint_id, generation) in wanted.items():
            live = self.at(*key)
            served = live.desired
            is_current = served is not None and (served.id, served.generation) == (
                endpoint_id,
                generation,
            )
            if is_current or live.changing.locked():
                continue
            if live.failed_generation == generation and again.get(key, 0.0) > at:
                continue
            again[key] = at + _AGAIN_SECONDS
            self._begin(self._follow_one(live, key))
        for key in [key for key in self._live if key not in wanted]:
            live = self._live[key]
            if not live.changing.locked():
                del self._live[key]
                self._begin(live.close())

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)

    async def _follow_one(self, live: LiveEndpoint, key: _Key) -> None:
        workspace, name = key
        async with live.changing:
            desired = await self._desired.find(stoa_itself(workspace), name)
            served = live.desired
            if desired is None or (
                served is not None
                and (served.id, served.generation) == (desired.id, desired.generation)
            ):
                return
            await self.adopt(live, desired)
        await self.say()  # at once: whoever deploys waits to hear of it

    async def _fetch(self, workspace: str, version_id: str) -> Path:
        itself = stoa_itself(workspace)
        version = await self._registry.versions.show(itself, version_id)
        return await self._registry.artefacts.open(itself, version.artefact_id)
