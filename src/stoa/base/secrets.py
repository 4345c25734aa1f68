"""The one secret of an installation, and the box that seals secrets kept in the database.

The secret comes from `STOA_SECRET_KEY`, or is made once in the data folder. From it every purpose
derives its own key, so that what one part signs or seals means nothing to another part.
"""

import base64
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from stoa.base.errors import SetupError
from stoa.base.settings import Settings

SHORTEST_SECRET: Final = 32
_FILE = "secret.key"


def load_secret(settings: Settings) -> bytes:
    """The installation's secret, at least 32 bytes; made at the first start, readable by us only.

    Processes that start at the same moment agree: one creates the file, the others read it.

    Raises:
        SetupError: the configured secret is too short, or the file can't be read or made.
    """
    if settings.secret_key is not None:
        return _checked(settings.secret_key.get_secret_value().encode(), "STOA_SECRET_KEY")
    path = private_folder(settings.home) / _FILE
    try:
        _create_once(path)
        return _checked(path.read_bytes().strip(), str(path))
    except OSError as error:
        raise SetupError(
            f"The secret key in {path} can't be used: {error.strerror}.",
            hint="Make the data folder writable, or set STOA_SECRET_KEY.",
        ) from error


def private_folder(path: Path) -> Path:
    """Make a folder that only we can enter; one that exists keeps the mode its owner chose.

    Raises SetupError where it can't be made.
    """
    try:
        if not path.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"The folder {path} can't be made: {error.strerror}.",
            hint="Choose another with STOA_HOME, or give us the right to write there.",
        ) from error
    return path


def _create_once(path: Path) -> None:
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with open(draft, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(secrets.token_hex(SHORTEST_SECRET).encode())
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # unlike a rename, it fails where another process was first
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _checked(secret: bytes, source: str) -> bytes:
    if len(secret) < SHORTEST_SECRET:
        raise SetupError(
            f"The secret in {source} is shorter than {SHORTEST_SECRET} characters.",
            hint='Make one: python -c "import secrets; print(secrets.token_hex(32))".',
        )
    return secret


def derive_key(secret: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose, by HKDF-SHA256 (RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret)


class SecretBox:
    """Seals bytes kept at rest, such as the password of a connection (Fernet: AES-CBC + HMAC)."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        key = base64.urlsafe_b64encode(derive_key(secret, f"stoa.box.{purpose}"))
        self._fernet = Fernet(key)

    def seal(self, content: bytes) -> bytes:
        """Encrypt and authenticate; two seals of the same content differ."""
        return self._fernet.encrypt(content)

    def open(self, sealed: bytes) -> bytes:
        """The content. Raises SetupError: damaged, or sealed with another secret or purpose."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken as error:
            raise SetupError(
                "A stored secret can't be opened with this installation's key.",
                hint="Restore the STOA_SECRET_KEY it was sealed with, or enter the secret again.",
            ) from error
