"""Through which proxy a request leaves: one answer for calls to Graph and for the sign-in."""

from __future__ import annotations

import base64
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from orchestrator.domain.errors import SettingsInvalid
from orchestrator.domain.proxy import is_excepted, parse_proxy

REFUSED_HINT = "HTTPS_PROXY takes a sign-in too: http://USER:PASSWORD@HOST:PORT. NO_PROXY names exceptions."
UNREACHABLE_HINT = "Check HTTPS_PROXY; NO_PROXY names the hosts that need no proxy."


def describe_proxy_answer(status: int) -> str:
    """The answer of a proxy to CONNECT, described as the end of a sentence."""
    if status == 407:
        return "the proxy wants a sign-in (HTTP 407)"
    return f"the proxy made no connection (HTTP {status})"


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
