"""Backups come back whole, on both databases and from one to the other, or not at all."""

import asyncio
import gzip
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from stoa.base.backup import Backup
from stoa.base.database import EVERY_WORKSPACE, Database, Row
from stoa.base.errors import Conflict, InvalidInput, NotFound, SetupError
from stoa.base.files import Files
from stoa.base.identity.accounts import Accounts
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.passwords import Passwords
from stoa.base.objects import Objects
from stoa.wiring import migration_folders
from tests.conftest import fresh_postgres, two_workspaces

PASSWORD = "four unrelated plain words"


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects((tmp_path / "objects").as_uri(), secret=b"s" * 32, public_url="")


@pytest.fixture
def store(tmp_path: Path) -> Objects:
    """An empty store to restore into."""
    return Objects((tmp_path / "restored").as_uri(), secret=b"s" * 32, public_url="")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of each kind with the two workspaces, and with no tables but our own."""
    with _migrated(request, tmp_path / "test.sqlite") as opened:
        opened.write_now(two_workspaces, workspace=EVERY_WORKSPACE)
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database to restore into, of each kind."""
    with _migrated(request, tmp_path / "restored.sqlite") as opened:
        yield opened


@contextmanager
def _migrated(request: pytest.FixtureRequest, file: Path) -> Iterator[Database]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{file}"
        else:
            server = request.getfixturevalue("postgres_server")
            url = stack.enter_context(fresh_postgres(server))
        opened = Database(url)
        opened.migrate(migration_folders())
        yield opened
        opened.close()


def accounts_of(database: Database) -> Accounts:
    cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    return Accounts(database, AuditLog(database), secret=b"s" * 32, passwords=cheap)


async def fill(database: Database, objects: Objects) -> tuple[Caller, str, str]:
    """A user, a key, an upload; returns the owner, the key's secret and the file's id."""
    accounts = accounts_of(database)
    user = await accounts.create_user("ann@example.org", "Ann Ünïcode 資料", PASSWORD)
    await accounts.set_member(None, "workspace_a", user.id, Role.OWNER)
    owner = Caller("workspace_a", user.id, Role.OWNER, "Ann")
    _, secret = await accounts.create_key(owner, "k", scopes=["v1"], role=Role.OWNER)
    files = Files(database, objects, limit_bytes=10_000_000)
    added = await files.add(owner, "Manual.pdf", os.urandom(3_000_000))
    return owner, secret, added.id


