"""Jobs over HTTP whose devices come from a group, a condition, a saved list or by name, within an operator's limits."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from orchestrator.domain.access import Role
from orchestrator.domain.action import Action
from orchestrator.inventory.contents import InventorySource, import_inventory
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.directory import Group, Member
from orchestrator.simulator.serving import serve
from tests.support.actors import SOMEBODY
from tests.support.apps import device_ids, devices_csv
from tests.support.forms import fields_on
from tests.support.web import Service, a_service, a_visitor, csrf_of, some_settings

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


async def test_the_page_takes_every_source_and_calls_what_was_judged(service: Service) -> None:
    sources: dict[str, dict[str, Any]] = {
        "list": {"list": "fleet"},
        "group": {"group": "kiosk"},
        "where": {"where-field": ["name", "name"], "where-operator": ["=", "!="], "where-value": ["PC-*", "PC-3"]},
        "pasted": {"pasted": "pc-0\r\nPC-1\n\nPC-2"},
    }
    async with service.client() as client, a_visitor(service, Role.OPERATOR) as visitor:
        await client.post("/api/lists", data={"name": "fleet"}, files={"file": devices_csv(3)})
        headers = {"X-CSRF-Token": await csrf_of(visitor), "HX-Request": "true"}
        led: dict[str, str] = {}
        for name, fields in sources.items():
            # What another source holds does not count.
            asked = {**ACTION, "list": "nobody", "pasted": "x", **fields, "source": name}
            verdict = await visitor.post("/jobs/new/verdict", headers=headers, data=asked, files={"other": b""})
            assert "Start job on 3 devices" in verdict.text, verdict.text
            judged = {**asked, **fields_on(verdict.text), "source": name}
            done = await visitor.post("/jobs/new", headers=headers, data=judged, files={"other": b""})
            led[name] = done.headers["HX-Redirect"]
        changed = {**judged, "pasted": "PC-0\nPC-1\nPC-3"}
        refused = await visitor.post("/jobs/new", headers=headers, data=changed, files={"other": b""})
        nowhere = {**ACTION, "source": "group", "group": "Nobody"}
        unknown = await visitor.post("/jobs/new/verdict", headers=headers, data=nowhere, files={"other": b""})
        clones = {name: (await visitor.get(f"/jobs/new?from={led[name].rpartition('/')[2]}")).text for name in led}

    assert "the device list was pasted-devices.csv" in refused.text
    assert "These devices cannot be taken" in unknown.text
    for name, page in clones.items():
        assert ("data-filled" in page) is (name != "pasted")
        assert 'value="refreshMachinePolicy" required checked' in page
    assert 'value="fleet" selected' in clones["list"]
    assert 'name="group" value="kiosk"' in clones["group"]
    assert re.findall(r'name="where-value" value="([^"]*)"', clones["where"])[:3] == ["PC-*", "PC-3", ""]


async def imported(service: Service, export: str) -> None:
    source = InventorySource(io.BytesIO(export.encode()), "devices.csv")
    await import_inventory(service.served.app, "default", [source], by=SOMEBODY, reason=None, max_bytes=1_000_000)


async def poster(visitor: httpx.AsyncClient, listed: dict[str, tuple[str, bytes]]) -> Callable[..., Awaitable[str]]:
    """Returns a function that sends the form of a new job with this file; its answer is the page, or where it leads."""
    headers = {"X-CSRF-Token": await csrf_of(visitor), "HX-Request": "true"}

    async def post(path: str, **data: str) -> str:
        answer = await visitor.post(path, headers=headers, data={**ACTION, "source": "file", **data}, files=listed)
        return answer.headers.get("HX-Redirect") or answer.text

    return post


async def test_bad_rows_are_decided_about_in_the_page(service: Service) -> None:
    twins = "Device ID,Device name,Serial number,Managed by\n" + "\n".join(
        f"{each},TWIN,5CG{place},Co-managed" for place, each in enumerate(IDS)
    )
    await imported(service, twins)
    listed = {"file": ("names.csv", b"Device name\nTWIN\nNOBODY\n")}
    async with a_visitor(service, Role.OPERATOR) as visitor:
        post = await poster(visitor, listed)
        bad = await post("/jobs/new/verdict")
        stranger = await post("/jobs/new/verdict", **{"choice-2": ENTRA[0], "choice-3": "out"})
        mended = {"choice-2": IDS[1], "choice-3": "out"}
        good = await post("/jobs/new/verdict", **mended)
        shown = {**mended, **fields_on(good)}
        other = await post("/jobs/new", **{**shown, "choice-2": IDS[0]})
        job = await post("/jobs/new", **shown)
        async with service.client() as client:
            targets = (await client.get(f"/api{job}/targets")).json()["items"]

    assert "2 lines are bad" in bad
    assert bad.count('type="radio" id="choice-2-') == len(IDS) + 1
    assert "1 line is bad" in stranger
    assert f'value="{IDS[1]}" checked' in good
    assert "the set of decisions about bad rows was 2" in other
    assert [target["device"] for target in targets] == [IDS[1]]


async def test_a_wrong_name_is_mended_in_the_page(service: Service) -> None:
    named = "Device ID,Device name,Managed by\n" + "\n".join(
        f"{each},PC-{place},Co-managed" for place, each in enumerate(IDS)
    )
    await imported(service, named)
    listed = {"file": ("names.csv", b"Device name,Room\nPC-O,1\n,2\n")}
    async with a_visitor(service, Role.OPERATOR) as visitor:
        post = await poster(visitor, listed)
        bad = await post("/jobs/new/verdict")
        wrong = await post("/jobs/new/verdict", **{"instead-2": "PC-00", "choice-3": "out"})
        mended = {"instead-2": "pc-0", "instead-3": "PC-1"}
        good = await post("/jobs/new/verdict", **mended)
        job = await post("/jobs/new", **{**mended, **fields_on(good)})
        async with service.client() as client:
            targets = (await client.get(f"/api{job}/targets")).json()["items"]

    assert "<b>PC-O, 1</b> unknown" in bad
    assert 'name="instead-2"' in bad
    assert "read as &#39;PC-00&#39;; unknown" in wrong
    assert "Start job on 2 devices" in good
    assert 'name="instead-2" value="pc-0"' in good
    assert [target["device"] for target in targets] == [*IDS[:2]]
