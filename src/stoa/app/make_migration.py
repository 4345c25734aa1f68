"""Write the migration of one room: `python -m stoa.app.make_migration core/flows "Add runs"`.

Compares the tables declared in that folder with a database migrated so far, and writes the
difference into the folder's `migrations`, on the branch named after the room.
"""

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Table

from stoa.base.database import Database, Row, alembic_config
from stoa.wiring import migration_folders, solutions

SOURCE = Path(__file__).parents[1]
_SUFFIX = "_tables"
"""Branches are called `base_tables`, because `base` alone means the empty database to Alembic."""


def tables_of(room: Path) -> set[str]:
    """Names of the tables whose classes are defined below the folder `room`."""
    package = "stoa." + ".".join(room.relative_to(SOURCE).parts)
    return {
        str(mapper.local_table.name)
        for mapper in Row.registry.mappers
        if mapper.class_.__module__.startswith(package + ".")
        and isinstance(mapper.local_table, Table)
    }


def make(room: Path, text: str) -> None:
    """Write one revision file for `room`, or say that nothing changed."""
    solutions()
    own = tables_of(room)
    folder = room / "migrations"
    folder.mkdir(exist_ok=True)
    label = room.name + _SUFFIX
    with tempfile.TemporaryDirectory() as scratch:
        database = Database(f"sqlite:///{scratch}/scratch.sqlite")
        folders = sorted({*migration_folders(), folder})
        database.migrate(folders)
        config = alembic_config(folders)
        script = ScriptDirectory.from_config(config)
        begun = any(label in each.branch_labels for each in script.walk_revisions())
        with database.engine.connect() as connection:
            config.attributes["connection"] = connection
            config.attributes["include_object"] = _only(own)
            command.revision(
                config,
                message=text,
                autogenerate=True,
                head=f"{label}@head" if begun else "base",
                splice=not begun,
                branch_label=None if begun else label,
                version_path=str(folder),
                rev_id=_revision_id(folder, room.name),
                depends_on=None if begun else _rooms_referred_to(own, script),
            )
        database.close()


def _only(own: set[str]) -> Any:
    def include(item: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
        table = name if kind == "table" else getattr(item, "table", item).name
        return table in own

    return include


def _revision_id(folder: Path, room: str) -> str:
    return f"{room}_{len(list(folder.glob('*.py'))) + 1:03d}"


def _rooms_referred_to(own: set[str], script: ScriptDirectory) -> Any:
    """The branches whose tables this room's foreign keys point at."""
    known = {label for each in script.walk_revisions() for label in each.branch_labels}
    targets = {
        key.column.table.name
        for name in own
        for key in Row.metadata.tables[name].foreign_keys
        if key.column.table.name not in own
    }
    parts = {
        part
        for mapper in Row.registry.mappers
        if isinstance(mapper.local_table, Table) and mapper.local_table.name in targets
        for part in mapper.class_.__module__.split(".")
    }
    return sorted({part + _SUFFIX for part in parts} & known) or None


def main() -> None:
    """Read the room and the text from the command line."""
    room, text = sys.argv[1], sys.argv[2]
    if not re.fullmatch(r"[a-z_]+(/[a-z_]+)*", room):
        raise SystemExit("the room is a folder below src/stoa, such as core/flows")
    make(SOURCE / room, text)


if __name__ == "__main__":
    main()
