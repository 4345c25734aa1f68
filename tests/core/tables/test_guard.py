"""The guard: every attack refused, every rightful query let through, policies that nothing gets past."""

import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stoa.base.errors import Refused
from stoa.core.tables.catalogue import Catalogue, Column, Dialect, Table
from stoa.core.tables.guard import Policy, check_policy, guard
from stoa.core.tables.guarding.allowed import NODES
from stoa.core.tables.guarding.parsing import check_parts, parse, print_sql
from tests.core.tables.corpus import DIALECTS, Attack, attacks, legitimate, shop_catalogue

OPEN = Policy()
NORTH = Policy(rows={"customer": "region = 'north'"}, masked={"customer": frozenset({"email"})})


def test_the_lists_are_long_enough() -> None:
    assert len({attack.sql for attack in attacks()}) >= 150
    assert len({sql for _, sql in legitimate()}) >= 100


@pytest.mark.parametrize("attack", attacks(), ids=lambda a: f"{a.dialect}: {a.sql[:50]}")
def test_attacks_are_refused(attack: Attack) -> None:
    with pytest.raises(Refused) as caught:
        guard(attack.sql, shop_catalogue(attack.dialect), OPEN, limit=100)
    assert caught.value.hint


@pytest.mark.parametrize(("dialect", "sql"), legitimate())
def test_rightful_queries_pass_and_pass_again(dialect: Dialect, sql: str) -> None:
    catalogue = shop_catalogue(dialect)
    for policy in (OPEN, Policy(rows={"customer": "region = 'north'"}, tables=_ALL)):
        once = guard(sql, catalogue, policy, limit=100)
        again = guard(once.sql, catalogue, policy, limit=100)
        assert (again.sql, again.limit) == (once.sql, once.limit)
        assert set(again.tables) == set(once.tables)
        assert "--" not in once.sql.replace("'a -- b'", "")
        assert "/*" not in once.sql


