"""What is to be served: the registry's endpoint rows, read and changed in the words of this room.

A change names the generation that it was made for, so that of two at once one is refused. What a
generation served is written down before it is replaced: that is what `roll_back` goes by.
"""

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, now
from stoa.base.errors import NotFound
from stoa.base.identity.caller import Caller
from stoa.base.identity.people import stoa_itself
from stoa.core.inference.tables import ReleaseRow
from stoa.core.inference.views import Arm, Scaling
from stoa.core.registry import endpoints as rows
from stoa.core.registry.registry import Registry
from stoa.core.registry.tables import EndpointRow

_FORWARD: Final = frozenset({"deploy", "promote"})


@dataclass(frozen=True)
class Desired:
    """One generation of an endpoint."""

    id: str
    workspace: str
    name: str
    generation: int
    champion: str
    challenger: str | None
    share: float
    """Of the challenger."""
    scaling: Scaling

    @property
    def versions(self) -> dict[str, Arm]:
        """What must run for it."""
        found = {self.champion: Arm.CHAMPION}
        if self.challenger is not None:
            found.setdefault(self.challenger, Arm.CHALLENGER)
        return found


class DesiredEndpoints:
    """Reads and changes what is to be served."""

    def __init__(self, database: Database, registry: Registry) -> None:
        self._database = database
        self._registry = registry

    async def generations(self) -> dict[tuple[str, str], tuple[str, int]]:
        """All endpoints of all workspaces: (workspace, name) → (id, generation)."""
        query = sa.select(
            EndpointRow.workspace_id, EndpointRow.name, EndpointRow.id, EndpointRow.generation
        )
        found = await self._database.read(
            lambda s: s.execute(query).all(), workspace=EVERY_WORKSPACE
        )
        return {(row[0], row[1]): (row[2], row[3]) for row in found}

    async def read(self, caller: Caller, name: str) -> Desired:
        """One endpoint. Raises NotFound."""
        return _desired(caller.workspace_id, await self._registry.endpoints.show(caller, name))

    async def find(self, caller: Caller, name: str) -> Desired | None:
        """One endpoint, or None."""
        try:
            return await self.read(caller, name)
        except NotFound:
            return None

    async def names(self, caller: Caller) -> list[rows.EndpointView]:
        """The rows of a workspace, by name."""
        return await self._registry.endpoints.list(caller)

    async def change(
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
    ) -> Desired:
        """Say what is to be served from now on.

        Raises:
            Conflict: somebody else changed the endpoint since `before` was read.
        """
        if before is not None:
            await self._write_down(caller, before, change)
        wanted = rows.Wanted(
            traffic=_traffic(champion, challenger, share),
            least_replicas=scaling.min_replicas,
            most_replicas=scaling.max_replicas,
            limits=_limits(scaling),
        )
        expected = before.generation if before else 0
        view = await self._registry.endpoints.set(caller, name, wanted, expected=expected)
        return _desired(caller.workspace_id, view)

    async def report(self, desired: Desired, problem: str = "") -> None:
        """Note in the registry how far a generation has come."""
        state = rows.EndpointState.FAILED if problem else rows.EndpointState.READY
        caller = stoa_itself(desired.workspace)
        try:
            await self._registry.endpoints.report(
                caller, desired.name, desired.generation, state, message=problem
            )
        except NotFound:  # it was removed meanwhile
            return

    async def remove(self, caller: Caller, name: str) -> None:
        """Forget an endpoint. Raises NotFound."""
        await self._registry.endpoints.remove(caller, name)

    async def history(self, desired: Desired) -> list[str]:
        """Champions that a roll back goes to, nearest first."""
        query = (
            sa.select(ReleaseRow)
            .where(
                ReleaseRow.endpoint_id == desired.id,
                ReleaseRow.generation < desired.generation,
            )
            .order_by(ReleaseRow.generation)
        )
        found = await self._database.read(
            lambda s: s.scalars(query).all(), workspace=desired.workspace
        )
        stack: list[str] = []
        for row in found:
            if row.change in _FORWARD:
                stack.append(_parts(row.traffic)[0])
            elif row.change == "roll_back" and stack:
                stack.pop()
        return [version for version in reversed(stack) if version != desired.champion]

    async def _write_down(self, caller: Caller, before: Desired, change: str) -> None:
        traffic = _traffic(before.champion, before.challenger, before.share)
        values = {
            "workspace_id": before.workspace,
            "endpoint_id": before.id,
            "generation": before.generation,
            "traffic": [each.model_dump() for each in traffic],
            "change": change,
            "by": caller.user_id,
            "at": now(),
        }
        insert = (sqlite.Insert if self._database.is_sqlite else postgresql.Insert)(ReleaseRow)
        put = insert.values(**values).on_conflict_do_update(
            index_elements=["endpoint_id", "generation"],
            set_={"change": change, "by": caller.user_id, "at": values["at"]},
        )

        def work(session: Session) -> None:
            session.execute(put)

        await self._database.write(work, workspace=before.workspace)


def _traffic(champion: str, challenger: str | None, share: float) -> list[rows.Share]:
    found = [rows.Share(version_id=champion, weight=1 - share if challenger else 1.0)]
    if challenger is not None:
        found.append(rows.Share(version_id=challenger, weight=share, role=Arm.CHALLENGER))
    return found


def _parts(traffic: list[dict[str, object]]) -> tuple[str, str | None, float]:
    """Champion, challenger and its share of the weights."""
    weights = {str(each["role"]): float(str(each["weight"])) for each in traffic}
    versions = {str(each["role"]): str(each["version_id"]) for each in traffic}
    champion = versions.get(Arm.CHAMPION) or str(traffic[0]["version_id"])
    challenger = versions.get(Arm.CHALLENGER)
    total = sum(weights.values())
    share = weights.get(Arm.CHALLENGER, 0.0) / total if challenger and total else 0.0
    return champion, challenger, share


def _desired(workspace: str, view: rows.EndpointView) -> Desired:
    champion, challenger, share = _parts([each.model_dump() for each in view.traffic])
    limits = view.limits
    return Desired(
        id=view.id,
        workspace=workspace,
        name=view.name,
        generation=view.generation,
        champion=champion,
        challenger=challenger,
        share=share,
        scaling=Scaling(
            min_replicas=max(1, view.least_replicas),
            max_replicas=max(1, view.least_replicas, view.most_replicas),
            target_outstanding=limits.outstanding,
            max_batch=limits.batch,
            max_queue=limits.queue,
            timeout_seconds=limits.timeout_ms / 1000,
            start_seconds=limits.start_seconds,
            drain_seconds=limits.drain_seconds,
            threads=limits.threads,
            memory_mb=limits.memory_mb,
        ),
    )


def _limits(scaling: Scaling) -> rows.Limits:
    return rows.Limits(
        memory_mb=scaling.memory_mb,
        queue=scaling.max_queue,
        timeout_ms=round(scaling.timeout_seconds * 1000),
        threads=scaling.threads,
        batch=scaling.max_batch,
        outstanding=scaling.target_outstanding,
        start_seconds=scaling.start_seconds,
        drain_seconds=scaling.drain_seconds,
    )
