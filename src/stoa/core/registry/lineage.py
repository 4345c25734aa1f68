"""Lineage: what was made of what, as arrows between ids, in both directions.

Datasets, model versions, artefacts, jobs and endpoints are nodes; this file knows none of them but by
id. An arrow is written in the transaction that writes its target.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.orm import Session

from stoa.base.database import Database, new_id, now
from stoa.base.errors import NotFound
from stoa.base.identity.caller import Caller
from stoa.core.registry.tables import (
    ArtefactRow,
    DatasetRow,
    EdgeRow,
    EndpointRow,
    ModelGroupRow,
    ModelVersionRow,
)

MOST_NODES: Final = 500
Kind = Literal["dataset", "model", "artefact", "endpoint", "other"]


class LineageNode(BaseModel):
    """Something that was made."""

    id: str
    kind: Kind
    name: str
    """Such as `interactions v3`."""
    run_id: str | None = None
    code_version: str = ""
    created_at: datetime | None = None


class LineageEdge(BaseModel):
    """`target` was made of `source`."""

    source: str
    target: str
    role: str


class LineageGraph(BaseModel):
    """All that something came from, and all that came of it."""

    nodes: list[LineageNode]
    edges: list[LineageEdge]


class Lineage:
    """Reads the graph, and adds arrows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, caller: Caller, node_id: str) -> LineageGraph:
        """Everything upstream and downstream of a node. Raises NotFound where nothing is known of it."""

        def work(session: Session) -> LineageGraph:
            edges = [
                *_walk(session, node_id, EdgeRow.target, EdgeRow.source),
                *_walk(session, node_id, EdgeRow.source, EdgeRow.target),
            ]
            ids = {node_id, *(e.source for e in edges), *(e.target for e in edges)}
            nodes = _nodes(session, ids)
            if not edges and nodes[0].kind == "other":
                raise NotFound(f"Nothing is known of '{node_id}'.", hint="Name a dataset or model.")
            return LineageGraph(nodes=nodes, edges=edges)

        return await self._database.read(work, workspace=caller.workspace_id)

    async def link(
        self, caller: Caller, source: str, target: str, *, role: str, run_id: str | None = None
    ) -> None:
        """Note that `target` was made of `source`; once noted it stays."""
        await self._database.write(
            lambda s: connect(s, [source], target, role=role, run_id=run_id),
            workspace=caller.workspace_id,
        )


def connect(
    session: Session, sources: Iterable[str], target: str, *, role: str, run_id: str | None
) -> None:
    """Add arrows within a write transaction; those that are there already stay."""
    for source in dict.fromkeys(sources):
        query = sa.select(EdgeRow.id).where(
            EdgeRow.source == source, EdgeRow.target == target, EdgeRow.role == role
        )
        if session.scalar(query) is None:
            session.add(
                EdgeRow(
                    id=new_id("edge"),
                    source=source,
                    target=target,
                    role=role,
                    run_id=run_id,
                    at=now(),
                )
            )


def _walk(
    session: Session,
    start: str,
    here: sa.orm.InstrumentedAttribute[str],
    there: sa.orm.InstrumentedAttribute[str],
) -> list[LineageEdge]:
    """All arrows along one direction, breadth first, up to `MOST_NODES` nodes."""
    found: list[LineageEdge] = []
    seen, front = {start}, {start}
    while front and len(seen) < MOST_NODES:
        rows = session.scalars(sa.select(EdgeRow).where(here.in_(front)).limit(MOST_NODES)).all()
        found += [LineageEdge.model_validate(row, from_attributes=True) for row in rows]
        front = {getattr(row, there.key) for row in rows} - seen
        seen |= front
    return found


def _nodes(session: Session, ids: set[str]) -> list[LineageNode]:
    found: dict[str, LineageNode] = {}
    for row in session.scalars(sa.select(DatasetRow).where(DatasetRow.id.in_(ids))):
        found[row.id] = LineageNode(
            id=row.id,
            kind="dataset",
            name=f"{row.name} v{row.version}",
            run_id=row.run_id,
            code_version=row.code_version,
            created_at=row.created_at,
        )
    models = sa.select(ModelVersionRow, ModelGroupRow.name).join(
        ModelGroupRow, ModelGroupRow.id == ModelVersionRow.group_id
    )
    for version, name in session.execute(models.where(ModelVersionRow.id.in_(ids))):
        found[version.id] = LineageNode(
            id=version.id,
            kind="model",
            name=f"{name} v{version.version}",
            run_id=version.run_id,
            code_version=version.code_version,
            created_at=version.created_at,
        )
    for artefact in session.scalars(sa.select(ArtefactRow).where(ArtefactRow.id.in_(ids))):
        found[artefact.id] = LineageNode(
            id=artefact.id,
            kind="artefact",
            name=f"files {artefact.digest[:12]}",
            created_at=artefact.created_at,
        )
    for endpoint in session.scalars(sa.select(EndpointRow).where(EndpointRow.id.in_(ids))):
        found[endpoint.id] = LineageNode(
            id=endpoint.id, kind="endpoint", name=endpoint.name, created_at=endpoint.created_at
        )
    others = [LineageNode(id=each, kind="other", name=each) for each in sorted(ids - found.keys())]
    return [*found.values(), *others]
