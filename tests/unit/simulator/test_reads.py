"""The read side of the simulated Graph: listings, export jobs, groups."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import pytest

from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.directory import Group, Member

GRAPH = "https://graph.microsoft.com"
SOON = 1_700_009_000
LIST = "/v1.0/deviceManagement/managedDevices?$top=2&$select=id,deviceName"
EVENTUAL = {"ConsistencyLevel": "eventual"}
GROUP = "6f0a5b8c-0000-4000-8000-000000000001"


def a_device(place: int, name: str | None = None) -> dict[str, Any]:
    return {"id": f"00000000-0000-4000-8000-{place:012}", "deviceName": name or f"PC-{place}"}


async def listed(graph: SimulatedGraph, ask: Any) -> list[str]:
    names: list[str] = []
    url: str | None = LIST
    while url is not None:
        answer = await ask(graph, path=url, method="GET")
        if answer.status_code == 504:
            continue
        page = answer.json()
        assert page["@odata.count"] == len(page["value"])
        names.extend(device["deviceName"] for device in page["value"])
        url = page.get("@odata.nextLink")
    return names


async def test_devices_are_listed_by_name_in_pages(graph: SimulatedGraph, ask: Any) -> None:
    graph.directory.add_devices(a_device(place) for place in (3, 1, 5, 2, 4))

    assert await listed(graph, ask) == ["PC-1", "PC-2", "PC-3", "PC-4", "PC-5"]


async def test_a_page_in_the_middle_times_out_once(graph: SimulatedGraph, ask: Any) -> None:
    graph.directory.add_devices(a_device(place) for place in range(5))
    graph.reads.faults.timeouts_at_pages.add(2)

    assert await listed(graph, ask) == ["PC-0", "PC-1", "PC-2", "PC-3", "PC-4"]


async def test_a_rename_between_two_pages_doubles_one_device_and_loses_another(graph: SimulatedGraph, ask: Any) -> None:
    graph.directory.add_devices(a_device(place) for place in range(5))
    graph.reads.faults.renames[1] = {a_device(0)["id"]: "PC-9", a_device(4)["id"]: "A"}

    assert await listed(graph, ask) == ["PC-0", "PC-1", "PC-2", "PC-3", "PC-9"]


async def test_an_export_is_asked_for_polled_and_downloaded_elsewhere_without_a_token(
    graph: SimulatedGraph, ask: Any
) -> None:
    graph.directory.add_devices([{**a_device(1), "managementAgent": "configurationManagerClientMdm"}])
    body = {"reportName": "Devices", "select": ["DeviceId", "DeviceName", "ManagementAgents"]}

    begun = await ask(graph, path="/beta/deviceManagement/reports/exportJobs", body=body)
    poll = f"/beta/deviceManagement/reports/exportJobs('{begun.json()['id']}')"
    polls = [(await ask(graph, path=poll, method="GET")).json() for _ in range(2)]
    with_token = await ask(graph, path=polls[1]["url"], method="GET")
    download = await ask(graph, path=polls[1]["url"], method="GET", token=None)

    assert (begun.status_code, begun.json()["status"]) == (201, "notStarted")
    assert [each["status"] for each in polls] == ["inProgress", "completed"]
    assert (with_token.status_code, download.status_code) == (400, 200)
    with zipfile.ZipFile(io.BytesIO(download.content)) as archive:
        rows = [*csv.reader(io.StringIO(archive.read(archive.namelist()[0]).decode()))]
    assert rows == [body["select"], [a_device(1)["id"], "PC-1", "10"]]


async def test_an_app_may_ask_48_times_a_minute_for_exports_and_polls(graph: SimulatedGraph, ask: Any) -> None:
    poll = "/beta/deviceManagement/reports/exportJobs('none')"

    statuses = [(await ask(graph, path=poll, method="GET")).status_code for _ in range(49)]

    assert statuses == [*[404] * 48, 429]


async def test_members_of_groups_within_the_group_come_once_and_the_cast_wants_its_header(
    graph: SimulatedGraph, ask: Any
) -> None:
    laptops = [Member("device", f"object-{place}", f"PC-{place}", f"entra-{place}") for place in range(3)]
    inner = Group("6f0a5b8c-0000-4000-8000-000000000002", "inner", laptops[1:])
    graph.directory.add_group(inner)
    graph.directory.add_group(Group(GROUP, "Laptops", [*laptops[:2], Member("group", inner.id)]))
    path = f"/v1.0/groups/{GROUP}/transitiveMembers/microsoft.graph.device?$count=true&$top=2"

    first = await ask(graph, path=path, method="GET", headers=EVENTUAL)
    second = await ask(graph, path=first.json()["@odata.nextLink"], method="GET", headers=EVENTUAL)
    bare = await ask(graph, path=path, method="GET")
    count = await ask(graph, path=f"/v1.0/groups/{GROUP}/transitiveMembers/$count", method="GET", headers=EVENTUAL)

    members = [member["deviceId"] for page in (first, second) for member in page.json()["value"]]
    assert sorted(members) == ["entra-0", "entra-1", "entra-2"]
    assert (bare.status_code, count.text) == (400, "3")


@pytest.mark.parametrize(
    ("roles", "status", "device_id"),
    [
        (["DeviceManagementManagedDevices.Read.All"], 403, None),
        (["GroupMember.Read.All"], 200, None),
        (["GroupMember.Read.All", "Device.Read.All"], 200, "entra-1"),
    ],
)
async def test_what_a_token_may_not_read_is_refused_or_left_out(
    make_graph: Any, ask: Any, jwt_of: Any, *, roles: list[str], status: int, device_id: str | None
) -> None:
    graph = make_graph(check_tokens=True)
    graph.directory.add_group(Group(GROUP, "Laptops", [Member("device", "object-1", "PC-1", "entra-1")]))
    path = f"/v1.0/groups/{GROUP}/transitiveMembers/microsoft.graph.device?$count=true"

    answer = await ask(graph, path=path, method="GET", headers=EVENTUAL, token=jwt_of(aud=GRAPH, exp=SOON, roles=roles))

    assert answer.status_code == status
    assert [member["deviceId"] for member in answer.json().get("value", [])] == [device_id] * (status == 200)
