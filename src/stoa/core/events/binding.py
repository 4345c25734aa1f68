"""CloudEvents over HTTP: the three content modes, from headers and body to events.

Source: CloudEvents 1.0.2, HTTP protocol binding and JSON format. Structured and batched are told by the
content type, everything else is binary. This file knows no web framework.
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn
from urllib.parse import unquote_to_bytes

from pydantic import ValidationError

from stoa.base.errors import InvalidInput, TooLarge, UnsupportedType
from stoa.core.events.event import CloudEvent
from stoa.core.events.outbox import EVENT_LIMIT

BODY_LIMIT: Final = 4 * 2**20
"""Bytes of one request; whoever reads it from the network keeps to that."""
BATCH_LIMIT: Final = 1000
"""Events of one batch."""
_STRUCTURED = "application/cloudevents"
_BATCHED = "application/cloudevents-batch"
_HEADER = "ce-"
_QUOTED = re.compile(r"\\(.)")
_REQUIRED = ("specversion", "id", "source", "type")
_HINT = "Send CloudEvents 1.0: structured, batched or binary."


def read_events(headers: Mapping[str, str], body: bytes) -> list[CloudEvent]:
    """The events of one request.

    Args:
        headers: names in lower case.
        body: whole, within `BODY_LIMIT`.

    Raises:
        InvalidInput: it is no CloudEvent; `fields` says which attribute is wrong.
        TooLarge: an event or the batch is over its limit.
        UnsupportedType: an event format other than JSON.
    """
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    if kind.startswith(_STRUCTURED):
        return _from_json(kind, body)
    return [_binary(headers, body)]


def _from_json(kind: str, body: bytes) -> list[CloudEvent]:
    if kind not in (f"{_STRUCTURED}+json", f"{_BATCHED}+json"):
        raise UnsupportedType(f"The event format {kind} is not read here.", hint="Send JSON.")
    found = _json(body)
    if kind == f"{_STRUCTURED}+json":
        return [_event(found, "")]
    if not isinstance(found, list):
        raise InvalidInput("A batch is a JSON array.", hint=_HINT)
    if len(found) > BATCH_LIMIT:
        raise TooLarge(f"A batch has at most {BATCH_LIMIT} events.", hint="Send several batches.")
    return [_event(each, f"{position}.") for position, each in enumerate(found)]


def _binary(headers: Mapping[str, str], body: bytes) -> CloudEvent:
    attributes: dict[str, Any] = {}
    for name, value in headers.items():
        if name.startswith(_HEADER):
            attributes[name.removeprefix(_HEADER)] = _unescaped(name, value)
    if "datacontenttype" in attributes:
        _refuse("ce-datacontenttype", "the Content-Type header says that")
    if {"data", "data_base64"} & attributes.keys():
        _refuse("ce-data", "the body is the data")
    content_type = headers.get("content-type", "").strip()
    attributes["datacontenttype"] = content_type or None
    if body:
        attributes |= _data(content_type, body)
    return _event(attributes, "")


def _data(content_type: str, body: bytes) -> dict[str, Any]:
    """JSON as it is, text as text, anything else as base64."""
    kind = content_type.split(";")[0].strip().lower()
    if not kind or kind.endswith(("/json", "+json")):
        return {"data": _json(body)}
    if kind.startswith("text/") or kind.endswith(("/xml", "+xml")):
        try:
            return {"data": body.decode()}
        except UnicodeDecodeError:
            pass
    return {"data_base64": base64.b64encode(body).decode()}


def _event(found: Any, where: str) -> CloudEvent:
    if not isinstance(found, dict):
        raise InvalidInput("A CloudEvent is a JSON object.", hint=_HINT)
    for name in _REQUIRED:
        if found.get(name) is None:
            _refuse(f"{where}{name}", "it is missing")
    try:
        event = CloudEvent.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or "event"
        _refuse(f"{where}{name}", str(first["msg"]).removeprefix("Value error, "))
    if len(json.dumps(event.as_json())) > EVENT_LIMIT:
        raise TooLarge(
            f"The event is larger than {EVENT_LIMIT // 1024} KiB.",
            hint="Store what it tells of, and let the event name it.",
        )
    return event


def _json(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The body is not JSON.", hint=_HINT) from error


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _unescaped(name: str, value: str) -> str:
    """A header's value: quotes taken off, then percent-decoded once (HTTP binding, 3.1.3.2)."""
    text = value.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = _QUOTED.sub(r"\1", text[1:-1])
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeError:
        _refuse(name, "it is not percent-encoded UTF-8")


def _refuse(field: str, problem: str) -> NoReturn:
    raise InvalidInput(
        f"'{field}': {problem}.", hint=_HINT, fields=[{"field": field, "problem": problem}]
    )
