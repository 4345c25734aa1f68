"""Events over HTTP: in, out, live, and on to the operations that react; who may, and how it refuses."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import Field

from stoa.base.settings import Settings
from stoa.contract import Call, EventType, Operation, Request, Result, Solution
from stoa.core.events.signing import check_signature, signed_headers
from tests.app.live import LiveSite, live_site
from tests.core.events.receiver import Receiver, receiving


class Parcel(Request):
    """What came."""

    label: str = Field(min_length=1)


class Unpacked(Result):
    """What was in it."""

    label: str


async def unpack(call: Call, request: Parcel) -> Unpacked:
    """Unpack a parcel and tell everyone."""
    platform, workspace = call.platform, call.caller.workspace_id
    await platform.events.publish(
        workspace,
        type="parcel.unpacked",
        source="/stoa/parcels",
        data={"label": request.label, "by": call.caller.name},
        key=f"unpacked {call.run_id}",
    )
    return Unpacked(label=request.label)


PARCELS = Solution(
    name="parcels",
    title="Parcels",
    summary="Unpacks.",
    folder=Path(__file__).parent,
    operations=(Operation(unpack, durable=True),),
    events=(EventType("parcel.unpacked", Unpacked, "A parcel was unpacked."),),
    reacts={"parcel.came": "unpack", "parcel.found.*": "unpack"},
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    """A real server over a solution that publishes and reacts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stoa.wiring.solutions", lambda: [PARCELS])
        home = tmp_path_factory.mktemp("home")
        with live_site(Settings.load(home=home, webhook_private=True)) as running:
            yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def cloud_event(id_: str, type_: str = "thing.done", **given: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": id_, "source": "/shop", "type": type_, **given}


def send(client: httpx.Client, *events: dict[str, Any]) -> httpx.Response:
    kind = "cloudevents" if len(events) == 1 else "cloudevents-batch"
    return client.post(
        "/api/events",
        content=json.dumps(events[0] if len(events) == 1 else events),
        headers={"Content-Type": f"application/{kind}+json"},
    )


def until(look: Any) -> Any:
    """What `look` finds, once it finds something; the test's own time-out ends it."""
    while not (found := look()):
        time.sleep(0.02)
    return found


def test_an_event_starts_one_run_and_its_result_is_an_event(
    site: LiveSite, receiver: Receiver
) -> None:
    with site.client() as client:
        answer = client.post(
            "/api/events/subscriptions",
            json={"url": f"{receiver.url}/ok", "types": ["parcel.unpacked"], "title": "Unpacked"},
        )
        assert answer.status_code == 201
        secret = answer.json()["secret"]
        event = cloud_event("p1", "parcel.came", data={"label": "blue"})
        assert send(client, event).json() == {"accepted": 1, "duplicates": 0}
        assert send(client, event).json() == {"accepted": 0, "duplicates": 1}
        receiver.wait(1)
        runs = [each for each in client.get("/api/runs").json() if each["operation"] == "unpack"]
        assert [each["started_by"] for each in runs] == ["stoa"]
        came = next(e for e in client.get("/api/events").json() if e["event"]["id"] == "p1")
        again = {"subscription": "parcels.unpack", "events": [came["id"]]}
        assert client.post("/api/events/replay", json=again).json() == {"deliveries": 1}
        until(lambda: client.get(f"/api/events/{came['id']}").json()["delivered"])
        after = [each for each in client.get("/api/runs").json() if each["operation"] == "unpack"]
        assert after == runs, "handed over twice, an event still starts one run"
    (message,) = receiver.received
    assert message.event["data"] == {"label": "blue", "by": "Stoa"}
    check_signature(secret, message.headers, message.body, at=time.time())


def test_an_event_that_does_not_fit_is_a_dead_letter(site: LiveSite) -> None:
    with site.client() as client:
        send(client, cloud_event("bad", "parcel.found.here", data={"weight": 3}))

        def dead() -> Any:
            found = client.get("/api/events/deliveries", params={"state": "dead"}).json()
            return [each for each in found if each["consumer"] == "parcels.unpack"]

        (letter,) = until(dead)
        assert "label" in letter["error"]
        again = {"subscription": "parcels.unpack", "events": [letter["event_id"]]}
        assert client.post("/api/events/replay", json=again).json() == {"deliveries": 1}
        until(dead)


def test_all_modes_come_in_and_the_log_has_them(site: LiveSite) -> None:
    with site.client() as client:
        binary = client.post(
            "/api/events",
            content=b"hello",
            headers={
                "Content-Type": "text/plain",
                "ce-specversion": "1.0",
                "ce-id": "binary-1",
                "ce-source": "/shop",
                "ce-type": "note.written",
                "ce-subject": "Euro%20%E2%82%AC",
            },
        )
        assert (binary.status_code, binary.json()["accepted"]) == (202, 1)
        batch = send(client, cloud_event("b1", "note.a"), cloud_event("b2", "note.b"))
        assert batch.json() == {"accepted": 2, "duplicates": 0}
        log = client.get("/api/events", params={"types": "note.*"}).json()
        assert [each["event"]["id"] for each in log] == ["b2", "b1", "binary-1"]
        assert log[2]["event"]["data"] == "hello"
        assert log[2]["event"]["subject"] == "Euro €"
        older = client.get("/api/events", params={"types": "note.*", "before": log[1]["id"]})
        assert [each["event"]["id"] for each in older.json()] == ["binary-1"]
        shown = client.get(f"/api/events/{log[0]['id']}").json()
        assert shown["event"] == log[0]["event"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/cloudevents+json", 422),
        (b"{}", "application/cloudevents+json", 422),
        (b"{}", "application/json", 422),
        (b"", "application/cloudevents+avro", 415),
        (
            json.dumps(cloud_event("x", data="y" * 300_000)).encode(),
            "application/cloudevents+json",
            413,
        ),
        (b"[" + b" " * 4_200_000 + b"]", "application/cloudevents-batch+json", 413),
        (json.dumps(cloud_event("x", "stoa.x")).encode(), "application/cloudevents+json", 403),
        (
            json.dumps([cloud_event("only"), {"id": 1}]).encode(),
            "application/cloudevents-batch+json",
            422,
        ),
    ],
)
def test_bad_events_are_problems_and_leave_nothing(
    site: LiveSite, body: bytes, kind: str, status: int
) -> None:
    with site.client() as client:
        answer = client.post("/api/events", content=body, headers={"Content-Type": kind})
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["hint"]
        ids = [each["event"]["id"] for each in client.get("/api/events").json()]
        assert not {"only", "x"} & set(ids)


