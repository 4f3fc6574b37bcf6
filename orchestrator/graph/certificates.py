"""A certificate and its private key, out of a PEM or PFX file, and the assertions that they sign.

https://learn.microsoft.com/entra/identity-platform/certificate-credentials
"""

from __future__ import annotations

import base64
import hashlib
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs12

from orchestrator.domain.errors import SignInRefused

_LIFE = 600
"""Seconds in which an assertion is good."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and the key to it, parsed."""

    certificate: x509.Certificate
    key: RSAPrivateKey = field(repr=False)

    def assertion(self, client_id: str, token_endpoint: str) -> str:
        """A JWT that proves to this token endpoint, for ten minutes, that the app holds the key."""
        der, now = self.certificate.public_bytes(Encoding.DER), int(time.time())
        claims = {
            "aud": token_endpoint,
            "iss": client_id,
            "sub": client_id,
            "jti": str(uuid.uuid4()),
            "iat": now,
            "nbf": now,
            "exp": now + _LIFE,
        }
        thumbprint = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
        headers = {"x5t#S256": thumbprint, "x5c": [base64.b64encode(der).decode()]}
        return jwt.encode(claims, self.key, algorithm="PS256", headers=headers)


class KeyFiles:
    """Reads key files, each content once: parsing a key takes a hundred times as long as signing with it.

    A thousand tenants may share one file, and a file may be replaced while the process runs. Used by several threads.
    """

    def __init__(self) -> None:
        self._parsed: dict[bytes, KeyPair] = {}
        self._parsing = threading.Lock()

    def read(self, path: Path, password: str | None) -> KeyPair:
        """The key and the certificate in the file as it is now; SignInRefused says what is wrong with the file."""
        content = _content_of(path)
        digest = hashlib.sha256(content + b"\0" + (password or "").encode()).digest()
        with self._parsing:
            if digest not in self._parsed:
                self._parsed[digest] = _parse(path, content, password)
            return self._parsed[digest]


def _content_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise SignInRefused(f"The certificate {path} cannot be read: {problem}.") from problem


def _parse(path: Path, content: bytes, password: str | None) -> KeyPair:
    secret = password.encode() if password else None
    try:
        key, certificates = _from_pem(content, secret) if b"-----BEGIN" in content else _from_pfx(content, secret)
    except (ValueError, TypeError) as problem:
        # Which of the two it is, the formats do not say reliably.
        raise SignInRefused(
            f"The certificate {path} cannot be opened: it is no PEM or PFX file with a private key, "
            "or MUSTER_CLIENT_CERTIFICATE_PASSWORD is missing or wrong."
        ) from problem
    if not isinstance(key, RSAPrivateKey):
        raise SignInRefused(f"The certificate {path} has no RSA key; Entra takes no other.")
    for certificate in certificates:
        if certificate.public_key() == key.public_key():
            return KeyPair(certificate, key)
    raise SignInRefused(f"The file {path} holds a private key but not the certificate that belongs to it.")


def _from_pem(content: bytes, password: bytes | None) -> tuple[object, list[x509.Certificate]]:
    # The check of an RSA key takes 150 ms of processor. The file is the administrator's own, and with a key that is
    # damaged Entra refuses the signature.
    key = load_pem_private_key(content, password, unsafe_skip_rsa_key_validation=True)
    return key, x509.load_pem_x509_certificates(content)


def _from_pfx(content: bytes, password: bytes | None) -> tuple[object, list[x509.Certificate]]:
    key, certificate, others = pkcs12.load_key_and_certificates(content, password)
    return key, [*([certificate] if certificate else []), *others]
