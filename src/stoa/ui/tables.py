"""A table for rows of plain values: sorted by a click, filtered, paged, and cards on a phone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from stoa.ui.elements import dress


@dataclass(frozen=True)
class Column:
    """One column: the key in the row, its heading, and whether its values are numbers."""

    key: str
    title: str = ""
    number: bool = False
    chip: bool = False
    """Show the value as a small label."""
    digits: int | None = None
    """Of a number: always so many behind the point, so that a column can be compared at a glance."""


def table(
    columns: Sequence[Column],
    rows: Sequence[Mapping[str, Any]],
    *,
    label: str,
    on_row: Callable[[str], Any] | None = None,
    page_size: int = 25,
    test: str = "table",
) -> ui.table:
    """A table. Rows carry an `id`; `on_row` is called with it when a row is opened.

    Values are shown as text: lists are joined, times are told to the minute, None is left empty.
    """
    element = ui.table(
        columns=[_column(each) for each in columns],
        rows=[_row(columns, row, position) for position, row in enumerate(rows)],
        row_key="id",
        pagination=page_size if len(rows) > page_size else None,
    )
    element.props("flat wrap-cells binary-state-sort :grid=Quasar.Screen.lt.sm")
    dress(element, test=test, aria_label=label)
    for column in columns:
        if column.chip:
            element.add_slot(
                f"body-cell-{column.key}",
                '<q-td :props="props"><span class="chip">{{ props.value }}</span></q-td>',
            )
    if on_row is not None:
        first = columns[0].key
        element.add_slot(
            f"body-cell-{first}",
            '<q-td :props="props"><a href="#" class="row-link" @click.prevent='
            "\"$parent.$emit('open', props.row.id)\">{{ props.value }}</a></q-td>",
        )
        opened = on_row

        def open_row(event: GenericEventArguments) -> Any:
            return opened(str(event.args))

        element.on("open", open_row)
    return element


def plain(value: Any) -> str:
    """A value as one line of text."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:,.4g}"
        case datetime():
            return value.astimezone().strftime("%Y-%m-%d %H:%M")
        case list() | tuple() | set() | frozenset():
            return ", ".join(plain(each) for each in value)
        case dict():
            return ", ".join(f"{key}: {plain(each)}" for key, each in value.items())
        case _:
            return str(value)


def _column(column: Column) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": column.key,
        "label": column.title or column.key.replace("_", " ").capitalize(),
        "field": column.key,
        "align": "right" if column.number else "left",
        "classes": "cell-nowrap" if column.number else "",
        "sortable": True,
    }
    if column.digits is not None:
        digits = f"minimumFractionDigits: {column.digits}, maximumFractionDigits: {column.digits}"
        shown[":format"] = f"value => value?.toLocaleString('en', {{ {digits} }}) ?? ''"
    return shown


def _row(columns: Sequence[Column], row: Mapping[str, Any], position: int) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": str(row.get("id", position))}
    for column in columns:
        value = row.get(column.key)
        shown[column.key] = value if column.number and value is not None else plain(value)
    return shown