@pytest.mark.parametrize(
    ("sql", "known"),
    [
        (
            "SELECT id FROM orders QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY id) = 1",
            {"duckdb"},
        ),
        (
            "SELECT id FROM (SELECT id FROM orders QUALIFY row_number() OVER (ORDER BY id) = 1 LIMIT 3) t",
            {"duckdb"},
        ),
        (
            "SELECT DISTINCT ON (customer_id) id FROM orders ORDER BY customer_id, id",
            {"duckdb", "postgresql"},
        ),
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_a_database_lacks_is_not_made_up(dialect: Dialect, sql: str, known: set[str]) -> None:
    """The parser's stand-in counts the LIMIT before it chooses: fewer rows than there are."""
    if dialect in known:
        assert _guard(sql, dialect=dialect).endswith("LIMIT 100")
    else:
        with pytest.raises(Refused, match="has no") as caught:
            _guard(sql, dialect=dialect)
        assert "row_number()" in caught.value.hint


@pytest.mark.parametrize("sql", ["FROM SELECT id", "FROM customer JOIN SELECT 1 AS id USING (id)"])
def test_a_query_to_read_from_stands_in_parentheses(sql: str) -> None:
    with pytest.raises(Refused):
        _guard(sql, dialect="duckdb")


_ALL = frozenset({"customer", "product", "orders", "big_orders"})


def _guard(
    sql: str, policy: Policy = OPEN, dialect: Dialect = "postgresql", limit: int = 100
) -> str:
    return guard(sql, shop_catalogue(dialect), policy, limit=limit).sql


def test_what_it_says_it_reads() -> None:
    found = guard(
        "SELECT c.name FROM customer c JOIN orders o ON o.customer_id = c.id WHERE o.quantity > 1",
        shop_catalogue("postgresql"),
        OPEN,
        limit=10,
    )
    assert found.tables == ("customer", "orders")
    assert found.columns == (
        ("customer", "id"),
        ("customer", "name"),
        ("orders", "customer_id"),
        ("orders", "quantity"),
    )
    assert found.limit == 10


@pytest.mark.parametrize(
    ("sql", "most"),
    [
        ("SELECT 1", 100),
        ("SELECT id FROM orders LIMIT 5", 5),
        ("SELECT id FROM orders LIMIT 5000", 100),
        ("SELECT id FROM orders LIMIT ALL", 100),
        ("SELECT id FROM orders FETCH FIRST 7 ROWS ONLY", 7),
        ("SELECT id FROM orders FETCH FIRST ROW ONLY", 1),
        ("SELECT id FROM orders UNION ALL SELECT id FROM customer", 100),
        ("(SELECT id FROM orders LIMIT 3)", 3),
        ("SELECT id FROM orders LIMIT 99999999999999999999", 100),
    ],
)
def test_the_limit_holds(sql: str, most: int) -> None:
    found = guard(sql, shop_catalogue("postgresql"), OPEN, limit=100)
    assert found.limit == most
    assert found.sql.endswith(f"LIMIT {most}")


@pytest.mark.parametrize(
    "clause", ["LIMIT 1 + 1", "LIMIT (SELECT 5)", "FETCH FIRST 5 ROWS WITH TIES"]
)
def test_a_limit_that_is_no_number_is_refused(clause: str) -> None:
    with pytest.raises(Refused):
        _guard(f"SELECT id FROM orders {clause}")


@pytest.mark.parametrize(
    ("sql", "hint"),
    [
        ("SELECT nam FROM customer", "name"),
        ("SELECT name FROM custmer", "customer"),
        ("SELECT c.quantty FROM orders c", "quantity"),
        ('SELECT id FROM customer WHERE name = "Ada"', "single quotes"),
    ],
)
def test_hints_help(sql: str, hint: str) -> None:
    with pytest.raises(Refused) as caught:
        _guard(sql)
    assert hint in caught.value.hint


def test_a_masked_table_is_replaced_wherever_it_stands() -> None:
    assert _guard("SELECT email FROM customer c", NORTH) == (
        'SELECT email FROM (SELECT "id", "name", "region", CASE WHEN 1 = 0 THEN "email" END AS'
        ' "email" FROM "customer" WHERE (region = \'north\') OFFSET 0) AS c LIMIT 100'
    )


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM product",
        "SELECT c.id FROM customer c JOIN product p ON p.id = c.id",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM product)",
        "SELECT id FROM customer UNION SELECT id FROM product",
        "WITH x AS (SELECT id FROM product) SELECT id FROM x",
        "SELECT (SELECT max(price) FROM product) FROM customer",
        "SELECT id FROM customer ORDER BY (SELECT max(price) FROM product)",
        "SELECT id FROM customer WHERE id IN (SELECT id FROM public.product)",
        "SELECT x.id FROM customer c, LATERAL (SELECT p.id FROM product p) x",
    ],
)
def test_tables_that_are_not_permitted_do_not_exist(sql: str) -> None:
    with pytest.raises(Refused, match="no table product"):
        _guard(sql, Policy(tables=frozenset({"customer"})))


@pytest.mark.parametrize(
    "policy",
    [NORTH, Policy(tables=frozenset({"orders"})), Policy(masked={"product": frozenset({"price"})})],
)
def test_views_are_closed_under_a_policy_that_does_not_name_them(policy: Policy) -> None:
    with pytest.raises(Refused):
        _guard("SELECT id FROM big_orders", policy)


