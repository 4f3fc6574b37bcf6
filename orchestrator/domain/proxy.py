"""The address of an HTTP proxy as people write it in HTTPS_PROXY and the like; pure."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

TAKES = "it takes http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT with the password percent-encoded"


def parse_proxy(text: str) -> str:
    """The URL of the proxy, `http://` where no scheme is given; ValueError says what is wrong, without the address."""
    text = text.strip().strip("\"'").strip()
    if not text.isprintable() or " " in text:
        raise ValueError(f"has blanks or control characters in it; {TAKES}")
    url = text if "://" in text else f"http://{text}"
    scheme = url.partition("://")[0].casefold()
    if scheme.startswith("socks"):
        raise ValueError(f"names a SOCKS proxy, which Muster cannot use; {TAKES}")
    if scheme not in {"http", "https"}:
        raise ValueError(f"names a proxy of the kind {scheme[:20]!r}; {TAKES}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"has no port that can be; {TAKES}") from None
    host = parts.hostname or ""
    if parts.path.casefold().endswith((".pac", ".dat")):
        raise ValueError(f"names a script that chooses a proxy (PAC), which Muster cannot use; {TAKES}")
    if not _HOST.fullmatch(host) or parts.query or parts.fragment:
        raise ValueError(f"names no host; {TAKES}")
    signed_in = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    shown_host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{signed_in}{shown_host}{f':{port}' if port is not None else ''}"


def without_sign_in(proxy: str) -> str:
    """The URL of a proxy as it may be shown."""
    scheme, _, rest = proxy.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def is_excepted(host: str, port: int | None, no_proxy: str) -> bool:
    """Whether NO_PROXY names the host: `*`, a host or domain with or without a port, an address, or a network."""
    host = host.casefold().strip("[]")
    for word in re.split(r"[,\s]+", no_proxy.casefold()):
        name, _, named_port = word.rpartition(":") if re.fullmatch(r"[^:]+:\d+", word) else (word, "", "")
        if named_port and port != int(named_port):
            continue
        if name == "*" or _is_within(host, name) or _is_below(host, name):
            return True
    return False


def _is_below(host: str, name: str) -> bool:
    domain = name.removeprefix("*").removeprefix(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _is_within(host: str, name: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(name.strip("[]"), strict=False)
    except ValueError:
        return False


_HOST = re.compile(r"[A-Za-z0-9_.:%-]{1,253}")
