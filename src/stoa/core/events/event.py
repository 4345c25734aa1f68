"""CloudEvents 1.0: the one form in which events come in, are kept, and go out.

Source: CloudEvents 1.0.2, https://github.com/cloudevents/spec: core attributes, JSON format. An
extension attribute is kept as it came. This file knows no database and no HTTP.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from stoa.base.database import now

ID_LIMIT: Final = 255
SOURCE_LIMIT: Final = 500
TYPE_LIMIT: Final = 200
SUBJECT_LIMIT: Final = 500
EXTENSIONS_LIMIT: Final = 50
EXTENSION_LIMIT: Final = 2000
_NO_CONTROLS = r"^[^\x00-\x1f\x7f-\x9f\ud800-\udfff]+$"
_NAME = re.compile(r"[a-z0-9]{1,40}")
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.IGNORECASE)
_MEDIA_TYPE = r"^[\w.+!#$&^-]+/[\w.+!#$&^-]+(\s*;[^\x00-\x1f\x7f]*)?$"


def _text(limit: int, pattern: str = _NO_CONTROLS) -> Any:
    return StringConstraints(min_length=1, max_length=limit, pattern=pattern)


class CloudEvent(BaseModel):
    """Something that happened. `source` and `id` together name it, wherever it is seen.

    Further attributes (extensions) are lower-case letters and digits with a string, a whole number
    or a truth value; they are read by `event.model_extra`.
    """

    model_config = ConfigDict(frozen=True, extra="allow", regex_engine="python-re")

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[str, _text(ID_LIMIT)]
    source: Annotated[
        str, _text(SOURCE_LIMIT, r"^[^\s\x00-\x1f\x7f-\x9f\ud800-\udfff<>\"{}|\\^`]+$")
    ]
    """A URI reference: the system or solution that tells of it, such as `/stoa/answer_reviews`."""
    type: Annotated[str, _text(TYPE_LIMIT)]
    """What kind of thing happened, such as `stoa.approval.decided`."""
    subject: Annotated[str, _text(SUBJECT_LIMIT)] | None = None
    """What it happened to, within the source."""
    time: AwareDatetime = Field(default_factory=now)
    datacontenttype: Annotated[str, _text(TYPE_LIMIT, _MEDIA_TYPE)] | None = "application/json"
    dataschema: Annotated[str, _text(SOURCE_LIMIT)] | None = None
    data: Any = None
    """JSON where `datacontenttype` is JSON, else text."""
    data_base64: str | None = None
    """Instead of `data`: bytes, base64."""

    @model_validator(mode="before")
    @classmethod
    def _unset(cls, given: Any) -> Any:
        """JSON null means that the attribute is absent; a timestamp is text."""
        if not isinstance(given, dict):
            return given
        moment = given.get("time")
        if not (
            moment is None
            or isinstance(moment, datetime)
            or (isinstance(moment, str) and _RFC3339.fullmatch(moment))
        ):
            raise ValueError("time is a text such as 2030-01-31T12:00:00Z")
        return {name: value for name, value in given.items() if value is not None or name == "data"}

    @model_validator(mode="after")
    def _whole(self) -> "CloudEvent":
        extensions = self.model_extra or {}
        if len(extensions) > EXTENSIONS_LIMIT:
            raise ValueError(f"more than {EXTENSIONS_LIMIT} extension attributes")
        for name, value in extensions.items():
            _check_extension(name, value)
        if self.data_base64 is not None:
            if "data" in self.model_fields_set:
                raise ValueError("data and data_base64 exclude each other")
            try:
                base64.b64decode(self.data_base64, validate=True)
            except (binascii.Error, ValueError) as error:
                raise ValueError("data_base64 is not base64") from error
        if "data" in self.model_fields_set and not self.is_json and not isinstance(self.data, str):
            raise ValueError(f"data of {self.datacontenttype} is a text, or goes in data_base64")
        return self

    @property
    def is_json(self) -> bool:
        """Whether `data` is JSON, by its content type."""
        subtype = (self.datacontenttype or "application/json").split(";")[0].strip().lower()
        return subtype.endswith(("/json", "+json"))

    @property
    def name(self) -> str:
        """64 hexadecimal digits that stand for source and id: the same for the same event."""
        return hashlib.sha256(f"{self.source}\n{self.id}".encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """The event in the JSON format; absent attributes are left out."""
        plain = self.model_dump(mode="json", exclude_none=True)
        if self.data is None and "data" in self.model_fields_set:
            plain["data"] = None
        return plain


def _check_extension(name: str, value: Any) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"'{name[:40]}' is no attribute name: lower-case letters and digits only")
    if isinstance(value, str):
        if len(value) > EXTENSION_LIMIT or _FORBIDDEN.search(value):
            raise ValueError(f"'{name}' is too long or holds control characters")
    elif isinstance(value, int):  # a truth value is an int too
        if not -(2**31) <= value < 2**31:
            raise ValueError(f"'{name}' does not fit 32 bits")
    else:
        raise ValueError(f"'{name}' is neither text, whole number nor truth value")


def matches(patterns: Iterable[str], type_: str) -> bool:
    """Whether one of the patterns is this type; `*` in a pattern stands for any characters."""
    return any(_fits(each, type_) for each in patterns)


def _fits(pattern: str, type_: str) -> bool:
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == type_
    *middle, last = rest
    at = len(first)
    if not type_.startswith(first):
        return False
    for part in middle:
        found = type_.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return type_.endswith(last) and len(type_) - len(last) >= at
