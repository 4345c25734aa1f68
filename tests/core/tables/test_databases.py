"""The four drivers on real databases: what they give, what they refuse, how they end."""

import asyncio
import socket
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stoa.base.errors import ProviderError, QueryFailed, QueryTimeout, SetupError
from stoa.core.tables.databases import ReadOnlyDatabase
from stoa.core.tables.profiling import Profiling
from tests.conftest import fresh_postgres

LIMITS: dict[str, Any] = {"seconds": 30, "rows": 100, "bytes": 100_000}
SLOW = {
    "sqlite": "SELECT count(*) FROM orders a, orders b, orders c, orders d, orders e, orders f,"
    " orders g, orders h, orders i, orders j, orders k, orders l, orders m, orders n, orders o",
    "duckdb": "SELECT count(*) FROM range(10000000000) a WHERE hash(a.range) = 1",
    "postgresql": "SELECT count(*) FROM generate_series(1, 10000000000)",
    "mysql": "SELECT benchmark(1000000000000, md5('x'))",
}
MANY = {
    "sqlite": "SELECT a.id, '"
    + "x" * 60
    + "' FROM "
    + ", ".join(f"orders {n}" for n in "abcdefghijkl"),
    "duckdb": f"SELECT range, '{'x' * 60}' FROM range(10000000)",
    "postgresql": f"SELECT generate_series(1, 10000000), '{'x' * 60}'",
    "mysql": f"SELECT seq, '{'x' * 60}' FROM seq_1_to_10000000",
}


async def test_rows_come_with_names_and_kinds(shop: ReadOnlyDatabase) -> None:
    found = await shop.run("SELECT id, name, region FROM customer ORDER BY id", **LIMITS)
    assert found.columns == (("id", "integer"), ("name", "text"), ("region", "text"))
    assert found.rows == [(1, "Ada", "north"), (2, "Ben", "south"), (3, "Cem", "north")]
    assert not found.truncated


async def test_numbers_and_dates_have_their_kinds(shop: ReadOnlyDatabase) -> None:
    found = await shop.run(
        "SELECT o.ordered_on, p.price FROM orders o JOIN product p ON p.id = o.product_id"
        " WHERE o.id = 1",
        **LIMITS,
    )
    assert [kind for _, kind in found.columns] == ["date", "number"]
    assert str(found.rows[0][0]) == "2024-01-05"
    assert float(found.rows[0][1]) == 12.5


async def test_rows_are_capped(shop: ReadOnlyDatabase) -> None:
    found = await shop.run("SELECT id FROM orders ORDER BY id", seconds=30, rows=2, bytes=10_000)
    assert (found.rows, found.truncated) == ([(1,), (2,)], True)
    again = await shop.run("SELECT count(*) FROM orders", **LIMITS)
    assert again.rows == [(4,)]


async def test_bytes_are_capped(shop: ReadOnlyDatabase) -> None:
    found = await shop.run("SELECT name FROM customer", seconds=30, rows=10, bytes=7)
    assert (len(found.rows), found.truncated) == (2, True)


@pytest.mark.slow
async def test_ten_million_rows_are_capped_in_flat_memory(shop: ReadOnlyDatabase) -> None:
    tracemalloc.start()
    try:
        found = await shop.run(MANY[shop.dialect], seconds=60, rows=5_000, bytes=10**7)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found.rows) == 5_000
    assert found.truncated
    assert peak < 20 * 2**20


async def test_a_slow_query_is_stopped(shop: ReadOnlyDatabase) -> None:
    with pytest.raises(QueryTimeout) as caught:
        await shop.run(SLOW[shop.dialect], seconds=0.3, rows=1, bytes=100)
    assert caught.value.hint
    assert (await shop.run("SELECT 1", **LIMITS)).rows == [(1,)]


async def test_a_cancelled_task_stops_the_query_in_the_database(shop: ReadOnlyDatabase) -> None:
    """With four threads and four connections, five stuck queries would leave none to answer."""
    for _ in range(5):
        task = asyncio.create_task(shop.run(SLOW[shop.dialect], seconds=600, rows=1, bytes=100))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (await shop.run("SELECT 1", **LIMITS)).rows == [(1,)]


async def test_many_at_once_share_the_connections(shop: ReadOnlyDatabase) -> None:
    asked = [shop.run(f"SELECT {n}", **LIMITS) for n in range(20)]
    assert [found.rows[0][0] for found in await asyncio.gather(*asked)] == list(range(20))


async def test_what_the_database_says_is_told(shop: ReadOnlyDatabase) -> None:
    with pytest.raises(QueryFailed, match="nothing_here"):
        await shop.run("SELECT nothing_here FROM customer", **LIMITS)
    assert (await shop.run("SELECT 1", **LIMITS)).rows == [(1,)]


