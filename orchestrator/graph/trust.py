"""Whom we trust to be who they say: the system's certificates, or a bundle of one's own."""

from __future__ import annotations

import ssl
from pathlib import Path

import truststore

from orchestrator.domain.errors import SettingsInvalid


def trust_in(ca_bundle: Path | None) -> ssl.SSLContext:
    """A TLS context that trusts what the system trusts, or, given a bundle, what the bundle holds and nothing else."""
    if ca_bundle is None:
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if ca_bundle.is_dir():
            return ssl.create_default_context(capath=str(ca_bundle))
        return ssl.create_default_context(cafile=str(ca_bundle))
    except (OSError, ssl.SSLError) as problem:
        raise SettingsInvalid(
            f"The certificates in {ca_bundle} cannot be used ({problem}). MUSTER_CA_BUNDLE, REQUESTS_CA_BUNDLE or "
            "SSL_CERT_FILE names them: give a PEM file, or unset it to trust what the system trusts."
        ) from problem
