"""Entra groups as a source of devices, against the simulated Graph."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest

from orchestrator.app import App
from orchestrator.domain.errors import PermissionMissing, ReadRefused, RequestRejected
from orchestrator.domain.selection import Selection
from orchestrator.inventory.expand_group import AmbiguousGroup, UnknownGroup, find_group, members_of
from orchestrator.inventory.select_devices import selected
from orchestrator.simulator import replies
from orchestrator.simulator.directory import Group, Member
from orchestrator.simulator.reads import Read
from orchestrator.simulator.replies import Reply
from tests.support.apps import an_app, device_ids
from tests.support.reading import Rig

pytestmark = pytest.mark.enable_socket

ALL = ("DeviceManagementManagedDevices.Read.All", "GroupMember.Read.All", "Device.Read.All")
GROUP, INNER, TWIN = device_ids(3, seed=77)


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[App]:
    async with an_app(database_url, "http://127.0.0.1:1") as opened:
        yield opened


async def a_rig(app: App, roles: tuple[str, ...] = ALL) -> Rig:
    rig = Rig(app, roles=ALL)
    rig.graph.directory.add_fleet(30)
    await rig.refresh()
    looking = Rig(app, roles=roles)
    looking.graph.directory.add_fleet(30)
    return looking


def fleet_of(rig: Rig) -> list[dict[str, Any]]:
    return sorted(rig.graph.directory.devices.values(), key=lambda device: device["deviceName"])


def as_member(device: dict[str, Any]) -> Member:
    return Member("device", f"object of {device['id']}", device["deviceName"], device["azureADDeviceId"])


async def chosen(rig: Rig, group: str) -> tuple[list[tuple[str, str]], list[str]]:
    """The names and marks of the selected devices, and what was said."""
    said: list[str] = []
    async with selected(rig.app, "default", Selection(group=group), say=said.append) as stream:
        rows = csv.DictReader(io.StringIO(stream.read().decode(), newline=""))
        return [(row["deviceName"], row["matchedBy"]) for row in rows], said


@pytest.mark.parametrize("named", ["Kiosk's laptops", "KIOSK'S LAPTOPS ", GROUP, GROUP.upper()])
async def test_members_of_nested_groups_and_devices_of_users_are_found_once(app: App, named: str) -> None:
    rig = await a_rig(app)
    fleet = fleet_of(rig)
    user, nobody = Member("user", fleet[3]["userId"]), Member("user", device_ids(1, seed=5)[0], "ada@contoso.example")
    stranger = Member("device", "object", "PC-X", device_ids(1, seed=6)[0])
    rig.graph.directory.add_group(Group(INNER, "inner", [as_member(fleet[1]), as_member(fleet[3]), stranger]))
    members = [as_member(fleet[0]), as_member(fleet[9]), user, nobody, Member("group", INNER)]
    rig.graph.directory.add_group(Group(GROUP, "Kiosk's laptops", members))

    devices, said = await chosen(rig, named)

    assert sorted(devices) == [("PC-000000", "group"), ("PC-000001", "group"), ("PC-000003", "group")]
    assert "5 devices, 2 users" in said[0]
    assert [sentence.partition(":")[0] for sentence in said[1:]] == ["Left out"] * 3
    assert f"PC-X ({stranger.device_id})" in said[1]
    assert "PC-000009" in said[2]
    assert "1 user without a device in the inventory: ada@contoso.example" in said[3]


async def test_a_group_is_read_a_page_at_a_time_and_nothing_more_for_each_device(app: App) -> None:
    rig = await a_rig(app)
    strangers = [Member("device", f"object {each}", "PC", each) for each in device_ids(2_500, seed=8)]
    rig.graph.directory.add_group(Group(GROUP, "Many", [as_member(fleet_of(rig)[0]), *strangers]))

    devices, said = await chosen(rig, GROUP)

    assert (len(devices), "2,500 members" in said[1]) == (1, True)
    # The group, three pages of devices, and one of users.
    assert len(rig.wire.requests) == 5


async def test_each_pause_in_which_graph_does_not_answer_is_said_apart(app: App) -> None:
    rig = await a_rig(app)
    rig.graph.directory.add_group(Group(GROUP, "Laptops", [as_member(fleet_of(rig)[0])]))
    answer, left = rig.graph.reads.answer, [2]

    def timed_out_twice(read: Read) -> Reply:
        left[0] -= 1
        return replies.error(read.call, 504, "GatewayTimeout", "Too late.") if left[0] >= 0 else answer(read)

    rig.graph.reads.answer = timed_out_twice  # type: ignore[method-assign] # the listing's own fault is of devices
    said: list[str] = []
    waits: list[str] = []

    async with selected(
        rig.app, "default", Selection(group="Laptops"), say=said.append, say_wait=waits.append
    ) as stream:
        assert len(stream.readlines()) == 2

    assert (len(said), len(waits), waits[-1]) == (1, 3, "Graph answered.")
    assert "HTTP 504 (Too late.); asking again in" in waits[0]


async def test_a_name_of_two_groups_is_refused_with_their_object_ids(app: App) -> None:
    rig = await a_rig(app)
    for each in (GROUP, TWIN):
        rig.graph.directory.add_group(Group(each, "Laptops"))

    with pytest.raises(AmbiguousGroup) as refused:
        await chosen(rig, "laptops")

    assert sorted(refused.value.ids) == sorted([GROUP, TWIN])
    assert GROUP in str(refused.value)


@pytest.mark.parametrize("named", ["Nothing", INNER])
async def test_a_group_that_is_not_there_is_said(app: App, named: str) -> None:
    rig = await a_rig(app)

    with pytest.raises(UnknownGroup, match="no group"):
        await chosen(rig, named)


@pytest.mark.parametrize("hidden", [False, True])
async def test_an_empty_group_is_refused_and_a_hidden_one_explained(app: App, *, hidden: bool) -> None:
    rig = await a_rig(app)
    members = [as_member(fleet_of(rig)[0])] if hidden else []
    rig.graph.directory.add_group(Group(GROUP, "Laptops", members, hidden=hidden))

    with pytest.raises(RequestRejected, match="no devices") as refused:
        await chosen(rig, "Laptops")

    assert ("Member.Read.Hidden" in str(refused.value)) is hidden


@pytest.mark.parametrize(
    ("roles", "missing"), [(ALL[:1], "GroupMember.Read.All"), (ALL[:2], "Device.Read.All besides")]
)
async def test_a_missing_permission_is_named(app: App, roles: tuple[str, ...], missing: str) -> None:
    rig = await a_rig(app, roles)
    rig.graph.directory.add_group(Group(GROUP, "Laptops", [as_member(fleet_of(rig)[0])]))

    with pytest.raises(PermissionMissing, match=missing):
        await chosen(rig, "Laptops")


class WithoutGroups:
    """Answers every read with one status: 404, as an address that is no Graph does."""

    def __init__(self, status: int = 404) -> None:
        self._status = status

    async def get(self, path: str, *, headers: object = None, say: object = None) -> Any:
        """Refuse."""
        raise ReadRefused(f"No resource at {path}: {headers}, {say}.", status=self._status, code="ResourceNotFound")

    async def pages(self, path: str, *, headers: object = None, say: object = None) -> AsyncIterator[Any]:
        """Refuse."""
        yield await self.get(path, headers=headers, say=say)


class MembersRefused:
    """Knows one group and answers every read of its members with one status."""

    def __init__(self, status: int) -> None:
        self._status = status

    async def get(self, _: str, *, headers: object = None, say: object = None) -> Any:
        """The group."""
        return {"id": GROUP, "displayName": "Laptops", "headers": headers, "say": say}

    async def pages(self, path: str, *, headers: object = None, say: object = None) -> AsyncIterator[Any]:
        """Refuse."""
        yield await WithoutGroups(self._status).get(path, headers=headers, say=say)


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [(403, PermissionMissing, "members of group 'Laptops'.*Device.Read.All"), (404, UnknownGroup, "removed meanwhile")],
)
async def test_a_group_whose_members_are_refused_is_named(status: int, error: type[Exception], says: str) -> None:
    reader = MembersRefused(status)

    with pytest.raises(error, match=says):
        await members_of(reader, await find_group(reader, GROUP))


async def test_an_unknown_address_of_a_lookup_by_name_is_no_unknown_group() -> None:
    with pytest.raises(ReadRefused, match="No resource"):
        await find_group(WithoutGroups(), "Kiosk")
    with pytest.raises(UnknownGroup, match=GROUP):
        await find_group(WithoutGroups(), GROUP)
