"""A result as a person can read it: long text as text, lists of things as tables, the rest as facts.

What fits none of these is shown as JSON; nothing is left out. It knows no solution: it only looks at
the shape of the value.
"""

import json
from collections.abc import Mapping
from typing import Any

from nicegui import ui

from stoa.ui.elements import say, tag
from stoa.ui.feedback import empty_state
from stoa.ui.frame import facts
from stoa.ui.tables import Column, plain, table

_LONG = 160
_DEEPEST = 3


def result_view(value: Any) -> None:
    """Show a result, as data: what `model_dump(mode="json")` gave."""
    with tag("div", "", "stack", test="result"):
        _show(value, 0)
        with ui.expansion("As JSON").classes("soft small"):
            with tag("div", "", "line"):
                _copy(json.dumps(value, indent=2, ensure_ascii=False))
            tag("pre", json.dumps(value, indent=2, ensure_ascii=False), "code", tabindex="0")


def _show(value: Any, depth: int) -> None:
    match value:
        case Mapping():
            _show_fields(value, depth)
        case list():
            _show_list("Rows", value)
        case str() if len(value) > _LONG or "\n" in value:
            tag("p", value, "answer-text")
        case _:
            tag("p", plain(value))


def _show_fields(fields: Mapping[str, Any], depth: int) -> None:
    short = {key: each for key, each in fields.items() if _is_short(each)}
    if short:
        facts([(_words(key), plain(each) or "—") for key, each in short.items()])
    for key, each in fields.items():
        if key in short:
            continue
        with tag("section", "", "stack-tight"):
            tag("h3", _words(key))
            if isinstance(each, list):
                _show_list(_words(key), each)
            elif depth < _DEEPEST:
                _show(each, depth + 1)
            else:
                tag("pre", json.dumps(each, indent=2, ensure_ascii=False), "code")


def _show_list(name: str, items: list[Any]) -> None:
    if not items:
        empty_state(f"{name}: none", symbol="data_array")
    elif all(isinstance(each, Mapping) for each in items):
        keys = list(dict.fromkeys(key for each in items for key in each))
        table(
            [Column(key, _words(key), number=_is_number(items, key)) for key in keys],
            [{"id": position, **_flat(each)} for position, each in enumerate(items)],
            label=name,
        )
    else:
        with tag("ul", "", "stack-tight"):
            for each in items:
                tag("li", plain(each), "wrap-anywhere")


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "id"} | (
        {"id": row["id"]} if "id" in row else {}
    )


def _is_number(items: list[Any], key: str) -> bool:
    found = [each.get(key) for each in items]
    return all(isinstance(each, int | float) and not isinstance(each, bool) for each in found)


def _is_short(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONG and "\n" not in value
    return value is None or isinstance(value, bool | int | float)


def _words(key: str) -> str:
    return key.replace("_", " ").capitalize()


def _copy(content: str) -> None:
    def copy() -> None:
        ui.clipboard.write(content)
        say("Copied.")

    with tag("button", "Copy", "button button-quiet button-small", type="button") as element:
        pass
    element.on("click", copy)