def test_views_may_be_permitted_by_name() -> None:
    policy = Policy(tables=frozenset({"big_orders"}), rows={"big_orders": "quantity > 1"})
    assert "quantity > 1" in _guard("SELECT id FROM big_orders", policy)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "sql",
    [
        "WITH customer AS (SELECT 1 AS id) SELECT id FROM customer",
        "WITH Customer AS (SELECT 1 AS id) SELECT id FROM customer",
        "SELECT * FROM secrets WHERE 1 IN (WITH secrets AS (SELECT 1 AS a) SELECT a FROM secrets)",
        "WITH b AS (SELECT * FROM secrets), secrets AS (SELECT 1 AS a) SELECT * FROM b",
        "WITH secrets AS (SELECT * FROM secrets) SELECT * FROM secrets",
        'WITH "SECRETS" AS (SELECT 1 AS a) SELECT * FROM nothing',
    ],
)
def test_with_can_not_stand_for_a_table_out_of_its_scope(dialect: Dialect, sql: str) -> None:
    with pytest.raises(Refused):
        _guard(sql, dialect=dialect)


def test_a_quoted_name_of_another_case_is_another_name() -> None:
    with pytest.raises(Refused):
        _guard('WITH "SECRETS" AS (SELECT 1 AS a) SELECT a FROM secrets')
    with pytest.raises(Refused):
        _guard('SELECT "ID" FROM customer')


@pytest.mark.parametrize(
    "predicate",
    [
        "nothing = 1",
        "region = (SELECT max(region) FROM customer)",
        "1 = 1; DROP TABLE customer",
        "count(*) > 1",
        "pg_sleep(1) IS NULL",
        "true) UNION SELECT * FROM product WHERE (true",
        "",
        "true ORDER BY 1",
        "orders.id = 1",
    ],
)
def test_predicates_that_are_no_condition_close_the_table(predicate: str) -> None:
    policy = Policy(rows={"customer": predicate})
    with pytest.raises(Refused):
        check_policy(policy, shop_catalogue("postgresql"))
    with pytest.raises(Refused):
        _guard("SELECT id FROM customer", policy)


@pytest.mark.parametrize(
    "policy",
    [
        Policy(rows={"custmer": "region = 'north'"}),
        Policy(masked={"customer": frozenset({"emial"})}),
        Policy(masked={"Customer": frozenset({"email"})}),
    ],
)
def test_a_slip_in_a_policy_closes_instead_of_opening(policy: Policy) -> None:
    with pytest.raises(Refused, match="policy"):
        _guard("SELECT id FROM customer", policy)


def test_masks_have_no_case() -> None:
    policy = Policy(masked={"customer": frozenset({"EMAIL"})})
    assert 'CASE WHEN 1 = 0 THEN "email" END' in _guard("SELECT email FROM customer", policy)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "(" * 200 + "1" + ")" * 200,
        "SELECT " + "NOT " * 3000 + "1",
        "SELECT " + "- " * 3000 + "1",
        "SELECT " + "1 + " * 3000 + "1",
        "SELECT " + "CASE WHEN 1 = 1 THEN " * 100 + "1" + " END" * 100,
        "SELECT 1" + " UNION SELECT 1" * 1500,
        "SELECT " + "f(" * 500,
        "SELECT 1 WHERE " + "1 = 1 AND " * 1200 + "1 = 1",
        "SELECT " + "[" * 2000,
        "SELECT 1::" + "int::" * 900 + "int",
        "SELECT * FROM " + "(SELECT * FROM " * 100 + "customer" + ") x" * 100,
        "SELECT " + "a." * 2000 + "a",
        "'" * 19_999,
        "SELECT '" + "x" * 30_000 + "'",
        "SELECT 1\x00",
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_statements_that_would_exhaust_the_parser_are_refused(dialect: Dialect, sql: str) -> None:
    with pytest.raises(Refused):
        _guard(sql, dialect=dialect)


