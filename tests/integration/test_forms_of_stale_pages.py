"""A form changes the thing that its page showed, or nothing."""

from __future__ import annotations

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from orchestrator.domain.access import Role
from orchestrator.domain.blackout import parse_blackout
from orchestrator.inventory.contents import describe_inventory
from orchestrator.usecases.jobs.pause_job import pause_job
from orchestrator.usecases.jobs.resume_job import resume_job
from orchestrator.usecases.operations.list_attention import list_attention
from orchestrator.usecases.schedules.change_blackouts import change_blackout, list_blackouts
from orchestrator.web import shown
from orchestrator.web.app import make_web
from tests.support.actors import SOMEBODY
from tests.support.apps import submitted
from tests.support.forms import form_on
from tests.support.reading import Rig
from tests.support.web import a_service, a_visitor, csrf_of, some_settings

_COMPARES_OTHERWISE = {
    "/jobs/many": "the facts of each job, a field for each",
    "/jobs/new": "the digest of everything that was judged",
    "/schedules": "the version of the list that was chosen; there was no schedule to look at",
    "/schedules/{name}/change": "the fields as the form was opened with",
}
_CHANGES_NOTHING_SHOWN = {
    "/sign-in",
    "/sign-out",
    "/display",
    "/jobs/views",
    "/jobs/views/remove",
    "/jobs/new/verdict",
    "/jobs/new/odd.csv",
    "/jobs/{job_id}/retry/count",
    "/keys",
    "/lists",
    "/sessions/end",
    "/schedules/occurrences",
    "/schedules/{name}/occurrences",
    "/blackouts",
    "/tenants/{name}/check",
    "/notifications/{name}/test",
    "/inventory/refresh",
    "/halt",
}
"""Forms that add something, only read, or ask for what is right whatever stood on the page."""


_COMPARING = {shown._shown, shown._shown_if_any}
"""The two ways in which a form says what its page showed."""


def _compares(dependant: Dependant) -> bool:
    return any(each.call in _COMPARING or _compares(each) for each in dependant.dependencies)


async def test_each_form_that_changes_a_thing_carries_what_its_page_showed(sqlite_url: str) -> None:
    web = make_web(some_settings(sqlite_url))
    found = [(context.path, context.original_route) for context in iter_route_contexts(web.routes)]
    posts = {path: route for path, route in found if isinstance(route, APIRoute) and "POST" in (route.methods or ())}

    compared = {path for path, route in posts.items() if _compares(route.dependant)}

    assert compared == set(posts) - set(_COMPARES_OTHERWISE) - _CHANGES_NOTHING_SHOWN
    assert set(_COMPARES_OTHERWISE) | _CHANGES_NOTHING_SHOWN <= set(posts)


async def _refresh(rig: Rig, devices: int) -> None:
    rig.graph.directory.devices.clear()
    rig.graph.directory.add_fleet(devices)
    await rig.refresh()


async def test_a_blackout_an_inventory_and_an_item_that_changed_since_are_left_alone(sqlite_url: str) -> None:
    async with a_service(some_settings(sqlite_url)) as service, a_visitor(service, Role.ADMIN) as client:
        app = service.served.app
        token = {"csrf": await csrf_of(client)}

        await client.post("/blackouts", data={**token, "starts": "2030-12-24", "reason": "Freeze"})
        (number,) = [view.blackout.number for view in await list_blackouts(app)]
        assert number is not None
        form = form_on((await client.get("/blackouts")).text, f"/blackouts/{number}/remove")
        await change_blackout(app, number, parse_blackout("2030-12-24..2031-01-06", "Freeze"), by=SOMEBODY)
        outdated = [
            await client.post(f"/blackouts/{number}/remove", data=form),
            await client.post(f"/blackouts/{number}/change", data={**form, "starts": "2030-12-25"}),
            await client.post(f"/blackouts/{number}/remove", data=token),
        ]

        rig = Rig(app)
        for devices in (100, 80):
            await _refresh(rig, devices)
        accepting = form_on((await client.get("/inventory")).text, "/inventory/accept")
        await _refresh(rig, 50)
        outdated.append(await client.post("/inventory/accept", data=accepting))

        job = (await submitted(app, 3)).id
        await pause_job(app, job, by=SOMEBODY)
        item = form_on((await client.get(f"/attention?item=jobWaits:{job}")).text, "/attention")
        await resume_job(app, job, by=SOMEBODY)
        await pause_job(app, job, by=SOMEBODY)
        outdated.append(await client.post("/attention", data={**item, "reason": "known"}))

        again = form_on((await client.get("/inventory")).text, "/inventory/accept")
        accepted = await client.post("/inventory/accept", data=again)
        in_force, _ = await describe_inventory(app, "default")

        assert [each.status_code for each in outdated] == [409] * 5
        assert len(await list_blackouts(app)) == 1
        assert any(each.subject == job for each in await list_attention(app))
        assert (accepted.status_code, in_force.summary.devices) == (303, 50)
