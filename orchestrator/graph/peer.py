"""Who issued the certificate that is shown for a host: what tells a proxy that inspects TLS from the service itself."""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.x509.oid import NameOID

from orchestrator.graph.plain_text import one_line
from orchestrator.graph.proxies import sign_in_at

_PATIENCE = 8.0
_LONGEST_NAME = 120


async def issuer_of(url: str, proxy: str | None) -> str | None:
    """The name of the issuer of the certificate that the host of an https URL shows; None where none can be seen.

    Nothing but the handshake is sent, so that the certificate needs no trust.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.hostname is None:
        return None
    try:
        async with asyncio.timeout(_PATIENCE):
            certificate = await _certificate_of(parts.hostname, parts.port or 443, proxy)
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return None
    return None if certificate is None else _name_of(certificate)


async def _certificate_of(host: str, port: int, proxy: str | None) -> bytes | None:
    anything = ssl.create_default_context()
    anything.check_hostname, anything.verify_mode = False, ssl.CERT_NONE
    if proxy is None:
        _, writer = await asyncio.open_connection(host, port, ssl=anything, server_hostname=host)
    else:
        reader, writer = await _connect_to(proxy, anything)
        signed_in = "".join(f"{name}: {text}\r\n" for name, text in sign_in_at(proxy).items())
        head = f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{signed_in}\r\n"
        writer.write(head.encode("latin-1"))
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 200" not in answer.partition(b"\r\n")[0]:
            writer.transport.abort()
            return None
        await writer.start_tls(anything, server_hostname=host)
    try:
        session: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
        return None if session is None else session.getpeercert(binary_form=True)
    finally:
        # No request was sent, so the connection is dropped without a TLS goodbye, which may take half a minute.
        writer.transport.abort()


async def _connect_to(proxy: str, anything: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(proxy)
    is_wrapped = parts.scheme == "https"
    port = parts.port or (443 if is_wrapped else 80)
    return await asyncio.open_connection(parts.hostname, port, ssl=anything if is_wrapped else None)


def _name_of(certificate: bytes) -> str | None:
    issuer = x509.load_der_x509_certificate(certificate).issuer
    names = [
        str(each.value)
        for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
        for each in issuer.get_attributes_for_oid(kind)
    ]
    return one_line(", ".join(dict.fromkeys(names)), _LONGEST_NAME) or None
