"""Signatures of webhooks, made and checked: Standard Webhooks 1.0.0, symmetric (`v1`, HMAC-SHA256).

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
What is signed is `{webhook-id}.{webhook-timestamp}.{body}`, with the bytes that the secret stands for.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from typing import Final

from stoa.base.errors import NotSignedIn

PREFIX: Final = "whsec_"
TOLERANCE: Final = 300
"""Seconds that the clocks of sender and receiver may differ."""
_KEY_BYTES = 32


def new_secret() -> str:
    """A secret for one endpoint: `whsec_` and 32 random bytes, base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def signed_headers(
    secrets_in_use: Iterable[str], message_id: str, at: int, body: bytes
) -> dict[str, str]:
    """The three headers of a message; one signature for each secret, so that one can be replaced.

    Args:
        secrets_in_use: the current one, and while it is being replaced the one before.
        message_id: the same for every attempt; holds no full stop.
        at: Unix seconds of this attempt.
        body: exactly as it is sent.
    """
    signatures = [f"v1,{_signature(each, message_id, str(at), body)}" for each in secrets_in_use]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(signatures),
    }


def check_signature(secret: str, headers: Mapping[str, str], body: bytes, *, at: float) -> str:
    """The id of the message, where a signature of `secret` proves it and it is of now.

    Args:
        headers: with lower-case names.
        at: Unix seconds, our clock.

    Raises:
        NotSignedIn: a header is missing, the time is off, or no signature fits.
    """
    message_id = headers.get("webhook-id", "")
    moment = headers.get("webhook-timestamp", "")
    if not message_id or not moment.isascii() or not moment.isdigit() or len(moment) > 12:
        raise _refused("The webhook headers are missing or malformed.")
    if abs(at - int(moment)) > TOLERANCE:
        raise _refused("The message was signed too long ago, or its sender's clock is off.")
    expected = _signature(secret, message_id, moment, body).encode()
    for each in headers.get("webhook-signature", "").split():
        version, _, signature = each.partition(",")
        if version == "v1" and hmac.compare_digest(signature.encode(), expected):
            return message_id
    raise _refused("The signature does not fit.")


def _signature(secret: str, message_id: str, moment: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    content = b".".join((message_id.encode(), moment.encode(), body))
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def is_secret(text: str) -> bool:
    """Whether it is a secret of 24 to 64 bytes, as the standard wants it."""
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return text.startswith(PREFIX) and 24 <= len(key) <= 64


def _refused(message: str) -> NotSignedIn:
    return NotSignedIn(message, hint="Sign 'webhook-id.webhook-timestamp.body' with the secret.")
