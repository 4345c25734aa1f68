"""Standard Webhooks: our signatures are the standard's, and what is not signed is not let in."""

import base64

import pytest

from stoa.base.errors import NotSignedIn
from stoa.core.events.sending import seconds_of
from stoa.core.events.signing import check_signature, is_secret, new_secret, signed_headers

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
BODY = b'{"type":"contact.created"}'


def test_a_known_signature() -> None:
    """Computed apart from our code: `openssl dgst -sha256 -mac HMAC -macopt hexkey:000102…1f -binary`."""
    headers = signed_headers([SECRET], "msg_1", 1674087231, BODY)
    assert headers == {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1674087231",
        "webhook-signature": "v1,kBeCGvcYdyF0K5we0Dbhpm1mfxdKKZHr3haXNsaCXsM=",
    }


def test_one_of_several_signatures_is_enough() -> None:
    old, new = new_secret(), new_secret()
    headers = signed_headers([new, old], "msg_1", 1000, BODY)
    for secret in (old, new):
        assert check_signature(secret, headers, BODY, at=1299) == "msg_1"
    headers["webhook-signature"] = "v1a,xyz v2,abc " + headers["webhook-signature"]
    assert check_signature(old, headers, BODY, at=1000) == "msg_1"


@pytest.mark.parametrize(
    ("change", "body", "at"),
    [
        ({}, BODY + b" ", 1000),
        ({}, BODY, 1301),
        ({}, BODY, 699),
        ({"webhook-id": "msg_2"}, BODY, 1000),
        ({"webhook-timestamp": "1001"}, BODY, 1000),
        ({"webhook-timestamp": "x"}, BODY, 1000),
        ({"webhook-timestamp": "²"}, BODY, 1000),
        ({"webhook-timestamp": ""}, BODY, 1000),
        ({"webhook-id": ""}, BODY, 1000),
        ({"webhook-signature": ""}, BODY, 1000),
        ({"webhook-signature": "v1,é"}, BODY, 1000),
        ({"webhook-signature": "v1"}, BODY, 1000),
    ],
)
def test_what_is_not_signed_is_refused(change: dict[str, str], body: bytes, at: float) -> None:
    headers = signed_headers([SECRET], "msg_1", 1000, BODY) | change
    with pytest.raises(NotSignedIn):
        check_signature(SECRET, headers, body, at=at)
    with pytest.raises(NotSignedIn):
        check_signature(SECRET, {}, body, at=at)


def test_secrets_differ_and_fit() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(is_secret(each) for each in made)
    for wrong in ("", "whsec_", "whsec_AAAA", made.pop().removeprefix("whsec_"), "whsec_é"):
        assert not is_secret(wrong)


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        (None, 0, 0),
        ("", 0, 0),
        ("120", 120, 120),
        ("-5", 0, 0),
        ("soon", 0, 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 10**9, 10**10),
        ("9" * 50, 10**11, 10**12),
    ],
)
def test_retry_after(header: str | None, least: float, most: float) -> None:
    assert least <= seconds_of(header) <= most
