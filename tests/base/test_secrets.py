"""The secret of an installation, and the box."""

import subprocess
import sys
from pathlib import Path

import pytest

from stoa.base.errors import SetupError
from stoa.base.secrets import SecretBox, derive_key, load_secret
from stoa.base.settings import Settings


def test_made_once_and_private(settings: Settings) -> None:
    secret = load_secret(settings)
    assert len(secret) >= 32
    assert load_secret(settings) == secret
    files = list(settings.home.iterdir())
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600]
    assert settings.home.stat().st_mode & 0o077 == 0


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    program = (
        "import sys; from stoa.base.settings import Settings; from stoa.base.secrets import *; "
        "print(load_secret(Settings.load(home=sys.argv[1])).decode())"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "home")], stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    assert len({process.communicate(timeout=60)[0] for process in started}) == 1


def test_configured_secret_wins(tmp_path: Path) -> None:
    settings = Settings.load(home=tmp_path / "home", secret_key="k" * 32)
    assert load_secret(settings) == b"k" * 32
    assert not (tmp_path / "home").exists()


def test_short_secrets_are_refused(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(SetupError, match="STOA_SECRET_KEY"):
        load_secret(Settings.load(home=tmp_path, secret_key="short"))
    load_secret(settings)
    (settings.home / "secret.key").write_bytes(b"")
    with pytest.raises(SetupError):
        load_secret(settings)


def test_a_home_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError):
        load_secret(Settings.load(home=tmp_path / "file" / "home"))


def test_purposes_do_not_share_keys() -> None:
    assert derive_key(b"s" * 32, "a") != derive_key(b"s" * 32, "b")
    assert derive_key(b"s" * 32, "a") == derive_key(b"s" * 32, "a")


def test_the_box() -> None:
    box = SecretBox(b"s" * 32, "connections")
    sealed = box.seal(b"hunter22")
    assert b"hunter22" not in sealed
    assert sealed != box.seal(b"hunter22")
    assert box.open(sealed) == b"hunter22"
    for other in (SecretBox(b"s" * 32, "else"), SecretBox(b"t" * 32, "connections")):
        with pytest.raises(SetupError):
            other.open(sealed)
    with pytest.raises(SetupError):
        box.open(sealed[:-2] + b"xx")
