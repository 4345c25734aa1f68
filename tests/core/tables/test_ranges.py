"""Why a query finds nothing: which conditions lie beyond what the columns hold."""

import pytest

from stoa.core.tables.catalogue import Catalogue, Column, Table
from stoa.core.tables.guard import Policy, beyond, guard


def _catalogue(dialect: str = "sqlite") -> Catalogue:
    invoice = Table(
        name="Invoice",
        columns=(
            Column(name="id", type="INTEGER", kind="integer", minimum=1, maximum=412),
            Column(
                name="day", type="DATETIME", kind="timestamp",
                minimum="2021-01-01T00:00:00", maximum="2025-12-22T00:00:00",
            ),
            Column(name="city", type="TEXT", kind="text"),
        ),
    )  # fmt: skip
    line = Table(
        name="Line",
        columns=(
            Column(name="invoice_id", type="INTEGER", kind="integer", minimum=1, maximum=412),
            Column(name="price", type="NUMERIC", kind="number", minimum=0.99, maximum=1.99),
        ),
    )
    return Catalogue.model_validate({"dialect": dialect, "tables": (invoice, line)})


@pytest.mark.parametrize(
    ("condition", "columns"),
    [
        ("i.day >= '2012-01-01' AND i.day < '2013-01-01'", ["day"]),
        ("day BETWEEN '2026-01-01' AND '2026-12-31'", ["day"]),
        ("strftime('%Y', i.day) = '2012'", ["day"]),
        ("CAST(strftime('%Y', i.day) AS INTEGER) = 2012", ["day"]),
        ("i.id > 412.5", ["id"]),
        ("412.5 < i.id", ["id"]),
        ("i.id IN (500, 600)", ["id"]),
        ("l.price = 3 AND i.day > '2030-01-01'", ["price", "day"]),
        # What some row may match, or what is more than a plain condition, is passed over.
        ("i.id IN (5, 600)", []),
        ("i.day >= '2025-12-22'", []),
        ("i.day < '2021-01-01 05:00:00'", []),
        ("i.day > '2030-01-01' OR i.id = 1", []),
        ("NOT i.day > '2030-01-01'", []),
        ("strftime('%m', i.day) = '13'", []),
        ("i.city = 'Nowhere'", []),
        ("i.id > l.invoice_id", []),
        ("abs(i.id) > 5000", []),
        ("i.id = 'x'", []),
        ("i.id = -3", ["id"]),
    ],
)
def test_conditions_beyond_what_the_columns_hold(condition: str, columns: list[str]) -> None:
    catalogue = _catalogue()
    sql = f"SELECT i.city FROM Invoice AS i JOIN Line AS l ON l.invoice_id = i.id WHERE {condition}"
    passed = guard(sql, catalogue, Policy(), limit=10).sql
    assert [column.name for column in beyond(passed, catalogue)] == columns


def test_postgresql_and_mysql_speak_of_years_their_own_way() -> None:
    for dialect, year in (("postgresql", "EXTRACT(YEAR FROM day)"), ("mysql", "YEAR(day)")):
        catalogue = _catalogue(dialect)
        table = '"Invoice"' if dialect == "postgresql" else "Invoice"
        passed = guard(
            f"SELECT city FROM {table} WHERE {year} = 2012", catalogue, Policy(), limit=10
        )
        assert [column.name for column in beyond(passed.sql, catalogue)] == ["day"]


def test_inner_selects_are_looked_at_and_outer_joins_are_not() -> None:
    catalogue = _catalogue()
    inner = "SELECT count(*) FROM (SELECT id FROM Invoice WHERE day > '2030-01-01') AS x"
    outer = (
        "SELECT i.id FROM Invoice AS i LEFT JOIN Line AS l ON l.price > 5 AND l.invoice_id = i.id"
    )
    for sql, columns in ((inner, ["day"]), (outer, [])):
        passed = guard(sql, catalogue, Policy(), limit=10).sql
        assert [column.name for column in beyond(passed, catalogue)] == columns
