from __future__ import annotations

from pathlib import Path

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from orchestrator.domain.errors import SignInRefused
from orchestrator.graph.certificates import KeyFiles
from tests.support.certificates import Key, a_certificate, a_key


def protection(password: str | None) -> KeySerializationEncryption:
    return NoEncryption() if password is None else BestAvailableEncryption(password.encode())


def as_pem(key: Key, *certificates: x509.Certificate, password: str | None = None) -> bytes:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection(password))
    return private + b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


KEY = a_key()
CERTIFICATE = a_certificate(KEY)
CHAIN = a_certificate(a_key())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "muster.pem"


@pytest.mark.parametrize("password", [None, "a pass phrase"])
def test_a_pem_file_gives_its_key_and_the_certificate_that_belongs_to_it(file: Path, password: str | None) -> None:
    file.write_bytes(as_pem(KEY, CHAIN, CERTIFICATE, password=password))

    pair = KeyFiles().read(file, password)

    assert pair.certificate == CERTIFICATE
    assert as_pem(pair.key) == as_pem(KEY)


@pytest.mark.parametrize("password", [None, "a pass phrase"])
def test_a_pfx_file_gives_the_same(file: Path, password: str | None) -> None:
    file.write_bytes(pkcs12.serialize_key_and_certificates(b"muster", KEY, CERTIFICATE, [CHAIN], protection(password)))

    pair = KeyFiles().read(file, password)

    assert pair.certificate == CERTIFICATE
    assert as_pem(pair.key) == as_pem(KEY)


@pytest.mark.parametrize(
    ("content", "password", "said"),
    [
        (b"", None, "cannot be opened"),
        (b"nonsense", None, "cannot be opened"),
        (as_pem(KEY, CERTIFICATE, password="right"), None, "MUSTER_CLIENT_CERTIFICATE_PASSWORD"),
        (as_pem(KEY, CERTIFICATE, password="right"), "wrong", "MUSTER_CLIENT_CERTIFICATE_PASSWORD"),
        (as_pem(KEY, CERTIFICATE), "not needed", "MUSTER_CLIENT_CERTIFICATE_PASSWORD"),
        (
            pkcs12.serialize_key_and_certificates(None, KEY, CERTIFICATE, None, protection("right")),
            "wrong",
            "MUSTER_CLIENT_CERTIFICATE_PASSWORD",
        ),
        (CERTIFICATE.public_bytes(Encoding.PEM), None, "cannot be opened"),
        (as_pem(KEY), None, "cannot be opened"),
        (as_pem(KEY, CHAIN), None, "not the certificate that belongs to it"),
        (as_pem(ec.generate_private_key(ec.SECP256R1()), CERTIFICATE), None, "no RSA key"),
    ],
)
def test_a_file_that_will_not_do_is_refused_with_the_reason(
    file: Path, content: bytes, password: str | None, said: str
) -> None:
    file.write_bytes(content)

    with pytest.raises(SignInRefused, match=said) as refused:
        KeyFiles().read(file, password)

    assert str(file) in str(refused.value)


def test_a_file_that_is_not_there_is_refused(file: Path) -> None:
    with pytest.raises(SignInRefused, match="cannot be read"):
        KeyFiles().read(file, None)


def test_a_key_is_never_shown(file: Path) -> None:
    file.write_bytes(as_pem(KEY, CERTIFICATE))

    assert "PRIVATE" not in repr(KeyFiles().read(file, None))


def test_a_key_is_parsed_once_for_all_and_again_when_its_file_changes(file: Path, tmp_path: Path) -> None:
    files, copy = KeyFiles(), tmp_path / "copy.pem"
    file.write_bytes(as_pem(KEY, CERTIFICATE))
    copy.write_bytes(as_pem(KEY, CERTIFICATE))

    first, of_copy = files.read(file, None), files.read(copy, None)
    other = a_key()
    file.write_bytes(as_pem(other, a_certificate(other)))
    renewed = files.read(file, None)

    assert of_copy is first
    assert as_pem(renewed.key) == as_pem(other)
    with pytest.raises(SignInRefused):
        files.read(file, "wrong")


def test_an_assertion_is_signed_for_one_token_endpoint_and_names_its_certificate(file: Path) -> None:
    file.write_bytes(as_pem(KEY, CERTIFICATE))
    endpoint = "https://login.example/tenant/oauth2/v2.0/token"

    text = KeyFiles().read(file, None).assertion("app", endpoint)

    claims = jwt.decode(text, KEY.public_key(), algorithms=["PS256"], audience=endpoint, issuer="app")
    assert claims["sub"] == "app"
    assert 0 < claims["exp"] - claims["iat"] <= 600
    assert set(jwt.get_unverified_header(text)) == {"alg", "typ", "x5t#S256", "x5c"}
