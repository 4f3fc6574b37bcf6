"""`muster key`, `audit`, and whom `muster serve` lets in, as they are typed."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path

import httpx
import pytest

from tests.support.command_line import CommandLine, Running, embedded

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def muster(tmp_path: Path) -> CommandLine:
    return embedded(tmp_path, "http://127.0.0.1:9")


def told_link(running: Running) -> str:
    """The link that the service printed."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        found = re.search(r"Dashboard: (http://\S+)", running.told.read_text(encoding="utf-8"))
        if found:
            return found[1]
        time.sleep(0.1)
    pytest.fail("no link was printed within half a minute")


def test_keys_are_made_listed_and_revoked_and_all_of_it_is_written_down(muster: CommandLine) -> None:
    made = muster.run("key", "create", "--role", "operator", "--name", "portal", "--ceiling", "5", "-o", "json")
    listed = muster.run("key", "list", "-o", "json").json
    revoked = muster.run("key", "revoke", made.json["id"], "--reason", "lost")
    twice = muster.run("key", "revoke", "nobody")
    audit = muster.run("audit", "-o", "json").json

    assert set(made.json) == {"id", "key", "role"}
    assert [(key["id"], key["ceiling"], key["status"]) for key in listed] == [(made.json["id"], 5, "valid")]
    assert made.json["key"] not in str(listed)
    assert (revoked.code, twice.code) == (0, 2)
    assert [(deed["what"], deed["reason"], deed["from"]) for deed in audit] == [
        ("key.revoked", "lost", "command line"),
        ("key.created", None, "command line"),
    ]


def test_an_embedded_service_prints_a_link_that_signs_in_once(muster: CommandLine) -> None:
    with muster.started("serve", "--port", str(_free_port())) as serving:
        link = told_link(serving)
        with httpx.Client(follow_redirects=True) as first, httpx.Client(follow_redirects=True) as second:
            until = time.monotonic() + 30
            entered = _patiently(first, link, until)
            again = second.get(link)

    assert "<h1>Jobs</h1>" in entered.text
    assert "used before" in again.text


def test_an_embedded_service_listens_nowhere_else_until_people_can_sign_in(muster: CommandLine) -> None:
    refused = muster.run("serve", "--host", "0.0.0.0", "--port", str(_free_port()))
    half = muster.run("serve", MUSTER_SIGN_IN_TENANT_ID="contoso.example")

    assert refused.code == 2
    assert "MUSTER_SIGN_IN_TENANT_ID" in refused.err
    assert half.code == 2
    assert "MUSTER_SIGN_IN_CLIENT_ID and MUSTER_SIGN_IN_CLIENT_SECRET and MUSTER_PUBLIC_URL" in half.err


def _patiently(client: httpx.Client, url: str, until: float) -> httpx.Response:
    while True:
        try:
            return client.get(url)
        except httpx.TransportError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