async def test_explain_does_not_run(shop: ReadOnlyDatabase) -> None:
    plan = await shop.explain(SLOW[shop.dialect])
    assert plan.strip()
    with pytest.raises(QueryFailed):
        await shop.explain("SELECT nothing_here FROM customer")


async def test_the_login_only_reads(shop: ReadOnlyDatabase) -> None:
    health = await shop.check()
    assert health.read_only
    assert health.warnings == ()
    assert health.server_version


async def test_reflection(shop: ReadOnlyDatabase) -> None:
    catalogue = await shop.reflect()
    assert [table.key for table in catalogue.tables] == [
        "big_orders",
        "customer",
        "orders",
        "product",
    ]
    orders, customer = catalogue.table("orders"), catalogue.table("customer")
    assert orders is not None
    assert customer is not None
    assert [(c.name, c.kind, c.primary_key) for c in orders.columns] == [
        ("id", "integer", True),
        ("customer_id", "integer", False),
        ("product_id", "integer", False),
        ("quantity", "integer", False),
        ("ordered_on", "date", False),
    ]
    assert [(k.columns, k.to_table, k.to_columns, k.inferred) for k in orders.foreign_keys] == [
        (("customer_id",), "customer", ("id",), False),
        (("product_id",), "product", ("id",), True),
    ]
    ordered = orders.columns[4]
    assert (ordered.minimum, ordered.maximum) == ("2024-01-05", "2024-03-01")
    region = customer.columns[2]
    assert (region.distinct, region.values) == (2, ("north", "south"))
    assert (customer.rows, orders.rows) == (3, 4)
    view = catalogue.table("big_orders")
    assert view is not None
    assert view.is_view


async def test_values_that_nobody_may_read_are_not_read(shop: ReadOnlyDatabase) -> None:
    catalogue = await shop.reflect(Profiling(hidden=("product", "*.email"), unread=("*.name",)))
    assert catalogue.table("product") is None
    customer = catalogue.table("customer")
    assert customer is not None
    assert [column.name for column in customer.columns] == ["id", "name", "region"]
    name = customer.columns[1]
    assert (name.samples, name.values, name.distinct) == ((), None, None)


async def test_a_powerful_postgres_login_is_refused(postgres_url: str) -> None:
    async with ReadOnlyDatabase(postgres_url) as opened:
        health = await opened.check()
        assert not health.read_only
        assert "superuser" in health.warnings[0]
        with pytest.raises(SetupError, match="superuser") as caught:
            await opened.run("SELECT 1", **LIMITS)
        assert caught.value.hint


async def test_a_postgres_login_that_may_write_is_told(postgres_server: str) -> None:
    import psycopg  # noqa: PLC0415 - optional part

    with fresh_postgres(postgres_server) as admin:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute("CREATE TABLE t (a int)")
            connection.execute("CREATE ROLE writer_of_tests LOGIN")
            connection.execute("GRANT SELECT, INSERT ON t TO writer_of_tests")
        try:
            url = admin.replace("postgres:@", "writer_of_tests@")
            async with ReadOnlyDatabase(url) as opened:
                health = await opened.check()
                assert not health.read_only
                assert health.warnings == ("The login may write: 1 tables.",)
                with pytest.raises(QueryFailed):
                    await opened.run("INSERT INTO t VALUES (1)", **LIMITS)
                assert (await opened.run("SELECT count(*) FROM t", **LIMITS)).rows == [(0,)]
        finally:
            with psycopg.connect(admin, autocommit=True) as connection:
                connection.execute("DROP OWNED BY writer_of_tests")
                connection.execute("DROP ROLE writer_of_tests")


async def test_a_powerful_mariadb_login_is_refused(mariadb_server: str) -> None:
    async with ReadOnlyDatabase(mariadb_server) as opened:
        health = await opened.check()
        assert not health.read_only
        with pytest.raises(SetupError, match="powers"):
            await opened.run("SELECT 1", **LIMITS)


@pytest.mark.parametrize(
    "url", ["postgresql://nobody:s3cret@127.0.0.1:9/x", "mysql://nobody:s3cret@127.0.0.1:9/x"]
)
async def test_a_database_that_is_down(url: str) -> None:
    async with ReadOnlyDatabase(url) as opened:
        for ask in (opened.check, lambda: opened.run("SELECT 1", **LIMITS), opened.reflect):
            with pytest.raises(ProviderError, match="does not answer") as caught:
                await ask()
            assert caught.value.retryable
            assert caught.value.hint
            assert "s3cret" not in _everything(caught.value)


