"""Through which proxy a request leaves: one answer for calls to Graph and for the sign-in."""

from __future__ import annotations

import base64
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from orchestrator.domain.errors import SettingsInvalid
from orchestrator.domain.proxy import is_excepted, parse_proxy


def sign_in_at(proxy: str) -> dict[str, str]:
    """The header that signs in at a proxy whose URL has a user; else none.

    https://www.rfc-editor.org/rfc/rfc7617
    """
    parts = urlsplit(proxy)
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def proxy_for(url: str) -> str | None:
    """The URL of the proxy that the environment, or on Windows and macOS the system, names for this URL; None: direct.

    SettingsInvalid where what is named is no proxy.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    named = getproxies()
    given = named.get(parts.scheme) or named.get("all")
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    if not given or is_excepted(host, port, named.get("no", "")) or proxy_bypass(host):
        return None
    try:
        return parse_proxy(given)
    except ValueError as problem:
        raise SettingsInvalid(f"The proxy that the system names for {parts.scheme} {problem}.") from problem
