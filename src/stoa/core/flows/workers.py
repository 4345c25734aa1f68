"""Who works, and what becomes of the runs of those who died.

A worker holds a lock on a file and lets a number in its row grow. It is dead when, on its own host,
nobody holds the lock any more (the kernel lets go of it at the moment of a kill -9), or when the
number has stood still for `dead_after` seconds of the observer's own clock: no two clocks are ever
compared. Whoever finds a dead one claims it by growing its number, which only one can do from the
same value, queues its runs again, and deletes the row. Dies the claimer, the number stands still
once more and the next one claims.
"""

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, now
from stoa.base.errors import SetupError
from stoa.core.flows.engine import Engine
from stoa.core.flows.tables import WorkerRow

log = logging.getLogger(__name__)
_PATIENCE = 2.0
T = TypeVar("T")


def name_of_process(configured: str) -> str:
    """The stable name of this process among workers."""
    return configured or f"{socket.gethostname()}-{os.getpid()}"


def new_executor_id(name: str) -> str:
    """The id that DBOS knows this process by: of this process only, even when its name returns."""
    return f"{name[:100]}-{secrets.token_hex(4)}"


class Workers:
    """This process among the workers."""

    def __init__(self, database: Database, engine: Engine, name: str, home: Path) -> None:
        self._database = database
        self._engine = engine
        self._name = name[:100]
        self._host = socket.gethostname()[:100]
        self._path = (home.resolve() / "workers" / f"{_safe(self._name)}.lock").as_posix()
        self._lock: FileLock | None = None
        self._seen: dict[str, tuple[int, float]] = {}
        self._started_at = now()

    def join(self) -> None:
        """Become one of the workers. Blocking.

        Raises:
            SetupError: another process of the same name lives on this host.
        """
        Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        patience = time.monotonic() + _PATIENCE
        self._lock = _lock(self._path)
        while self._lock is None:  # someone may be trying it for a moment
            if time.monotonic() > patience:
                raise SetupError(
                    f"Another process works as '{self._name}'.",
                    hint="Give each worker its own STOA_EXECUTOR_ID.",
                )
            time.sleep(0.05)
            self._lock = _lock(self._path)
        self.beat()

    def leave(self) -> None:
        """Hand over what was begun and go. Blocking.

        Where the database can't be told, the lock is free all the same, so that others find this one dead.
        """
        if self._lock is None:
            return
        try:
            self._engine.hand_over(self._engine.executor_id)
            self._write(lambda s: _remove(s, self._engine.executor_id))
        finally:
            self._lock.release()
            self._lock = None

    def beat(self) -> None:
        """Say that this process lives."""
        self._write(self._grow)

    def _grow(self, session: Session) -> None:
        row = session.get(WorkerRow, self._engine.executor_id, with_for_update=True)
        if row is None:  # new, or taken for dead while it was suspended
            row = self._row(self._engine.executor_id, self._name, self._host, self._path)
            session.add(row)
        row.beat += 1
        row.seen_at = now()

    def reap(self, dead_after: float) -> None:
        """Queue the runs of dead workers again."""
        rows = self._database.read_now(_all, workspace=EVERY_WORKSPACE)
        for row in rows:
            if row.id == self._engine.executor_id or not self._is_dead(row, dead_after):
                continue
            if self._write(partial(_claim, dead=row)):
                handed = self._engine.hand_over(row.id)
                self._write(partial(_remove, executor_id=row.id))
                log.warning("worker %s is dead; %d of its runs are queued again", row.id, handed)
        self._seen = {row.id: self._seen[row.id] for row in rows if row.id in self._seen}

    def adopt(self) -> None:
        """Give owners of runs that have no row one, so that they are found dead like any other."""
        owners = self._engine.owners()
        known = {row.id for row in self._database.read_now(_all, workspace=EVERY_WORKSPACE)}
        for owner in owners - known:
            self._write(partial(self._adopt, owner=owner))

    def _adopt(self, session: Session, owner: str) -> None:
        if session.get(WorkerRow, owner) is None:
            session.add(self._row(owner, owner[:100], "", ""))

    def _row(self, executor_id: str, name: str, host: str, path: str) -> WorkerRow:
        return WorkerRow(
            id=executor_id,
            name=name,
            host=host,
            lock=path,
            beat=0,
            started_at=self._started_at,
            seen_at=now(),
        )

    def _is_dead(self, row: WorkerRow, dead_after: float) -> bool:
        if row.name == self._name and row.started_at < self._started_at:
            return True
        if row.host == self._host and _is_free(row.lock):
            return True
        beat, since = self._seen.get(row.id, (-1, 0.0))
        if beat != row.beat:
            self._seen[row.id] = (row.beat, time.monotonic())
            return False
        return time.monotonic() - since > dead_after

    def _write(self, work: Callable[[Session], T]) -> T:
        return self._database.write_now(work, workspace=EVERY_WORKSPACE)


def _all(session: Session) -> list[WorkerRow]:
    return list(session.scalars(sa.select(WorkerRow)))


def _claim(session: Session, dead: WorkerRow) -> bool:
    mine = (
        sa.update(WorkerRow)
        .where(WorkerRow.id == dead.id, WorkerRow.beat == dead.beat)
        .values(beat=dead.beat + 1)
        .returning(WorkerRow.id)
    )
    return session.scalar(mine) is not None


def _remove(session: Session, executor_id: str) -> None:
    session.execute(sa.delete(WorkerRow).where(WorkerRow.id == executor_id))


def _lock(path: str) -> FileLock | None:
    """The lock, held until it is released or the process dies; None where another holds it."""
    lock = FileLock(path, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        return None
    return lock


def _is_free(path: str) -> bool:
    """Whether the file is there and nobody holds it."""
    if not path or not Path(path).exists():
        return False
    lock = _lock(path)
    if lock is None:
        return False
    lock.release()
    return True


def _safe(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
