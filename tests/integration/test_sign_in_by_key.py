"""The way in with a key and out again, as a browser goes it: each page leads to the next."""

from __future__ import annotations

import re

import httpx
import pytest

from orchestrator.domain.access import Role
from tests.support.waiting import PATIENCE
from tests.support.web import a_service, csrf_of, some_settings

pytestmark = pytest.mark.enable_socket


async def test_only_those_come_in_who_may_and_see_what_is_theirs(sqlite_url: str) -> None:
    async with (
        a_service(some_settings(sqlite_url)) as service,
        httpx.AsyncClient(base_url=service.url, follow_redirects=True, timeout=PATIENCE) as browser,
    ):
        asked = await browser.get("/audit")
        wrong = await browser.post("/sign-in", data={"key": "muster_wrong", "to": "/audit"})
        entered = await browser.post("/sign-in", data={"key": await service.key(Role.VIEWER), "to": "/audit"})
        jobs = await browser.get("/jobs")
        new = await browser.get("/jobs/new")
        out = await browser.post("/sign-out", data={"csrf": await csrf_of(browser)})
        afterwards = await browser.get("/jobs")

    assert _heading(asked) == "Sign in"
    assert (wrong.status_code, "This key opens nothing." in wrong.text) == (401, True)
    assert [_heading(each) for each in (entered, jobs, new)] == ["You may not do this", "Jobs", "You may not do this"]
    assert "New job" not in jobs.text
    assert "Access keys" not in jobs.text
    assert "You are signed out." in out.text
    assert _heading(afterwards) == "Sign in"


def _heading(page: httpx.Response) -> str:
    found = re.search(r"<h1[^>]*>([^<]*)<", page.text)
    assert found is not None
    return found[1].strip()
