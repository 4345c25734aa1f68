"""Milliseconds that the guard takes for a query, against its limit of 3 ms.

    python -m benchmarks.guard

Questions are those of a schema of 200 tables with 12 columns each; half of them under a policy that
narrows and masks, which is the dearer half.
"""

import time

import numpy as np

from benchmarks.results import record
from stoa.core.tables.catalogue import Catalogue, Column, Table
from stoa.core.tables.guard import Policy, guard

TABLES = 200
ROUNDS = 10
LIMIT_MS = 3.0
QUERIES = (
    "SELECT count(*) FROM {a}",
    "SELECT region, sum(amount) AS total FROM {a} WHERE day >= '2024-01-01' GROUP BY region"
    " ORDER BY total DESC LIMIT 10",
    "SELECT x.name, count(*) AS n FROM {a} x JOIN {b} y ON y.{a}_id = x.id WHERE y.amount > 100"
    " AND lower(x.name) LIKE '%a%' GROUP BY x.name HAVING count(*) > 2 ORDER BY n DESC LIMIT 5",
    "WITH t AS (SELECT {a}_id, sum(amount) AS s FROM {b} GROUP BY {a}_id) SELECT x.name, t.s,"
    " rank() OVER (ORDER BY t.s DESC) AS place FROM {a} x JOIN t ON t.{a}_id = x.id ORDER BY place",
    "SELECT name FROM {a} WHERE id IN (SELECT {a}_id FROM {b} WHERE amount > (SELECT avg(amount)"
    " FROM {b})) AND NOT EXISTS (SELECT 1 FROM {b} z WHERE z.{a}_id = {a}.id AND z.region IS NULL)",
)


def catalogue() -> Catalogue:
    """200 tables in a chain, each pointing at the one before."""
    return Catalogue(dialect="postgresql", tables=tuple(_table(number) for number in range(TABLES)))


def _table(number: int) -> Table:
    names = ["id", "name", "region", "amount", "day", f"table{number - 1}_id"]
    names += [f"extra{place}" for place in range(6)]
    return Table(
        name=f"table{number}",
        columns=tuple(Column(name=name, type="text", kind="text") for name in names),
    )


def main() -> None:
    tables = catalogue()
    narrowed = Policy(
        rows={f"table{n}": "region = 'north'" for n in range(0, TABLES, 2)},
        masked={f"table{n}": frozenset({"extra0"}) for n in range(0, TABLES, 2)},
    )
    guard("SELECT 1", tables, Policy(), limit=1000)  # reads the parser in
    taken = []
    for policy in (Policy(), narrowed):
        for _ in range(ROUNDS):
            for number in range(0, TABLES - 1, 20):
                for query in QUERIES:
                    sql = query.format(a=f"table{number}", b=f"table{number + 1}")
                    began = time.perf_counter()
                    guard(sql, tables, policy, limit=1000)
                    taken.append((time.perf_counter() - began) * 1000)
    p50, p99 = np.percentile(taken, [50, 99])
    record("guard, p50", float(p50), "ms", "limit", LIMIT_MS, f"{len(taken)} queries, 200 tables")
    record("guard, p99", float(p99), "ms", "limit", LIMIT_MS, f"{len(taken)} queries, 200 tables")


if __name__ == "__main__":
    main()
