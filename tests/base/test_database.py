"""The tenant guard, transactions, and writers that meet."""

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, aliased

from stoa.base.database import EVERY_WORKSPACE, Database, new_id, now
from stoa.base.errors import Bug, InvalidInput, SetupError
from stoa.base.files import File
from stoa.base.identity.tables import AttemptCount


def a_file(workspace: str | None, name: str, size: int = 1) -> File:
    row = File(
        id=new_id("file"),
        name=name,
        size=size,
        sha256="0" * 64,
        object_key="k",
        created_by="user_x",
        created_at=now(),
    )
    if workspace is not None:
        row.workspace_id = workspace
    return row


@pytest.fixture
def files(database: Database) -> Database:
    """One file of 1 byte in workspace_a, one of 10 bytes in workspace_b."""

    def work(session: Session) -> None:
        session.add_all([a_file("workspace_a", "hers"), a_file("workspace_b", "his", 10)])

    database.write_now(work, workspace=EVERY_WORKSPACE)
    return database


def names(database: Database) -> list[str]:
    query = sa.select(File.name).order_by(File.name)
    return list(database.read_now(lambda s: s.scalars(query).all(), workspace=EVERY_WORKSPACE))


class TestScopedReads:
    def test_select_sees_one_workspace(self, files: Database) -> None:
        rows = files.read_now(lambda s: s.scalars(sa.select(File)).all(), workspace="workspace_a")
        assert [row.name for row in rows] == ["hers"]

    def test_columns_aggregates_and_aliases_are_scoped(self, files: Database) -> None:
        other = aliased(File)

        def work(session: Session) -> tuple[object, ...]:
            return (
                session.scalars(sa.select(File.name)).all(),
                session.scalar(sa.select(sa.func.count(File.id))),
                session.scalar(sa.select(sa.func.sum(File.size))),
                session.scalars(sa.select(other.name)).all(),
            )

        assert files.read_now(work, workspace="workspace_b") == (["his"], 1, 10, ["his"])

    def test_both_sides_of_a_join_and_a_subquery_are_scoped(self, files: Database) -> None:
        other = aliased(File)

        def work(session: Session) -> tuple[object, ...]:
            pairs = session.execute(
                sa.select(File.name, other.name).join(other, File.sha256 == other.sha256)
            ).all()
            inner = sa.select(File.id).where(File.size > 0)
            found = session.scalars(sa.select(File.name).where(File.id.in_(inner))).all()
            exists = session.scalar(sa.select(sa.exists().where(File.name == "his")))
            return [tuple(pair) for pair in pairs], found, exists

        pairs, found, exists = files.read_now(work, workspace="workspace_a")
        assert (pairs, found) == ([("hers", "hers")], ["hers"])
        assert not exists

    def test_get_by_id_of_another_workspace_finds_nothing(self, files: Database) -> None:
        his = files.read_now(
            lambda s: s.scalar(sa.select(File.id).where(File.name == "his")),
            workspace="workspace_b",
        )
        assert his is not None
        assert files.read_now(lambda s: s.get(File, his), workspace="workspace_a") is None

    def test_two_workspaces_in_turn_are_not_mixed_up(self, files: Database) -> None:
        """The criterion is compiled once and cached; the workspace in it must not be."""
        for workspace, name in (("workspace_a", "hers"), ("workspace_b", "his")) * 2:
            found = files.read_now(
                lambda s: s.scalars(sa.select(File.name)).all(), workspace=workspace
            )
            assert found == [name]

    def test_only_saying_so_sees_every_workspace(self, files: Database) -> None:
        assert names(files) == ["hers", "his"]

    def test_rows_can_be_read_after_the_transaction(self, files: Database) -> None:
        row = files.read_now(lambda s: s.scalar(sa.select(File)), workspace="workspace_a")
        assert row is not None
        assert row.created_at.tzinfo is not None


class TestScopedWrites:
    def test_update_and_delete_touch_one_workspace(self, files: Database) -> None:
        files.write_now(
            lambda s: s.execute(sa.update(File).values(name="changed")), workspace="workspace_a"
        )
        assert names(files) == ["changed", "his"]
        files.write_now(lambda s: s.execute(sa.delete(File)), workspace="workspace_a")
        assert names(files) == ["his"]

    def test_insert_takes_the_workspace(self, database: Database) -> None:
        database.write_now(lambda s: s.add(a_file(None, "new")), workspace="workspace_a")
        assert (
            database.read_now(
                lambda s: s.scalar(sa.select(File.workspace_id)), workspace=EVERY_WORKSPACE
            )
            == "workspace_a"
        )

    def test_insert_for_another_workspace_is_refused(self, database: Database) -> None:
        with pytest.raises(Bug):
            database.write_now(
                lambda s: s.add(a_file("workspace_b", "planted")), workspace="workspace_a"
            )
        assert names(database) == []

    def test_changing_or_moving_a_foreign_row_is_refused(self, files: Database) -> None:
        row = files.read_now(lambda s: s.scalar(sa.select(File)), workspace="workspace_b")
        assert row is not None
        for work in (
            lambda s: setattr(s.merge(row, load=False), "name", "stolen"),
            lambda s: s.delete(s.merge(row, load=False)),
        ):
            with pytest.raises(Bug):
                files.write_now(work, workspace="workspace_a")

        def move(session: Session) -> None:
            own = session.scalars(sa.select(File)).one()
            own.workspace_id = "workspace_b"

        with pytest.raises(Bug):
            files.write_now(move, workspace="workspace_a")
        assert names(files) == ["hers", "his"]


