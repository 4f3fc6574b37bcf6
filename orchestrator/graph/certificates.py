"""A certificate and its private key, out of a PEM or PFX file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)

from orchestrator.domain.errors import SignInRefused


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and the key to it, both as PEM."""

    certificate: str
    key: str = field(repr=False)


def read_key_pair(path: Path, password: str | None) -> KeyPair:
    """The key of the file and the certificate that belongs to it; SignInRefused says what is wrong with the file."""
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise SignInRefused(f"The certificate {path} cannot be read: {problem}.") from problem
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
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            return KeyPair(certificate.public_bytes(Encoding.PEM).decode(), pem.decode())
    raise SignInRefused(f"The file {path} holds a private key but not the certificate that belongs to it.")


def _from_pem(content: bytes, password: bytes | None) -> tuple[object, list[x509.Certificate]]:
    return load_pem_private_key(content, password), x509.load_pem_x509_certificates(content)


def _from_pfx(content: bytes, password: bytes | None) -> tuple[object, list[x509.Certificate]]:
    key, certificate, others = pkcs12.load_key_and_certificates(content, password)
    return key, [*([certificate] if certificate else []), *others]