def _everything(error: BaseException) -> str:
    """The message and those of all causes."""
    seen: BaseException | None = error
    text = ""
    while seen is not None:
        text += repr(seen) + str(seen)
        seen = seen.__cause__
    return text


@pytest.mark.parametrize(
    ("fixture", "setting", "asking"),
    [
        (
            "postgresql_shop",
            "SELECT set_config('work_mem', '99MB', false)",
            "SELECT current_setting('work_mem')",
        ),
        ("mysql_shop", "SELECT @kept := '99MB'", "SELECT @kept"),
    ],
)
async def test_settings_of_one_query_do_not_reach_the_next(
    request: pytest.FixtureRequest, fixture: str, setting: str, asking: str
) -> None:
    """What a query may set on its session, were it to get through, is forgotten after it."""
    async with ReadOnlyDatabase(request.getfixturevalue(fixture)) as opened:
        assert (await opened.run(setting, **LIMITS)).rows == [("99MB",)]
        assert (await opened.run(asking, **LIMITS)).rows != [("99MB",)]


@pytest.mark.parametrize("scheme", ["sqlite", "duckdb"])
async def test_a_file_that_is_no_database(tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Nothing but text, and enough of it to fill the head of a file. " * 100)
    async with ReadOnlyDatabase(f"{scheme}:///{path}") as opened:
        for ask in (opened.check, opened.reflect):
            with pytest.raises(ProviderError, match=r"notes\.txt can't be read"):
                await ask()


async def test_a_session_that_the_server_ends_is_replaced(
    postgresql_shop: str, postgres_server: str
) -> None:
    import psycopg  # noqa: PLC0415 - optional part

    async with ReadOnlyDatabase(postgresql_shop) as opened:
        await opened.run("SELECT 1", **LIMITS)
        task = asyncio.create_task(
            opened.run("SELECT pg_sleep(100)", seconds=600, rows=1, bytes=100)
        )
        reader = postgresql_shop.split("//")[1].split(":")[0]
        with psycopg.connect(postgres_server, autocommit=True) as admin:
            for _ in range(600):
                ended = admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE usename = %s AND query LIKE 'FETCH%%'",
                    [reader],
                ).fetchall()
                if ended:
                    break
                await asyncio.sleep(0.05)
        with pytest.raises(ProviderError, match="does not answer"):
            await task
        assert (await opened.run("SELECT 1", **LIMITS)).rows == [(1,)]


async def test_parts_of_a_partitioned_table_are_read_through_the_whole(
    postgres_server: str,
) -> None:
    import psycopg  # noqa: PLC0415 - optional part

    with fresh_postgres(postgres_server) as admin:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute("CREATE TABLE whole (a int, b date) PARTITION BY LIST (a)")
            connection.execute("CREATE TABLE part PARTITION OF whole FOR VALUES IN (1)")
            connection.execute("CREATE SCHEMA other")
            connection.execute("CREATE TYPE mood AS ENUM ('sad', 'glad')")
            connection.execute("CREATE TABLE other.t (m mood)")
        async with ReadOnlyDatabase(admin) as opened:
            catalogue = await opened.reflect(Profiling(values=False))
    assert [table.key for table in catalogue.tables] == ["other.t", "whole"]
    assert catalogue.default_schema == "public"
    assert catalogue.tables[0].columns[0].type == "mood"
    assert catalogue.tables[0].columns[0].kind == "text"


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
async def test_a_server_that_says_nothing_is_given_up(scheme: str) -> None:
    """Something listens, takes the connection and never speaks."""
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        url = f"{scheme}://me@127.0.0.1:{silent.getsockname()[1]}/shop"
        async with ReadOnlyDatabase(url) as opened:
            with pytest.raises(ProviderError):
                await opened.check()


async def test_duckdb_writes_no_file_for_what_is_larger_than_memory(duckdb_shop: str) -> None:
    async with ReadOnlyDatabase(duckdb_shop) as shop:
        sql = "SELECT current_setting('temp_directory')"
        assert (await shop.run(sql, **LIMITS)).rows == [("",)]


async def test_sqlite_makes_no_text_that_a_function_takes_hours_for(sqlite_shop: str) -> None:
    """`replace` is not interrupted and takes the square of a text's length."""
    text = f"SELECT '{'a' * 10_000}' AS x"
    for _ in range(7):
        text = f"SELECT x || x AS x FROM ({text})"
    async with ReadOnlyDatabase(sqlite_shop) as shop:
        with pytest.raises(QueryFailed, match="too big"):
            await shop.run(f"SELECT length(replace(x, x || 'b', '')) FROM ({text})", **LIMITS)