def test_schemas_keep_tables_apart() -> None:
    column = Column(name="id", type="integer", kind="integer")
    catalogue = Catalogue(
        dialect="postgresql",
        tables=(
            Table(name="orders", columns=(column,)),
            Table(name="orders", schema_name="secret", columns=(column,)),
        ),
    )
    policy = Policy(tables=frozenset({"orders"}))
    assert guard("SELECT id FROM public.orders", catalogue, policy, limit=5).tables == ("orders",)
    with pytest.raises(Refused):
        guard("SELECT id FROM secret.orders", catalogue, policy, limit=5)
    with pytest.raises(Refused):
        guard('SELECT id FROM "secret.orders"', catalogue, policy, limit=5)
    narrowed = Policy(rows={"secret.orders": "id = 1"})
    assert guard(
        "SELECT secret.orders.id FROM secret.orders", catalogue, narrowed, limit=5
    ).sql == (
        'SELECT orders.id FROM (SELECT "id" FROM "secret"."orders" WHERE (id = 1) OFFSET 0)'
        " AS orders LIMIT 5"
    )


_NAMES = st.sampled_from(
    [
        "id",
        "name",
        "email",
        "region",
        "c",
        "o",
        "customer",
        "orders",
        "secrets",
        "x",
        "ctid",
        "1",
        "*",
    ]
)
_WORDS = st.sampled_from(
    [
        "SELECT",
        "FROM",
        "WHERE",
        "JOIN",
        "ON",
        "AND",
        "OR",
        "NOT",
        "(",
        ")",
        ",",
        ".",
        "=",
        "<",
        ">",
        "'a'",
        "1",
        "UNION",
        "WITH",
        "AS",
        "x",
        "AS",
        "(",
        "GROUP",
        "BY",
        "ORDER",
        "BY",
        "LIMIT",
        "IN",
        "EXISTS",
        "CASE",
        "WHEN",
        "THEN",
        "ELSE",
        "END",
        "NULL",
        "IS",
        ";",
        "--",
        "/*",
        "*/",
        "INTO",
        "FOR",
        "UPDATE",
        "count(",
        "lower(",
        "pg_sleep(",
        '"customer"',
        "LATERAL",
        "VALUES",
        "INTERSECT",
        "DISTINCT",
        "OVER",
        "(",
        "PARTITION",
        "BY",
        "::",
        "@",
        "$1",
        "?",
        "\\",
        "%",
        "||",
        "#",
    ]
)
_SOUP = st.lists(st.one_of(_WORDS, _NAMES), max_size=25).map(" ".join)
_MUTATED = st.builds(
    lambda base, at, piece: base[:at] + piece + base[at:],
    st.sampled_from([sql for _, sql in legitimate()]),
    st.integers(0, 200),
    st.one_of(_WORDS, _NAMES, st.text(string.printable, max_size=8)),
)


@pytest.mark.parametrize("dialect", DIALECTS)
@given(sql=st.one_of(_SOUP, _MUTATED))
@settings(max_examples=150, deadline=None)
def test_what_comes_out_is_allowed_and_stays_the_same(dialect: Dialect, sql: str) -> None:
    """Whatever goes in: refused, or a tree of allowed parts that the guard does not change again."""
    catalogue = shop_catalogue(dialect)
    for policy in (OPEN, NORTH):
        try:
            once = guard(sql, catalogue, policy, limit=50)
        except Refused:
            continue
        tree: Any = parse(once.sql, dialect)
        check_parts(tree, dialect, NODES)
        assert print_sql(tree, dialect) == once.sql
        assert guard(once.sql, catalogue, policy, limit=50).sql == once.sql
        if policy is NORTH and "customer" in once.tables:
            assert "(region = 'north')" in once.sql


def test_hints_name_no_table_that_is_not_permitted() -> None:
    with pytest.raises(Refused) as caught:
        _guard("SELECT id FROM produkt", Policy(tables=frozenset({"customer"})))
    assert "product" not in str(caught.value)


def test_functions_whose_memory_grows_with_the_square_are_refused() -> None:
    with pytest.raises(Refused, match="damerau_levenshtein"):
        _guard("SELECT damerau_levenshtein(name, name) FROM customer", dialect="duckdb")
