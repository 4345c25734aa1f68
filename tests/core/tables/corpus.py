"""The statements of the two lists, one for each dialect they are meant for, and the shop's catalogue."""

import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple, get_args

from stoa.core.tables.catalogue import Catalogue, Column, Dialect, Kind, Table

HERE = Path(__file__).parent
DIALECTS: tuple[Dialect, ...] = get_args(Dialect)


class Attack(NamedTuple):
    """One hostile statement in one dialect. `harmless`: why the driver may run it; empty: it does not."""

    group: str
    dialect: Dialect
    sql: str
    harmless: str


@cache
def attacks() -> list[Attack]:
    """All hostile statements."""
    groups = tomllib.loads((HERE / "attacks.toml").read_text(encoding="utf-8"))
    return [
        Attack(group, dialect, sql, _reasons(harmless).get(dialect, ""))
        for group, content in groups.items()
        for named, sql, harmless in content["statements"]
        for dialect in _dialects(named)
    ]


@cache
def legitimate() -> list[tuple[Dialect, str]]:
    """All rightful statements."""
    content = tomllib.loads((HERE / "legitimate.toml").read_text(encoding="utf-8"))
    return [(d, sql) for named, sql in content["statements"] for d in _dialects(named)]


def shop_catalogue(dialect: Dialect) -> Catalogue:
    """The shop as its reflection has it, without values."""
    return Catalogue(
        dialect=dialect,
        tables=(
            _table(
                "customer", {"id": "integer", "name": "text", "region": "text", "email": "text"}
            ),
            _table("product", {"id": "integer", "title": "text", "price": "number"}),
            _table("orders", _ORDERS),
            _table("big_orders", _ORDERS, is_view=True),
        ),
    )


_ORDERS: dict[str, Kind] = {
    "id": "integer",
    "customer_id": "integer",
    "product_id": "integer",
    "quantity": "integer",
    "ordered_on": "date",
}


def _table(name: str, columns: dict[str, Kind], *, is_view: bool = False) -> Table:
    return Table(
        name=name,
        is_view=is_view,
        columns=tuple(Column(name=n, type=kind, kind=kind) for n, kind in columns.items()),
    )


def _dialects(named: str) -> list[Dialect]:
    return [each for each in DIALECTS if named == "*" or each in named.split()]


def _reasons(text: str) -> dict[str, str]:
    pairs = (each.split(":", 1) for each in text.split(";") if each.strip())
    return {dialect.strip(): why.strip() for dialect, why in pairs}
