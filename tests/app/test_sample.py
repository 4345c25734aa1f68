"""The sample workspace's open door: for a person at this machine, and nobody else."""

from collections.abc import Iterator

import pytest
from starlette.requests import Request

from stoa.app.rest.sample import _is_local_visit
from stoa.base.settings import Settings
from tests.app.example import EXAMPLE
from tests.app.live import LiveSite, live_site

PAGE = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stoa.wiring.solutions", lambda: [EXAMPLE])
        settings = Settings.load(home=tmp_path_factory.mktemp("sample"))
        with live_site(settings, sample=True) as running:
            yield running


def test_a_visitor_of_the_sample_is_signed_in(sample: LiveSite) -> None:
    with sample.client(None) as client:
        first = client.get("/", headers=PAGE)
        assert first.status_code == 303
        assert first.headers["location"] == "/"
        assert client.get("/api/whoami").json()["workspace_id"] == "workspace_sample"
        assert client.get("/", headers=PAGE).status_code == 200


def test_a_program_is_not_signed_in_to_the_sample(sample: LiveSite) -> None:
    with sample.client(None) as client:
        assert client.get("/api/whoami").status_code == 401
        assert client.get("/api/whoami", headers=PAGE).status_code == 401


def test_a_stale_session_is_replaced(sample: LiveSite) -> None:
    with sample.client(None, Cookie="stoa_session=stale") as client:
        assert client.get("/", headers=PAGE).status_code == 303


def visit(**headers: str) -> bool:
    """Whether the middleware takes such a request for a visit of somebody on this machine."""
    given = {"host": "localhost:8000", "accept": "text/html", **headers}
    client = given.pop("client", "127.0.0.1")
    path, method = given.pop("path", "/"), given.pop("method", "GET")
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "server": ("127.0.0.1", 8000),
        "client": (client, 1),
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
    }
    return _is_local_visit(Request(scope))


def test_only_a_page_visit_on_this_machine_is_signed_in() -> None:
    assert visit()
    assert visit(host="127.0.0.1:8000", path="/runs")
    assert not visit(host="rebound.example")
    assert not visit(client="192.0.2.7")
    assert not visit(**{"X-Forwarded-For": "192.0.2.7"})
    assert not visit(**{"Sec-Fetch-Site": "cross-site"})
    assert not visit(accept="application/json")
    assert not visit(path="/api/whoami")
    assert not visit(method="POST")
