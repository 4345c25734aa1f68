"""Aliases of model versions, such as `champion` and `challenger`: moved in one stroke, with history.

Only an approved version is pointed at. Moving several aliases of a group is one transaction, so no
reader ever sees two champions or none between two.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.orm import Session

from stoa.base.database import Database, new_id, now
from stoa.base.errors import Conflict, InvalidInput, NotFound
from stoa.base.identity.caller import Caller
from stoa.core.registry.announcing import ALIAS_MOVED, AliasMoved, Announcements
from stoa.core.registry.names import check_name
from stoa.core.registry.tables import (
    AliasMoveRow,
    Approval,
    ModelAliasRow,
    ModelGroupRow,
    ModelVersionRow,
)
from stoa.core.registry.versions import ModelVersionView, one, view_of

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
_MOST_MOVES = 200


class AliasMove(BaseModel):
    """That an alias was moved."""

    alias: str
    version_id: str | None
    previous_id: str | None
    reason: str
    rolled_back: bool
    by: str
    by_name: str
    at: datetime


class Aliases:
    """Moves aliases and reads what they point at."""

    def __init__(self, database: Database, said: Announcements) -> None:
        self._database = database
        self._said = said

    async def get(
        self, caller: Caller, group: str, alias: str = CHAMPION
    ) -> ModelVersionView | None:
        """The version that an alias points at; None where it points at nothing."""

        def work(session: Session) -> ModelVersionView | None:
            query = (
                sa.select(ModelVersionRow)
                .join(ModelAliasRow, ModelAliasRow.version_id == ModelVersionRow.id)
                .join(ModelGroupRow, ModelGroupRow.id == ModelVersionRow.group_id)
                .where(ModelGroupRow.name == group, ModelAliasRow.alias == alias)
            )
            row = session.scalar(query)
            return None if row is None else view_of(session, row, group)

        return await self._database.read(work, workspace=caller.workspace_id)

    async def move(
        self, caller: Caller, group: str, targets: Mapping[str, str | None], *, reason: str = ""
    ) -> None:
        """Point aliases of a group at versions (None takes an alias away), all in one stroke.

        Raises:
            NotFound: the group or a version is not there.
            Conflict: a version is not approved, or is of another group.
        """
        for alias in targets:
            check_name(alias)
            if len(alias) > 40:
                raise InvalidInput("The alias is too long.", hint="Use up to 40 characters.")

        def work(session: Session) -> None:
            group_row = _locked_group(session, group)
            for alias, version_id in targets.items():
                self._point(session, caller, group_row, alias, version_id, reason)

        await self._database.write(work, workspace=caller.workspace_id)

    async def roll_back(
        self, caller: Caller, group: str, alias: str = CHAMPION, *, reason: str = ""
    ) -> ModelVersionView:
        """Point an alias at what it pointed at before; again: at what it pointed at before that.

        Raises:
            Conflict: there is nothing before it that may still be used.
        """

        def work(session: Session) -> ModelVersionView:
            group_row = _locked_group(session, group)
            target = _before(session, group_row.id, alias)
            if target is None:
                raise Conflict(f"'{alias}' has no version before this one.", hint="Move it by id.")
            self._point(session, caller, group_row, alias, target, reason, rolled_back=True)
            row, name = one(session, target)
            return view_of(session, row, name)

        return await self._database.write(work, workspace=caller.workspace_id)

    async def history(self, caller: Caller, group: str) -> list[AliasMove]:
        """The last moves, newest first."""
        query = (
            sa.select(AliasMoveRow)
            .join(ModelGroupRow, ModelGroupRow.id == AliasMoveRow.group_id)
            .where(ModelGroupRow.name == group)
            .order_by(AliasMoveRow.id.desc())
            .limit(_MOST_MOVES)
        )
        rows = await self._database.read(
            lambda s: s.scalars(query).all(), workspace=caller.workspace_id
        )
        return [AliasMove.model_validate(row, from_attributes=True) for row in rows]

    def _point(
        self,
        session: Session,
        caller: Caller,
        group: ModelGroupRow,
        alias: str,
        version_id: str | None,
        reason: str,
        *,
        rolled_back: bool = False,
    ) -> None:
        query = sa.select(ModelAliasRow).where(
            ModelAliasRow.group_id == group.id, ModelAliasRow.alias == alias
        )
        row = session.scalar(query)
        previous = None if row is None else row.version_id
        if previous == version_id:
            return
        if version_id is not None:
            _check_usable(session, group, version_id)
        if row is not None and version_id is None:
            session.delete(row)
        elif row is not None and version_id is not None:
            row.version_id, row.moved_at = version_id, now()
        elif version_id is not None:
            session.add(
                ModelAliasRow(group_id=group.id, alias=alias, version_id=version_id, moved_at=now())
            )
        session.add(
            AliasMoveRow(
                id=new_id("move"),
                group_id=group.id,
                alias=alias,
                version_id=version_id,
                previous_id=previous,
                reason=reason,
                rolled_back=rolled_back,
                by=caller.user_id,
                by_name=caller.name[:200],
                at=now(),
            )
        )
        session.flush()
        told = AliasMoved(
            group=group.name,
            alias=alias,
            version_id=version_id,
            previous_id=previous,
            reason=reason,
        )
        self._said.say(session, caller, ALIAS_MOVED, version_id or group.id, told)


def _locked_group(session: Session, name: str) -> ModelGroupRow:
    """The group, held until the transaction ends: moves of its aliases take turns."""
    query = sa.select(ModelGroupRow).where(ModelGroupRow.name == name).with_for_update()
    row = session.scalar(query)
    if row is None:
        raise NotFound(f"There is no model '{name}'.", hint="Register a version first.")
    return row


def _check_usable(session: Session, group: ModelGroupRow, version_id: str) -> None:
    row, name = one(session, version_id)
    if row.group_id != group.id:
        raise Conflict(f"That version is of '{name}'.", hint=f"Name one of '{group.name}'.")
    if row.status != Approval.APPROVED:
        raise Conflict(
            f"{name} v{row.version} is {row.status}.", hint="Have it approved, then use it."
        )


def _before(session: Session, group_id: str, alias: str) -> str | None:
    """What an alias pointed at before what it points at now, leaving out what was rolled back."""
    query = sa.select(AliasMoveRow).where(
        AliasMoveRow.group_id == group_id, AliasMoveRow.alias == alias
    )
    trail: list[str] = []
    for move in session.scalars(query.order_by(AliasMoveRow.id)):
        if move.version_id is None:
            continue
        if move.rolled_back and move.version_id in trail:
            while trail[-1] != move.version_id:
                trail.pop()
        else:
            trail.append(move.version_id)
    for version_id in reversed(trail[:-1]):
        row, _ = one(session, version_id)
        if row.status == Approval.APPROVED and version_id != trail[-1]:
            return version_id
    return None
