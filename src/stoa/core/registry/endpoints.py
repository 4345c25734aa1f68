"""Endpoints as rows: what is to be served under which name, and how far that has come.

Whoever serves reads what is wanted (`generation`) and writes back what is (`served`, `state`). A
change of what is wanted and a report of what is never overwrite each other.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from stoa.base.database import Database, new_id, now
from stoa.base.errors import Conflict, InvalidInput, NotFound
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller
from stoa.core.registry.lineage import connect
from stoa.core.registry.names import check_name
from stoa.core.registry.tables import Approval, EndpointRow
from stoa.core.registry.versions import one


class EndpointState(StrEnum):
    """How far an endpoint is with what is wanted of it."""

    STARTING = "starting"
    READY = "ready"
    UPDATING = "updating"
    """A newer generation is being started; the old one answers."""
    FAILED = "failed"
    """The newest generation did not start; an older one may answer."""
    STOPPED = "stopped"


class Share(BaseModel):
    """A part of an endpoint's traffic."""

    version_id: str
    weight: float = Field(1.0, ge=0, le=1e6)
    role: str = "champion"


class Limits(BaseModel):
    """What each replica may use."""

    memory_mb: int | None = Field(None, gt=0)
    queue: int = Field(1024, gt=0)
    """Requests that wait at most; more are refused."""
    timeout_ms: int = Field(2_000, gt=0)
    threads: int = Field(1, gt=0)
    batch: int = Field(64, gt=0, le=4096)
    """Calls that one batch holds at most."""
    outstanding: float = Field(16.0, gt=0)
    """Calls under way per replica above which another one is started."""
    start_seconds: float = Field(60.0, gt=0)
    drain_seconds: float = Field(30.0, ge=0)


class Wanted(BaseModel):
    """What is to be served."""

    traffic: list[Share] = Field(min_length=1, max_length=20)
    least_replicas: int = Field(1, ge=0, le=1000)
    most_replicas: int = Field(1, ge=1, le=1000)
    limits: Limits = Limits()


class EndpointView(Wanted):
    """An endpoint as its workspace sees it."""

    id: str
    name: str
    state: EndpointState
    message: str
    generation: int
    served: int
    updated_by: str
    created_at: datetime
    updated_at: datetime


class Endpoints:
    """Sets, lists and reports on endpoints."""

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit

    async def set(
        self, caller: Caller, name: str, wanted: Wanted, *, expected: int | None = None
    ) -> EndpointView:
        """Say what is to be served under a name; makes the endpoint where it is missing.

        Args:
            caller: who.
            name: of the endpoint.
            wanted: versions with their weights, replicas, limits.
            expected: the generation that the caller has seen; another one is a Conflict.

        Raises:
            InvalidInput: the name does not fit, no weight is above zero, or replicas contradict.
            NotFound: a version is not there.
            Conflict: a version is rejected, or somebody else changed the endpoint meanwhile.
        """
        check_name(name)
        if wanted.least_replicas > wanted.most_replicas:
            raise InvalidInput("Least replicas are more than most.", hint="Swap them.")
        if sum(each.weight for each in wanted.traffic) <= 0:
            raise InvalidInput("No version gets any traffic.", hint="Give one a weight above 0.")

        def work(session: Session) -> EndpointView:
            _check_versions(session, wanted.traffic)
            row = _locked(session, name)
            if expected is not None and (0 if row is None else row.generation) != expected:
                raise Conflict(f"'{name}' was changed meanwhile.", hint="Look again, then set it.")
            if row is None:
                row = _new(name)
                session.add(row)
            row.traffic = [each.model_dump() for each in wanted.traffic]
            row.least_replicas, row.most_replicas = wanted.least_replicas, wanted.most_replicas
            row.limits = wanted.limits.model_dump()
            row.generation += 1
            row.state = EndpointState.UPDATING if row.served else EndpointState.STARTING
            row.message, row.updated_by, row.updated_at = "", caller.user_id, now()
            session.flush()
            for each in wanted.traffic:
                connect(session, [each.version_id], row.id, role="serves", run_id=None)
            self._audit.record(
                session, caller, "endpoint.set", row.id, name=name, traffic=row.traffic
            )
            return _view(row)

        return await self._database.write(work, workspace=caller.workspace_id)

    async def show(self, caller: Caller, name: str) -> EndpointView:
        """Raises NotFound."""

        def work(session: Session) -> EndpointView:
            return _view(_found(session, name))

        return await self._database.read(work, workspace=caller.workspace_id)

    async def list(self, caller: Caller) -> list[EndpointView]:
        """The workspace's endpoints by name."""
        query = sa.select(EndpointRow).order_by(EndpointRow.name)
        rows = await self._database.read(
            lambda s: s.scalars(query).all(), workspace=caller.workspace_id
        )
        return [_view(row) for row in rows]

    async def report(
        self,
        caller: Caller,
        name: str,
        generation: int,
        state: EndpointState,
        *,
        message: str = "",
    ) -> EndpointView:
        """Say how far the work on a generation has come. A word about an old one changes nothing."""

        def work(session: Session) -> EndpointView:
            row = _locked(session, name)
            if row is None:
                raise _absent(name)
            if generation == row.generation:
                row.state, row.message, row.updated_at = state, message[:500], now()
            if state is EndpointState.READY and generation > row.served:
                row.served = generation
            return _view(row)

        return await self._database.write(work, workspace=caller.workspace_id)

    async def remove(self, caller: Caller, name: str) -> None:
        """Forget an endpoint. Raises NotFound."""

        def work(session: Session) -> None:
            row = _found(session, name)
            session.delete(row)
            self._audit.record(session, caller, "endpoint.removed", row.id, name=name)

        await self._database.write(work, workspace=caller.workspace_id)


def _check_versions(session: Session, traffic: Sequence[Share]) -> None:
    for share in traffic:
        row, group = one(session, share.version_id)
        if row.status == Approval.REJECTED:
            raise Conflict(f"{group} v{row.version} is rejected.", hint="Choose another version.")


def _new(name: str) -> EndpointRow:
    at = now()
    return EndpointRow(
        id=new_id("endpoint"), name=name, generation=0, served=0, created_at=at, updated_at=at
    )


def _locked(session: Session, name: str) -> EndpointRow | None:
    query = sa.select(EndpointRow).where(EndpointRow.name == name).with_for_update()
    return session.scalar(query)


def _found(session: Session, name: str) -> EndpointRow:
    row = session.scalar(sa.select(EndpointRow).where(EndpointRow.name == name))
    if row is None:
        raise _absent(name)
    return row


def _absent(name: str) -> NotFound:
    return NotFound(f"There is no endpoint '{name[:80]}'.", hint="List the endpoints there are.")


def _view(row: EndpointRow) -> EndpointView:
    plain: dict[str, Any] = {name: getattr(row, name) for name in EndpointView.model_fields}
    return EndpointView.model_validate(plain)
