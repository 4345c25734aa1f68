"""Alembic's environment: runs migrations on the connection that `Database.migrate` hands over.

Each room and each solution keeps its migrations in a `migrations` folder beside its tables, as a
branch of its own, so that a new solution brings its tables along without touching another file.
"""

from typing import Any, Literal

from alembic import context

from stoa.base.database import Row, UtcDateTime


def _render(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Migrations name plain types only: they must run long after our classes have moved."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    target_metadata=Row.metadata,
    include_object=attributes.get("include_object"),
    render_item=_render,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
