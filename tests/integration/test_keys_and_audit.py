"""Who may, and what is written down about it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from orchestrator.app import App
from orchestrator.domain.access import Actor, Grant, Role, on_command_line
from orchestrator.domain.action import Action
from orchestrator.domain.errors import NotPermitted, RequestRejected, UnknownKey
from orchestrator.domain.job import Priority
from orchestrator.domain.target import TargetStatus
from orchestrator.usecases.access.keys import create_key, holder_of, list_keys
from orchestrator.usecases.access.read_audit import read_audit
from orchestrator.usecases.access.revoke_key import revoke_key
from orchestrator.usecases.jobs.cancel_job import cancel_job
from orchestrator.usecases.jobs.describe_jobs import list_jobs
from orchestrator.usecases.jobs.pause_job import pause_job
from orchestrator.usecases.jobs.reprioritise_job import reprioritise_job
from orchestrator.usecases.jobs.resume_job import resume_job
from orchestrator.usecases.jobs.retry_job import retry_job
from orchestrator.usecases.operations.prune import prune
from orchestrator.views.access import audit_entry_object
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, submitted
from tests.support.clock import ManualClock

pytestmark = pytest.mark.enable_socket

VIEWER = Actor("viewer", "tests", Grant(Role.VIEWER))
LIMITED = Actor("limited", "tests", Grant(Role.OPERATOR, 5, frozenset({Action.REFRESH_USER_POLICY})))


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[App]:
    async with an_app(database_url, "http://127.0.0.1:9") as app:
        yield app


async def test_a_key_opens_what_it_was_made_for_and_its_use_is_noted(app: App) -> None:
    grant = Grant(Role.OPERATOR, 100, frozenset({Action.QUICK_SCAN}))
    made = await create_key(app, grant, name="portal", by=SOMEBODY)

    held = await holder_of(app, made.text, origin="10.0.0.1")
    (kept,), _ = await list_keys(app)

    assert held is not None
    assert held == Actor("key:portal", "10.0.0.1", grant, made.key.id)
    assert kept.grant == grant
    assert kept.last_used_at is not None


async def test_the_text_of_a_key_is_kept_nowhere(app: App) -> None:
    made = await create_key(app, Grant(Role.ADMIN), name=None, by=SOMEBODY)
    secret = made.text.split("_", 2)[2]

    async with app.store.reading() as tx:
        found = await tx.keys.with_hash(made.key.id)

    assert found is not None
    assert len(secret) > 20
    assert secret not in repr(found)


@pytest.mark.parametrize("spoil", [lambda text: text[:-1], lambda text: text[:-1] + "~", lambda text: text + "a"])
async def test_a_key_that_was_misread_opens_nothing(app: App, spoil: object) -> None:
    made = await create_key(app, Grant(Role.VIEWER), name="portal", by=SOMEBODY)
    other = await create_key(app, Grant(Role.VIEWER), name="other", by=SOMEBODY)
    mixed = f"muster_{made.key.id}_{other.text.partition(other.key.id + '_')[2]}"

    assert await holder_of(app, spoil(made.text), origin="here") is None  # type: ignore[operator] # a lambda above
    assert await holder_of(app, mixed, origin="here") is None
    assert await holder_of(app, "", origin="here") is None


async def test_a_revoked_or_expired_key_opens_nothing(sqlite_url: str) -> None:
    clock = ManualClock()
    async with an_app(sqlite_url, "http://127.0.0.1:9", clock=clock) as app:
        short = await create_key(app, Grant(Role.VIEWER), name="short", lifetime=timedelta(days=1), by=SOMEBODY)
        revoked = await create_key(app, Grant(Role.VIEWER), name="revoked", by=SOMEBODY)
        await revoke_key(app, revoked.key.id, by=SOMEBODY, reason="lost")
        await revoke_key(app, revoked.key.id, by=SOMEBODY, reason="again")
        before = await holder_of(app, short.text, origin="here")
        clock.advance(days=1)
        after = await holder_of(app, short.text, origin="here")
        audit_entries = await read_audit(app, by=SOMEBODY, limit=10, what="key.revoked")

        assert before is not None
        assert after is None
        assert await holder_of(app, revoked.text, origin="here") is None
        assert [audit_entry.reason for audit_entry in audit_entries] == ["lost"]


async def test_a_key_that_makes_no_sense_is_not_made(app: App) -> None:
    with pytest.raises(RequestRejected, match="limits of operators"):
        await create_key(app, Grant(Role.VIEWER, ceiling=5), name=None, by=SOMEBODY)
    with pytest.raises(UnknownKey):
        await revoke_key(app, "nobody", by=SOMEBODY)
    assert (await list_keys(app))[0] == []


async def test_every_change_of_a_job_is_written_down_with_who_and_why(app: App) -> None:
    job = await submitted(app, 3)
    await pause_job(app, job.id, by=SOMEBODY, reason="lunch")
    await pause_job(app, job.id, by=SOMEBODY, reason="twice is once")
    await resume_job(app, job.id, by=SOMEBODY, reason="back")
    await reprioritise_job(app, job.id, Priority.HIGH, by=SOMEBODY)
    await cancel_job(app, job.id, by=SOMEBODY, reason="enough")
    retry = await retry_job(app, job.id, statuses=[TargetStatus.CANCELLED], by=SOMEBODY, reason="after all")

    audit_entries = await read_audit(app, by=SOMEBODY, limit=50)

    assert [(audit_entry.what, audit_entry.subject, audit_entry.reason) for audit_entry in reversed(audit_entries)] == [
        ("job.submitted", job.id, None),
        ("job.paused", job.id, "lunch"),
        ("job.resumed", job.id, "back"),
        ("job.reprioritised", job.id, None),
        ("job.cancelled", job.id, "enough"),
        ("job.retried", retry.id, "after all"),
    ]
    assert {(audit_entry.who, audit_entry.origin) for audit_entry in audit_entries} == {("somebody", "tests")}
    assert audit_entries[0].facts == {
        "action": "refreshUserPolicy",
        "devices": 3,
        "tenant": "default",
        "retryOf": job.id,
    }


async def test_the_audit_log_tells_keys_of_one_name_apart(app: App) -> None:
    made = [await create_key(app, Grant(Role.OPERATOR), name="portal", by=SOMEBODY) for _ in range(2)]
    holders = [await holder_of(app, key.text, origin="10.0.0.1") for key in made]
    jobs = [await submitted(app, 1, by=holder) for holder in holders if holder is not None]

    of_both = await read_audit(app, by=SOMEBODY, limit=5, who="key:portal")
    of_one = await read_audit(app, by=SOMEBODY, limit=5, who=made[0].key.id)
    found = await read_audit(app, by=SOMEBODY, limit=5, text=made[1].key.id)

    assert [(audit_entry.who, audit_entry.facts["key"]) for audit_entry in of_both] == [
        ("key:portal", made[1].key.id),
        ("key:portal", made[0].key.id),
    ]
    assert [(audit_entry.what, audit_entry.subject) for audit_entry in of_one] == [("job.submitted", jobs[0].id)]
    assert [audit_entry.what for audit_entry in found] == ["job.submitted", "key.created"]


async def test_the_command_line_is_a_mark_and_no_words_in_place_of_an_address(app: App) -> None:
    admin = Grant(Role.ADMIN)
    await create_key(app, admin, name="real", by=on_command_line("root@host"))
    await create_key(app, admin, name="forged", by=Actor("mallory", "command line", admin))
    async with app.store.transaction() as tx:
        # As the release before wrote it.
        await tx.connection.execute(
            text("INSERT INTO deeds (at, who, origin, what) SELECT at, who, 'command line', 'old' FROM deeds LIMIT 1")
        )

    old, forged, real = await read_audit(app, by=SOMEBODY, limit=3)

    assert (real.is_command_line, real.place, real.origin) == (True, "command line", "")
    assert not forged.is_command_line
    assert (old.is_command_line, old.place) == (True, "command line")
    assert audit_entry_object(real)["commandLine"] is True
    assert audit_entry_object(forged)["commandLine"] is False


async def test_the_audit_log_is_read_in_pages_and_by_what_is_looked_for(app: App) -> None:
    jobs = [await submitted(app, 1) for _ in range(3)]
    await pause_job(app, jobs[1].id, by=SOMEBODY, reason="100 % sure")

    first = await read_audit(app, by=SOMEBODY, limit=2)
    rest = await read_audit(app, by=SOMEBODY, limit=5, before=first[-1].number)
    of_one = await read_audit(app, by=SOMEBODY, limit=5, subject=jobs[1].id)
    found = await read_audit(app, by=SOMEBODY, limit=5, text="100 %")
    since = await read_audit(app, by=SOMEBODY, limit=5, since=first[0].at)
    until = await read_audit(app, by=SOMEBODY, limit=5, until=first[0].at)

    assert since
    assert {audit_entry.number for audit_entry in since}.isdisjoint(audit_entry.number for audit_entry in until)
    assert len(since + until) == 4
    assert len({audit_entry.number for audit_entry in first + rest}) == 4
    assert [audit_entry.what for audit_entry in of_one] == ["job.paused", "job.submitted"]
    assert [audit_entry.what for audit_entry in found] == ["job.paused"]
    assert await read_audit(app, by=SOMEBODY, limit=5, what="key") == []


async def test_pruning_leaves_the_audit_log(app: App) -> None:
    job = await submitted(app, 2)
    await cancel_job(app, job.id, by=SOMEBODY)

    removed = await prune(app, keep_days=-1, by=SOMEBODY)

    audit_entries = await read_audit(app, by=SOMEBODY, limit=50, subject=job.id)
    assert removed == 1
    assert [audit_entry.what for audit_entry in audit_entries] == ["job.pruned", "job.cancelled", "job.submitted"]


async def test_a_viewer_changes_nothing(app: App) -> None:
    job = await submitted(app, 3)

    for attempt in (
        pause_job(app, job.id, by=VIEWER),
        resume_job(app, job.id, by=VIEWER),
        cancel_job(app, job.id, by=VIEWER),
        retry_job(app, job.id, by=VIEWER),
        reprioritise_job(app, job.id, Priority.HIGH, by=VIEWER),
        submitted(app, 1, by=VIEWER),
        create_key(app, Grant(Role.VIEWER), name=None, by=VIEWER),
        revoke_key(app, "x", by=VIEWER),
        read_audit(app, by=VIEWER, limit=1),
        prune(app, keep_days=1, by=VIEWER),
    ):
        with pytest.raises(NotPermitted):
            await attempt

    (view,) = await list_jobs(app, limit=10)
    assert (view.status, view.job.priority) == ("queued", Priority.NORMAL)


async def test_an_operator_with_limits_stays_within_them(app: App) -> None:
    large = await submitted(app, 6)
    other = await submitted(app, 3, action=Action.FULL_SCAN)
    small = await submitted(app, 5, by=LIMITED)
    for job in (large, other, small):
        await pause_job(app, job.id, by=SOMEBODY)

    for attempt in (
        submitted(app, 6, by=LIMITED),
        submitted(app, 1, action=Action.FULL_SCAN, by=LIMITED),
        pause_job(app, large.id, by=LIMITED),
        cancel_job(app, large.id, by=LIMITED),
        cancel_job(app, other.id, by=LIMITED),
        resume_job(app, large.id, by=LIMITED),
        resume_job(app, other.id, by=LIMITED),
        retry_job(app, large.id, statuses=[TargetStatus.WAITING], by=LIMITED),
        retry_job(app, other.id, statuses=[TargetStatus.WAITING], by=LIMITED),
        reprioritise_job(app, large.id, Priority.HIGH, by=LIMITED),
        reprioritise_job(app, other.id, Priority.HIGH, by=LIMITED),
    ):
        with pytest.raises(NotPermitted):
            await attempt
    resumed = await resume_job(app, small.id, by=LIMITED)

    assert resumed.status == "running"
    assert [view.job.id for view in await list_jobs(app, limit=10)] == [small.id, other.id, large.id]
    assert {view.status for view in await list_jobs(app, limit=10)} == {"running", "paused"}
    assert {view.job.priority for view in await list_jobs(app, limit=10)} == {Priority.NORMAL}
