"""What types are to us, and keys that nobody declared."""

import sqlite3
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from stoa.core.tables.catalogue import Catalogue, Column, Kind, Table
from stoa.core.tables.databases import Profiling, ReadOnlyDatabase
from stoa.core.tables.inferring import points_at
from stoa.core.tables.kinds import kind_of, kind_of_values
from stoa.core.tables.profiling import hide, scalar

KINDS: list[tuple[str, Kind]] = [
    ("VARCHAR(20)", "text"),
    ("character varying", "text"),
    ("NVARCHAR(160)", "text"),
    ("uuid", "text"),
    ("mood", "other"),
    ("ENUM('a')", "text"),
    ("INTEGER", "integer"),
    ("int8", "integer"),
    ("HUGEINT", "integer"),
    ("tinyint(1)", "boolean"),
    ("TINYINT", "integer"),
    ("bool", "boolean"),
    ("NUMERIC(10, 2)", "number"),
    ("double precision", "number"),
    ("money", "number"),
    ("DATE", "date"),
    ("daterange", "other"),
    ("int4range", "other"),
    ("timestamp without time zone", "timestamp"),
    ("DATETIME", "timestamp"),
    ("timestamptz", "timestamp"),
    ("time", "time"),
    ("interval", "other"),
    ("bytea", "bytes"),
    ("LONGBLOB", "bytes"),
    ("VARBINARY(20)", "bytes"),
    ("jsonb", "other"),
    ("INTEGER[]", "other"),
    ("STRUCT(a INTEGER)", "other"),
    ("point", "other"),
    ("", "other"),
]


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_kinds_of_types(name: str, kind: Kind) -> None:
    assert kind_of(name, "postgresql") == kind


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, None, 2], "integer"),
        ([1, 2.5], "number"),
        ([Decimal("1.5")], "number"),
        (["2024-01-05", "2024-02-05"], "date"),
        (["2024-01-05 10:00:00", None], "timestamp"),
        (["2024-01-05", "soon"], "text"),
        ([b"x"], "bytes"),
        ([True], "boolean"),
        ([date(2024, 1, 5)], "date"),
        ([datetime(2024, 1, 5)], "timestamp"),
        ([1, "a"], "other"),
        ([None], "other"),
    ],
)
def test_kinds_of_values(values: list[Any], kind: Kind) -> None:
    assert kind_of_values(values) == kind


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Decimal("3.00"), 3),
        (Decimal("3.50"), 3.5),
        (Decimal("NaN"), None),
        (float("inf"), None),
        (date(2024, 1, 5), "2024-01-05"),
        (b"x", None),
        (True, True),
    ],
)
def test_values_of_the_catalogue_are_json(value: Any, plain: Any) -> None:
    assert scalar(value) == plain


@pytest.mark.parametrize(
    ("column", "table", "key", "points"),
    [
        ("customer_id", "customers", "id", True),
        ("customerId", "Customer", "Id", True),
        ("category_id", "categories", "id", True),
        ("merchant_id", "merchants", "mid", True),
        ("sbTxCustId", "sbCustomer", "sbCustId", True),
        ("aid", "author", "aid", True),
        ("id", "customers", "id", False),
        ("name", "product", "name", False),
        ("order_id", "customers", "id", False),
        ("paid", "author", "aid", False),
        ("valid", "customers", "id", False),
    ],
)
def test_names_that_point_at_a_key(column: str, table: str, key: str, points: bool) -> None:
    primary = Column(name=key, type="int", kind="integer", primary_key=True)
    other = Table(name=table, columns=(primary,))
    assert points_at(Column(name=column, type="int", kind="integer"), other, primary) is points


def _filled(path: Path, *statements: str) -> str:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return f"sqlite:///{path}"


@pytest.mark.parametrize(("member", "found"), [(2, 1), (9, 0)])
async def test_a_key_is_inferred_only_where_every_value_is_one(
    tmp_path: Path, member: int, found: int
) -> None:
    url = _filled(
        tmp_path / "club.sqlite",
        "CREATE TABLE members (id INTEGER PRIMARY KEY)",
        "CREATE TABLE visits (visit INTEGER PRIMARY KEY, member_id INTEGER)",
        "INSERT INTO members VALUES (1), (2)",
        f"INSERT INTO visits VALUES (1, 1), (2, NULL), (3, {member})",
    )
    async with ReadOnlyDatabase(url) as database:
        visits = (await database.reflect()).table("visits")
    assert visits is not None
    assert len(visits.foreign_keys) == found
    assert all(key.inferred and key.to_table == "members" for key in visits.foreign_keys)


async def test_names_with_quotes_and_spaces_are_read(tmp_path: Path) -> None:
    url = _filled(
        tmp_path / "odd.sqlite",
        'CREATE TABLE "a ""b"" c; --" ("x y" INTEGER, "select" TEXT)',
        'INSERT INTO "a ""b"" c; --" VALUES (1, \'u\'), (2, \'v\')',
    )
    async with ReadOnlyDatabase(url) as database:
        table = (await database.reflect()).tables[0]
    assert (table.name, table.rows) == ('a "b" c; --', 2)
    assert [column.values for column in table.columns] == [(1, 2), ("u", "v")]


async def test_many_values_are_counted_and_not_listed(tmp_path: Path) -> None:
    url = _filled(
        tmp_path / "many.sqlite",
        "CREATE TABLE t (word TEXT, long TEXT)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80)"
        " INSERT INTO t SELECT 'word ' || i, '" + "x" * 300 + "' FROM n",
    )
    async with ReadOnlyDatabase(url) as database:
        word, long = (await database.reflect(Profiling(most_values=50))).tables[0].columns
    assert (word.distinct, word.values, len(word.samples)) == (80, None, 5)
    assert (long.distinct, long.values, long.samples) == (1, None, ())


async def test_without_time_the_structure_remains(tmp_path: Path) -> None:
    url = _filled(tmp_path / "t.sqlite", "CREATE TABLE t (a INTEGER)", "INSERT INTO t VALUES (1)")
    async with ReadOnlyDatabase(url) as database:
        table = (await database.reflect(Profiling(seconds=0))).tables[0]
    assert (table.rows, table.columns[0].kind, table.columns[0].distinct) == (None, "integer", None)


def test_hidden_columns_take_their_keys_along() -> None:
    column = Column(name="secret_id", type="int", kind="integer")
    catalogue = Catalogue(dialect="sqlite", tables=(Table(name="t", columns=(column,)),))
    assert hide(catalogue, ("T.SECRET*",)).tables[0].columns == ()
    assert hide(catalogue, ("t",)).tables == ()
