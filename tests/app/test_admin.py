"""The operator's commands: people, keys, backup, restore, check."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.app.conftest import Run


def answer(run: Run, *words: str) -> Any:
    code, out, err = run("--json", "admin", *words)
    assert code == 0, err
    return json.loads(out)


@pytest.fixture
def workspace(run: Run) -> str:
    return str(answer(run, "workspace", "create", "Ours")["id"])


def test_a_user_gets_a_link_and_a_membership(run: Run, workspace: str) -> None:
    made = answer(
        run, "user", "create", "ada@example.org", "--name", "Ada",
        "--workspace", workspace, "--role", "editor",
    )  # fmt: skip
    assert made["password_link"].startswith("http://127.0.0.1:8000/password/")
    assert [each["role"] for each in answer(run, "member", "list", workspace)] == ["editor"]
    answer(run, "member", "set", workspace, "ada@example.org", "owner")
    assert answer(run, "member", "list", workspace)[0]["role"] == "owner"
    again = answer(run, "user", "link", "ada@example.org")
    assert again["password_link"].startswith("http://127.0.0.1:8000/password/")


def test_a_key_is_shown_once_and_revoked(run: Run, workspace: str) -> None:
    answer(run, "user", "create", "ada@example.org", "--name", "Ada", "--workspace", workspace)
    made = answer(
        run, "key", "create", workspace, "ada@example.org", "--name", "ci",
        "--scope", "example.greet", "--expires", "2100-01-01",
    )  # fmt: skip
    assert made["secret"].startswith("stoa_")
    assert made["scopes"] == ["example.greet"]
    listed = answer(run, "key", "list", workspace)
    assert made["secret"] not in json.dumps(listed)
    revoked = answer(run, "key", "revoke", workspace, made["id"])
    assert revoked[0]["revoked_at"]


@pytest.mark.parametrize(
    "words",
    [
        ["member", "list", "workspace_absent"],
        ["key", "list", "workspace_absent"],
        ["user", "create", "a@example.org", "--name", "A", "--workspace", "workspace_absent"],
        ["user", "link", "nobody@example.org"],
        ["user", "create", "no-address", "--name", "A"],
        ["restore", "nothing.tar.gz"],
    ],
)
def test_what_is_not_there_is_told(run: Run, words: list[str]) -> None:
    code, _, err = run("admin", *words)
    assert code == 2
    assert err.startswith("stoa: ")


@pytest.mark.slow
def test_a_sound_installation_passes_the_check(run: Run) -> None:
    assert answer(run, "check")["findings"] == []


@pytest.mark.slow
def test_lost_bytes_and_an_open_secret_are_found(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("12345")
    assert run("example", "weigh", "--files", str(tmp_path / "a.txt"))[0] == 0
    home = Path(os.environ["STOA_HOME"])
    for stored in (home / "objects").rglob("file_*"):
        stored.unlink()
    (home / "secret.key").chmod(0o644)
    code, out, _ = run("--json", "admin", "check")
    assert code == 1
    hints = [finding["hint"] for finding in json.loads(out)["findings"]]
    assert hints[0].startswith("Restore")
    assert hints[1].startswith("chmod 600")


@pytest.mark.slow
def test_a_backup_comes_back_whole(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _round_trip(run, tmp_path, monkeypatch)


@pytest.mark.slow
def test_a_backup_comes_back_whole_on_postgresql(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    monkeypatch.setenv("STOA_DATABASE_URL", postgres_url)
    other = sa.make_url(postgres_url)
    fresh = other.set(database=f"{other.database}_back")
    engine = sa.create_engine(
        other.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {fresh.database}"))
    try:
        _round_trip(run, tmp_path, monkeypatch, fresh.render_as_string(hide_password=False))
    finally:
        with engine.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {fresh.database} WITH (FORCE)"))
        engine.dispose()


def test_a_backup_needs_no_second_name(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "taken"
    target.write_text("mine")
    assert run("admin", "backup", str(target))[0] == 2
    assert target.read_text() == "mine"


def test_a_backup_is_not_restored_over_something(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar.gz"
    answer(run, "workspace", "create", "Ours")
    answer(run, "backup", str(file))
    answer(run, "workspace", "create", "Newer")
    code, _, err = run("admin", "restore", str(file))
    assert code == 2
    assert "already" in err


def test_a_file_that_is_no_backup_is_refused(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar.gz"
    file.write_bytes(b"no archive")
    code, _, err = run("admin", "restore", str(file))
    assert code == 2
    assert "no complete Stoa backup" in err


def _round_trip(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str = ""
) -> None:
    (tmp_path / "a.txt").write_text("12345")
    assert run("example", "weigh", "--files", str(tmp_path / "a.txt"))[0] == 0
    answer(run, "workspace", "create", "Kept")
    file = tmp_path / "backup.tar.gz"
    written = answer(run, "backup", str(file))
    assert written["objects"] == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = _stored(Path(os.environ["STOA_HOME"]))
    monkeypatch.setenv("STOA_HOME", str(tmp_path / "restored"))
    if database_url:
        monkeypatch.setenv("STOA_DATABASE_URL", database_url)
    restored = answer(run, "restore", str(file))
    assert (restored["objects"], restored["rows"]["file"]) == (1, 1)
    assert "Kept" in [each["name"] for each in answer(run, "workspace", "list")]
    assert _stored(tmp_path / "restored") == before
    assert answer(run, "check")["findings"] == []


def _stored(home: Path) -> dict[str, bytes]:
    folder = home / "objects"
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
