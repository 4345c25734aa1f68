"""CloudEvents over HTTP: what the specification allows is read, what it does not is refused."""

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.base.errors import InvalidInput, StoaError, TooLarge, UnsupportedType
from stoa.core.events.binding import BATCH_LIMIT, read_events
from stoa.core.events.event import CloudEvent, matches

WHOLE = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "review.written"}
STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
BATCHED = {"content-type": "application/cloudevents-batch+json"}
BINARY = {f"ce-{name}": value for name, value in WHOLE.items()}


def structured(**given: Any) -> CloudEvent:
    (event,) = read_events(STRUCTURED, json.dumps({**WHOLE, **given}).encode())
    return event


def binary(body: bytes, content_type: str | None = "application/json", **given: str) -> CloudEvent:
    headers = {**BINARY, **{f"ce-{name}": value for name, value in given.items()}}
    if content_type is not None:
        headers["content-type"] = content_type
    (event,) = read_events(headers, body)
    return event


def test_structured_mode() -> None:
    event = structured(
        subject="r1",
        time="2026-01-31T12:00:00+01:00",
        data={"text": "☂"},
        traceparent="00-ab",
        priority=5,
        urgent=True,
        unset=None,
    )
    assert (event.subject, event.data) == ("r1", {"text": "☂"})
    assert event.time.isoformat() == "2026-01-31T12:00:00+01:00"
    assert event.model_extra == {"traceparent": "00-ab", "priority": 5, "urgent": True}
    assert CloudEvent.model_validate(event.as_json()) == event


def test_an_event_keeps_what_it_came_with() -> None:
    assert "data" not in structured().as_json()
    assert structured(data=None).as_json()["data"] is None
    assert structured(data="text").data == "text"
    assert structured(data_base64="AAE=").as_json()["data_base64"] == "AAE="


def test_batched_mode() -> None:
    body = json.dumps([{**WHOLE, "id": str(n)} for n in range(3)]).encode()
    assert [each.id for each in read_events(BATCHED, body)] == ["0", "1", "2"]
    assert read_events(BATCHED, b"[]") == []


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/json", b'{"a": [1]}', {"data": {"a": [1]}}),
        ("application/vnd.shop+json; charset=utf-8", b'"x"', {"data": "x"}),
        (None, b"{}", {"data": {}}),
        ("text/plain", "né".encode(), {"data": "né"}),
        ("application/xml", b"<a/>", {"data": "<a/>"}),
        ("text/plain", b"\xff", {"data_base64": base64.b64encode(b"\xff").decode()}),
        ("image/png", b"\x89PNG", {"data_base64": base64.b64encode(b"\x89PNG").decode()}),
        ("image/png", b"", {}),
    ],
)
def test_binary_mode(content_type: str | None, body: bytes, expected: dict[str, Any]) -> None:
    plain = binary(body, content_type).as_json()
    assert {name: plain[name] for name in ("data", "data_base64") if name in plain} == expected
    assert plain["datacontenttype"] == (content_type or "application/json")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Euro%20%E2%82%AC%20%f0%9f%98%80", "Euro € 😀"),
        ('"a \\"quoted\\" word"', 'a "quoted" word'),
        ("%41%2525", "A%25"),
    ],
)
def test_header_values_are_unescaped_once(header: str, expected: str) -> None:
    assert binary(b"", subject=header).subject == expected


