"""Options of a command from the fields of a request type, and the way back from text to a request.

    question: str                      --question TEXT            required without a default
    limit: int = 10                    --limit 5
    exact: bool = False                --exact / --no-exact
    mode: Literal["a", "b"]            --mode a
    tags: list[str]                    --tag… repeated: --tags x --tags y
    file: FileId, files: list[FileId]  --files manual.pdf         a path, uploaded first
    filter: SomeModel                  --filter '{"year": 2024}'  JSON

Values stay text as far as possible: the request type validates them, as it does for every face.
"""

import json
import types
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from stoa.base.errors import InvalidInput
from stoa.contract import FileField

Upload = Callable[[Path], Awaitable[str]]
_PLAIN: dict[Any, click.ParamType[Any]] = {int: click.INT, float: click.FLOAT, str: click.STRING}


@dataclass(frozen=True)
class Shape:
    """What a field takes, as far as a command line cares."""

    kind: Any
    """The innermost type: a class, or a Literal."""
    many: bool = False
    file: FileField | None = None

    @property
    def is_json(self) -> bool:
        """Whether a value is written as JSON."""
        return not (self.file or self.kind in (str, int, float, bool) or self.choices) and (
            _is_nested(self.kind)
        )

    @property
    def choices(self) -> list[str]:
        """The words that may be said, where they are listed."""
        if typing.get_origin(self.kind) is Literal:
            return [str(choice) for choice in typing.get_args(self.kind)]
        if isinstance(self.kind, type) and issubclass(self.kind, Enum):
            return [str(member.value) for member in self.kind]
        return []


def options_of(request: type[BaseModel]) -> list[click.Option]:
    """One option for each field."""
    return [_option(name, field) for name, field in request.model_fields.items()]


async def payload_of(
    request: type[BaseModel], given: Mapping[str, Any], upload: Upload
) -> dict[str, Any]:
    """The request as data, from what the options were given; files are uploaded on the way.

    Raises:
        InvalidInput: text that should be JSON is not.
    """
    payload: dict[str, Any] = {}
    for name, field in request.model_fields.items():
        value = given.get(name)
        if value is None or value == ():
            continue
        shape = shape_of(field)
        values = [await _value(name, shape, each, upload) for each in _listed(value, shape)]
        payload[name] = values if shape.many else values[0]
    return payload


def shape_of(field: FieldInfo) -> Shape:
    """What a field takes, without Optional, Annotated and list around it."""
    file = next((each for each in field.metadata if isinstance(each, FileField)), None)
    return _unwrapped(field.annotation, Shape(kind=str, file=file))


def _unwrapped(annotation: Any, shape: Shape) -> Shape:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        file = next((each for each in arguments[1:] if isinstance(each, FileField)), shape.file)
        return _unwrapped(arguments[0], Shape(shape.kind, shape.many, file))
    if origin in (typing.Union, types.UnionType):
        inner = [each for each in arguments if each is not type(None)]
        return _unwrapped(inner[0], shape) if len(inner) == 1 else Shape(dict, shape.many)
    if origin in (list, tuple, set, frozenset) and not shape.many and arguments:
        return _unwrapped(arguments[0], Shape(shape.kind, many=True, file=shape.file))
    return Shape(annotation, shape.many, shape.file)


def _option(name: str, field: FieldInfo) -> click.Option:
    shape = shape_of(field)
    flag = f"--{name.replace('_', '-')}"
    described = field.description or ""
    if shape.kind is bool and not shape.many:
        return click.Option(
            [f"{flag}/--no-{flag[2:]}", name],
            default=None,
            required=field.is_required(),
            help=described,
        )
    default = "" if field.is_required() else _default(field)
    return click.Option(
        [flag, name],
        type=_click_type(shape),
        multiple=shape.many,
        required=field.is_required(),
        help=" ".join(part for part in (described, default) if part),
        metavar="JSON" if shape.is_json else None,
    )


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=False)
    if value in (None, "", (), []) or field.default_factory is not None:
        return ""
    return f"[default: {value.value if isinstance(value, Enum) else value}]"


def _click_type(shape: Shape) -> click.ParamType[Any]:
    if shape.file is not None:
        return click.Path(exists=True, dir_okay=False, path_type=Path)
    if shape.choices:
        return click.Choice(shape.choices)
    return _PLAIN.get(shape.kind, click.STRING)


def _listed(value: Any, shape: Shape) -> list[Any]:
    return list(value) if shape.many else [value]


async def _value(name: str, shape: Shape, given: Any, upload: Upload) -> Any:
    if shape.file is not None:
        return await upload(given)
    if not shape.is_json:
        return given
    try:
        return json.loads(given)
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"'{name}' is not JSON: {error.msg} at character {error.pos}.",
            hint="Quote it for the shell: --" + name.replace("_", "-") + " '{\"key\": 1}'.",
        ) from error


def _is_nested(kind: Any) -> bool:
    if typing.get_origin(kind) in (dict, list, tuple, set):
        return True
    return isinstance(kind, type) and issubclass(kind, BaseModel | dict | list)
