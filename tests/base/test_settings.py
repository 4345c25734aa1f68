"""Where settings come from, and what is refused."""

from pathlib import Path

import pytest

from stoa.base.errors import SetupError
from stoa.base.settings import Settings, is_http_address


def test_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("stoa.toml").write_text('port = 9001\nlog_level = "DEBUG"\n')
    monkeypatch.setenv("STOA_PORT", "9002")
    settings = Settings.load()
    assert (settings.port, settings.log_level) == (9002, "DEBUG")


def test_given_values_win_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("stoa.toml").write_text("port = 9001\n")
    monkeypatch.setenv("STOA_PORT", "9002")
    assert Settings.load(port=9003).port == 9003


def test_provider_keys_keep_the_names_people_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-environment")
    Path("stoa.toml").write_text('anthropic_api_key = "from-file"\n')
    settings = Settings.load()
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "sk-from-environment"
    assert settings.anthropic_api_key is not None
    assert settings.anthropic_api_key.get_secret_value() == "from-file"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("prot = 9000\n", "prot"),
        ("port = 70000\n", "port"),
        ('log_format = "xml"\n', "log_format"),
        ('log_level = "LOUD"\n', "log_level"),
        ("upload_limit_mb = 0\n", "upload_limit_mb"),
    ],
)
def test_unknown_names_and_bad_values_are_refused_by_name(text: str, name: str) -> None:
    Path("stoa.toml").write_text(text)
    with pytest.raises(SetupError, match=f"'{name}'") as caught:
        Settings.load()
    assert caught.value.hint


def test_an_unreadable_file_is_said_so() -> None:
    Path("stoa.toml").write_text("port = = 1")
    with pytest.raises(SetupError, match=r"stoa\.toml"):
        Settings.load()


def test_settings_are_frozen_and_hide_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOA_SECRET_KEY", "a" * 40)
    settings = Settings.load()
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1  # type: ignore[misc]
    assert "a" * 40 not in repr(settings)


def test_every_setting_says_what_it_is() -> None:
    undocumented = [
        name
        for name, field in Settings.model_fields.items()
        if not field.description and not name.endswith("_api_key")
    ]
    assert undocumented == []


def test_empty_addresses_mean_the_data_folder(tmp_path: Path) -> None:
    settings = Settings.load(home=tmp_path / "home")
    assert settings.resolved_database_url() == f"sqlite:///{tmp_path / 'home' / 'stoa.sqlite'}"
    assert settings.resolved_objects_url() == (tmp_path / "home" / "objects").as_uri()
    assert settings.resolved_index_url() == (tmp_path / "home" / "index").as_uri()
    assert Settings.load(public_url="https://x.org/").resolved_public_url() == "https://x.org"


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("http://head:8265", True),
        ("https://ray.example.org/dashboard", True),
        ("http://[::1]:8265", True),
        ("head:8265", False),
        ("ftp://head", False),
        ("http://", False),
        ("http://name:secret@head:8265", False),
        ("http://head:port", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_an_address_of_http(text: str, is_one: bool) -> None:
    assert is_http_address(text) is is_one
