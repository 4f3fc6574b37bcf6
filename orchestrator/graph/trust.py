"""The trusted certificates: those of the system, or a bundle of the user's own."""

from __future__ import annotations

import re
import ssl
from pathlib import Path

import truststore

from orchestrator.domain.errors import SettingsInvalid

_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")


def _refuse_unprepared(folder: Path) -> None:
    """SettingsInvalid for a folder in which OpenSSL would find no certificate, and then trust no server."""
    if not any(_HASHED.fullmatch(each.name) for each in folder.iterdir()):
        raise SettingsInvalid(
            f"OpenSSL finds no certificate in the folder {folder}. MUSTER_CA_BUNDLE, REQUESTS_CA_BUNDLE or "
            "SSL_CERT_FILE names it: give a PEM file, or prepare the folder with `openssl rehash`."
        )


def trust_in(ca_bundle: Path | None) -> ssl.SSLContext:
    """A TLS context that trusts what the system trusts, or, given a bundle, what the bundle holds and nothing else."""
    if ca_bundle is None:
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if ca_bundle.is_dir():
            _refuse_unprepared(ca_bundle)
            return ssl.create_default_context(capath=str(ca_bundle))
        return ssl.create_default_context(cafile=str(ca_bundle))
    except (OSError, ssl.SSLError) as problem:
        raise SettingsInvalid(
            f"The certificates in {ca_bundle} cannot be used ({problem}). MUSTER_CA_BUNDLE, REQUESTS_CA_BUNDLE or "
            "SSL_CERT_FILE names them: give a PEM file, or unset it to trust what the system trusts."
        ) from problem
