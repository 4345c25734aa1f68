"""A form made from a pydantic type: what an operation takes, as fields that a person can fill.

Strings, numbers, booleans, enums, dates, lists, nested types and uploaded files get fields of their
own; whatever else a type holds is written as JSON. The form only gathers; what is valid is decided
where the operation is called, and `complain` brings those words back to the field they are about.
"""

import json
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le, MaxLen
from nicegui import ui
from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from stoa.base.errors import InvalidInput
from stoa.contract import FileField
from stoa.ui.elements import Tag, button, dress, icon, tag
from stoa.ui.upload_zone import Uploaded, UploadZone

Read = Callable[[], Any]
LEFT_OUT = object()
"""What an empty optional field reads as: the type's own default counts."""
_LONG_TEXT = 500


class Form:
    """The fields of one pydantic type. `values()` is what a person has filled in."""

    def __init__(
        self, kind: type[BaseModel], *, start: BaseModel | None = None, prefix: str = ""
    ) -> None:
        """`start`: what the fields hold at first, instead of the type's defaults."""
        self._start = start
        self._reads: dict[str, Read] = {}
        self._problems: dict[str, Tag] = {}
        self._forms: dict[str, Form] = {}
        with tag("div", "", "form") as self.element:
            for name, info in kind.model_fields.items():
                self._add(name, info, f"{prefix}{name}")

    def values(self) -> dict[str, Any]:
        """What the fields hold. Raises InvalidInput where a JSON field holds none."""
        found = {name: read() for name, read in self._reads.items()}
        return {name: value for name, value in found.items() if value is not LEFT_OUT}

    def complain(self, problems: Sequence[Mapping[str, str]]) -> None:
        """Show what is wrong at the fields it is about; everything else is cleared."""
        for element in self._problems.values():
            element.set_text("")
        for inner in self._forms.values():
            inner.complain([])
        for each in problems:
            self._complain_at(str(each.get("field", "")), str(each.get("problem", "")))

    def _complain_at(self, path: str, problem: str) -> None:
        head, _, rest = path.partition(".")
        if rest and head in self._forms:
            self._forms[head]._complain_at(rest, problem)
        elif head in self._problems:
            self._problems[head].set_text(problem)

    def _add(self, name: str, info: FieldInfo, path: str) -> None:
        shape = Shape.of(info.annotation, info.metadata, info)
        if self._start is not None:
            shape.default = getattr(self._start, name)
        with tag("div", "", "field", test=f"field-{path}"):
            with tag("label", "", "field-label", for_=f"input-{path}"):
                tag("span", info.title or _words(name))
                if not info.is_required():
                    tag("span", " (optional)", "optional")
            if info.description:
                tag("span", info.description, "field-hint", id=f"hint-{path}")
            if shape.nested is not None:
                with tag("div", "", "field-group"):
                    inner = Form(shape.nested, prefix=f"{path}.")
                self._forms[name] = inner
                self._reads[name] = inner.values
            else:
                self._reads[name] = _field(shape, path)
            self._problems[name] = tag("span", "", "field-problem", role="alert")


class Shape:
    """What kind of field an annotation asks for."""

    def __init__(self, kind: Any, metadata: Sequence[Any], info: FieldInfo | None) -> None:
        self.kind = kind
        self.metadata = metadata
        self.required = info is None or info.is_required()
        self.default = None if info is None else info.get_default(call_default_factory=True)
        if self.default is PydanticUndefined:
            self.default = None

    @classmethod
    def of(cls, annotation: Any, metadata: Sequence[Any], info: FieldInfo | None) -> "Shape":
        """Look through `Annotated` and `… | None`."""
        gathered = list(metadata)
        while True:
            if get_origin(annotation) is Annotated:
                annotation, *more = get_args(annotation)
                gathered += more
                continue
            inner = [each for each in get_args(annotation) if each is not types.NoneType]
            if get_origin(annotation) in {Union, types.UnionType} and len(inner) == 1:
                annotation = inner[0]
                continue
            return cls(annotation, gathered, info)

    @property
    def file(self) -> FileField | None:
        """The upload it stands for; a narrower `accept` given later wins."""
        found = [each for each in self.metadata if isinstance(each, FileField)]
        return found[-1] if found else None

    @property
    def nested(self) -> type[BaseModel] | None:
        """The pydantic type it is, where all of it can be filled in as fields."""
        is_model = isinstance(self.kind, type) and issubclass(self.kind, BaseModel)
        return self.kind if is_model and self.required else None

    @property
    def choices(self) -> dict[Any, str]:
        """Value to words, for enums and literals."""
        if get_origin(self.kind) is Literal:
            return {value: _words(str(value)) for value in get_args(self.kind)}
        if isinstance(self.kind, type) and issubclass(self.kind, Enum):
            return {each.value: _words(str(each.value)) for each in self.kind}
        return {}

    @property
    def item(self) -> "Shape | None":
        """The shape of the items, for lists and sets."""
        if get_origin(self.kind) in {list, set, frozenset, tuple}:
            return Shape.of(get_args(self.kind)[0], [], None)
        return None

    def limit(self, of: type, name: str) -> Any:
        """A bound from the metadata, such as the greatest length of a string."""
        for each in self.metadata:
            if isinstance(each, of):
                return getattr(each, name)
            if isinstance(each, StringConstraints) and of is MaxLen:
                return each.max_length
        return None


