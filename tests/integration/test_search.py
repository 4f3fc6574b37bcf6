"""The search at the top of every page: devices, jobs, schedules and lists, on both databases and over HTTP."""

from __future__ import annotations

import io
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from orchestrator.app import App
from orchestrator.bootstrap import open_app
from orchestrator.domain.access import Role
from orchestrator.domain.search_rank import Rank
from orchestrator.inventory.contents import InventorySource, import_inventory
from orchestrator.settings.load import load_settings
from orchestrator.settings.tree import Settings
from orchestrator.usecases.operations import search_everything as searches
from orchestrator.usecases.operations.search_everything import search_everything
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, device_ids, submitted
from tests.support.schedules import a_list, a_schedule
from tests.support.statements import engine_of, plan_of, statements_of, work_of
from tests.support.web import Service, a_service, a_visitor, some_settings

pytestmark = pytest.mark.enable_socket

DEVICES = device_ids(3)
EXPORT = f"""Device ID,Device name,Serial number,Primary user UPN,Managed by,OS
{DEVICES[0]},BER-LT-0412,5CG1,Anna.Berg@contoso.com,Co-managed,Windows
{DEVICES[1]},BER-LT-04120,5CG2,joe@contoso.com,Co-managed,Windows
{DEVICES[2]},MUC-LT-0001,5CG3,eva@contoso.com,Co-managed,Windows
"""


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[App]:
    async with an_app(database_url, "http://127.0.0.1:1") as opened:
        yield opened


async def an_inventory(app: App) -> None:
    source = InventorySource(io.BytesIO(EXPORT.encode()), "devices.csv")
    await import_inventory(app, "default", [source], by=SOMEBODY, reason=None, max_bytes=1_000_000)


async def devices_found(app: App, text: str, *, thoroughly: bool = False) -> list[tuple[str | None, Rank]]:
    found = await search_everything(app, text, thoroughly=thoroughly)
    return [(hit.thing[1].name, hit.rank) for hit in found.devices]


async def test_a_device_is_found_by_name_serial_user_and_id_the_best_first(app: App) -> None:
    await an_inventory(app)

    assert await devices_found(app, "ber-lt-0412") == [("BER-LT-0412", Rank.EXACT), ("BER-LT-04120", Rank.BEGINS)]
    assert await devices_found(app, "5cg3") == [("MUC-LT-0001", Rank.EXACT)]
    assert await devices_found(app, "ANNA.berg") == [("BER-LT-0412", Rank.BEGINS)]
    assert await devices_found(app, DEVICES[2].upper()) == [("MUC-LT-0001", Rank.EXACT)]
    assert await devices_found(app, "nothing like it") == []


