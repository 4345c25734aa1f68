"""Real servers for the tests of the tables room: a small shop on each of the four databases.

Each has the same tables with the same rows, and a login that may only read. MariaDB is the system's,
started in a folder of its own on loopback.
"""

import os
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pymysql

SHOP = (
    "CREATE TABLE customer (id INTEGER PRIMARY KEY, name VARCHAR(80) NOT NULL, region VARCHAR(20),"
    " email VARCHAR(80))",
    "CREATE TABLE product (id INTEGER PRIMARY KEY, title VARCHAR(80), price DECIMAL(10,2))",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, product_id INTEGER,"
    " quantity INTEGER, ordered_on DATE,"
    " FOREIGN KEY (customer_id) REFERENCES customer (id))",
    "INSERT INTO customer VALUES (1, 'Ada', 'north', 'ada@example.org'),"
    " (2, 'Ben', 'south', 'ben@example.org'), (3, 'Cem', 'north', 'cem@example.org')",
    "INSERT INTO product VALUES (1, 'Lamp', 12.50), (2, 'Chair', 80.00), (3, 'Desk', 240.00)",
    "INSERT INTO orders VALUES (1, 1, 1, 2, '2024-01-05'), (2, 1, 2, 1, '2024-02-05'),"
    " (3, 2, 3, 1, '2024-02-07'), (4, 3, 1, 4, '2024-03-01')",
    "CREATE VIEW big_orders AS SELECT * FROM orders WHERE quantity > 1",
)


def sqlite_shop(path: Path) -> str:
    """The shop in a SQLite file; its URL."""
    with closing(sqlite3.connect(path)) as connection:
        for statement in SHOP:
            connection.execute(statement)
        connection.commit()
    return f"sqlite:///{path}"


def duckdb_shop(path: Path) -> str:
    """The shop in a DuckDB file; its URL."""
    import duckdb  # noqa: PLC0415 - optional part

    with duckdb.connect(str(path)) as connection:
        for statement in SHOP:
            connection.execute(statement)
    return f"duckdb:///{path}"


def postgres_shop(admin_url: str) -> str:
    """The shop in an empty PostgreSQL database; the URL of a login that may only SELECT."""
    import psycopg  # noqa: PLC0415 - optional part

    reader = f"reader_{os.urandom(4).hex()}"
    with psycopg.connect(admin_url, autocommit=True) as connection:
        run: Any = connection.execute
        for statement in SHOP:
            run(statement)
        run(f"CREATE ROLE {reader} LOGIN PASSWORD 'reading'")
        run("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        run(f"GRANT USAGE ON SCHEMA public TO {reader}")
        run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}")
    return admin_url.replace("postgres:@", f"{reader}:reading@")


def drop_reader(admin_url: str, url: str) -> None:
    """Remove the login again: roles outlive databases."""
    import psycopg  # noqa: PLC0415 - optional part

    reader = url.split("//")[1].split(":")[0]
    with psycopg.connect(admin_url, autocommit=True) as connection:
        run: Any = connection.execute
        run(f"DROP OWNED BY {reader}")
        run(f"DROP ROLE {reader}")


def mariadb_program() -> str | None:
    """The server program, where it is installed."""
    return shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin")


@contextmanager
def running_mariadb(folder: Path) -> Iterator[str]:
    """Start a MariaDB whose data live in `folder`; yield the URL of its administrator.

    As root it runs as the user `mysql`, which Debian's package makes.
    """
    program = mariadb_program()
    assert program is not None
    data = folder / "data"
    user = ["--user=mysql"] if os.geteuid() == 0 else []
    if user:
        folder.chmod(0o755)
        data.mkdir()
        shutil.chown(data, "mysql", "mysql")
    subprocess.run(
        [
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={data}",
            "--skip-test-db",
            *user,
            "--auth-root-authentication-method=normal",
            "--skip-name-resolve",
        ],
        check=True,
        capture_output=True,
    )
    port = _free_port()
    server = subprocess.Popen(
        [
            program,
            "--no-defaults",
            f"--datadir={data}",
            f"--port={port}",
            *user,
            "--bind-address=127.0.0.1",
            f"--socket={data}/s",
            f"--pid-file={data}/p",
            "--skip-name-resolve",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-doublewrite=0",
            "--innodb-buffer-pool-size=32M",
            "--performance-schema=OFF",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"mysql://root@127.0.0.1:{port}/mysql"
        _wait(server, port)
        yield url
    finally:
        server.terminate()
        server.wait(30)


def mariadb_shop(admin_url: str) -> str:
    """A new database with the shop; the URL of a login that may only SELECT."""
    port = int(admin_url.rsplit(":", 1)[1].split("/")[0])
    name = f"shop_{os.urandom(4).hex()}"
    with closing(pymysql.connect(host="127.0.0.1", port=port, user="root")) as connection:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
            cursor.execute(f"USE {name}")
            for statement in SHOP:
                cursor.execute(statement)
            cursor.execute(f"CREATE USER {name}@'%' IDENTIFIED BY 'reading'")
            cursor.execute(f"GRANT SELECT, SHOW VIEW ON {name}.* TO {name}@'%'")
        connection.commit()
    return f"mysql://{name}:reading@127.0.0.1:{port}/{name}"


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(server: "subprocess.Popen[bytes]", port: int) -> None:
    for _ in range(600):
        assert server.poll() is None, "MariaDB ended at its start"
        try:
            pymysql.connect(host="127.0.0.1", port=port, user="root").close()
            return
        except pymysql.MySQLError:
            time.sleep(0.1)
    raise AssertionError("MariaDB does not answer")
