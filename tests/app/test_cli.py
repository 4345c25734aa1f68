"""The command line: options from request types, in this process and over HTTP, words and exit codes."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stoa.base.settings import Settings
from tests.app.conftest import Run
from tests.app.live import LiveSite, live_site


@pytest.fixture
def live(only_the_example: None, settings: Settings) -> Iterator[LiveSite]:
    with live_site(settings) as running:
        yield running


def test_help_lists_solutions_and_house(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "example" in out
    assert "Greets and counts." in out
    assert "serve" in out


def test_an_operation_takes_options_from_its_request(run: Run) -> None:
    code, out, _ = run("example", "greet", "--help")
    assert code == 0
    for option in ("--name", "--manner [warm|cool]", "--loud / --no-loud", "--place JSON"):
        assert option in out
    assert "Whom to greet." in out


def test_an_operation_answers_in_words_and_in_json(run: Run) -> None:
    words = [
        "example", "greet", "--name", "Ada", "--times", "2", "--loud", "--mark", ".",
        "--titles", "Countess", "--titles", "Dr", "--place", '{"city": "London"}',
    ]  # fmt: skip
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    assert out == "text: HELLO COUNTESS DR ADA IN LONDON. HELLO COUNTESS DR ADA IN LONDON.\n"
    code, out, _ = run(*words, "--json")
    assert json.loads(out) == {
        "text": "HELLO COUNTESS DR ADA IN LONDON. HELLO COUNTESS DR ADA IN LONDON."
    }
    assert run("--json", *words)[1] == out


def test_a_field_called_url_keeps_its_name(run: Run) -> None:
    code, _, _ = run("example", "greet", "--name", "Ada", "--url", "http://127.0.0.1:1")
    assert code == 0


def test_a_durable_operation_is_waited_for(run: Run) -> None:
    code, out, err = run("example", "count", "--to", "4", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"sum": 10}


def test_files_are_uploaded_on_the_way(run: Run, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("12345")
    code, out, _ = run(
        "example", "weigh", "--files", str(tmp_path / "a.txt"), "--files", str(tmp_path / "b.txt"),
        "--json",
    )  # fmt: skip
    assert code == 0
    assert json.loads(out) == {"size": 10, "names": ["a.txt", "b.txt"]}


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["example", "greet"], 2, "Missing option '--name'"),
        (["example", "greet", "--name", ""], 2, "'name': String should have at least 1"),
        (["example", "greet", "--name", "A", "--times", "x"], 2, "'x' is not a valid integer"),
        (["example", "greet", "--name", "A", "--place", "{"], 2, "'place' is not JSON"),
        (["example", "greet", "--name", "A", "--mark", "?"], 2, "'?' is not one of"),
        (["example", "weigh", "--files", "absent.txt"], 2, "does not exist"),
        (["example", "count", "--to", "3", "--fail-at", "2"], 2, "2 is a bad number."),
        (["example", "tire"], 2, "Enough for today."),
        (["example", "break_down"], 70, "Something went wrong in Stoa."),
        (["example", "nothing"], 2, "No such command 'nothing'"),
        (["nothing"], 2, "No such command 'nothing'"),
    ],
)
def test_errors_are_one_line_a_hint_and_a_code(
    run: Run, words: list[str], code: int, says: str
) -> None:
    got, out, err = run(*words)
    assert (got, out) == (code, "")
    first, *rest = [line for line in err.splitlines() if line.startswith(("stoa:", "      "))]
    assert first.startswith("stoa: ")
    assert says in first
    assert rest, "a hint"
    assert "Traceback" not in err
    got, out, err = run(*words, "--json")
    assert got == code
    assert json.loads(err.splitlines()[-1])["code"]


def test_a_destructive_operation_asks_first(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _prompt: "n")
    assert run("example", "wipe")[0] == 130
    assert run("example", "wipe", "--yes")[:2] == (0, "text: wiped\n")


def test_the_server_answers_and_refuses_the_same(
    run: Run, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("12345")
    questions = [
        ["example", "count", "--to", "4", "--json"],
        ["example", "weigh", "--files", str(tmp_path / "a.txt"), "--json"],
        ["example", "tell", "--name", "Ada"],
        ["example", "tire"],
        ["example", "count", "--to", "3", "--fail-at", "2"],
    ]
    here = [run(*words) for words in questions]
    with live_site(settings) as live:
        target = ["--url", live.url, "--key", live.site.keys["owner"]]
        there = [run(*target, *words) for words in questions]
        after = run("example", "tire", *target)
        before = run(*target, "example", "greet", "--name", "Ada")
        keyless = run("example", "tire", "--url", live.url)
    assert there == here
    assert after == here[3]
    assert [code for code, _, _ in here] == [0, 0, 0, 2, 2]
    assert before[1] == "text: Hello Ada!\n"
    assert keyless[0] == 3
    assert "needs a session or an API key" in keyless[2]


def test_a_server_that_is_not_there(run: Run) -> None:
    code, _, err = run("example", "tire", "--url", "http://127.0.0.1:9")
    assert code == 4
    assert "does not answer" in err


def test_settings_mask_secrets(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    code, out, _ = run("settings", "--json")
    shown = json.loads(out)
    assert code == 0
    assert shown["openai_api_key"] == "********"
    assert shown["home"].endswith("cli-home")
    assert "sk-secret" not in out


def test_a_bad_setting_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOA_PORT", "many")
    code, _, err = run("settings")
    assert code == 4
    assert "port" in err.lower()
    assert "docs/reference/settings.md" in err


@pytest.mark.slow
def test_ctrl_c_cancels_the_run(live: LiveSite, tmp_path: Path) -> None:
    with live.client() as client:
        started: list[subprocess.Popen[str]] = []
        script = tmp_path / "example_cli.py"
        script.write_text(_SCRIPT)
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        process = subprocess.Popen(
            [sys.executable, script, "example", "count", "--to", "100", "--pause", "0.2",
             "--url", live.url, "--key", live.site.keys["owner"]],
            env=environment, text=True, stderr=subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        runs: list[dict[str, Any]] = []
        while not any(run["done"] >= 3 for run in runs):  # by then the command follows its run
            assert process.poll() is None
            threading.Event().wait(0.05)
            runs = client.get("/api/runs").json()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        ended = client.get(f"/api/runs/{runs[0]['id']}").json()
    assert process.returncode == 130, said
    assert ended["state"] == "cancelled"


_SCRIPT = """
import signal

from stoa import wiring
from stoa.app.cli import main, operations
from tests.app.example import EXAMPLE

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
wiring.SOLUTIONS, wiring.solution = ("example",), lambda name: EXAMPLE
main.Stoa._headlines = {"example": ""}
main.main()
"""
