"""Inference: models that answer calls, as processes behind a router. One per process of Stoa.

Each process that serves runs replicas of its own: they are spawned by it, reached over sockets that it
alone holds, and gone when it is. What is to be served stands in the database; every serving process looks
once a second and follows. So a restart brings everything back, a deploy made anywhere (a worker, the
command line) reaches all, and there is no third process to keep alive. It knows no kind of model.
"""

import math
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from stoa.base.database import Database, new_id
from stoa.base.errors import Conflict, InvalidInput, NotFound, Refused, StoaError
from stoa.base.identity.caller import Caller
from stoa.base.identity.people import stoa_itself
from stoa.base.secrets import derive_key
from stoa.base.telemetry import get_logger
from stoa.core.inference.comparison import (
    Share,
    difference,
    interval,
    p_value,
    share_of,
    verdict,
)
from stoa.core.inference.component import Component
from stoa.core.inference.desired import Desired, DesiredEndpoints
from stoa.core.inference.feedback import Feedback
from stoa.core.inference.following import LiveEndpoints
from stoa.core.inference.live import LiveEndpoint, here, state_of
from stoa.core.inference.presence import Presence, Serving, rate_of
from stoa.core.inference.ray_replica import RayReplica
from stoa.core.inference.ray_serve import RayServe
from stoa.core.inference.replica import MakeReplica, ReplicaFailed
from stoa.core.inference.splitting import Tickets
from stoa.core.inference.views import (
    Answer,
    Arm,
    ArmResult,
    Comparison,
    EndpointView,
    Probe,
    Scaling,
    Served,
)
from stoa.core.registry.registry import Registry
from stoa.core.registry.tables import Approval

_log = get_logger(__name__)


