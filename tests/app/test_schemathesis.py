"""Whatever is sent, no route breaks: generated from the OpenAPI document of a real running server.

Schemathesis makes requests that fit the document and some that do not. Then uploads: bytes of every
kind under every file ending, sent and handed to an operation that reads them.
"""

import time
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as trying
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.openapi import from_url

from tests.house.conftest import Street, street  # noqa: F401 - a fixture

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    # the server's threads in this process use `random`, not our strategies
    pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies"),
]
SECONDS = 40.0
ROUNDS = 40
MOST_READ = 30
"""Uploads that are read: each takes a process of its own."""
ENDINGS = (".pdf", ".docx", ".pptx", ".xlsx", ".html", ".md", ".txt", ".exe", "")
HEADS = (
    b"%PDF-1.7\n",
    b"PK\x03\x04",
    b"<html>",
    b"\x89PNG\r\n\x1a\n",
    b"\x00\x00",
    b"\xff\xfe",
    b"",
)
FORM_PIECES = (
    b"--b\r\n",
    b"--b--\r\n",
    b"\r\n",
    b'Content-Disposition: form-data; name="file"; filename="a.txt"\r\n',
    b"Content-Disposition: form-data; name=\"file\"; filename*=utf-8''%ff\r\n",
    b'content-disposition: form-data; name="other"\r\n',
    b"Content-Type: text/plain\r\n",
    b": \r\n",
    b"x",
    b"\xff",
)
FEW = trying(
    max_examples=3,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_no_route_breaks(street: Street) -> None:  # noqa: F811 - the fixture
    """Round after round over all operations, until the time is up; one round is always done."""
    schema = from_url(f"{street.url}/api/openapi.json")
    schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    operations = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
    assert len(operations) > 30
    headers = {"Authorization": f"Bearer {street.owner}"}
    until = time.monotonic() + SECONDS
    broken: dict[str, str] = {}
    sent = 0

    def send(case: Case[Any]) -> None:
        nonlocal sent
        sent += 1
        answer = case.call(headers=headers, timeout=30)
        if answer.status_code >= 500:
            broken[f"{case.method} {case.path}"] = f"{case.as_curl_command()}\n{answer.text}"

    for number in range(ROUNDS):
        for operation in operations:
            if number == 0 or time.monotonic() < until:
                seeded = seed(number)(given(case=operation.as_strategy())(send))
                FEW(seeded)()
    assert not broken, "\n\n".join(broken.values())
    assert sent >= len(operations)


def test_no_upload_breaks(street: Street) -> None:  # noqa: F811 - the fixture
    """Each is stored or refused; those stored are then read, all in one run of `ask_docs.add`."""
    headers = {"Authorization": f"Bearer {street.owner}"}
    stored: list[str] = []
    with httpx.Client(base_url=street.url, headers=headers, timeout=60) as client:

        @trying(
            max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(
            ending=st.sampled_from(ENDINGS),
            head=st.sampled_from(HEADS),
            body=st.binary(max_size=3000),
            name=st.text(max_size=40),
        )
        def upload(ending: str, head: bytes, body: bytes, name: str) -> None:
            answer = client.post("/api/files", files={"file": (name + ending, head + body)})
            assert answer.status_code in {201, 422}, answer.text
            if answer.status_code == 201:
                assert answer.json()["size"] == len(head + body)
                stored.append(answer.json()["id"])

        upload()
        read = stored[-MOST_READ:]
        started = client.post("/api/ask_docs/add", json={"files": read})
        assert started.status_code == 202, started.text
        run = f"/api/runs/{started.json()['run_id']}"
        while (view := client.get(run).json())["state"] not in {"done", "failed", "cancelled"}:
            time.sleep(0.5)
        assert view["state"] == "done", view["error"]
        receipts = view["result"]["documents"]
        assert len(receipts) == len(read)
        for receipt in receipts:
            assert receipt["outcome"] != "failed" or receipt["document"]["problem"]


@trying(max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    body=st.one_of(
        st.binary(max_size=400),
        st.lists(st.sampled_from(FORM_PIECES), max_size=12).map(b"".join),
    ),
    boundary=st.one_of(st.just("b"), st.text("ab-'\"; =", max_size=80).map(str.strip)),
)
def test_no_form_breaks(street: Street, body: bytes, boundary: str) -> None:  # noqa: F811
    headers = {
        "Authorization": f"Bearer {street.owner}",
        "Content-Type": f"multipart/form-data; boundary={boundary}",
    }
    answer = httpx.post(f"{street.url}/api/files", content=body, headers=headers, timeout=60)
    assert answer.status_code in {201, 422}, answer.text
