"""Datasets: named, and versioned by what is in them. The same content is the same version.

A version holds files of our own (an artefact), or says where files are that stay where they are. It
knows what it was made of, by which run and which code.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stoa.base.database import Database, new_id, now
from stoa.base.errors import Bug, InvalidInput, NotFound
from stoa.base.identity.caller import Caller
from stoa.core.registry.announcing import DATASET_ADDED, Announcements, DatasetAdded
from stoa.core.registry.artefacts import Artefacts
from stoa.core.registry.lineage import connect
from stoa.core.registry.names import check_name, checked_limit
from stoa.core.registry.tables import DatasetRow


class DatasetView(BaseModel):
    """One version of a dataset."""

    id: str
    name: str
    version: int
    digest: str
    artefact_id: str | None
    address: str | None
    partition: str
    statistics: dict[str, Any]
    run_id: str | None
    code_version: str
    created_by: str
    created_at: datetime


class Made(BaseModel):
    """How something came about: the run and the code that made it, and what it was made of."""

    run_id: str | None = None
    code_version: str = ""
    sources: list[str] = []
    """Ids of dataset versions, model versions or artefacts."""


class Datasets:
    """Adds and finds versions of datasets."""

    def __init__(self, database: Database, artefacts: Artefacts, said: Announcements) -> None:
        self._database = database
        self._artefacts = artefacts
        self._said = said

    async def add(
        self,
        caller: Caller,
        name: str,
        files: Path,
        *,
        partition: str = "",
        statistics: dict[str, Any] | None = None,
        made: Made | None = None,
    ) -> DatasetView:
        """Store a folder or file as a version of `name`; content that is there already is that version.

        Args:
            caller: who adds it.
            name: of the dataset; letters, digits, `.`, `_` and `-`.
            files: a folder or one file.
            partition: such as the time of the run, `2030-01-31T12`.
            statistics: counts and the like, plain JSON.
            made: run, code version and sources.

        Raises:
            InvalidInput: the name does not fit, or there are no files.
        """
        check_name(name)
        artefact = await self._artefacts.add(caller, files)
        row = self._row(caller, name, artefact.digest, partition, statistics, made)
        row.artefact_id = artefact.id
        return await self._insert(caller, row, made)

    async def add_address(
        self,
        caller: Caller,
        name: str,
        address: str,
        *,
        digest: str = "",
        partition: str = "",
        statistics: dict[str, Any] | None = None,
        made: Made | None = None,
    ) -> DatasetView:
        """Note files that stay where they are, such as `s3://bucket/day=1/`.

        `digest` stands for their content, 64 hexadecimal digits; without one the address with its
        partition does, so that a file replaced in place passes for the same version.
        """
        check_name(name)
        if not address or len(address) > 1000:
            raise InvalidInput("The address does not fit.", hint="Give up to 1,000 characters.")
        content = digest or hashlib.sha256(f"{address}\n{partition}".encode()).hexdigest()
        row = self._row(caller, name, content, partition, statistics, made)
        row.address = address
        return await self._insert(caller, row, made)

    async def show(self, caller: Caller, dataset_id: str) -> DatasetView:
        """One version. Raises NotFound, also for those of another workspace."""
        row = await self._first(caller, sa.select(DatasetRow).where(DatasetRow.id == dataset_id))
        if row is None:
            raise _absent(dataset_id)
        return row

    async def newest(
        self, caller: Caller, name: str, *, version: int | None = None
    ) -> DatasetView | None:
        """The last version of a name, or that version."""
        query = sa.select(DatasetRow).where(DatasetRow.name == name)
        if version is not None:
            query = query.where(DatasetRow.version == version)
        return await self._first(caller, query.order_by(DatasetRow.version.desc()).limit(1))

    async def list(
        self, caller: Caller, name: str | None = None, *, limit: int = 50
    ) -> list[DatasetView]:
        """Versions, newest first; of one name or of all."""
        query = sa.select(DatasetRow)
        if name is not None:
            query = query.where(DatasetRow.name == name)
        query = query.order_by(DatasetRow.id.desc()).limit(checked_limit(limit))
        rows = await self._database.read(
            lambda s: s.scalars(query).all(), workspace=caller.workspace_id
        )
        return [_view(row) for row in rows]

    async def open(self, caller: Caller, dataset_id: str) -> Path:
        """The files on this machine, for reading.

        Raises:
            InvalidInput: the version only names an address; read that.
        """
        view = await self.show(caller, dataset_id)
        if view.artefact_id is None:
            raise InvalidInput(
                f"The files of '{view.name}' are not ours.", hint=f"Read them at {view.address}."
            )
        return await self._artefacts.open(caller, view.artefact_id)

    def _row(
        self,
        caller: Caller,
        name: str,
        digest: str,
        partition: str,
        statistics: dict[str, Any] | None,
        made: Made | None,
    ) -> DatasetRow:
        made = made or Made()
        return DatasetRow(
            id=new_id("dataset"),
            workspace_id=caller.workspace_id,
            name=name,
            digest=digest,
            artefact_id=None,
            address=None,
            partition=partition[:200],
            statistics=statistics or {},
            run_id=made.run_id,
            code_version=made.code_version[:80],
            created_by=caller.user_id,
            created_at=now(),
        )

    async def _insert(self, caller: Caller, row: DatasetRow, made: Made | None) -> DatasetView:
        """The row as a new version, or the version that holds the same already."""

        def work(session: Session) -> DatasetView:
            same = sa.select(DatasetRow).where(
                DatasetRow.name == row.name, DatasetRow.digest == row.digest
            )
            found = session.scalar(same)
            if found is None:
                last = sa.select(sa.func.max(DatasetRow.version)).where(DatasetRow.name == row.name)
                fresh = _copy(row)
                fresh.version = (session.scalar(last) or 0) + 1
                session.add(fresh)
                session.flush()
                found = fresh
                self._said.say(session, caller, DATASET_ADDED, fresh.id, _added(fresh))
            _connect(session, found.id, made)
            return _view(found)

        for _ in range(3):  # two who add at once may take the same number
            try:
                return await self._database.write(work, workspace=caller.workspace_id)
            except IntegrityError:
                continue
        raise Bug(f"no version number could be taken for '{row.name}'")

    async def _first(self, caller: Caller, query: sa.Select[DatasetRow]) -> DatasetView | None:
        row = await self._database.read(lambda s: s.scalar(query), workspace=caller.workspace_id)
        return None if row is None else _view(row)


def _connect(session: Session, dataset_id: str, made: Made | None) -> None:
    if made is not None:
        sources: Iterable[str] = (each for each in made.sources if each != dataset_id)
        connect(session, sources, dataset_id, role="made of", run_id=made.run_id)


def _copy(row: DatasetRow) -> DatasetRow:
    """A fresh object for each attempt: a transaction may run again."""
    names = [each.key for each in sa.inspect(DatasetRow).column_attrs if each.key != "version"]
    return DatasetRow(**{name: getattr(row, name) for name in names})


def _added(row: DatasetRow) -> DatasetAdded:
    return DatasetAdded(
        dataset_id=row.id,
        name=row.name,
        version=row.version,
        path=row.address or f"artefact:{row.artefact_id}",
        partition=row.partition,
        digest=row.digest,
    )


def _view(row: DatasetRow) -> DatasetView:
    return DatasetView.model_validate(row, from_attributes=True)


def _absent(dataset_id: str) -> NotFound:
    return NotFound(f"There is no dataset '{dataset_id}'.", hint="List the datasets there are.")