class Inference:
    """Deploys model versions to endpoints, and asks them."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        *,
        secret: bytes,
        cluster: RayServe | None = None,
    ) -> None:
        self._registry = registry
        self._desired = DesiredEndpoints(database, registry)
        self._feedback = Feedback(database)
        self._presence = Presence(
            database, f"{socket.gethostname()}:{os.getpid()}:{new_id('p')}"[:100]
        )
        self._tickets = Tickets(derive_key(secret, "stoa.inference.tickets"))
        self._cluster = cluster
        placing = here if cluster is None else partial(_on_ray, cluster)
        self._live = LiveEndpoints(registry, self._desired, self._presence, self._feedback, placing)

    # -- changing what is served

    async def deploy(
        self,
        caller: Caller,
        name: str,
        version_id: str,
        *,
        scaling: Scaling | None = None,
        probes: Sequence[Probe] = (),
    ) -> EndpointView:
        """Make a version the champion of an endpoint, which is made where it is not there yet.

        The version is loaded and must answer all probes first; whatever fails before it is live, what
        served before goes on serving. Calls under way end where they began. A challenger is withdrawn.

        Raises:
            NotFound: no such version in the caller's workspace.
            Refused: the version is not approved, does not load, or fails a probe.
            Conflict: somebody else changed the endpoint at the same time.
        """
        before = await self._desired.find(caller, name)
        scaled = scaling or (before.scaling if before else Scaling())
        return await self._change(
            caller, name, before, "deploy", champion=version_id, scaling=scaled, probes=probes
        )

    async def challenge(
        self,
        caller: Caller,
        name: str,
        version_id: str,
        *,
        share: float,
        probes: Sequence[Probe] = (),
    ) -> EndpointView:
        """Let a second version answer a share of the users. Raises as `deploy`.

        Another share begins the comparison anew: answers under different shares do not add up.
        """
        if not 0 < share < 1:
            raise InvalidInput("The share is not between 0 and 1.", hint="0.1 is a tenth.")
        before = await self._desired.read(caller, name)
        if version_id == before.champion:
            raise Conflict("That version is the champion.", hint="Name another version.")
        return await self._change(
            caller,
            name,
            before,
            "challenge",
            champion=before.champion,
            challenger=version_id,
            share=share,
            scaling=before.scaling,
            probes=probes,
        )

    async def withdraw(self, caller: Caller, name: str) -> EndpointView:
        """End the challenger: the champion answers everybody again. Raises NotFound, Conflict."""
        before = await self._with_challenger(caller, name)
        return await self._change(
            caller, name, before, "withdraw", champion=before.champion, scaling=before.scaling
        )

    async def promote(self, caller: Caller, name: str) -> EndpointView:
        """Make the challenger the champion. Raises NotFound, Conflict where there is none."""
        before = await self._with_challenger(caller, name)
        return await self._change(
            caller,
            name,
            before,
            "promote",
            champion=before.challenger or "",
            scaling=before.scaling,
        )

    async def roll_back(self, caller: Caller, name: str) -> EndpointView:
        """Go back to the champion before; a challenger is withdrawn.

        Raises:
            Conflict: there was none before, or somebody else changed the endpoint.
            Refused: the version before does not come up any more; the present one goes on.
        """
        before = await self._desired.read(caller, name)
        history = await self._desired.history(before)
        if not history:
            raise Conflict(f"'{name}' has served nothing before.", hint="Deploy another version.")
        return await self._change(
            caller, name, before, "roll_back", champion=history[0], scaling=before.scaling
        )

    async def remove(self, caller: Caller, name: str) -> None:
        """Take an endpoint down; removing none is no error."""
        with suppress(NotFound):
            await self._desired.remove(caller, name)
        await self._live.drop(caller.workspace_id, name)

    # -- looking

    async def endpoint(self, caller: Caller, name: str) -> EndpointView:
        """One endpoint with its live figures. Raises NotFound."""
        desired = await self._desired.read(caller, name)
        return await self._view(desired)

    async def endpoints(self, caller: Caller) -> list[EndpointView]:
        """The endpoints of the caller's workspace, by name."""
        found = []
        for row in await self._desired.names(caller):
            with suppress(NotFound):  # removed meanwhile
                found.append(await self.endpoint(caller, row.name))
        return found

    async def compare(self, caller: Caller, name: str) -> Comparison:
        """Champion and challenger by what people did since the traffic was split so.

        Raises NotFound.
        """
        desired = await self._desired.read(caller, name)
        await self._feedback.flush()
        counted = await self._feedback.buckets(desired.workspace, desired.id, desired.generation)
        champion = share_of(counted[Arm.CHAMPION])
        shown = Comparison(
            endpoint=name,
            champion=_result(Arm.CHAMPION, desired.champion, champion),
            challenger=None,
            verdict="too little",
        )
        if desired.challenger is None:
            return shown
        challenger = share_of(counted[Arm.CHALLENGER])
        return shown.model_copy(
            update={
                "challenger": _result(Arm.CHALLENGER, desired.challenger, challenger),
                "difference": difference(champion, challenger),
                "p_value": p_value(champion, challenger),
                "verdict": verdict(champion, challenger),
            }
        )

    # -- asking

    async def ask(
        self, caller: Caller, name: str, method: str, payload: Any, *, user: str = ""
    ) -> Answer:
        """Ask an endpoint; batched with what others ask at the same moment.

        Args:
            name: of the endpoint.
            method: what the model is asked for, such as `rank`.
            payload: plain JSON values, as the model's kind takes them.
            user: whom the answer is for: the same user gets the same arm. Empty: by chance.

        Raises:
            NotFound: no such endpoint, or what the model says so of.
            InvalidInput: the model refuses the payload.
            LimitReached: too many calls wait.
            ProviderError: it did not answer in time, on any replica; trying again may help.
            SetupError: the endpoint does not come up.
        """
        live = self._live.find(caller.workspace_id, name)
        if live is None or live.desired is None:
            live = await self._live.brought_up(caller, name)
        desired = live.desired
        if desired is None:
            raise NotFound(f"There is no endpoint '{name}'.", hint="Deploy a model to it.")
        place, component = live.choose(user)
        value = await live.ask(component, method, payload)
        self._feedback.shown(desired.workspace, desired.id, desired.generation, place)
        return Answer.model_construct(
            value=value,
            version_id=component.version_id,
            arm=place.arm,
            ticket=self._tickets.sign(desired.workspace, desired.id, desired.generation, place),
        )

    async def probe(self, caller: Caller, name: str, version_id: str, probe: Probe) -> Any:
        """Ask one version of an endpoint, whatever its share. Nobody is shown the answer: it does not count.

        Raises as `ask`; NotFound also where the endpoint does not serve that version.
        """
        live = await self._live.brought_up(caller, name)
        component = live.components.get(version_id)
        if component is None:
            raise NotFound(
                f"'{name}' does not serve the version '{version_id}'.", hint="Deploy it first."
            )
        return await component.submit(probe.method, probe.payload)

    async def feedback(self, caller: Caller, ticket: str) -> bool:
        """Count a click on an answer; False where it was counted before.

        Raises NotFound: a ticket of no answer of this workspace, one too old, or the endpoint is gone.
        """
        read = self._tickets.read(caller.workspace_id, ticket)
        return await self._feedback.clicked(caller.workspace_id, read)

    # -- the process

    async def launch(self, *, serves: bool = True) -> None:
        """Bring up what is to be served, and follow changes.

        `serves=False`: only what is asked for in this process is brought up, when it is asked for.
        """
        await self._live.launch(serves=serves)

    async def close(self) -> None:
        """Drain and end all replicas of this process."""
        try:
            await self._live.close()
            await self._feedback.flush()
        except StoaError as error:
            _log.warning("the last counts could not be written", error=str(error))
        if self._cluster is not None:
            await self._cluster.close()

    # -- inside

    async def _change(
        self,
        caller: Caller,
        name: str,
        before: Desired | None,
        change: str,
        *,
        champion: str,
        challenger: str | None = None,
        share: float = 0.0,
        scaling: Scaling,
        probes: Sequence[Probe] = (),
    ) -> EndpointView:
        """Try what is new, then say so to all, then take over here."""
        live = self._live.at(caller.workspace_id, name)
        fresh = challenger if change == "challenge" else champion
        trial = Desired(
            id="",
            workspace=caller.workspace_id,
            name=name,
            generation=0,
            champion=fresh or champion,
            challenger=None,
            share=0.0,
            scaling=scaling,
        )
        async with live.changing:
            ready: dict[str, Component] = {}
            try:
                if change != "withdraw":
                    await self._check_approved(caller, trial.champion)
                    ready[trial.champion] = await self._tried(live, trial, probes)
                desired = await self._desired.change(
                    caller,
                    name,
                    before,
                    change,
                    champion=champion,
                    challenger=challenger,
                    share=share,
                    scaling=scaling,
                )
                if self._live.serves and await self._live.adopt(live, desired, ready):
                    ready = {}
            finally:
                for component in ready.values():
                    await component.close(0)
        if self._live.serves:
            await self._live.say()
        else:
            await self._live.until_followed(desired)
            await self._live.drop(caller.workspace_id, name)
        return await self._view(desired)

    async def _tried(
        self, live: LiveEndpoint, trial: Desired, probes: Sequence[Probe]
    ) -> Component:
        """The component of a version that has come up and answered every probe. Raises Refused."""
        try:
            component = await live.prepare(trial, trial.champion)
        except (ReplicaFailed, OSError) as error:
            raise Refused(
                f"The model does not come up: {error}", hint="What served before goes on serving."
            ) from error
        try:
            for probe in probes:
                value = await component.submit(probe.method, probe.payload)
                if not _is_finite(value):
                    raise InvalidInput("it answers with a number that is none", hint="Train again.")
        except StoaError as error:
            await component.close(0)
            raise Refused(
                f"The model fails its smoke test: {error.message}",
                hint="What served before goes on serving.",
            ) from error
        except BaseException:
            await component.close(0)
            raise
        return component

    async def _check_approved(self, caller: Caller, version_id: str) -> None:
        version = await self._registry.versions.show(caller, version_id)
        if version.status is not Approval.APPROVED:
            raise Refused(
                f"{version.group} v{version.version} is {version.status}.",
                hint="Have it approved, then deploy it.",
            )

    async def _view(self, desired: Desired) -> EndpointView:
        said = await self._presence.of(desired.workspace, desired.id)
        own = self._live.find(desired.workspace, desired.name)
        mine = own.say() if own is not None and self._live.serves else None
        if mine is not None and mine.endpoint_id == desired.id:
            said[self._presence.process] = mine
        state, problem = state_of(said, desired.generation)
        row = await self._registry.endpoints.show(stoa_itself(desired.workspace), desired.name)
        return EndpointView(
            name=desired.name,
            state=state,
            problem=problem,
            revision=desired.generation,
            models=[
                _served(desired, version, arm, said) for version, arm in desired.versions.items()
            ],
            scaling=desired.scaling,
            rate=rate_of(list(said.values())),
            history=await self._desired.history(desired),
            updated_at=row.updated_at,
        )

    async def _with_challenger(self, caller: Caller, name: str) -> Desired:
        desired = await self._desired.read(caller, name)
        if desired.challenger is None:
            raise Conflict(f"'{name}' has no challenger.", hint="Let a version challenge first.")
        return desired


def _on_ray(cluster: RayServe, version_id: str) -> MakeReplica:
    return partial(RayReplica, cluster, version_id)


def _served(desired: Desired, version: str, arm: Arm, said: dict[str, Serving]) -> Served:
    share = desired.share if arm is Arm.CHALLENGER else 1 - desired.share
    return Served(
        version_id=version,
        arm=arm,
        share=share,
        replicas=sum(each.replicas.get(version, 0) for each in said.values()),
        kind=next((kind for each in said.values() if (kind := each.kinds.get(version))), ""),
    )


def _result(arm: Arm, version_id: str, share: Share) -> ArmResult:
    return ArmResult(
        arm=arm,
        version_id=version_id,
        shown=share.shown,
        clicked=share.clicked,
        rate=interval(share),
    )


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_is_finite(each) for each in value.values())
    if isinstance(value, list | tuple):
        return all(_is_finite(each) for each in value)
    return True
