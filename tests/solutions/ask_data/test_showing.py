"""How rows are told and shown: sentences, charts by shape, values, cards of tables."""

import io
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from stoa.core.tables.catalogue import Catalogue, Column, ForeignKey, Table
from stoa.core.tables.guard import Policy
from stoa.solutions.ask_data.cards import card, within_budget
from stoa.solutions.ask_data.charting import suggest
from stoa.solutions.ask_data.choosing import _with_neighbours
from stoa.solutions.ask_data.exporting import as_parquet
from stoa.solutions.ask_data.knowing import Known
from stoa.solutions.ask_data.results import cell, heading, told
from stoa.solutions.ask_data.schema import ResultColumn, ResultTable
from stoa.solutions.ask_data.tables import ConnectionRow
from stoa.solutions.ask_data.writing import write

VALUES: list[tuple[Any, Any]] = [
    (None, None),
    (True, True),
    (7, 7),
    (726.6800000000002, 726.68),
    (float("nan"), None),
    (Decimal("12.50"), 12.5),
    (Decimal("12"), 12),
    (Decimal("NaN"), None),
    (date(2024, 5, 1), "2024-05-01"),
    (datetime(2024, 5, 1, 7), "2024-05-01 07:00:00"),
    (timedelta(hours=1), "1:00:00"),
    (b"\x01\xff", "0x01ff"),
]


@pytest.mark.parametrize(("value", "shown"), VALUES, ids=repr)
def test_values_travel_as_json(value: Any, shown: Any) -> None:
    assert cell(value) == shown
    assert type(cell(value)) is type(shown)


@pytest.mark.parametrize(
    ("name", "words"),
    [("total_sales", "total sales"), ("TotalSales", "total sales"), ("sbTxID", "sb tx ID")],
)
def test_columns_read_as_words(name: str, words: str) -> None:
    assert heading(name) == words


WRITTEN: list[tuple[list[str], list[list[Any]], str]] = [
    (["trips"], [], "No records match the question."),
    (["trips"], [[None]], "No value is recorded for this."),
    (["trips"], [[1234]], "Trips: 1,234."),
    (["count(*)"], [[5]], "It is 5."),
    (["name", "trips"], [["Ada", 3]], "Name: Ada, trips: 3."),
    (["name"], [["Ada"], ["Ben"]], "There are 2 results: Ada and Ben."),
    (["name", "n"], [["Ada", 3], ["Ben", None]], "There are 2 results: Ada (3) and Ben."),
    (
        ["period", "trips"],
        [[2024, 1380], [2025, 2]],
        "There are 2 results: 2024 (1,380) and 2025 (2).",
    ),
    (["CustomerID", "years"], [[12345, 1200]], "Customer ID: 12345, years: 1,200."),
]


@pytest.mark.parametrize(("columns", "rows", "text"), WRITTEN)
def test_rows_are_told_in_words(columns: list[str], rows: list[list[Any]], text: str) -> None:
    assert write(columns, rows, len(rows)) == text


def test_many_rows_are_told_by_the_first() -> None:
    text = write(["name"], [[f"n{n}"] for n in range(30)], 30, truncated=True)
    assert text == "There are more than 30 results. The first 5 are n0, n1, n2, n3 and n4."
    assert told(1234.5) == "1,234.5"


SHAPES: list[tuple[list[tuple[str, Any]], list[list[Any]], str]] = [
    ([("town", "text"), ("trips", "integer")], [["A", 1], ["B", 2]], "bar town trips"),
    ([("day", "date"), ("trips", "integer")], [["2024-01-01", 1], ["2024-01-02", 2]], "line day trips"),
    ([("year", "integer"), ("fee", "number")], [[2023, 1.5], [2024, 2.5]], "line year fee"),
    ([("period", "text"), ("n", "integer")], [["2024-01", 1], ["2024-02", 2]], "line period n"),
    ([("town", "text"), ("trips", "integer")], [["A", 1]], ""),
    ([("town", "text"), ("trips", "integer")], [["A", 1], ["A", 2]], ""),
    ([("town", "text"), ("gain", "number")], [["A", 1], ["B", -2]], ""),
    ([("town", "text"), ("name", "text")], [["A", "x"], ["B", "y"]], ""),
    ([("town", "text"), ("town_id", "integer")], [["A", 1], ["B", 2]], ""),
    ([("town", "text"), ("n", "integer")], [[f"t{n}", n] for n in range(31)], ""),
]  # fmt: skip


@pytest.mark.parametrize(("columns", "rows", "chart"), SHAPES)
def test_the_chart_follows_the_shape(
    columns: list[tuple[str, Any]], rows: list[list[Any]], chart: str
) -> None:
    made = suggest([ResultColumn(name=name, kind=kind) for name, kind in columns], rows)
    assert ("" if made is None else f"{made.kind} {made.label} {made.value}") == chart


def wide(name: str, *refers: str, columns: int = 3) -> Table:
    keys = tuple(
        ForeignKey(columns=(f"{other}_id",), to_table=other, to_columns=("id",)) for other in refers
    )
    made = [
        Column(name=f"column_{n}", type="TEXT", kind="text", comment="c" * 50)
        for n in range(columns)
    ]
    return Table(name=name, columns=tuple(made), foreign_keys=keys)  # fmt: skip


def test_a_prompt_keeps_its_budget() -> None:
    tables = [wide(f"table_{n}", columns=20) for n in range(50)]
    for budget in (500, 2000, 6000):
        shown = within_budget(tables, budget)
        assert shown
        assert sum(len(text) for text in shown) / 3 <= budget * 1.05
    assert "refers to town.id" not in card(wide("trip", "town"))
    assert within_budget(tables[:2], 10_000) == [card(tables[0]), card(tables[1])]


def test_neighbours_come_along() -> None:
    customer, product = wide("customer"), wide("product")
    order, line = wide("order", "customer"), wide("line", "order", "product")
    catalogue = Catalogue(dialect="sqlite", tables=(customer, product, order, line, wide("log")))
    known = Known(ConnectionRow(), catalogue, Policy(), catalogue, "")
    chosen = [table.name for table in _with_neighbours(known, [customer, line])]
    assert chosen[:2] == ["customer", "line"]
    assert set(chosen[2:]) == {"order", "product"}


def test_every_column_of_a_parquet_file_has_its_own_name() -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415

    names = ["name", "name", "name_2", "name"]
    columns = [ResultColumn(name=name, kind="integer") for name in names]
    table = ResultTable(columns=columns, rows=[[1, 2, 3, 4]], truncated=False)
    read = pq.read_table(io.BytesIO(as_parquet(table)))
    assert read.num_columns == len(set(read.column_names)) == 4
    assert list(read.to_pylist()[0].values()) == [1, 2, 3, 4]
