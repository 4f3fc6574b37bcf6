from __future__ import annotations

import pytest
from starlette.types import Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from orchestrator.http.forwarded import ForwardedAddresses, address_of, addresses


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:51234", "203.0.113.7"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("command line", None),
        ("clock", None),
        ("unknown", None),
        ("_hidden", None),
        ("", None),
        ("203.0.113.7 ", None),
        ("203.0.113.300", None),
        ("203.0.113.7:port", None),
        ("fe80::1%\x1b[2J", None),
        ("[203.0.113.7", None),
        ("10.0.0.0/8", None),
        ("3405803783", None),
    ],
)
def test_an_address_is_known_and_everything_else_is_not(entry: str, address: str | None) -> None:
    assert address_of(entry) == address


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        (["203.0.113.7, 10.0.0.1"], ["203.0.113.7", "10.0.0.1"]),
        (["203.0.113.7", "10.0.0.1"], ["203.0.113.7", "10.0.0.1"]),
        (["198.51.100.1, command line, 10.0.0.1"], ["10.0.0.1"]),
        (["198.51.100.1, command line"], []),
        (["198.51.100.1,,10.0.0.1"], ["10.0.0.1"]),
        ([""], []),
    ],
)
def test_what_stands_before_an_entry_that_is_no_address_is_left_out(values: list[str], kept: list[str]) -> None:
    assert addresses(values) == kept


async def client_seen(peer: str, *values: str) -> str:
    seen: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["client"][0])

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_: Message) -> None:
        return None

    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in values]
    wrapped = ForwardedAddresses(ProxyHeadersMiddleware(app, trusted_hosts=["10.0.0.1"]))  # type: ignore[arg-type]
    await wrapped({"type": "http", "client": (peer, 1), "headers": headers}, receive, send)
    return seen[0]


async def test_only_a_trusted_proxy_says_where_a_request_comes_from() -> None:
    assert await client_seen("10.0.0.1", "198.51.100.1, 203.0.113.7") == "203.0.113.7"
    assert await client_seen("10.0.0.1", "203.0.113.7", "10.0.0.1") == "203.0.113.7"
    assert await client_seen("203.0.113.9", "198.51.100.1") == "203.0.113.9"


async def test_a_forged_entry_leaves_the_address_of_the_proxy() -> None:
    assert await client_seen("10.0.0.1", "command line") == "10.0.0.1"
    assert await client_seen("10.0.0.1", "198.51.100.1, \x1b[2J") == "10.0.0.1"
