"""The forms of jobs as a browser without scripts sends them: each page leads to the next."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping, Sequence

import httpx
import pytest

from orchestrator.domain.access import Role
from orchestrator.inventory.contents import InventorySource, import_inventory
from orchestrator.usecases.jobs.cancel_job import cancel_job
from orchestrator.usecases.jobs.describe_job import describe_job
from tests.support.actors import SOMEBODY
from tests.support.apps import device_ids, devices_csv, submitted
from tests.support.forms import sent_by
from tests.support.schedules import a_list
from tests.support.web import Service, a_service, a_visitor, some_settings

pytestmark = pytest.mark.enable_socket

DEVICES = device_ids(2)


@pytest.fixture
async def service(sqlite_url: str) -> AsyncIterator[Service]:
    async with a_service(some_settings(sqlite_url)) as service:
        yield service


async def upload(
    client: httpx.AsyncClient, path: str, fields: Mapping[str, Sequence[str]], file: bytes = b""
) -> httpx.Response:
    """A multipart form as browsers send it: with a file part that has no name where no file was chosen."""
    parts = [f'name="{name}"\r\n\r\n{value}' for name, values in fields.items() for value in values]
    name = "list.csv" if file else ""
    parts.append(f'name="file"; filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n{file.decode()}')
    body = "".join(f"--edge\r\nContent-Disposition: form-data; {part}\r\n" for part in parts) + "--edge--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    return await client.post(path, content=body.encode(), headers=headers)


async def an_inventory(service: Service) -> None:
    rows = f"Device ID,Device name,Managed by,OS\n{DEVICES[0]},BER-LT-1,Co-managed,Windows\n"
    rows += f"{DEVICES[1]},MUC-LT-1,Co-managed,Windows\n"
    source = InventorySource(io.BytesIO(rows.encode()), "devices.csv")
    app = service.served.app
    await import_inventory(app, "default", [source], by=SOMEBODY, reason=None, max_bytes=1_000_000)


@pytest.mark.parametrize(
    ("address", "filled", "devices"),
    [
        ("?tenant=default&source=device", {"pasted": ["BER-LT-1\r\nMUC-LT-1"]}, 2),
        (f"?device={DEVICES[1]}", {}, 1),
        ("?list=fleet", {}, 2),
        ("?where=name%3DBER-*", {}, 1),
        ("", {"source": ["where"], "where-value": ["MUC-*", "", "", ""]}, 1),
        ("", {"source": ["file"]}, 2),
    ],
)
async def test_a_job_is_started_from_each_source(
    service: Service, address: str, filled: Mapping[str, Sequence[str]], devices: int
) -> None:
    await an_inventory(service)
    await a_list(service.served.app, 2)
    async with a_visitor(service, Role.OPERATOR) as client:
        page = await client.get(f"/jobs/new{address}")
        fields = sent_by(page.text, "/jobs/new") | {name: [*values] for name, values in filled.items()}
        file = devices_csv(2) if fields["source"] == ["file"] else b""
        unchosen = await upload(client, "/jobs/new/verdict", fields, file)
        chosen = sent_by(unchosen.text, "/jobs/new") | {"action": ["refreshUserPolicy"]}
        judged = await upload(client, "/jobs/new/verdict", chosen, file)
        sent = await upload(client, "/jobs/new", sent_by(judged.text, "/jobs/new"), file)

    assert "Choose below what to ask of each device" in unchosen.text
    assert "Start job on" in judged.text, judged.text.partition('id="verdict"')[2]
    assert sent.status_code == 303, sent.text
    job = await describe_job(service.served.app, sent.headers["location"].rpartition("/")[2])
    assert job.tally.total == devices


async def test_a_group_that_cannot_be_read_leaves_the_form_as_it_was(service: Service) -> None:
    async with a_visitor(service, Role.OPERATOR) as client:
        page = await client.get("/jobs/new?group=Kiosks")
        fields = sent_by(page.text, "/jobs/new") | {"action": ["quickScan"]}
        judged = await upload(client, "/jobs/new/verdict", fields)
        unknown = await client.get("/jobs/new?tenant=nobody")

    again = sent_by(judged.text, "/jobs/new")
    assert "These devices cannot be taken" in judged.text
    assert (again["source"], again["group"], again["action"]) == (["group"], ["Kiosks"], ["quickScan"])
    assert "Check the devices" in judged.text
    assert unknown.status_code == 422
    assert "nobody" in unknown.text


async def test_jobs_and_devices_are_chosen_with_boxes_and_one_is_needed(service: Service) -> None:
    app = service.served.app
    ids = [(await submitted(app, 3)).id for _ in range(2)]
    await cancel_job(app, ids[0], by=SOMEBODY)
    async with a_visitor(service, Role.OPERATOR) as client:
        listed = sent_by((await client.get("/jobs")).text, "/jobs/many")
        asked = await client.get("/jobs/many", params={**listed, "do": "pause", "job": [ids[1]]})
        done = await client.post("/jobs/many", data=sent_by(asked.text, "/jobs/many"))
        table = sent_by((await client.get(f"/jobs/{ids[0]}")).text, f"/jobs/{ids[0]}/selected")
        chosen = await client.get(f"/jobs/{ids[0]}/selected", params={**table, "line": ["2", "3"]})
        retried = await client.post(f"/jobs/{ids[0]}/retry", data=sent_by(chosen.text, f"/jobs/{ids[0]}/retry"))
        whole = await client.post(
            f"/jobs/{ids[0]}/retry", data=sent_by((await client.get(f"/jobs/{ids[0]}")).text, f"/jobs/{ids[0]}/retry")
        )
        empty = [await client.get("/jobs/many?do=pause"), await client.get(f"/jobs/{ids[0]}/selected")]

    assert done.status_code == 303
    assert (await describe_job(app, ids[1])).status == "paused"
    assert (await describe_job(app, retried.headers["location"].rpartition("/")[2])).tally.total == 2
    assert (await describe_job(app, whole.headers["location"].rpartition("/")[2])).tally.total == 3
    assert [page.status_code for page in empty] == [422, 422]
    assert "Select a job first" in empty[0].text
    assert "Select a device first" in empty[1].text
