"""`muster key`, `audit`, and whom `muster serve` lets in, as they are typed."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from tests.support.apps import devices_csv
from tests.support.command_line import CommandLine, Running, embedded
from tests.support.services import free_port
from tests.support.waiting import PATIENCE, is_ready, until

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def muster(tmp_path: Path) -> CommandLine:
    return embedded(tmp_path, "http://127.0.0.1:9")


def told_link(running: Running) -> str:
    """The link that the service printed."""
    links: list[str] = []

    def is_printed() -> list[str]:
        links.extend(re.findall(r"Dashboard: (http://\S+)\n", running.told.read_text(encoding="utf-8")))
        return links

    until(is_printed, lambda: running.told.read_text(encoding="utf-8"))
    return links[0]


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
    assert [(audit_entry["what"], audit_entry["reason"], audit_entry["from"]) for audit_entry in audit] == [
        ("key.revoked", "lost", "command line"),
        ("key.created", None, "command line"),
    ]


def test_an_emergency_stop_is_shown_with_the_jobs_and_devices_that_it_holds_up(muster: CommandLine) -> None:
    options = ("--action", "refreshUserPolicy", "--yes", "-o", "json")
    job = muster.run("submit", "-", *options, stdin=devices_csv(3)).json
    none = muster.run("halt", "--show")
    muster.run("halt", "--reason", "Wrong list.")
    (shown,) = muster.run("halt", "--show", "-o", "json").json

    assert none.out == "No emergency stop is in force.\n"
    assert (shown["jobs"], shown["devices"], shown["schedules"], shown["jobIds"]) == (1, 3, 0, [job["id"]])


def test_an_embedded_service_prints_a_link_that_signs_in_once(muster: CommandLine) -> None:
    with muster.started("serve", "--port", str(free_port())) as serving:
        link = told_link(serving)
        with (
            httpx.Client(follow_redirects=True, timeout=PATIENCE) as first,
            httpx.Client(follow_redirects=True, timeout=PATIENCE) as second,
        ):
            until(lambda: is_ready(link.partition("/sign-in")[0]))
            entered = first.get(link)
            again = second.get(link)

    assert "<title>Overview" in entered.text
    assert "used before" in again.text


def test_an_embedded_service_listens_nowhere_else_until_people_can_sign_in(muster: CommandLine) -> None:
    refused = muster.run("serve", "--host", "0.0.0.0", "--port", str(free_port()))
    half = muster.run("serve", MUSTER_SIGN_IN_TENANT_ID="contoso.example")

    assert refused.code == 2
    assert "MUSTER_SIGN_IN_TENANT_ID" in refused.err
    assert half.code == 2
    assert "MUSTER_SIGN_IN_CLIENT_ID and MUSTER_SIGN_IN_CLIENT_SECRET and MUSTER_PUBLIC_URL" in half.err