def test_the_types_that_solutions_publish_are_listed(site: LiveSite) -> None:
    with site.client() as client:
        (found,) = client.get("/api/events/types").json()
    assert (found["type"], found["solution"]) == ("parcel.unpacked", "parcels")
    assert found["data_schema"]["properties"]["label"] == {"title": "Label", "type": "string"}


def test_the_stream_goes_on_where_it_was_left(site: LiveSite) -> None:
    with site.client() as client:
        for n in range(3):
            send(client, cloud_event(f"s{n}", "stream.tick", data={"n": n}))
        seen = read_stream(site, 2, {"types": "stream.*", "after": 0})
        assert [json.loads(data)["id"] for _, data in seen] == ["s0", "s1"]
        rest = read_stream(site, 1, {"types": "stream.*"}, last=seen[-1][0])
        assert [json.loads(data)["id"] for _, data in rest] == ["s2"]


def test_the_stream_is_live(site: LiveSite) -> None:
    seen: list[tuple[str, str]] = []
    ready = threading.Event()
    reading = threading.Thread(
        target=lambda: seen.extend(read_stream(site, 1, {"types": "live.*"}, ready=ready))
    )
    reading.start()
    ready.wait()
    with site.client() as client:
        n = 0
        while reading.is_alive():  # what comes before the reader is in its place, it does not get
            send(client, cloud_event(f"live{(n := n + 1)}", "live.tick"))
            reading.join(0.1)
    assert json.loads(seen[0][1])["type"] == "live.tick"


def read_stream(
    site: LiveSite,
    count: int,
    query: dict[str, Any],
    *,
    last: str = "",
    ready: threading.Event | None = None,
) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    headers = {"Last-Event-ID": last} if last else {}
    with site.client(**headers) as client:
        with client.stream("GET", "/api/events/stream", params=query) as response:
            assert response.status_code == 200
            if ready is not None:
                ready.set()
            fields: dict[str, str] = {}
            for line in response.iter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "data" in fields:
                    found.append((fields["id"], fields["data"]))
                    fields = {}
                if len(found) == count:
                    return found
    raise AssertionError("the stream ended")