@pytest.mark.parametrize(
    ("headers", "body", "field"),
    [
        (STRUCTURED, {"id": None}, "id"),
        (STRUCTURED, {"source": ""}, "source"),
        (STRUCTURED, {"specversion": "0.3"}, "specversion"),
        (STRUCTURED, {"id": 5}, "id"),
        (STRUCTURED, {"type": ["x"]}, "type"),
        (STRUCTURED, {"type": "a\u0000"}, "type"),
        (STRUCTURED, {"id": "\ud800"}, "id"),
        (STRUCTURED, {"time": "yesterday"}, "event"),
        (STRUCTURED, {"time": "2026-01-31T12:00:00"}, "event"),
        (STRUCTURED, {"time": 1700000000}, "event"),
        (STRUCTURED, {"time": "1700000000"}, "event"),
        (STRUCTURED, {"Upper": "x"}, "event"),
        (STRUCTURED, {"under_score": "x"}, "event"),
        (STRUCTURED, {"ext": {"a": 1}}, "event"),
        (STRUCTURED, {"ext": 1.5}, "event"),
        (STRUCTURED, {"ext": 2**31}, "event"),
        (STRUCTURED, {"data": 1, "data_base64": "AA=="}, "event"),
        (STRUCTURED, {"data_base64": "no base64!"}, "event"),
        (STRUCTURED, {"datacontenttype": "text/plain", "data": {"a": 1}}, "event"),
        (STRUCTURED, {"datacontenttype": "nonsense"}, "datacontenttype"),
        (STRUCTURED, {f"ext{n}": "x" for n in range(51)}, "event"),
    ],
)
def test_what_is_no_event_is_refused_and_says_where(
    headers: dict[str, str], body: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_events(headers, json.dumps({**WHOLE, **body}).encode())
    assert refused.value.details["fields"][0]["field"] == field


@pytest.mark.parametrize(
    ("headers", "body", "kind"),
    [
        (STRUCTURED, b"{", InvalidInput),
        (STRUCTURED, b"", InvalidInput),
        (STRUCTURED, b"[]", InvalidInput),
        (STRUCTURED, b'{"data": NaN}', InvalidInput),
        (STRUCTURED, b"[" * 100_000, InvalidInput),
        (STRUCTURED, b"\xff", InvalidInput),
        (BATCHED, b"{}", InvalidInput),
        (BATCHED, b"[1]", InvalidInput),
        (BATCHED, json.dumps([WHOLE] * (BATCH_LIMIT + 1)).encode(), TooLarge),
        (STRUCTURED, json.dumps({**WHOLE, "data": "x" * 300_000}).encode(), TooLarge),
        ({"content-type": "application/cloudevents+avro"}, b"", UnsupportedType),
        ({"content-type": "application/json"}, b"{}", InvalidInput),
        ({}, b"", InvalidInput),
        ({**BINARY, "ce-datacontenttype": "text/plain"}, b"", InvalidInput),
        ({**BINARY, "ce-data": "x"}, b"", InvalidInput),
        ({**BINARY, "ce-subject": "%C0%A0"}, b"", InvalidInput),
        ({**BINARY, "content-type": "application/json"}, b"{", InvalidInput),
    ],
)
def test_bad_requests_are_refused(
    headers: dict[str, str], body: bytes, kind: type[StoaError]
) -> None:
    with pytest.raises(kind) as refused:
        read_events(headers, body)
    assert refused.value.hint


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda of: st.lists(of, max_size=3)
)
TEXT = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=40)


@given(id_=TEXT, type_=TEXT, data=JSON)
def test_what_we_write_we_read(id_: str, type_: str, data: Any) -> None:
    event = CloudEvent(id=id_, source="/x", type=type_, data=data)
    (read,) = read_events(STRUCTURED, json.dumps(event.as_json()).encode())
    assert read == event
    assert read.name == event.name


@given(
    headers=st.dictionaries(
        st.sampled_from([*BINARY, "content-type", "ce-x", "ce-time"]), st.text(max_size=30)
    ),
    body=st.binary(max_size=100) | JSON.map(lambda found: json.dumps(found).encode()),
)
def test_whatever_comes_is_read_or_refused(headers: dict[str, str], body: bytes) -> None:
    with suppress(InvalidInput, TooLarge, UnsupportedType):
        read_events(headers, body)


@pytest.mark.parametrize(
    ("patterns", "type_", "fits"),
    [
        (["*"], "a.b", True),
        (["a.*"], "a.b", True),
        (["a.*"], "a", False),
        (["a*"], "a", True),
        (["*.b"], "a.b", True),
        (["a*b*c"], "a1b2c", True),
        (["a*b*c"], "a1c2b", False),
        (["ab*ba"], "aba", False),
        (["a.b"], "a.b", True),
        (["a.b"], "a.bc", False),
        (["A.B"], "a.b", False),
        (["a.?"], "a.b", False),
        (["x", "a.*"], "a.b", True),
        ([], "a", False),
        (["*a" * 50], "b" * 200, False),
    ],
)
def test_patterns(patterns: list[str], type_: str, fits: bool) -> None:
    assert matches(patterns, type_) is fits
