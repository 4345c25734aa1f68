"""Comparing results: what counts as the same, and what must not."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from stoa.solutions.ask_data.comparing import compare, gold_queries, ranking_of

GOLD_ENTRIES: list[tuple[str, list[str]]] = [
    ("SELECT 1", ["SELECT 1"]),
    ("SELECT 1; SELECT ';' ;", ["SELECT 1", "SELECT ';'"]),
    ("SELECT {a, b} FROM t", ["SELECT a FROM t", "SELECT b FROM t", "SELECT a, b FROM t"]),
    (
        "SELECT {a AS x, b}, count(*) FROM t GROUP BY {}",
        [
            "SELECT a AS x, count(*) FROM t GROUP BY a",
            "SELECT b, count(*) FROM t GROUP BY b",
            "SELECT a AS x, b, count(*) FROM t GROUP BY a, b",
        ],
    ),
]


@pytest.mark.parametrize(("entry", "queries"), GOLD_ENTRIES)
def test_a_gold_entry_spells_out_what_it_accepts(entry: str, queries: list[str]) -> None:
    assert gold_queries(entry) == queries


RESULTS: list[tuple[list[Any], list[Any], str]] = [
    ([], [], "equal"),
    ([(1,)], [], "different"),
    ([(1,), (2,)], [(2,), (1,)], "equal"),
    ([(1,), (1,), (2,)], [(1,), (2,), (2,)], "different"),
    ([(1, "a"), (2, "b")], [("b", 2), ("a", 1)], "equal"),
    ([(1, 2), (2, 1)], [(1, 1), (2, 2)], "different"),
    ([(1, "a"), (2, "b")], [("a", 9, 1), ("b", 8, 2)], "more_columns"),
    ([(1, 9, "a")], [(1, "a")], "different"),
    ([(Decimal("10.50"),)], [(10.5,)], "equal"),
    ([(1 / 3,)], [(0.333333,)], "equal"),
    ([(1 / 3,)], [(0.3334,)], "different"),
    ([(True,)], [(1,)], "equal"),
    ([("2012",)], [(2012,)], "equal"),
    ([(date(2024, 5, 1),)], [("2024-05-01 00:00:00",)], "equal"),
    ([(datetime(2024, 5, 1, 7, 30),)], [("2024-05-01T07:30",)], "equal"),
    ([(date(2024, 5, 1),)], [("2024-05-02",)], "different"),
    ([(None,)], [(0,)], "different"),
    ([(None,)], [("",)], "different"),
    ([("a ", 1)], [("a", 1)], "equal"),
    ([("A", 1)], [("a", 1)], "different"),
]


@pytest.mark.parametrize(("gold", "found", "verdict"), RESULTS)
def test_results_compare_as_bags_of_rows(gold: Any, found: Any, verdict: str) -> None:
    assert compare(gold, found) == verdict


def test_many_alike_columns_end() -> None:
    wide = [tuple([0] * 12 + [n]) for n in range(20)]
    assert compare(wide, wide) == "equal"


def test_a_tie_at_the_cut_may_fall_either_way() -> None:
    ranking = ranking_of(
        "SELECT name, count(*) n FROM t GROUP BY 1 ORDER BY n DESC LIMIT 2", "sqlite"
    )
    assert ranking is not None
    assert "LIMIT" not in ranking.sql.upper()
    assert ranking.keys == 1
    everything = [("ann", 9, 9), ("bob", 5, 5), ("cat", 5, 5), ("dan", 1, 1)]
    assert ranking.accepts(everything, [("ann", 9), ("bob", 5)]) == "equal"
    assert ranking.accepts(everything, [("cat", 5), ("ann", 9)]) == "equal"
    assert ranking.accepts(everything, [("bob", 5), ("cat", 5)]) == "different"
    assert ranking.accepts(everything, [("ann", 9), ("dan", 1)]) == "different"
    assert ranking.accepts(everything, [("ann", 9)]) == "different"


@pytest.mark.parametrize(
    "sql",
    ["SELECT a FROM t", "SELECT a FROM t LIMIT 3", "SELECT a FROM t ORDER BY a", "no sql at all ("],
)
def test_what_is_no_cut_ranking_has_no_ties(sql: str) -> None:
    assert ranking_of(sql, "postgres") is None
