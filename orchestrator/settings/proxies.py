"""The proxy variables that other programs read too, looked at before anything is called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from orchestrator.domain.errors import SettingsInvalid
from orchestrator.domain.proxy import is_excepted, parse_proxy

GRAPH_ANYWHERE = "https://graph.microsoft.com"


def check_proxies(variables: Mapping[str, str], urls: Iterable[str]) -> None:
    """SettingsInvalid for a variable that would be the proxy for one of these URLs and names none."""
    named = {name.casefold(): (name, text) for name, text in sorted(variables.items()) if text.strip()}
    no_proxy = named.get("no_proxy", ("", ""))[1]
    for url in urls:
        parts = urlsplit(url)
        name, text = named.get(f"{parts.scheme}_proxy") or named.get("all_proxy") or ("", "")
        if not text or is_excepted(parts.hostname or "", parts.port, no_proxy):
            continue
        try:
            parse_proxy(text)
        except ValueError as problem:
            raise SettingsInvalid(f"{name} (from the environment) {problem}.") from None
