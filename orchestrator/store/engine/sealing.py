"""Text that is kept sealed under a secret which the database does not have."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


def seal(text: str, secret: str) -> str:
    """The text, encrypted under a key that is derived from the secret."""
    return str(_box(secret).encrypt(text.encode()).decode())


def unseal(sealed: str, secret: str) -> str | None:
    """The text; None where it was not sealed under this secret."""
    from cryptography.fernet import InvalidToken  # noqa: PLC0415 - as below

    try:
        return str(_box(secret).decrypt(sealed.encode()).decode())
    except InvalidToken:
        return None


def _box(secret: str) -> Fernet:
    # Only a process that signs people in through a directory loads the library.
    from cryptography.fernet import Fernet  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"muster session").derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(key))
