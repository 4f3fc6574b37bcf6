from __future__ import annotations

import pytest

from orchestrator.domain.proxy import is_excepted, parse_proxy, without_sign_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:3128", "http://127.0.0.1:3128"),
        ("proxy.contoso.com", "http://proxy.contoso.com"),
        (" http://proxy:8080/ \n", "http://proxy:8080"),
        ('"http://proxy:8080"', "http://proxy:8080"),
        ("HTTP://Proxy:8080", "http://proxy:8080"),
        ("https://proxy:8443", "https://proxy:8443"),
        ("user:p%40ss@proxy:3128", "http://user:p%40ss@proxy:3128"),
        ("http://dom%5Cuser:p@ss@proxy:3128", "http://dom%5Cuser:p@ss@proxy:3128"),
        ("http://[::1]:3128", "http://[::1]:3128"),
    ],
)
def test_a_proxy_is_read_where_its_meaning_is_plain(text: str, expected: str) -> None:
    assert parse_proxy(text) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("socks5://127.0.0.1:1080", "SOCKS"),
        ("SOCKS5h://u:secret@proxy:1080", "SOCKS"),
        ("ftp://proxy:21", "'ftp'"),
        ("http://proxy.example/secret/proxy.pac", "PAC"),
        ("wpad/wpad.DAT", "PAC"),
        ("http://proxy:port", "port"),
        ("http://proxy:99999", "port"),
        ("http://", "names no host"),
        ("http://u:sec#ret@proxy:3128", "takes"),
        ("http://pro xy:3128", "blanks"),
        ("http://proxy\x1b:3128", "control characters"),
        ("none", None),
    ],
)
def test_what_is_no_proxy_is_refused_without_its_password(text: str, problem: str | None) -> None:
    if problem is None:
        assert parse_proxy(text) == f"http://{text}"
        return
    with pytest.raises(ValueError, match=problem) as refusal:
        parse_proxy(text)
    assert "sec" not in str(refusal.value)


def test_a_proxy_is_shown_without_its_sign_in() -> None:
    assert without_sign_in("http://user:pass@proxy:3128") == "http://proxy:3128"
    assert without_sign_in("http://proxy:3128") == "http://proxy:3128"


@pytest.mark.parametrize(
    ("host", "port", "no_proxy", "expected"),
    [
        ("graph.microsoft.com", 443, "*", True),
        ("graph.microsoft.com", 443, "microsoft.com", True),
        ("graph.microsoft.com", 443, ".microsoft.com", True),
        ("graph.microsoft.com", 443, "*.Microsoft.com", True),
        ("graph.microsoft.com", 443, "localhost, graph.microsoft.com:443", True),
        ("graph.microsoft.com", 443, "graph.microsoft.com:8443", False),
        ("graph.microsoft.com", 443, "soft.com", False),
        ("graph.microsoft.com", 443, "", False),
        ("10.1.2.3", 443, "10.0.0.0/8", True),
        ("10.1.2.3", 443, "192.168.0.0/16 10.1.2.3", True),
        ("::1", 80, "::1", True),
        ("127.0.0.1", 80, "localhost,127.0.0.1", True),
    ],
)
def test_no_proxy_names_hosts_domains_addresses_and_networks(
    host: str, port: int, no_proxy: str, *, expected: bool
) -> None:
    assert is_excepted(host, port, no_proxy) is expected
