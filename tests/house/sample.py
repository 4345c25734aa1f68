"""What a solution's `sample/expected.toml` says: calls over the sample, and what must come back.

    [[call]]
    name = "leave"                                  # optional: so that later calls can refer to it
    operation = "ask"
    request = { question = "How many days of leave do I get?" }
    expect = { kind = "answer" }                    # a subset of the result

    [[call]]
    operation = "conversation"
    request = { conversation = "${leave.conversation}" }
    expect = { turns = [{ question = "How many days of leave do I get?" }] }

Where a field takes a file, the request names one in `sample/`; each face uploads it its own way. A list
that is expected must be that long, and each element is compared as a subset again.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from stoa.app.cli.options import shape_of
from stoa.contract import Operation, Solution

_FILE_ID = re.compile("file_[0-9a-z]{26}")

_REFERENCE = re.compile(r"\$\{([^}]+)\}")
_ID = re.compile(r"^[a-z]+_[0-9a-hjkmnp-tv-z]{26}$")
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_LINK = re.compile(r"^https?://[^/]+/objects/")


class SampleCall(BaseModel):
    """One call."""

    model_config = ConfigDict(extra="forbid")

    operation: str
    name: str = ""
    request: dict[str, Any] = {}
    expect: dict[str, Any] = {}
    over_sample: bool = False
    """The call asks about what the sample fills in, so that it makes no sense in an empty workspace."""


def sample_calls(solution: Solution) -> list[SampleCall]:
    """The calls, in order."""
    path = solution.folder / "sample" / "expected.toml"
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return [SampleCall.model_validate(each) for each in data["call"]]


def filled_in(request: dict[str, Any], results: Mapping[str, Any]) -> dict[str, Any]:
    """The request with `${name.path}` replaced by what earlier calls answered."""

    def fill(value: Any) -> Any:
        if isinstance(value, str):
            return _REFERENCE.sub(lambda found: str(_at(results, found.group(1))), value)
        if isinstance(value, list):
            return [fill(each) for each in value]
        if isinstance(value, dict):
            return {key: fill(each) for key, each in value.items()}
        return value

    return {key: fill(value) for key, value in request.items()}


def file_fields(operation: Operation) -> Iterator[tuple[str, bool]]:
    """The fields that take files, and whether they take several."""
    for name, field in operation.request.model_fields.items():
        shape = shape_of(field)
        if shape.file is not None:
            yield name, shape.many


def with_files(
    operation: Operation, request: dict[str, Any], folder: Path, upload: Callable[[Path], str]
) -> dict[str, Any]:
    """The request with names of sample files replaced by what `upload` makes of their paths.

    Ids of files stay as they are.
    """
    made = dict(request)
    for name, many in file_fields(operation):
        if name in made:
            given = made[name] if many else [made[name]]
            uploaded = [
                each if _FILE_ID.fullmatch(each) else upload(folder / "sample" / each)
                for each in given
            ]
            made[name] = uploaded if many else uploaded[0]
    return made


def differences(expected: Any, found: Any, where: str = "result") -> list[str]:
    """Where `found` is not what `expected`, a subset, says."""
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return [f"{where}: {found!r} is no object"]
        return [
            each
            for key, value in expected.items()
            for each in (
                differences(value, found[key], f"{where}.{key}")
                if key in found
                else [f"{where}.{key} is missing"]
            )
        ]
    if isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            return [f"{where}: {found!r} is not a list of {len(expected)}"]
        pairs = enumerate(zip(expected, found, strict=True))
        return [
            each for i, (one, other) in pairs for each in differences(one, other, f"{where}.{i}")
        ]
    return [] if expected == found else [f"{where}: {found!r}, expected {expected!r}"]


def comparable(value: Any) -> Any:
    """A result without what differs from call to call: ids, times, links, durations, tickets."""
    if isinstance(value, dict):
        return {
            key: key if key in ("seconds", "ticket") else comparable(each)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [comparable(each) for each in value]
    if isinstance(value, str):
        for pattern, name in ((_ID, "id"), (_TIME, "time"), (_LINK, "link")):
            if pattern.match(value):
                return name
    return value


def ids_in(value: Any) -> set[str]:
    """Every id in a result."""
    if isinstance(value, dict):
        return {found for each in value.values() for found in ids_in(each)}
    if isinstance(value, list):
        return {found for each in value for found in ids_in(each)}
    return {value} if isinstance(value, str) and _ID.match(value) else set()


def _at(results: Mapping[str, Any], path: str) -> Any:
    found: Any = results
    for part in path.split("."):
        found = found[int(part)] if isinstance(found, list) else found[part]
    return found
