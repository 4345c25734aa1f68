"""`stoa admin events`: the operator's way to the log, the webhooks and the dead letters."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.app.conftest import Run


def answer(run: Run, *words: str) -> Any:
    code, out, err = run("--json", "admin", *words)
    assert code == 0, err
    return json.loads(out)


@pytest.fixture
def workspace(run: Run) -> str:
    return str(answer(run, "workspace", "create", "Ours")["id"])


def test_events_from_a_file_are_in_the_log_once(run: Run, workspace: str, tmp_path: Path) -> None:
    events = [
        {"specversion": "1.0", "id": str(n), "source": "/shop", "type": f"order.{n}"}
        for n in range(3)
    ]
    one, many = tmp_path / "one.json", tmp_path / "many.json"
    one.write_text(json.dumps(events[0]))
    many.write_text(json.dumps(events))
    sent = answer(run, "events", "publish", workspace, str(one))
    assert sent == {"accepted": 1, "duplicates": 0}
    sent = answer(run, "events", "publish", workspace, str(many))
    assert sent == {"accepted": 2, "duplicates": 1}
    listed = answer(run, "events", "list", workspace, "--type", "order.*", "--limit", "2")
    assert [each["event"]["type"] for each in listed] == ["order.2", "order.1"]
    assert answer(run, "events", "prune", "--days", "1") == {"events": 0}
    assert answer(run, "events", "dead", workspace) == []
    assert answer(run, "events", "replay", workspace) == {"deliveries": 0}


def test_a_file_that_is_no_event_is_refused(run: Run, workspace: str, tmp_path: Path) -> None:
    for text in ("", "{}", "5"):
        file = tmp_path / "x.json"
        file.write_text(text)
        code, _, err = run("admin", "events", "publish", workspace, str(file))
        assert code == 2
        assert err


def test_webhooks(run: Run, workspace: str) -> None:
    code, _, err = run("admin", "events", "webhook", "add", workspace, "http://127.0.0.1/x")
    assert code == 2
    assert "STOA_WEBHOOK_PRIVATE" in err


def test_a_webhook_from_adding_to_removing(
    run: Run, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOA_WEBHOOK_PRIVATE", "true")
    made = answer(
        run, "events", "webhook", "add", workspace, "http://127.0.0.1/x", "--type", "order.*"
    )
    assert made["secret"].startswith("whsec_")
    (listed,) = answer(run, "events", "webhook", "list", workspace)
    assert (listed["id"], listed["types"]) == (made["id"], ["order.*"])
    replaced = answer(run, "events", "webhook", "secret", workspace, made["id"])
    assert replaced["secret"] not in ("", made["secret"])
    assert answer(run, "events", "webhook", "remove", workspace, made["id"]) == []