def _field(shape: Shape, path: str) -> Read:
    item = shape.item
    if shape.file is not None:
        return _files(shape, shape.file, multiple=False)
    if item is not None and item.file is not None:
        return _files(shape, item.file, multiple=True)
    if shape.choices:
        return _choice(shape, path)
    if item is not None and item.choices:
        return _choices(shape, item, path)
    if item is not None and item.kind is str:
        return _strings(shape, path)
    if shape.kind is bool:
        return _switch(shape, path)
    if shape.kind in {int, float}:
        return _number(shape, path)
    if shape.kind is str:
        return _string(shape, path)
    if shape.kind in {date, datetime}:
        return _moment(shape, path)
    return _json(shape, path)


def _dressed(element: ui.element, path: str) -> None:
    element.props("outlined dense hide-bottom-space")
    dress(element, for_=f"input-{path}", test=f"input-{path}")
    element.props["for"] = f"input-{path}"
    element.props["aria-describedby"] = f"hint-{path}"


def _string(shape: Shape, path: str) -> Read:
    longest = shape.limit(MaxLen, "max_length")
    start = str(shape.default or "")
    if longest is None or longest > _LONG_TEXT:
        element: ui.textarea | ui.input = ui.textarea(value=start).props("autogrow rows=1")
    else:
        element = ui.input(value=start)
    _dressed(element, path)
    if longest is not None:
        element.props["maxlength"] = longest

    def read() -> Any:
        value = (element.value or "").strip()
        return value if value or shape.required else LEFT_OUT

    return read


def _number(shape: Shape, path: str) -> Read:
    element = ui.number(
        value=shape.default,
        min=shape.limit(Ge, "ge"),
        max=shape.limit(Le, "le"),
        step=1 if shape.kind is int else None,
    )
    _dressed(element, path)

    def read() -> Any:
        if element.value is None:
            return LEFT_OUT
        return int(element.value) if float(element.value).is_integer() else element.value

    return read


def _switch(shape: Shape, path: str) -> Read:
    element = ui.switch(value=bool(shape.default))
    dress(element, test=f"input-{path}", aria_label=_words(path.rsplit(".", 1)[-1]))
    return lambda: bool(element.value)


def _choice(shape: Shape, path: str) -> Read:
    default = shape.default.value if isinstance(shape.default, Enum) else shape.default
    element = ui.select(shape.choices, value=default, clearable=not shape.required)
    _dressed(element, path)
    return lambda: LEFT_OUT if element.value is None else element.value


def _choices(shape: Shape, item: Shape, path: str) -> Read:
    start = [each.value if isinstance(each, Enum) else each for each in shape.default or []]
    element = ui.select(item.choices, value=start, multiple=True).props("use-chips")
    _dressed(element, path)
    return lambda: list(element.value or [])


def _strings(shape: Shape, path: str) -> Read:
    element = ui.textarea(value="\n".join(shape.default or []), placeholder="One per line")
    element.props("autogrow rows=1")
    _dressed(element, path)
    return lambda: [row.strip() for row in (element.value or "").splitlines() if row.strip()]


def _moment(shape: Shape, path: str) -> Read:
    kind = "date" if shape.kind is date else "datetime-local"
    element = ui.input(value=shape.default.isoformat() if shape.default else "")
    element.props["type"] = kind
    _dressed(element, path)
    return lambda: element.value or LEFT_OUT


def _json(shape: Shape, path: str) -> Read:
    start = "" if shape.default is None else json.dumps(_jsonable(shape.default), indent=2)
    element = ui.textarea(value=start, placeholder="JSON").props("autogrow rows=2 input-class=code")
    _dressed(element, path)

    def read() -> Any:
        written = (element.value or "").strip()
        if not written:
            return LEFT_OUT
        try:
            return json.loads(written)
        except json.JSONDecodeError as error:
            problem = f"not JSON: {error.msg} in line {error.lineno}"
            raise InvalidInput(
                f"'{path}': {problem}.",
                hint='Write it as JSON, such as {"name": "value"} or ["one", "two"].',
                fields=[{"field": path, "problem": problem}],
            ) from error

    return read


def _files(shape: Shape, wanted: FileField, *, multiple: bool) -> Read:
    held: list[Uploaded] = []
    names = tag("ul", "", "stack-tight")

    def take(file: Uploaded) -> None:
        if not multiple:
            held.clear()
            names.clear()
        held.append(file)
        with names, tag("li", "", "line") as row:
            icon("description", "small-icon soft")
            tag("span", file.name, "clip")

            def remove() -> None:
                held.remove(file)
                row.delete()

            button(
                "", remove, kind="plain", symbol="close", css="button-small",
                aria_label=f"Remove {file.name}",
            )  # fmt: skip

    UploadZone(
        take, accept=wanted.accept, multiple=multiple, note=", ".join(wanted.accept) or "Any file"
    )

    def read() -> Any:
        if multiple:
            return [file.id for file in held]
        if held:
            return held[0].id
        return "" if shape.required else LEFT_OUT

    return read


def _words(name: str) -> str:
    return name.replace("_", " ").strip().capitalize()


def _jsonable(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(key): _jsonable(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_jsonable(each) for each in value]
    return typing.cast(Any, value)
