"""The REST face over the example solution: operations, runs, files, who may, and how it refuses."""

import asyncio
import gc
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from stoa.base.settings import Settings
from tests.app import example
from tests.app.conftest import sse
from tests.app.live import LiveSite, prepared, served


class _Aged:
    """An application whose server is among the old objects of the process when it starts."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gc.collect()
        await self.app(scope, receive, send)


def test_a_server_starts_in_a_process_that_trains(only_the_example: None, tmp_path: Path) -> None:
    """torch keeps an object that warns when looked at, and NiceGUI looks for its server among all."""
    pytest.importorskip("torch.distributed", reason="torch is not installed")
    made = asyncio.run(prepared(Settings.load(home=tmp_path), sample=False))
    try:
        with served(_Aged(made.app)) as url:
            assert httpx.get(f"{url}/health").status_code == 200
    finally:
        made.dispatcher.platform.database.close()


def test_an_operation_answers_its_result(site: LiveSite) -> None:
    with site.client() as client:
        answer = client.post("/api/example/greet", json={"name": " Ada ", "times": 2})
    assert answer.status_code == 200
    assert answer.json() == {"text": "Hello Ada! Hello Ada!"}


def test_an_operation_without_required_fields_takes_no_body(site: LiveSite) -> None:
    with site.client() as client:
        answer = client.post("/api/example/rule")
    assert answer.json() == {"text": "owner"}


def test_a_misfit_names_each_field(site: LiveSite) -> None:
    with site.client() as client:
        answer = client.post("/api/example/greet", json={"name": "", "times": 9, "x": 1})
    problem = answer.json()
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["code"] == "invalid_input"
    assert problem["hint"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert {each["field"] for each in problem["fields"]} == {"name", "times", "x"}


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"null", b"[]", b'"x"', b"{}", b""])
def test_a_body_that_is_no_request_is_a_misfit(site: LiveSite, body: bytes) -> None:
    with site.client() as client:
        answer = client.post(
            "/api/example/greet", content=body, headers={"content-type": "application/json"}
        )
    assert answer.status_code in {400, 422}
    assert answer.json()["code"] == "invalid_input"


@pytest.mark.parametrize("text", ["\\u0000", "a\\ud800b"])
def test_unstorable_text_is_refused(site: LiveSite, text: str) -> None:
    bodies = (f'{{"name": "{text}"}}', f'{{"name": "A", "place": {{"city": "{text}"}}}}')
    with site.client(**{"Content-Type": "application/json"}) as client:
        for body in bodies:
            answer = client.post("/api/example/greet", content=body)
            assert answer.status_code == 422
            assert "can't be stored" in answer.json()["detail"]
        assert client.get("/api/runs/%00").status_code == 404


def test_a_body_over_the_limit_is_refused(site: LiveSite) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(6):
            yield b'"' + b"x" * 2**20

    with site.client() as client:
        answer = client.post(
            "/api/example/greet", content=chunks(), headers={"content-type": "application/json"}
        )
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


def test_a_durable_operation_answers_a_run_to_watch(site: LiveSite) -> None:
    with site.client() as client:
        started = client.post("/api/example/count", json={"to": 4})
        assert started.status_code == 202
        run_id = started.json()["run_id"]
        assert started.headers["location"] == f"/api/runs/{run_id}"
        followed = client.get(f"/api/runs/{run_id}/events")
        ended = (client.get(started.headers["location"])).json()
    events = sse(followed.text)
    assert ended["state"] == "done"
    assert ended["result"] == {"sum": 10}
    assert events[-1][0] == "end"
    assert [name for name, _ in events].count("progress") == 4


def test_last_event_id_goes_on_where_the_reader_was(site: LiveSite) -> None:
    with site.client() as client:
        run_id = (client.post("/api/example/count", json={"to": 3})).json()["run_id"]
        whole = sse((client.get(f"/api/runs/{run_id}/events")).text)
        rest = sse((client.get(f"/api/runs/{run_id}/events", headers={"Last-Event-ID": "3"})).text)
    assert rest == whole[3:]


def test_the_same_idempotency_key_starts_once(site: LiveSite) -> None:
    with site.client(**{"Idempotency-Key": "once"}) as client:
        first = (client.post("/api/example/count", json={"to": 1})).json()
        second = (client.post("/api/example/count", json={"to": 1})).json()
    assert first == second


def test_a_run_is_cancelled_and_resumed(site: LiveSite) -> None:
    with site.client() as client:
        started = client.post("/api/example/count", json={"to": 3, "pause": 0.3})
        where = started.headers["location"]
        assert (client.post(f"{where}/cancel")).json()["state"] == "cancelled"
        assert (client.post(f"{where}/resume")).json()["state"] in {"queued", "running"}
        client.get(f"{where}/events")
        ended = (client.get(where)).json()
        again = client.post(f"{where}/resume")
    assert ended["result"] == {"sum": 6}
    assert again.status_code == 409


def test_a_failed_run_says_why(site: LiveSite) -> None:
    with site.client() as client:
        started = client.post("/api/example/count", json={"to": 3, "fail_at": 2})
        client.get(f"{started.headers['location']}/events")
        ended = (client.get(started.headers["location"])).json()
    assert ended["state"] == "failed"
    assert ended["error"]["code"] == "conflict"
    assert ended["error"]["hint"] == "Count elsewhere."


def test_runs_are_listed_for_their_workspace_only(site: LiveSite) -> None:
    with site.client() as ours, site.client("stranger") as theirs:
        started = ours.post("/api/example/count", json={"to": 1})
        run_id = started.json()["run_id"]
        assert (ours.get("/api/runs")).json()[0]["id"] == run_id
        assert (theirs.get("/api/runs")).json() == []
        for method, path in (
            ("GET", ""),
            ("GET", "/events"),
            ("POST", "/cancel"),
            ("POST", "/resume"),
        ):
            answer = theirs.request(method, f"/api/runs/{run_id}{path}")
            assert answer.status_code == 404, path
            assert answer.json()["code"] == "not_found"


def test_a_streaming_operation_sends_events(site: LiveSite) -> None:
    with site.client(Accept="text/event-stream") as client:
        answer = client.post("/api/example/tell", json={"name": "Ada"})
        failed = client.post("/api/example/tell", json={"name": "Nobody"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert sse(answer.text) == [
        ("emit", {"word": "Hello"}),
        ("progress", {"message": "Hello", "done": 1, "total": 2}),
        ("emit", {"word": "Ada"}),
        ("progress", {"message": "Ada", "done": 1, "total": 2}),
        ("result", {"text": "Hello Ada"}),
    ]
    name, problem = sse(failed.text)[-1]
    assert name == "error"
    assert problem["code"] == "conflict"
    assert problem["hint"] == "Greet somebody."


def test_the_same_operation_answers_at_once_without_the_header(site: LiveSite) -> None:
    with site.client() as client:
        answer = client.post("/api/example/tell", json={"name": "Ada"})
    assert answer.json() == {"text": "Hello Ada"}


def test_nobody_without_proof(site: LiveSite) -> None:
    with site.client(None) as client:
        answer = client.post("/api/example/greet", json={"name": "Ada"})
        wrong = client.post(
            "/api/example/greet",
            json={"name": "Ada"},
            headers={"Authorization": "Bearer stoa_wrong"},
        )
    assert answer.status_code == wrong.status_code == 401
    assert answer.json()["code"] == "not_signed_in"
    assert answer.json()["hint"]
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_roles_and_scopes(site: LiveSite) -> None:
    with site.client("member") as member, site.client("narrow") as narrow:
        assert (member.post("/api/example/rule")).status_code == 403
        assert (narrow.post("/api/example/greet", json={"name": "A"})).status_code == 200
        assert (narrow.post("/api/example/wipe")).status_code == 403
        assert (narrow.post("/api/example/count", json={"to": 1})).status_code == 403
        streamed = narrow.post(
            "/api/example/tell", json={"name": "A"}, headers={"Accept": "text/event-stream"}
        )
        assert streamed.status_code == 403


def test_a_limit_says_when_to_come_back(site: LiveSite) -> None:
    with site.client() as client:
        answer = client.post("/api/example/tire")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "30"
    assert answer.json()["retry_after"] == 30


def test_what_nobody_foresaw_leaks_nothing(
    site: LiveSite, caplog: pytest.LogCaptureFixture
) -> None:
    with site.client() as client:
        answer = client.post("/api/example/break_down")
    assert answer.status_code == 500
    assert answer.json()["code"] == "bug"
    assert "12345" not in answer.text
    assert answer.headers["x-request-id"] in answer.json()["hint"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "the secret is 12345" in caplog.text  # the operator's log has it


def test_an_unknown_path_and_method_are_problems(site: LiveSite) -> None:
    with site.client() as client:
        absent = client.get("/api/nowhere")
        wrong = client.get("/api/example/greet")
    assert absent.status_code == 404
    assert absent.json()["code"] == "not_found"
    assert wrong.status_code in {404, 405}
    assert wrong.headers["content-type"] == "application/problem+json"


def test_a_route_of_a_solution_gets_caller_and_parameters(site: LiveSite) -> None:
    with site.client() as client, site.client(None) as nobody:
        answer = client.get("/api/example/pictures/7")
        assert (nobody.get("/api/example/pictures/7")).status_code == 401
    assert answer.headers["content-type"] == "image/png"
    assert answer.text == repr((site.site.owner.workspace_id, {"number": "7"}))


def test_health_whoami_and_metrics(site: LiveSite) -> None:
    with site.client() as client, site.client("member") as member:
        assert (client.get("/health")).json() == {"status": "ok"}
        assert (client.get("/api/whoami")).json()["workspace_id"] == site.site.owner.workspace_id
        assert (client.get("/metrics")).status_code == 200
        forwarded = {"X-Forwarded-For": "203.0.113.9"}
        assert (member.get("/metrics", headers=forwarded)).status_code == 403
        assert (client.get("/metrics", headers=forwarded)).status_code == 200


def test_the_openapi_document_names_every_operation(site: LiveSite) -> None:
    with site.client(None) as client:
        document = (client.get("/api/openapi.json")).json()
    post = document["paths"]["/api/example/greet"]["post"]
    assert post["operationId"] == "example.greet"
    assert post["summary"] == "Greet somebody."
    assert post["x-roles"] == ["editor", "member", "owner", "reviewer"]
    assert post["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/Greet")
    assert "202" in document["paths"]["/api/example/count"]["post"]["responses"]
    assert "Problem" in document["components"]["schemas"]
    assert {"HTTPBearer", "APIKeyCookie"} <= set(document["components"]["securitySchemes"])


# Files


def upload(client: httpx.Client, name: str, content: bytes) -> httpx.Response:
    return client.post("/api/files", files={"file": (name, content)})


def test_an_upload_is_stored_and_used_by_its_id(site: LiveSite) -> None:
    with site.client() as client:
        stored = upload(client, "naïve é.txt", b"x" * 70_000)
        assert stored.status_code == 201
        weighed = client.post("/api/example/weigh", json={"files": [stored.json()["id"]]})
    assert weighed.json() == {"size": 70_000, "names": ["naïve é.txt"]}


def test_a_stranger_has_no_use_of_a_file_id(site: LiveSite) -> None:
    with site.client() as ours, site.client("stranger") as theirs:
        stored = (upload(ours, "a.txt", b"secret")).json()
        answer = theirs.post("/api/example/weigh", json={"files": [stored["id"]]})
    assert answer.status_code == 404
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"--b\r\n"),
        ("multipart/form-data; boundary=b", b"nonsense"),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--",
        ),
        ("multipart/form-data; boundary=" + "b" * 500, b"--b"),
        ("multipart/form-data", b"--b"),
        ("application/json", b"{}"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\ncut off',
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\nx\r\n--b--\r\n',
        ),
    ],
)
def test_a_malformed_upload_is_refused(site: LiveSite, content_type: str, body: bytes) -> None:
    with site.client() as client:
        answer = client.post("/api/files", content=body, headers={"content-type": content_type})
    assert answer.status_code == 422
    assert answer.json()["hint"]
    assert not list(Path(tempfile.gettempdir()).glob("stoa-upload-*"))


def test_links_are_downloads_and_nothing_else(site: LiveSite) -> None:
    platform = site.site.dispatcher.platform
    key = f"{site.site.owner.workspace_id}/x/page"
    asyncio.run(platform.objects.put(key, b"<script>alert(1)</script>"))
    link = platform.objects.link(key, seconds=60, name='a "b".html')
    path = httpx.URL(link).path
    with site.client(None) as client:
        answer = client.get(path)
        forged = client.get(path + "x")
    assert answer.content == b"<script>alert(1)</script>"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert forged.status_code == 404


def test_an_abandoned_stream_cancels_its_work(site: LiveSite) -> None:
    example.ABANDONED.clear()
    with site.client(Accept="text/event-stream") as client:
        with client.stream("POST", "/api/example/wait") as answer:
            assert answer.status_code == 200
    assert example.ABANDONED.wait(10)


def test_an_upload_that_is_cut_off_leaves_nothing(site: LiveSite) -> None:
    address = httpx.URL(site.url)
    before, answered = stored_objects(site), answered_uploads(site)
    with socket.create_connection((address.host, address.port or 0)) as connection:
        connection.sendall(
            f"POST /api/files HTTP/1.1\r\nHost: {address.netloc.decode()}\r\n"
            f"Authorization: Bearer {site.site.keys['owner']}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n"
            '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf'.encode()
        )
    while answered_uploads(site) == answered:
        time.sleep(0.02)
    assert stored_objects(site) == before
    assert not list(Path(tempfile.gettempdir()).glob("stoa-upload-*"))


def test_an_upload_over_the_limit_is_refused_while_it_comes_in(site: LiveSite) -> None:
    def endless() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(10_000):
            yield b"x" * 2**16

    before = stored_objects(site)
    with site.client(**{"Content-Type": "multipart/form-data; boundary=b"}) as client:
        try:
            answer = client.post("/api/files", content=endless())
        except httpx.WriteError:  # the server may hang up before it has heard it all
            pass
        else:
            assert answer.status_code == 413
            assert answer.json()["code"] == "too_large"
    assert stored_objects(site) == before


def stored_objects(site: LiveSite) -> list[str]:
    return asyncio.run(site.site.dispatcher.platform.objects.list(""))


def answered_uploads(site: LiveSite) -> list[str]:
    with site.client() as client:
        lines = client.get("/metrics").text.splitlines()
    return [line for line in lines if line.startswith("stoa_http_requests") and "files" in line]


# Questions to people


def test_a_run_asks_and_goes_on_with_the_answer(site: LiveSite) -> None:
    with site.client() as client, site.client("stranger") as stranger:
        started = client.post("/api/example/consult", json={"name": "Ada"})
        while not (asked := client.get("/api/approvals").json()):
            time.sleep(0.02)
        where = f"/api/approvals/{asked[0]['id']}"
        assert asked[0]["question"] == "May Ada be greeted?"
        assert client.get(where).json() == asked[0]
        assert stranger.get(where).status_code == 404
        assert stranger.post(where, json={"choice": "yes"}).status_code == 404
        assert client.post(where, json={"choice": "perhaps"}).status_code == 422
        decided = client.post(where, json={"choice": "yes", "text": "Welcome, Ada"})
        assert decided.status_code == 200
        assert client.post(where, json={"choice": "no"}).status_code == 409
        client.get(f"{started.headers['location']}/events")
        ended = client.get(started.headers["location"]).json()
        assert client.get("/api/approvals").json() == []
    assert ended["result"] == {"text": "yes: Welcome, Ada"}
