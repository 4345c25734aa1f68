"""What may not be written is not."""

import pytest

from stoa.base.redaction import HIDDEN, redact, redact_text


@pytest.mark.parametrize(
    "name",
    [
        "password", "user_password", "PASSWORD", "token", "access_token", "accessToken", "secret",
        "client_secret", "secret_value", "api_key", "apiKey", "key", "authorization",
        "Authorization", "authorization_header", "cookie", "set-cookie",
    ],
)  # fmt: skip
def test_by_name(name: str) -> None:
    assert redact(name, "anything at all") == HIDDEN
    assert redact(name, {"a": "b"}) == HIDDEN


@pytest.mark.parametrize("name", ["tokens", "token_count", "key_id", "keyboard", "monkey", "name"])
def test_other_names_are_kept(name: str) -> None:
    assert redact(name, "plain") == "plain"


def test_numbers_are_no_secrets() -> None:
    assert redact("token", 12) == 12
    assert redact("key", None) is None


@pytest.mark.parametrize(
    "secret",
    [
        "stoa_" + "aB3-" * 11,
        "sk-" + "proj-abcdefghijkl1234",
        "ghp_" + "a" * 36,
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
        "Bearer abcdefgh12345678",
        "basic dXNlcjpwYXNz",
        "postgresql://stoa:hunter22@db.example.org/stoa",
    ],
)
def test_by_look(secret: str) -> None:
    written = redact_text(f"failed with {secret}, sorry")
    assert HIDDEN in written
    assert secret.split()[-1].split("@")[0][-8:] not in written
    assert written.startswith("failed with ")
    assert written.endswith(", sorry") or "@db.example.org" in written


def test_containers_are_walked_and_bounded() -> None:
    nested = {"outer": [{"password": "x", "name": "Ann"}, ("stoa_" + "a" * 43, b"plain")]}
    assert redact("event", nested) == {
        "outer": [{"password": HIDDEN, "name": "Ann"}, ["stoa_" + HIDDEN, "plain"]]
    }
    endless: dict[str, object] = {}
    endless["self"] = endless
    assert HIDDEN in str(redact("event", endless))


def test_plain_text_stays() -> None:
    text = "stoa_span_seconds is a metric; sk-learn is a library; http://127.0.0.1:8000/x"
    assert redact_text(text) == text