async def test_a_large_inventory_is_searched_by_its_indexes_while_a_person_types(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    await an_inventory(app)
    monkeypatch.setattr(searches, "SCANNED_UP_TO", 2)

    with statements_of(app.store) as seen:
        typed = await devices_found(app, "ber-lt")
    beginning = [each for each in seen if "name_key >= " in each.text]
    async with engine_of(app.store).connect() as connection:
        plans = [await plan_of(connection, each) for each in beginning]
        is_sqlite = connection.dialect.name == "sqlite"

    assert [name for name, _ in typed] == ["BER-LT-0412", "BER-LT-04120"]
    assert await devices_found(app, "anna") == []
    assert await devices_found(app, "anna", thoroughly=True) == [("BER-LT-0412", Rank.BEGINS)]
    assert beginning
    # PostgreSQL reads a table of three rows whole.
    assert all("ix_inventory_devices_name" in plan for plan in plans) or not is_sqlite


async def test_a_device_that_only_jobs_know_is_found_by_its_id(app: App) -> None:
    await submitted(app, 2)

    assert await devices_found(app, DEVICES[1]) == [(None, Rank.EXACT)]
    assert await devices_found(app, DEVICES[2]) == []


async def test_jobs_schedules_and_lists_are_found_by_their_names(app: App) -> None:
    await a_list(app, 2)
    await a_schedule(app, "fleet-nightly")
    job = await submitted(app, 2, name="Fleet after patch day")

    found = await search_everything(app, "fleet", thoroughly=False)

    assert [hit.thing.job.id for hit in found.jobs] == [job.id]
    assert [(hit.thing.name, hit.rank) for hit in found.schedules] == [("fleet-nightly", Rank.BEGINS)]
    assert [(hit.thing.name, hit.rank) for hit in found.lists] == [("fleet", Rank.EXACT)]


@pytest.fixture
async def service(sqlite_url: str) -> AsyncIterator[Service]:
    async with a_service(some_settings(sqlite_url)) as service:
        yield service


async def test_a_whole_name_leads_to_its_page_and_letters_to_results(service: Service) -> None:
    await an_inventory(service.served.app)
    async with a_visitor(service, Role.VIEWER) as client:
        named = await client.get("/search?search=BER-LT-0412")
        letters = await client.get("/search?search=BER")
        typed = await client.get("/search?search=BER-LT-0412", headers={"HX-Request": "true"})
        nothing = await client.get("/search?search=%3Cb%3Enowhere")
        short = await client.get("/search?search=B")

    assert named.status_code == 303
    assert named.headers["location"] == f"/devices/{DEVICES[0]}?tenant=default"
    assert letters.text.index("BER-LT-0412<") < letters.text.index("BER-LT-04120<")
    assert "<html" not in typed.text
    assert f'href="/devices/{DEVICES[0]}?tenant=default"' in typed.text
    assert "Nothing was found for “&lt;b&gt;nowhere”" in nothing.text
    assert "Type 2 letters or more" in short.text


def settings_of(database_url: str, file: Path, tenants: Sequence[str]) -> Settings:
    tables = [
        f'[tenants.{name}]\ntenant_id = "{uuid.uuid5(uuid.NAMESPACE_DNS, name)}"\nclient_id = "{uuid.uuid4()}"\n'
        'graph_url = "http://127.0.0.1:9"\naccess_token = "token"\n'
        for name in tenants
    ]
    file.write_text("\n".join(tables), encoding="utf-8")
    return load_settings({"MUSTER_DATABASE_URL": database_url}, file)


async def test_the_devices_of_all_tenants_are_asked_for_at_once(sqlite_url: str, tmp_path: Path) -> None:
    names = ["default", *(f"customer{each}" for each in range(30))]
    async with open_app(settings_of(sqlite_url, tmp_path / "muster.toml", names), kind="ask") as app:
        for name in ("customer7", "default"):
            source = InventorySource(io.BytesIO(EXPORT.encode()), "devices.csv")
            await import_inventory(app, name, [source], by=SOMEBODY, reason=None, max_bytes=1_000_000)
        with statements_of(app.store) as seen:
            found = await search_everything(app, "ber-lt-0412", thoroughly=False)

    assert [hit.thing[0] for hit in found.devices if hit.rank is Rank.EXACT] == ["customer7", "default"]
    assert len(work_of(seen)) <= 15


async def test_a_device_is_found_in_whichever_tenant_has_it(sqlite_url: str, tmp_path: Path) -> None:
    settings = settings_of(sqlite_url, tmp_path / "muster.toml", ["contoso", "default"])
    async with a_service(settings) as service:
        await an_inventory(service.served.app)
        async with a_visitor(service, Role.VIEWER) as client:
            page = await client.get(f"/devices/{DEVICES[0]}")
            named = await client.get("/search?search=BER-LT-0412")
            unknown = await client.get(f"/devices/{DEVICES[0]}?tenant=contoso")

    assert "<h1>BER-LT-0412</h1>" in page.text
    assert named.headers["location"] == f"/devices/{DEVICES[0]}?tenant=default"
    assert unknown.status_code in {404, 422}
