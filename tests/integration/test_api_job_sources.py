"""Jobs over HTTP whose devices come from a group, a condition, a saved list or by name, within an operator's limits."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import pytest

from orchestrator.domain.access import Role
from orchestrator.domain.action import Action
from orchestrator.inventory.contents import InventorySource, import_inventory
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.directory import Group, Member
from orchestrator.simulator.serving import serve
from tests.support.actors import SOMEBODY
from tests.support.apps import device_ids, devices_csv
from tests.support.web import Service, a_service, some_settings

pytestmark = pytest.mark.enable_socket

IDS, ENTRA = device_ids(4), device_ids(4, seed=2)
[GROUP] = device_ids(1, seed=3)
ACTION = {"action": "refreshMachinePolicy"}


@pytest.fixture
async def service(sqlite_url: str) -> AsyncIterator[Service]:
    """A service with an inventory of four devices, three of which are in the group `Kiosk`."""
    graph = SimulatedGraph()
    members = [Member("device", f"object {each}", "PC", each) for each in ENTRA[:3]]
    graph.directory.add_group(Group(GROUP, "Kiosk", members))
    rows = [f"{one},PC-{place},{other},Co-managed" for place, (one, other) in enumerate(zip(IDS, ENTRA, strict=True))]
    export = "\n".join(["Device ID,Device name,Microsoft Entra Device ID,Managed by", *rows])
    async with serve(graph) as url, a_service(some_settings(sqlite_url, url)) as opened:
        source = InventorySource(io.BytesIO(export.encode()), "devices.csv")
        await import_inventory(opened.served.app, "default", [source], by=SOMEBODY, reason=None, max_bytes=1_000_000)
        yield opened


@pytest.mark.parametrize(
    ("source", "matched"),
    [
        ({"group": "kiosk"}, {"group": 3}),
        ({"where": ["name=PC-*", "name!=PC-3"]}, {"where": 3}),
        ({"device": ["pc-0", ENTRA[1], IDS[2]]}, {"name": 1, "entra": 1, "id": 1}),
        ({"list": "fleet"}, {"id": 3}),
    ],
)
async def test_a_source_in_place_of_a_file_becomes_a_job(
    service: Service, source: dict[str, Any], matched: dict[str, int]
) -> None:
    async with service.client() as client:
        await client.post("/api/lists", data={"name": "fleet"}, files={"file": devices_csv(3)})
        preview = await client.post("/api/previews", data={**ACTION, **source})
        submitted = await client.post("/api/jobs", data={**ACTION, **source}, files={"other": b""})

    assert (preview.status_code, preview.json()["devices"], preview.json()["matched"]) == (200, 3, matched)
    assert submitted.status_code == 201, submitted.text
    assert submitted.json()["counts"]["total"] == 3


async def test_a_list_of_names_is_matched_as_the_form_says(service: Service) -> None:
    names = ("devices.csv", b"Kiste\nPC-1\nPC-2\n")
    async with service.client() as client:
        plain = await client.post("/api/previews", data={**ACTION, "column": "Kiste"}, files={"file": names})
        named = await client.post(
            "/api/previews",
            data={**ACTION, "column": "Kiste", "match": "Name", "prefer": "newest"},
            files={"file": names},
        )

    assert plain.json().get("matched") != {"name": 2}
    assert named.json()["matched"] == {"name": 2}


@pytest.mark.parametrize(
    ("source", "files"),
    [
        ({"group": "Kiosk", "list": "fleet"}, {}),
        ({"group": "Kiosk"}, {"file": devices_csv(1)}),
        ({"where": "colour=red"}, {}),
        ({"where": "name=NOTHING"}, {}),
        ({"group": "Nobody"}, {}),
        ({}, {}),
    ],
)
async def test_a_source_that_does_not_fit_is_refused(
    service: Service, source: dict[str, str], files: dict[str, bytes]
) -> None:
    async with service.client() as client:
        refused = await client.post("/api/jobs", data={**ACTION, **source}, files=files)
        jobs = await client.get("/api/jobs")

    assert (refused.status_code, jobs.json()["items"]) == (422, [])


@pytest.mark.parametrize("limits", [{"ceiling": 2}, {"actions": frozenset({Action.QUICK_SCAN})}])
async def test_the_limits_of_an_operator_hold_for_every_source(service: Service, limits: dict[str, Any]) -> None:
    async with service.client(Role.OPERATOR, **limits) as client:
        answers = [
            await client.post("/api/jobs", data={**ACTION, **each})
            for each in ({"group": "Kiosk"}, {"where": "name=PC-*"})
        ]

    assert [answer.status_code for answer in answers] == [403, 403]
