"""Device lists under names, on both databases: whole or not at all, with versions, and what came and went."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from orchestrator.app import App
from orchestrator.domain.access import Actor, Grant, Role
from orchestrator.domain.action import Action
from orchestrator.domain.errors import IntakeFailed, NotPermitted, RequestRejected, UnknownList, WrongStatus
from orchestrator.store.jobs.saved_lists import KEPT_VERSIONS
from orchestrator.usecases.lists.compare_versions import compare_versions, first_devices, list_text, version_of
from orchestrator.usecases.lists.describe_lists import describe_list, list_lists, remove_list
from orchestrator.usecases.schedules.run_schedule import run_schedule
from tests.support.apps import an_app, device_ids, targets_of
from tests.support.schedules import a_list, a_schedule

pytestmark = pytest.mark.enable_socket


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[App]:
    async with an_app(database_url, "http://127.0.0.1:1") as opened:
        yield opened


async def pages_of(app: App) -> int:
    async with app.store.reading() as tx:
        count: int = (await tx.connection.execute(text("SELECT count(*) FROM list_pages"))).scalar_one()
        return count


async def test_a_second_import_says_what_came_and_went(app: App) -> None:
    first = await a_list(app, 7000)
    devices = device_ids(7000)
    kept = "\n".join(["Device ID", *devices[5:], *device_ids(3, seed=9)]).encode()

    second = await a_list(app, kept)

    assert (first.version.added, first.version.removed) == (7000, 0)
    assert (second.version.version, second.version.devices) == (2, 6998)
    assert (second.version.added, second.version.removed) == (3, 5)
    assert sorted(second.added) == sorted(device_ids(3, seed=9))
    assert sorted(second.removed) == sorted(devices[:5])


async def test_a_bad_list_leaves_nothing_and_the_good_one_stands(app: App) -> None:
    await a_list(app, 10)

    with pytest.raises(IntakeFailed, match="1 line is bad"):
        await a_list(app, b"Device ID\nno-guid\n")
    with pytest.raises(IntakeFailed):
        await a_list(app, b"Device ID\nno-guid\n", name="other")

    assert [(each.name, each.version) for each in await list_lists(app)] == [("fleet", 1)]
    assert await pages_of(app) == 1
    with pytest.raises(UnknownList):
        await describe_list(app, "other")


async def test_imports_of_one_list_at_once_get_versions_of_their_own(app: App) -> None:
    imported = await asyncio.gather(*(a_list(app, count) for count in (3, 4, 5)))

    view = await describe_list(app, "fleet")
    assert sorted(each.version.version for each in imported) == [1, 2, 3]
    assert [each.version for each in view.versions] == [3, 2, 1]


async def test_a_job_has_the_devices_of_the_version_it_ran_with(app: App) -> None:
    await a_list(app, 6000)
    await a_schedule(app)

    job = await run_schedule(app, "nightly", by=Actor("tests", "tests"))
    await a_list(app, 10)

    assert job.intake.file_name == "fleet@1"
    assert [target.device for target in await targets_of(app, job)] == device_ids(6000)
    assert (await describe_list(app, "fleet")).schedules == ("nightly",)


async def test_whoever_may_not_call_so_many_devices_gives_no_schedule_so_many(app: App) -> None:
    await a_list(app, 10)
    limited = Actor("limited", "tests", Grant(Role.OPERATOR, 20))

    with pytest.raises(NotPermitted, match="You may ask 20 devices in one job, and these are 21"):
        await a_list(app, 21, by=limited)
    allowed = await a_list(app, 20, by=limited)

    assert allowed.version.devices == 20
    assert (await describe_list(app, "fleet")).versions[0].version == allowed.version.version
    assert await pages_of(app) == 2


async def test_whoever_may_not_ask_for_an_action_gives_no_devices_to_a_schedule_that_does(app: App) -> None:
    limited = Actor("limited", "tests", Grant(Role.OPERATOR, actions=frozenset({Action.REFRESH_USER_POLICY})))
    await a_list(app, 10)
    await a_schedule(app, "policies")
    await a_list(app, 11, by=limited)
    await a_schedule(app, "scans", action=Action.QUICK_SCAN)

    with pytest.raises(NotPermitted, match=r"Schedule 'scans' calls the devices of this list.*not quickScan"):
        await a_list(app, 12, by=limited)

    assert [each.devices for each in (await describe_list(app, "fleet")).versions] == [11, 10]


async def test_of_old_versions_only_the_counts_are_kept(app: App) -> None:
    for count in range(1, KEPT_VERSIONS + 4):
        await a_list(app, count)

    view = await describe_list(app, "fleet")
    assert [each.devices for each in view.versions] == list(range(KEPT_VERSIONS + 3, 0, -1))
    assert await pages_of(app) == KEPT_VERSIONS


async def test_a_removed_list_leaves_no_row(app: App) -> None:
    await a_list(app, 10)

    await remove_list(app, "fleet", by=Actor("tests", "tests"))

    assert await list_lists(app) == []
    assert await pages_of(app) == 0
    with pytest.raises(UnknownList):
        await remove_list(app, "fleet", by=Actor("tests", "tests"))


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 65, "-x"])
async def test_a_name_that_could_not_be_typed_again_is_refused(app: App, name: str) -> None:
    with pytest.raises(RequestRejected, match="no name"):
        await a_list(app, 3, name=name)


async def test_two_versions_are_compared_and_each_kept_one_is_downloaded(app: App) -> None:
    devices, others = device_ids(12), device_ids(3, seed=9)
    first = await a_list(app, 12)
    text = "\n".join(["Device ID,Owner", *(f"{each},=cmd()" for each in (*devices[5:], *others))])
    second = await a_list(app, text.encode())

    found = await compare_versions(app, "fleet", 1, 2)
    file = "".join([piece async for piece in list_text(app, second.version)])

    assert (found.added, found.removed, found.same) == (3, 5, 7)
    assert {each.device for each in found.some_added} == {*others}
    assert {each.device for each in found.some_removed} == {*devices[:5]}
    assert [each.device for each in await first_devices(app, first.version, limit=2)] == devices[:2]
    lines = file.removeprefix("\ufeff").splitlines()
    assert lines[0] == "managedDeviceId,Device ID,Owner"
    assert lines[1] == f"{devices[5]},{devices[5]},'=cmd()"
    assert len(lines) == 11
    again = await a_list(app, file.encode(), name="again")
    assert again.version.devices == 10
    with pytest.raises(RequestRejected, match="two different versions"):
        await compare_versions(app, "fleet", 2, 2)


async def test_a_version_whose_devices_are_dropped_says_so(app: App) -> None:
    for count in range(KEPT_VERSIONS + 1):
        await a_list(app, count + 1)

    assert (await version_of(app, "fleet", 2)).devices == 2
    with pytest.raises(WrongStatus, match="only the counts are kept"):
        await version_of(app, "fleet", 1)


async def test_the_devices_of_a_list_are_shown_where_no_tenant_is_the_usual_one(app: App) -> None:
    made = await a_list(app, 2)
    [tenant] = app.tenants.values()
    several = replace(app, tenants={name: replace(tenant, name=name) for name in ("contoso", "fabrikam")})

    assert [each.device for each in await first_devices(several, made.version)] == device_ids(2)
