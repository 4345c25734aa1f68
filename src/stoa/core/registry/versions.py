"""Model groups and their versions: metrics, parameters, code, files, and whether they may be used.

A version is written once. What changes later is its approval, with the name of whoever decided, and
which alias points at it (`aliases.py`).
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stoa.base.database import Database, new_id, now
from stoa.base.errors import Bug, Conflict, InvalidInput, NotFound
from stoa.base.identity.caller import Caller
from stoa.core.registry.announcing import (
    MODEL_DECIDED,
    MODEL_REGISTERED,
    Announcements,
    ModelDecided,
    ModelRegistered,
)
from stoa.core.registry.artefacts import ArtefactView
from stoa.core.registry.datasets import Made
from stoa.core.registry.lineage import connect
from stoa.core.registry.names import check_name, checked_limit
from stoa.core.registry.tables import (
    Approval,
    ModelAliasRow,
    ModelGroupRow,
    ModelVersionRow,
)

_MOST_REASON = 2_000


class ModelVersionView(BaseModel):
    """One version of a model."""

    id: str
    group: str
    version: int
    kind: str
    artefact_id: str
    digest: str
    metrics: dict[str, Any]
    parameters: dict[str, Any]
    run_id: str | None
    job_id: str | None
    code_version: str
    status: Approval
    reason: str
    decided_by: str | None
    decided_by_name: str
    decided_at: datetime | None
    aliases: list[str]
    created_by: str
    created_at: datetime


class ModelGroupView(BaseModel):
    """A model with all its versions counted."""

    name: str
    description: str
    versions: int
    aliases: dict[str, int]
    """Alias → version number."""
    created_at: datetime


class NewVersion(BaseModel):
    """What is known of a model version when it is registered."""

    kind: str
    """What reads the artefact, such as `neumf`."""
    metrics: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    job_id: str | None = None
    made: Made = Made()
    key: str | None = None
    """The same key in a group is the same version."""
    status: Approval = Approval.PENDING


class Versions:
    """Registers, finds and decides on versions."""

    def __init__(self, database: Database, said: Announcements) -> None:
        self._database = database
        self._said = said

    async def register(
        self, caller: Caller, group: str, artefact: ArtefactView, new: NewVersion
    ) -> ModelVersionView:
        """Add a version to a group, which is made where it is missing.

        Raises:
            InvalidInput: the group's name does not fit.
        """
        check_name(group)

        def work(session: Session) -> ModelVersionView:
            group_row = _group(session, caller, group)
            row = _of_key(session, group_row.id, new.key)
            if row is None:
                row = _insert(session, caller, group_row, artefact, new)
                sources = [*new.made.sources, artefact.id]
                connect(session, sources, row.id, role="made of", run_id=new.made.run_id)
                told = ModelRegistered(
                    version_id=row.id, group=group, version=row.version, status=row.status
                )
                self._said.say(session, caller, MODEL_REGISTERED, row.id, told)
            return _views(session, [(row, group)])[0]

        for _ in range(3):  # two who register at once may take the same number
            try:
                return await self._database.write(work, workspace=caller.workspace_id)
            except IntegrityError:
                continue
        raise Bug(f"no version number could be taken for '{group}'")

    async def show(self, caller: Caller, version_id: str) -> ModelVersionView:
        """One version. Raises NotFound, also for those of another workspace."""
        return await self._database.read(
            lambda s: _views(s, [one(s, version_id)])[0], workspace=caller.workspace_id
        )

    async def groups(self, caller: Caller) -> list[ModelGroupView]:
        """All models of the workspace by name."""
        return await self._database.read(_all_groups, workspace=caller.workspace_id)

    async def list(
        self,
        caller: Caller,
        group: str | None = None,
        *,
        status: Approval | None = None,
        limit: int = 50,
    ) -> list[ModelVersionView]:
        """Versions, newest first."""
        query = _joined().order_by(ModelVersionRow.id.desc()).limit(checked_limit(limit))
        if group is not None:
            query = query.where(ModelGroupRow.name == group)
        if status is not None:
            query = query.where(ModelVersionRow.status == status)
        return await self._database.read(
            lambda s: _views(s, [(row, name) for row, name in s.execute(query)]),
            workspace=caller.workspace_id,
        )

    async def decide(
        self, caller: Caller, version_id: str, status: Approval, *, reason: str = ""
    ) -> ModelVersionView:
        """Approve or reject. Deciding the same twice changes nothing.

        Raises:
            NotFound: no such version.
            Conflict: it is in use under an alias, so it can't be rejected.
            InvalidInput: `pending` is no decision.
        """
        if status is Approval.PENDING or len(reason) > _MOST_REASON:
            raise InvalidInput(
                "That is no decision.", hint="Approve or reject, with a reason of 2,000 characters."
            )

        def work(session: Session) -> ModelVersionView:
            row, group = one(session, version_id, lock=True)
            if row.status != status:
                if status is Approval.REJECTED and _aliases(session, [row.id]):
                    raise Conflict(
                        f"{group} v{row.version} is in use.", hint="Move its alias first."
                    )
                row.status, row.reason = status, reason
                row.decided_by, row.decided_by_name = caller.user_id, caller.name[:200]
                row.decided_at = now()
                told = ModelDecided(
                    version_id=row.id,
                    group=group,
                    version=row.version,
                    status=status,
                    reason=reason,
                    by=caller.name,
                )
                self._said.say(session, caller, MODEL_DECIDED, row.id, told)
            return _views(session, [(row, group)])[0]

        return await self._database.write(work, workspace=caller.workspace_id)


def one(session: Session, version_id: str, *, lock: bool = False) -> tuple[ModelVersionRow, str]:
    """A version and its group's name. Raises NotFound."""
    query = _joined().where(ModelVersionRow.id == version_id)
    found = session.execute(query.with_for_update() if lock else query).first()
    if found is None:
        raise NotFound(f"There is no model version '{version_id}'.", hint="List the versions.")
    return found[0], found[1]


