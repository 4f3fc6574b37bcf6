"""Failed sign-ins and refused changes are in the audit log, grouped after ten of a kind."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from orchestrator.app import App
from orchestrator.domain.access import Actor, Grant, Role
from orchestrator.domain.audit import SIGN_IN_FAILED, AuditEntry, Refusal
from orchestrator.domain.errors import StoreUnavailable
from orchestrator.store.access import refusals
from orchestrator.usecases.access.keys import create_key
from orchestrator.usecases.access.known_keys import KnownKeys
from orchestrator.usecases.access.read_audit import read_audit
from orchestrator.usecases.access.record_refusals import Refusals
from orchestrator.usecases.jobs.cancel_job import cancel_job
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, submitted
from tests.support.clock import ManualClock
from tests.support.web import Service, a_service, some_settings

pytestmark = pytest.mark.enable_socket

NO_KEY = "muster_222222222222_" + "a" * 43


@pytest.fixture
async def service(sqlite_url: str) -> AsyncIterator[Service]:
    async with a_service(some_settings(sqlite_url)) as service:
        yield service


async def refusals_in(app: App) -> list[AuditEntry]:
    """What was refused, the oldest first."""
    found = await read_audit(app, by=SOMEBODY, limit=1_000)
    return [audit_entry for audit_entry in reversed(found) if audit_entry.what.startswith(("sign-in", "change"))]


def a_refusal(origin: str) -> Refusal:
    return Refusal(Actor("unknown", origin), SIGN_IN_FAILED, None, "no key")


async def test_ten_of_a_kind_have_their_own_lines_and_one_line_counts_the_rest(database_url: str) -> None:
    clock = ManualClock()
    async with an_app(database_url, "http://127.0.0.1:9", clock=clock) as app:
        refusals = Refusals(app)
        for _ in range(3_000):
            await refusals.record(a_refusal("10.0.0.1"))
        await refusals.record(a_refusal("10.0.0.2"))
        await refusals.close()
        told = await refusals_in(app)
        async with app.store.transaction() as tx:
            await tx.refusals.write(a_refusal("10.0.0.1"), times=5, now=await tx.now())
        later = await refusals_in(app)

    assert [audit_entry.origin for audit_entry in told] == ["10.0.0.1"] * 10 + ["10.0.0.2", "10.0.0.1"]
    assert told[-1].facts["times"] == 2_990
    assert (len(later), later[-1].facts["times"]) == (12, 2_995)


async def test_after_an_hour_a_kind_begins_anew(sqlite_url: str) -> None:
    clock = ManualClock()
    async with an_app(sqlite_url, "http://127.0.0.1:9", clock=clock) as app:
        for _ in range(2):
            async with app.store.transaction() as tx:
                await tx.refusals.write(a_refusal("10.0.0.1"), times=30, now=await tx.now())
            clock.advance(hours=1)
        told = await refusals_in(app)

    assert [audit_entry.facts.get("times") for audit_entry in told] == ([None] * 10 + [20]) * 2


async def test_many_addresses_do_not_make_the_log_grow_without_end(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "MOST_KINDS", 3)
    async with an_app(sqlite_url, "http://127.0.0.1:9") as app:
        async with app.store.transaction() as tx:
            for number in range(100):
                await tx.refusals.write(a_refusal(f"10.0.0.{number}"), times=1, now=await tx.now())
        told = await refusals_in(app)

    assert len(told) == 3 + 10 + 1
    assert (told[-1].origin, told[-1].facts["times"]) == ("many", 87)


async def test_every_failed_sign_in_and_refused_change_is_written_down_with_who_and_from_where(
    service: Service,
) -> None:
    job = (await submitted(service.served.app, 3)).id
    async with (
        httpx.AsyncClient(base_url=service.url) as nobody,
        service.client(Role.OPERATOR, ceiling=2) as poor,
        service.client(Role.VIEWER) as viewer,
    ):
        await nobody.post("/sign-in", data={"key": NO_KEY})
        await nobody.get("/sign-in/link", params={"token": "guess"})
        await nobody.get("/api/jobs", headers={"Authorization": f"Bearer {NO_KEY}"})
        await nobody.get("/api/jobs")
        await poor.post(f"/api/jobs/{job}/cancel")
        await viewer.get("/api/keys")
        await viewer.post("/api/keys", json={"role": "admin"})
    told = await refusals_in(service.served.app)

    assert [(audit_entry.what, audit_entry.who, audit_entry.subject) for audit_entry in told] == [
        ("sign-in.failed", "unknown", None),
        ("sign-in.failed", "unknown", None),
        ("sign-in.failed", "unknown", None),
        ("change.refused", "key:operator", job),
        ("change.refused", "key:viewer", None),
    ]
    assert {audit_entry.origin for audit_entry in told} == {"127.0.0.1"}
    assert NO_KEY[20:] not in str(told)
    assert told[3].reason == ("POST /api/jobs/{job_id}/cancel: You may ask 2 devices in one job, and these are 3.")


async def test_what_is_permitted_and_illegal_moves_are_no_refusals(service: Service) -> None:
    app = service.served.app
    job = (await submitted(app, 1)).id
    await cancel_job(app, job, by=SOMEBODY)
    async with service.client() as admin:
        illegal = await admin.post(f"/api/jobs/{job}/pause")

    assert illegal.status_code == 409
    assert await refusals_in(app) == []


async def test_while_the_database_is_away_only_the_holder_of_a_key_hears_of_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, revoked = await service.key(Role.VIEWER), await service.key(Role.OPERATOR)
    async with service.client() as admin:
        keys = (await admin.get("/api/keys")).json()["items"]
        (theirs,) = [key["id"] for key in keys if key["role"] == "operator"]
        await admin.post(f"/api/keys/{theirs}/revoke")
    await service.served.known_keys.read()

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("postgresql://muster@db.contoso.example/muster cannot be used")

    monkeypatch.setattr(type(service.served.app.store), "_opened", away)
    async with httpx.AsyncClient(base_url=service.url) as client:
        answers = [
            await client.get("/api/jobs", headers={"Authorization": f"Bearer {text}"})
            for text in (known, revoked, NO_KEY, known[:-1] + ("a" if known[-1] != "a" else "b"), "x")
        ]

    assert [answer.status_code for answer in answers] == [503, 401, 401, 401, 401]
    assert not any("contoso" in answer.text or "database" in answer.text for answer in answers[1:])


async def test_a_key_that_opened_something_is_known_at_once(service: Service) -> None:
    text = await service.key(Role.VIEWER)
    async with httpx.AsyncClient(base_url=service.url, headers={"Authorization": f"Bearer {text}"}) as client:
        await client.get("/api/jobs")

    assert service.served.known_keys.is_known(text)


async def test_a_key_that_expires_while_the_database_is_away_is_unknown_from_then_on(sqlite_url: str) -> None:
    clock = ManualClock()
    async with an_app(sqlite_url, "http://127.0.0.1:9", clock=clock) as app:
        made = await create_key(app, Grant(Role.VIEWER), name="tool", by=SOMEBODY)
        known = KnownKeys(app)
        await known.read()
        before = known.is_known(made.text)
        clock.advance(days=90)

        assert (before, known.is_known(made.text)) == (True, False)
