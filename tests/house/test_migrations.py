"""The migrations of all rooms together make exactly the tables that the code declares."""

from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from stoa.base.database import Database, Row
from stoa.wiring import migration_folders


def test_migrated_tables_are_the_declared_ones(database: Database) -> None:
    declared = set(Row.metadata.tables)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_object": lambda item, name, kind, reflected, _: (
                    kind != "table" or not reflected or name in declared
                ),
                "compare_type": True,
            },
        )
        assert compare_metadata(context, Row.metadata) == []


def test_migrating_twice_changes_nothing(database: Database) -> None:
    before = sorted(sa.inspect(database.engine).get_table_names())
    database.migrate(migration_folders())
    assert sorted(sa.inspect(database.engine).get_table_names()) == before


def test_every_room_with_tables_has_migrations() -> None:
    source = Path(migration_folders()[0])
    assert source.is_dir(), "no migrations at all: run `make migration`"
