"""What people did with answers: counted in memory as answers leave, written together every few seconds.

A process that is killed forgets the answers of its last seconds, never a click. Clicks are written at
once, each once.
"""

from collections import Counter
from datetime import timedelta
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, now
from stoa.base.errors import NotFound
from stoa.core.inference.comparison import Bucket
from stoa.core.inference.splitting import GOOD_SECONDS, Place, Ticket
from stoa.core.inference.tables import ArmCountRow, ClickRow
from stoa.core.inference.views import Arm

_AT_ONCE = 500


class _Cell(NamedTuple):
    workspace: str
    endpoint_id: str
    generation: int
    arm: Arm
    bucket: int


class Feedback:
    """Counts answers and clicks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shown: Counter[_Cell] = Counter()

    def shown(self, workspace: str, endpoint_id: str, generation: int, place: Place) -> None:
        """An answer was given."""
        self._shown[_Cell(workspace, endpoint_id, generation, place.arm, place.bucket)] += 1

    async def clicked(self, workspace: str, ticket: Ticket) -> bool:
        """Count a click; False where this ticket was counted before. Raises NotFound."""
        cell = _Cell(workspace, ticket.endpoint_id, ticket.generation, ticket.arm, ticket.bucket)
        row = {
            "id": ticket.id[:64],
            "workspace_id": workspace,
            "endpoint_id": ticket.endpoint_id,
            "at": now(),
        }

        def work(session: Session) -> bool:
            insert = self._insert()(ClickRow).values(**row).on_conflict_do_nothing()
            added = session.execute(insert.returning(ClickRow.id)).first() is not None
            if added:
                session.execute(self._add(), [_values(cell, 0, 1)])
            return added

        try:
            return await self._database.write(work, workspace=workspace)
        except IntegrityError as error:
            raise NotFound("That endpoint is gone.", hint="List the endpoints.") from error

    async def flush(self) -> None:
        """Write what was counted. What can't be written now is written with the next."""
        taken, self._shown = list(self._shown.items()), Counter()
        while taken:
            part = taken[-_AT_ONCE:]
            rows = [_values(cell, count, 0) for cell, count in part]
            try:
                await self._write(rows)
            except BaseException:
                self._shown.update(dict(taken))
                raise
            del taken[-_AT_ONCE:]

    async def _write(self, rows: list[dict[str, object]]) -> None:
        await self._database.write(lambda s: self._keep(s, rows), workspace=EVERY_WORKSPACE)

    async def buckets(
        self, workspace: str, endpoint_id: str, generation: int
    ) -> dict[Arm, list[Bucket]]:
        """What was counted within a generation."""
        query = sa.select(ArmCountRow).where(
            ArmCountRow.endpoint_id == endpoint_id, ArmCountRow.generation == generation
        )
        rows = await self._database.read(lambda s: s.scalars(query).all(), workspace=workspace)
        found: dict[Arm, list[Bucket]] = {arm: [] for arm in Arm}
        for row in rows:
            found[Arm(row.arm)].append(Bucket(row.shown, row.clicked))
        return found

    async def prune(self) -> None:
        """Forget clicks whose tickets are good no more."""
        before = now() - timedelta(seconds=2 * GOOD_SECONDS)
        forget = sa.delete(ClickRow).where(ClickRow.at < before)
        await self._database.write(lambda s: s.execute(forget), workspace=EVERY_WORKSPACE)

    def _keep(self, session: Session, rows: list[dict[str, object]]) -> None:
        """Counts of endpoints that are gone meanwhile are dropped with them."""
        from_ids = {str(row["endpoint_id"]) for row in rows}
        endpoint = sa.table("endpoint", sa.column("id"))
        known = set(session.scalars(sa.select(endpoint.c.id).where(endpoint.c.id.in_(from_ids))))
        kept = [row for row in rows if row["endpoint_id"] in known]
        if kept:
            session.execute(self._add(), kept)

    def _insert(self) -> type[sqlite.Insert] | type[postgresql.Insert]:
        return sqlite.Insert if self._database.is_sqlite else postgresql.Insert

    def _add(self) -> sa.Executable:
        insert = self._insert()(ArmCountRow)
        more = insert.excluded
        return insert.on_conflict_do_update(
            index_elements=["endpoint_id", "generation", "arm", "bucket"],
            set_={
                "shown": ArmCountRow.shown + more.shown,
                "clicked": ArmCountRow.clicked + more.clicked,
            },
        )


def _values(cell: _Cell, shown: int, clicked: int) -> dict[str, object]:
    return {
        "workspace_id": cell.workspace,
        "endpoint_id": cell.endpoint_id,
        "generation": cell.generation,
        "arm": str(cell.arm),
        "bucket": cell.bucket,
        "shown": shown,
        "clicked": clicked,
    }