def test_a_source_signs_instead_of_having_a_key(site: LiveSite) -> None:
    with site.client() as client:
        made = client.post("/api/events/sources", json={"title": "Shop", "types": ["order.*"]})
        secret, source = made.json()["secret"], made.json()["source"]
        assert source["id"] in {each["id"] for each in client.get("/api/events/sources").json()}
    at = int(time.time())

    def post(body: bytes, **change: str) -> httpx.Response:
        headers = signed_headers([secret], "msg_1", at, body) | change
        return httpx.post(f"{site.url}{source['path']}", content=body, headers=headers, timeout=30)

    plain = json.dumps({"type": "order.placed", "data": {"n": 1}}).encode()
    assert post(plain).json() == {"accepted": 1, "duplicates": 0}
    assert post(plain).json() == {"accepted": 0, "duplicates": 1}
    whole = json.dumps(cloud_event("o1", "order.paid")).encode()
    assert post(whole, **{"content-type": "application/cloudevents+json"}).status_code == 202
    assert post(whole).json() == {"accepted": 0, "duplicates": 1}, "without its content type"
    binary = {f"ce-{name}": "1.0" for name in ("specversion", "id", "source")}
    assert post(plain, **binary, **{"ce-type": "order.paid"}).status_code == 422, "not signed"
    batch = json.dumps([cloud_event("o1", "order.paid"), cloud_event("o2", "order.paid")]).encode()
    assert post(batch).json() == {"accepted": 1, "duplicates": 1}
    other = json.dumps({"type": "refund.made"}).encode()
    assert post(other).status_code == 403
    assert post(plain, **{"webhook-id": "msg_2"}).status_code == 401
    assert post(b"x").status_code == 422
    absent = httpx.post(f"{site.url}/api/events/sources/source_none", content=plain, timeout=30)
    assert absent.status_code == 401, "as if the signature did not fit"
    with site.client() as client:
        assert client.delete(source["path"]).status_code == 204
    assert post(plain).status_code == 401


def test_webhooks_over_http(site: LiveSite, receiver: Receiver) -> None:
    with site.client() as client:
        path = "/api/events/subscriptions"
        made = client.post(path, json={"url": f"{receiver.url}/ok", "types": ["hook.*"]}).json()
        one = f"{path}/{made['subscription']['id']}"
        assert made["subscription"]["title"] == "127.0.0.1"
        assert "secret" not in client.get(one).text
        changed = client.patch(one, json={"title": "Mine", "active": False}).json()
        assert (changed["title"], changed["active"], changed["types"]) == (
            "Mine",
            False,
            ["hook.*"],
        )
        client.patch(one, json={"active": True})
        rotated = client.post(f"{one}/secret", json={"overlap_hours": 1}).json()["secret"]
        assert rotated != made["secret"]
        send(client, cloud_event("h1", "hook.a"))
        receiver.wait(1)
        (message,) = receiver.received
        assert len(message.headers["webhook-signature"].split()) == 2
        delivered = until(
            lambda: client.get(
                "/api/events/deliveries",
                params={"subscription": made["subscription"]["id"], "state": "delivered"},
            ).json()
        )
        assert (delivered[0]["status"], delivered[0]["title"]) == (204, "Mine")
        assert client.delete(one).status_code == 204
        assert client.get(one).status_code == 404
        refused = client.post(path, json={"url": "ftp://x", "types": ["*"]})
        assert refused.status_code == 422


PATHS = (
    ("GET", "/api/events"),
    ("GET", "/api/events/stream"),
    ("GET", "/api/events/deliveries"),
    ("POST", "/api/events/replay"),
    ("GET", "/api/events/subscriptions"),
    ("GET", "/api/events/sources"),
)


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize(("who", "status"), [(None, 401), ("member", 403), ("narrow", 403)])
def test_who_may_not(site: LiveSite, method: str, path: str, who: str | None, status: int) -> None:
    with site.client(who) as client:
        body: dict[str, Any] | None = {} if method == "POST" else None
        assert client.request(method, path, json=body).status_code == status
        assert send(client, cloud_event("no")).status_code == status


def test_another_workspace_sees_none_of_it(site: LiveSite, receiver: Receiver) -> None:
    with site.client() as client, site.client("stranger") as stranger:
        made = client.post("/api/events/subscriptions", json={"url": f"{receiver.url}/ok"}).json()
        send(client, cloud_event("mine"))
        mine, *_ = client.get("/api/events").json()
        one = f"/api/events/subscriptions/{made['subscription']['id']}"
        assert stranger.get(f"/api/events/{mine['id']}").status_code == 404
        assert stranger.get("/api/events").json() == []
        assert stranger.get(one).status_code == 404
        assert stranger.patch(one, json={"active": False}).status_code == 404
        assert stranger.post(f"{one}/secret", json={}).status_code == 404
        assert stranger.delete(one).status_code == 404
        again = stranger.post("/api/events/replay", json={"events": [mine["id"]]})
        assert again.json() == {"deliveries": 0}
        assert client.delete(one).status_code == 204