def view_of(session: Session, row: ModelVersionRow, group: str) -> ModelVersionView:
    """A version with its aliases."""
    return _views(session, [(row, group)])[0]


def _joined() -> sa.Select[ModelVersionRow, str]:
    return sa.select(ModelVersionRow, ModelGroupRow.name).join(
        ModelGroupRow, ModelGroupRow.id == ModelVersionRow.group_id
    )


def _group(session: Session, caller: Caller, name: str) -> ModelGroupRow:
    row = session.scalar(sa.select(ModelGroupRow).where(ModelGroupRow.name == name))
    if row is None:
        row = ModelGroupRow(
            id=new_id("models"),
            name=name,
            description="",
            created_by=caller.user_id,
            created_at=now(),
        )
        session.add(row)
        session.flush()
    return row


def _of_key(session: Session, group_id: str, key: str | None) -> ModelVersionRow | None:
    if key is None:
        return None
    query = sa.select(ModelVersionRow).where(
        ModelVersionRow.group_id == group_id, ModelVersionRow.key == key
    )
    return session.scalar(query)


def _insert(
    session: Session,
    caller: Caller,
    group: ModelGroupRow,
    artefact: ArtefactView,
    new: NewVersion,
) -> ModelVersionRow:
    last = sa.select(sa.func.max(ModelVersionRow.version)).where(
        ModelVersionRow.group_id == group.id
    )
    row = ModelVersionRow(
        id=new_id("model"),
        group_id=group.id,
        version=(session.scalar(last) or 0) + 1,
        key=new.key,
        artefact_id=artefact.id,
        digest=artefact.digest,
        kind=new.kind[:80],
        metrics=new.metrics,
        parameters=new.parameters,
        run_id=new.made.run_id,
        job_id=new.job_id,
        code_version=new.made.code_version[:80],
        status=new.status,
        reason="",
        decided_by=None,
        decided_by_name="",
        created_by=caller.user_id,
        created_at=now(),
    )
    session.add(row)
    session.flush()
    return row


def _aliases(session: Session, version_ids: list[str]) -> dict[str, list[str]]:
    query = sa.select(ModelAliasRow.version_id, ModelAliasRow.alias).where(
        ModelAliasRow.version_id.in_(version_ids)
    )
    found: dict[str, list[str]] = {}
    for version_id, alias in session.execute(query.order_by(ModelAliasRow.alias)):
        found.setdefault(version_id, []).append(alias)
    return found


def _views(session: Session, rows: list[tuple[ModelVersionRow, str]]) -> list[ModelVersionView]:
    aliases = _aliases(session, [row.id for row, _ in rows])
    own = [name for name in ModelVersionView.model_fields if name not in ("group", "aliases")]
    return [
        ModelVersionView(
            **{name: getattr(row, name) for name in own},
            group=group,
            aliases=aliases.get(row.id, []),
        )
        for row, group in rows
    ]


def _all_groups(session: Session) -> list[ModelGroupView]:
    counts = sa.select(ModelVersionRow.group_id, sa.func.count()).group_by(ModelVersionRow.group_id)
    versions = {row[0]: int(row[1]) for row in session.execute(counts)}
    pointed = sa.select(ModelAliasRow.group_id, ModelAliasRow.alias, ModelVersionRow.version).join(
        ModelVersionRow, ModelVersionRow.id == ModelAliasRow.version_id
    )
    aliases: dict[str, dict[str, int]] = {}
    for group, alias, version in session.execute(pointed):
        aliases.setdefault(group, {})[alias] = version
    return [
        ModelGroupView(
            name=row.name,
            description=row.description,
            versions=versions.get(row.id, 0),
            aliases=aliases.get(row.id, {}),
            created_at=row.created_at,
        )
        for row in session.scalars(sa.select(ModelGroupRow).order_by(ModelGroupRow.name))
    ]
