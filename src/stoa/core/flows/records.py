"""What a step leaves behind: its result or its error as plain JSON, and back again.

A step's result is read from its record when a run is replayed after a crash, so it must come back as
what it was. The return annotation of the step function says what that is; whatever pydantic can
write and read (models, dataclasses, plain values) may be returned. The first run returns the record
read back too, so that a result which would not survive a crash is noticed without one.
"""

import functools
import inspect
import logging
import typing
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from pydantic import ConfigDict, JsonValue, PydanticUserError, TypeAdapter

from stoa.base.database import new_id
from stoa.base.errors import Bug, StoaError, error_types

log = logging.getLogger(__name__)
_BYTES_AS_TEXT = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
_KINDS = {kind.code: kind for kind in error_types()}
_EXTRAS = ("retryable", "retry_after")


class Record:
    """Writes and reads the results of one step function."""

    def __init__(self, work: Callable[..., Any]) -> None:
        self._name = name_of(work)
        self._adapter = _adapter_of(work, self._name)

    def write(self, result: Any) -> JsonValue:
        """The result as plain JSON.

        Raises:
            Bug: the result is not of the annotated type, or not plain where nothing is annotated.
        """
        try:
            plain: JsonValue
            if self._adapter is _PLAIN:
                plain = _PLAIN.validate_python(result)
                return plain
            plain = self._adapter.dump_python(result, mode="json", warnings="error")
        except ValueError as error:  # of pydantic, or bytes inside a model that are no text
            raise Bug(
                f"Step '{self._name}' returned a {type(result).__name__} that can't be kept.",
                hint="Annotate the step function's return type with what it returns.",
            ) from error
        return plain

    def read(self, plain: JsonValue) -> Any:
        """The result as the step function returned it."""
        if self._adapter is _PLAIN:
            return plain
        return self._adapter.validate_python(plain)


def name_of(work: Callable[..., Any]) -> str:
    """The name of a function, bound method or partial."""
    while isinstance(work, functools.partial):
        work = work.func
    return getattr(work, "__name__", type(work).__name__)


def _adapter_of(work: Callable[..., Any], name: str) -> TypeAdapter[Any]:
    function = inspect.unwrap(_function_of(work))
    annotation = getattr(function, "__annotations__", {}).get("return", inspect.Parameter.empty)
    if annotation is inspect.Parameter.empty:
        return _PLAIN
    try:
        only_return = SimpleNamespace(__annotations__={"return": annotation})
        scope = getattr(function, "__globals__", {})
        return _adapter(typing.get_type_hints(only_return, scope, include_extras=True)["return"])
    except (NameError, TypeError, PydanticUserError) as error:
        raise Bug(
            f"Step '{name}' returns {annotation}, which can't be kept.",
            hint="Return a pydantic model, a dataclass or plain values.",
        ) from error


def _function_of(work: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(work, functools.partial):
        work = work.func
    work = getattr(work, "__func__", work)
    return work if hasattr(work, "__annotations__") else type(work).__call__


_PLAIN: TypeAdapter[Any] = TypeAdapter(JsonValue)


@functools.lru_cache(maxsize=512)
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    if annotation is Any or isinstance(annotation, typing.TypeVar):
        return _PLAIN
    try:
        return TypeAdapter(annotation, config=_BYTES_AS_TEXT)
    except PydanticUserError as error:
        if error.code != "type-adapter-config-unused":
            raise
        return TypeAdapter(annotation)  # a model or dataclass, which brings a configuration


def as_stoa_error(error: Exception, *, where: str) -> StoaError:
    """The error itself, or for one that nobody expected a `Bug` that gives nothing away.

    The traceback goes to the log, under an id that the person who sees the message can quote.
    """
    if isinstance(error, StoaError):
        return error
    incident = new_id("bug")
    log.error("%s in %s", incident, where, exc_info=error)
    return Bug(
        "Something went wrong that should not have.",
        hint=f"Report it with the number {incident}.",
        incident=incident,
    )


def write_error(error: StoaError) -> dict[str, Any]:
    """An error as plain JSON: `code`, `message`, `hint`, `details`."""
    plain = {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "details": _details(error.details),
    }
    return plain | {name: getattr(error, name) for name in _EXTRAS if hasattr(error, name)}


def read_error(plain: dict[str, Any]) -> StoaError:
    """The error that `write_error` wrote; a code of another version becomes a `Bug`."""
    extras = {name: plain[name] for name in _EXTRAS if name in plain}
    kind = _KINDS.get(plain["code"], Bug)
    return kind(plain["message"], hint=plain["hint"], **extras, **plain["details"])


def _details(details: dict[str, Any]) -> dict[str, Any]:
    adapter: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
    kept: dict[str, Any] = adapter.dump_python(details, mode="json", fallback=str)
    return kept
