"""Which processes serve what, as they say every few seconds, and the figures of all of them together."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, now
from stoa.core.inference.meter import percentile
from stoa.core.inference.tables import ServingRow
from stoa.core.inference.views import Rate

SAY_SECONDS: Final = 2.0
SILENT_SECONDS: Final = 15.0
"""A process that has said nothing for so long is gone."""


class Serving(BaseModel):
    """What one process says of one endpoint."""

    workspace: str
    endpoint_id: str
    generation: int
    problem: str = ""
    replicas: dict[str, int] = {}
    kinds: dict[str, str] = {}
    figures: dict[str, Any] = {}


class Presence:
    """Says what this process serves, and reads what all do."""

    def __init__(self, database: Database, process: str) -> None:
        self._database = database
        self.process = process

    async def say(self, all_of_it: Sequence[Serving]) -> None:
        """Replace what this process said before; forget processes that are silent."""
        at = now()

        def work(session: Session) -> None:
            gone = sa.or_(
                ServingRow.process == self.process,
                ServingRow.at < at - timedelta(seconds=4 * SILENT_SECONDS),
            )
            session.execute(sa.delete(ServingRow).where(gone))
            endpoint = sa.table("endpoint", sa.column("id"))
            known = set(session.scalars(sa.select(endpoint.c.id)))
            for each in all_of_it:
                if each.endpoint_id in known:
                    session.add(_row(self.process, each, at))

        await self._database.write(work, workspace=EVERY_WORKSPACE)

    async def of(self, workspace: str, endpoint_id: str) -> dict[str, Serving]:
        """What every live process says of an endpoint, by process."""
        query = sa.select(ServingRow).where(
            ServingRow.endpoint_id == endpoint_id,
            ServingRow.at > now() - timedelta(seconds=SILENT_SECONDS),
        )
        rows = await self._database.read(lambda s: s.scalars(query).all(), workspace=workspace)
        return {
            row.process: Serving(
                workspace=row.workspace_id,
                endpoint_id=row.endpoint_id,
                generation=row.generation,
                problem=row.problem,
                replicas=row.replicas,
                kinds=row.kinds,
                figures=row.figures,
            )
            for row in rows
        }


def rate_of(said: Sequence[Serving]) -> Rate:
    """The figures of several processes as one."""
    buckets: Counter[int] = Counter()
    calls = errors = 0.0
    outstanding = 0
    for each in said:
        figures = each.figures
        seconds = float(figures.get("seconds", 1.0))
        own = {int(bucket): int(count) for bucket, count in figures.get("buckets", {}).items()}
        buckets.update(own)
        calls += sum(own.values()) / seconds
        errors += int(figures.get("errors", 0)) / seconds
        outstanding += int(figures.get("outstanding", 0))
    counted = list(buckets.items())
    return Rate(
        calls_per_second=calls,
        errors_per_second=errors,
        p50_milliseconds=percentile(counted, 0.5) * 1000,
        p99_milliseconds=percentile(counted, 0.99) * 1000,
        outstanding=outstanding,
    )


def _row(process: str, said: Serving, at: Any) -> ServingRow:
    return ServingRow(
        process=process,
        workspace_id=said.workspace,
        endpoint_id=said.endpoint_id,
        generation=said.generation,
        problem=said.problem[:500],
        replicas=dict(said.replicas),
        kinds=dict(said.kinds),
        figures=said.figures,
        at=at,
    )
