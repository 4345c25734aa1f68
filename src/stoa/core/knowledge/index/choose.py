"""Which search engine an index URL names.

file:///folder     LanceDB in a folder of this machine
postgresql://…     pgvector
memory://          nothing kept; for trying out
"""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from stoa.base.errors import SetupError
from stoa.core.knowledge.index.index import Index
from stoa.core.knowledge.index.lance import LanceIndex
from stoa.core.knowledge.index.memory import MemoryIndex


def choose_index(url: str) -> Index:
    """The index behind `url`, not opened yet. Raises SetupError for a URL that names none."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise SetupError(f"STOA_INDEX_URL is no URL: {error}.", hint="Mend it.") from error
    if parts.scheme == "file":
        return LanceIndex(Path(unquote(parts.path)))
    if parts.scheme in ("postgresql", "postgres"):
        return _postgres(url)
    if parts.scheme == "memory":
        return MemoryIndex()
    raise SetupError(
        f"No search engine is known for '{parts.scheme}://'.",
        hint="STOA_INDEX_URL takes file:///folder, postgresql://… or memory://.",
    )


def _postgres(url: str) -> Index:
    try:
        from stoa.core.knowledge.index.postgres import (  # noqa: PLC0415 - optional part
            PostgresIndex,
        )
    except ModuleNotFoundError as error:
        raise SetupError(
            f"The pgvector index needs {error.name}.", hint="pip install stoa[postgres]"
        ) from error
    return PostgresIndex(url)