def content(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Everything in the declared tables."""
    with database.engine.connect() as connection:
        return {
            table.name: sorted(
                (tuple(map(repr, row)) for row in connection.execute(sa.select(table))),
            )
            for table in Row.metadata.sorted_tables
        }


async def test_everything_comes_back(
    database: Database, empty: Database, objects: Objects, store: Objects, tmp_path: Path
) -> None:
    owner, secret, file_id = await fill(database, objects)
    made = await Backup(database, objects).create(tmp_path / "backup.tar.gz")
    assert (made.objects, made.vanished, made.rows["user"], made.rows["workspace"]) == (1, 0, 1, 2)
    assert (tmp_path / "backup.tar.gz").stat().st_mode & 0o077 == 0

    back = await Backup(empty, store).restore(tmp_path / "backup.tar.gz")
    assert (back.rows, back.objects, back.rebuild) == (made.rows, 1, ["index"])
    assert content(empty) == content(database)
    accounts = accounts_of(empty)
    assert await accounts.sign_in("ann@example.org", PASSWORD, address="192.0.2.1")
    assert (await accounts.caller_of_key(secret, address="192.0.2.1")).user_id == owner.user_id
    file = await Files(empty, store, limit_bytes=1).get(owner, file_id)
    assert await store.get(file.object_key) == await objects.get(file.object_key)
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []


async def test_other_tables_and_their_sequences_come_back(
    database: Database, empty: Database, objects: Objects, store: Objects, tmp_path: Path
) -> None:
    """As of the engine of durable work: not declared by us, counted by the database."""

    def make(target: Database) -> None:
        identity = "INTEGER PRIMARY KEY" if target.is_sqlite else "serial PRIMARY KEY"
        with target.engine.begin() as connection:
            connection.exec_driver_sql(
                f"CREATE TABLE engine_step (number {identity}, parent integer "
                "REFERENCES engine_step (number), output text, raw "
                f"{'BLOB' if target.is_sqlite else 'bytea'})"
            )

    make(database)
    with database.engine.begin() as connection:
        for number in (1, 2, 3):
            connection.execute(
                sa.text("INSERT INTO engine_step VALUES (:n, :p, :o, :r)"),
                {"n": number, "p": number - 1 or None, "o": f"o{number}", "r": bytes([0, number])},
            )
        connection.exec_driver_sql("CREATE TABLE passage_vector_1 (id integer)")
        connection.exec_driver_sql("CREATE TABLE only_there (id integer)")
    backup = Backup(database, objects, ignored=("passage_vector*",))
    made = await backup.create(tmp_path / "b")
    assert made.rows["engine_step"] == 3
    assert "passage_vector_1" not in made.rows
    with pytest.raises(SetupError, match="engine_step"):
        await Backup(empty, store).restore(tmp_path / "b")
    assert set(content(empty)["workspace"]) == set()

    await Backup(empty, store).restore(tmp_path / "b", prepare=lambda: make(empty))
    with empty.engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO engine_step (output) VALUES ('next')")
        rows = connection.exec_driver_sql(
            "SELECT number, parent, output, raw FROM engine_step ORDER BY number"
        ).all()
    assert [tuple(row)[:3] for row in rows] == [
        (1, None, "o1"), (2, 1, "o2"), (3, 2, "o3"), (4, None, "next"),
    ]  # fmt: skip
    assert bytes(rows[2][3]) == b"\x00\x03"


@pytest.mark.parametrize("empty", ["sqlite"], indirect=True)
async def test_it_is_of_one_moment(
    database: Database, empty: Database, objects: Objects, store: Objects, tmp_path: Path
) -> None:
    """A writer moves one unit from one row to another all the while: the sum always holds."""

    def change(session: Session, table: str, by: int) -> None:
        session.execute(sa.text(f"UPDATE {table} SET units = units + :by"), {"by": by})

    tables = ("aaa_account", "zzz_account")
    for target, units in ((database, 500), (empty, None)):
        with target.engine.begin() as connection:
            for table in tables:
                connection.exec_driver_sql(f"CREATE TABLE {table} (units integer)")
                if units is not None:
                    connection.exec_driver_sql(f"INSERT INTO {table} VALUES ({units})")

    def move(session: Session) -> None:
        change(session, tables[0], -1)
        change(session, tables[1], 1)

    going = True

    async def writer() -> int:
        moves = 0
        while going:
            await database.write(move, workspace=EVERY_WORKSPACE)
            moves += 1
        return moves

    writing = asyncio.create_task(writer())
    await asyncio.sleep(0.05)
    await Backup(database, objects).create(tmp_path / "b")
    going = False
    assert await writing > 0
    await Backup(empty, store).restore(tmp_path / "b")
    with empty.engine.connect() as connection:
        left, right = (
            connection.exec_driver_sql(f"SELECT units FROM {table}").scalar_one()
            for table in tables
        )
    assert left + right == 1000


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("empty", ["sqlite"], indirect=True)
class TestRefusals:
    async def test_nothing_is_overwritten(
        self, database: Database, empty: Database, objects: Objects, store: Objects, tmp_path: Path
    ) -> None:
        await fill(database, objects)
        backup = Backup(database, objects)
        await backup.create(tmp_path / "b")
        before = (tmp_path / "b").read_bytes()
        with pytest.raises(Conflict):
            await backup.create(tmp_path / "b")
        assert (tmp_path / "b").read_bytes() == before
        await accounts_of(database).create_workspace("One more")
        with pytest.raises(Conflict, match="not empty"):
            await Backup(database, store).restore(tmp_path / "b")
        with pytest.raises(Conflict, match="objects"):
            await Backup(empty, objects).restore(tmp_path / "b")
        assert content(empty)["user"] == []

    async def test_damage_is_found_before_anything_changes(
        self, database: Database, empty: Database, objects: Objects, store: Objects, tmp_path: Path
    ) -> None:
        await fill(database, objects)
        await Backup(database, objects).create(tmp_path / "b")
        whole = (tmp_path / "b").read_bytes()
        plain = bytearray(gzip.decompress(whole))
        plain[len(plain) // 2] ^= 1  # inside the object
        for damaged in (
            b"", b"nonsense", whole[:-1], whole[: len(whole) // 2], gzip.compress(bytes(plain)),
            gzip.compress(b""), whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:],
        ):  # fmt: skip
            (tmp_path / "damaged").write_bytes(damaged)
            with pytest.raises(InvalidInput):
                await Backup(empty, store).restore(tmp_path / "damaged")
        with pytest.raises(NotFound):
            await Backup(empty, store).restore(tmp_path / "absent")
        assert content(empty)["user"] == []
        assert await store.list("") == []

    async def test_another_version_is_said_so(
        self, database: Database, empty: Database, objects: Objects, store: Objects, tmp_path: Path
    ) -> None:
        for target, version in ((database, "one"), (empty, "two")):
            with target.engine.begin() as connection:
                connection.exec_driver_sql(
                    "CREATE TABLE IF NOT EXISTS alembic_version (version_num varchar(32))"
                )
                connection.exec_driver_sql("DELETE FROM alembic_version")
                connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{version}')")
        await Backup(database, objects).create(tmp_path / "b")
        with pytest.raises(SetupError, match="version"):
            await Backup(empty, store).restore(tmp_path / "b")
        assert content(empty)["workspace"] == []
        with empty.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'one'")
        assert (await Backup(empty, store).restore(tmp_path / "b")).rows["workspace"] == 2