class TestTransactions:
    async def test_a_read_keeps_nothing(self, database: Database) -> None:
        await database.read(lambda s: s.add(a_file("workspace_a", "x")), workspace="workspace_a")
        assert names(database) == []

    async def test_an_error_undoes_everything(self, database: Database) -> None:
        def work(session: Session) -> None:
            session.add(a_file("workspace_a", "x"))
            session.flush()
            raise ValueError("half way")

        with pytest.raises(ValueError, match="half way"):
            await database.write(work, workspace="workspace_a")
        assert names(database) == []

    def test_a_lock_is_waited_for_by_trying_again(self, database: Database) -> None:
        tries = []

        def work(session: Session) -> str:
            tries.append(1)
            if len(tries) < 3:
                if database.is_sqlite:
                    raise OperationalError("", {}, Exception("database is locked"))
                session.execute(
                    sa.text("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$")
                )
            return "done"

        assert database.write_now(work, workspace="workspace_a") == "done"
        assert len(tries) == 3

    def test_other_database_errors_are_not_tried_again(self, database: Database) -> None:
        tries = []

        def work(session: Session) -> None:
            tries.append(1)
            session.execute(sa.text("SELECT * FROM no_such_table"))

        with pytest.raises(sa.exc.DBAPIError):
            database.write_now(work, workspace="workspace_a")
        assert len(tries) == 1

    @pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # SQLite: one writer
    def test_whoever_loses_the_race_to_insert_finds_the_row(self, database: Database) -> None:
        found: list[bool] = []

        def insert(session: Session) -> None:
            session.add(AttemptCount(subject="shared", window=0, count=1))

        def get_or_insert(session: Session) -> None:
            found.append(session.get(AttemptCount, ("shared", 0)) is not None)
            if len(found) == 1:
                database.write_now(insert, workspace=EVERY_WORKSPACE)
            if not found[-1]:
                insert(session)

        database.write_now(get_or_insert, workspace=EVERY_WORKSPACE)
        assert found == [False, True]

    def test_a_key_that_is_taken_is_an_error(self, database: Database) -> None:
        def insert(session: Session) -> None:
            session.add(AttemptCount(subject="shared", window=0, count=1))

        database.write_now(insert, workspace=EVERY_WORKSPACE)
        with pytest.raises(sa.exc.IntegrityError):
            database.write_now(insert, workspace=EVERY_WORKSPACE)

    def test_writers_of_several_processes_lose_nothing(self, database: Database) -> None:
        each, processes = 100, 3
        program = Path(__file__).with_name("count_up.py")
        url = database.engine.url.render_as_string(hide_password=False)
        started = [
            subprocess.Popen([sys.executable, str(program), url, str(each)])
            for _ in range(processes)
        ]
        assert [process.wait(100) for process in started] == [0] * processes
        query = sa.select(AttemptCount.count)
        assert (
            database.read_now(lambda s: s.scalar(query), workspace=EVERY_WORKSPACE)
            == each * processes
        )

    def test_errors_do_not_show_what_was_written(self, database: Database) -> None:
        row = a_file("workspace_none", "a confidential name")
        with pytest.raises(sa.exc.IntegrityError) as caught:
            database.write_now(lambda s: s.add(row), workspace=EVERY_WORKSPACE)
        assert "confidential" not in str(caught.value)

    @pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # SQLite takes any text
    def test_values_that_do_not_fit_are_the_callers_to_mend(self, database: Database) -> None:
        row = a_file("workspace_a", "nul \x00 inside")
        with pytest.raises(InvalidInput):
            database.write_now(lambda s: s.add(row), workspace="workspace_a")


class TestPlans:
    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # PostgreSQL analyses by itself
    def test_rows_by_id_do_not_read_the_whole_workspace(self, database: Database) -> None:
        database.write_now(
            lambda s: s.add_all(a_file("workspace_a", f"{n}") for n in range(500)),
            workspace="workspace_a",
        )
        database.analyse()
        query = sa.select(File).where(File.id.in_([f"file_{n}" for n in range(20)]))

        def plan(session: Session) -> str:
            statement = query.where(File.workspace_id == "workspace_a")
            text = statement.compile(database.engine, compile_kwargs={"literal_binds": True})
            return str(session.execute(sa.text(f"EXPLAIN QUERY PLAN {text}")).all())

        assert "(id=?)" in database.read_now(plan, workspace="workspace_a")


class TestValues:
    def test_ids_sort_by_time_and_do_not_repeat(self) -> None:
        ids = [new_id("doc") for _ in range(1000)]
        assert len(set(ids)) == 1000
        assert all(len(each) == len("doc_") + 26 for each in ids)
        assert ids[0][:12] <= ids[-1][:12]

    def test_naive_time_is_refused(self, database: Database) -> None:
        row = a_file("workspace_a", "x")
        row.created_at = now().replace(tzinfo=None)
        with pytest.raises(sa.exc.StatementError, match="naive"):
            database.write_now(lambda s: s.add(row), workspace="workspace_a")

    def test_unusable_url_is_the_operators_to_mend(self) -> None:
        with pytest.raises(SetupError) as caught:
            Database("nonsense://host/name")
        assert "STOA_DATABASE_URL" in str(caught.value) or "sqlite" in caught.value.hint
