"""A list is saved of the devices of a result."""

from __future__ import annotations

import pytest

from orchestrator.domain.access import Role
from orchestrator.domain.confirmation import newest_version_facts
from orchestrator.domain.target import TargetFilter
from orchestrator.usecases.lists.describe_lists import describe_list
from orchestrator.usecases.lists.save_targets import count_targets
from orchestrator.web.shown import shown_text
from tests.support.apps import device_ids, submitted
from tests.support.web import Service, a_service, a_visitor, csrf_of, some_settings

pytestmark = pytest.mark.enable_socket


async def test_selected_devices_of_a_job_become_a_list_and_later_its_next_version(sqlite_url: str) -> None:
    async with a_service(some_settings(sqlite_url)) as service, a_visitor(service, Role.OPERATOR) as client:
        job = (await submitted(service.served.app, 5)).id
        token = await csrf_of(client)
        asked = await client.get(f"/jobs/{job}/list", params={"line": [3, 5]})
        shown = {"csrf": token, "name": "again", "shown": "{}"}
        saved = await client.post(f"/jobs/{job}/list?line=3&line=5", data={**shown, "reason": "CHG-7"})
        first = shown_text(newest_version_facts("again", 1))
        outdated = await client.post(f"/jobs/{job}/list", data=shown)
        next_version = await client.post(f"/jobs/{job}/list", data={**shown, "shown": first})
        view = await describe_list(service.served.app, "again")
        listed = await client.get("/lists/again/devices.csv?version=1")

    assert "Save 2 devices as a list" in asked.text
    assert (saved.status_code, saved.headers["location"]) == (303, "/lists/again")
    assert outdated.status_code == 409
    assert next_version.status_code == 303
    assert [(each.version, each.devices) for each in view.versions] == [(2, 5), (1, 2)]
    assert sum(device in listed.text for device in device_ids(5)) == 2


async def test_no_list_is_saved_of_nothing_or_by_a_viewer(sqlite_url: str) -> None:
    async with a_service(some_settings(sqlite_url)) as service:
        job = (await submitted(service.served.app, 3)).id
        answers = [await _tried(service, role, job) for role in (Role.VIEWER, Role.OPERATOR)]
        lists = await count_targets(service.served.app, job, TargetFilter(code="NotThere"))

    assert answers == [403, 422]
    assert lists == 0


async def _tried(service: Service, role: Role, job: str) -> int:
    async with a_visitor(service, role) as client:
        token = await csrf_of(client) if role is Role.OPERATOR else ""
        data = {"csrf": token, "name": "none", "shown": "{}"}
        return (await client.post(f"/jobs/{job}/list?status=failed", data=data)).status_code
