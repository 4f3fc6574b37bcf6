"""A certificate with which an app signs in."""

from __future__ import annotations

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def a_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def a_certificate(key: Key) -> x509.Certificate:
    """Signed with the key itself, and valid today."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "muster.contoso.example")])
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, SHA256())
    )


def a_key_pair() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = a_key()
    return key, a_certificate(key)
