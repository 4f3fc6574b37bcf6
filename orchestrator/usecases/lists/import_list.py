"""Store a checked device list under a name; a list of the same name gets a new version."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from orchestrator.app import App
from orchestrator.domain.access import Actor, Role
from orchestrator.domain.confirmation import Facts, newest_version_facts, refuse_outdated
from orchestrator.domain.device import Via
from orchestrator.domain.errors import RequestRejected
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.store.jobs.saved_lists import ListVersion
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.access.scopes import refuse_list_change
from orchestrator.usecases.jobs.idempotency import Idempotency, result_before
from orchestrator.usecases.lists.receive_version import receiving_version

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Imported:
    """A version that was imported, and some of the devices that came and went.

    `matched` counts rows by what their devices were matched by, where the list holds no managed device ids.
    """

    version: ListVersion
    added: tuple[str, ...]
    removed: tuple[str, ...]
    ignored: tuple[str, ...] = ()
    matched: Mapping[str, int] = field(default_factory=dict)


MOST_NAMED = 20
"""Devices that are named of those that came and went; all are counted."""


async def import_list(
    app: App,
    name: str,
    stream: BinaryIO,
    *,
    via: Via,
    file_name: str | None,
    options: IntakeOptions,
    by: Actor,
    tenant: str | None = None,
    reason: str | None = None,
    shown: Facts | None = None,
    idempotency: Idempotency | None = None,
) -> Imported:
    """Store the list whole or not at all; IntakeFailed with every bad line.

    Names are matched against the inventory of `tenant` now; the list keeps the devices and their names.
    ConfirmationOutdated where a page showed another version than the newest one. NotPermitted where the actor might not
    submit it themselves, as the schedules that refer to it will. With the key of the same request and the same file
    before, the answer is that version; IdempotencyConflict for another one.
    """
    by.grant.refuse_below(Role.OPERATOR)
    refuse_bad_name(name, "a list")
    whose = None if tenant is None else app.tenant(tenant)
    async with (
        receiving_version(
            app, name, stream, tenant=whose, via=via, file_name=file_name, options=options, by=by
        ) as received,
        app.store.transaction() as tx,
    ):
        version = received.version
        report = received.report
        await tx.lists.hold(name)
        if idempotency is not None:
            asked = replace(idempotency, request=[*idempotency.request, version.intake.sha256])
            if (done := await result_before(tx, asked, str(version.version))) is not None:
                await tx.lists.forget(version.list_number, version.version)
                return Imported(await tx.lists.version(name, int(done)), (), (), report.ignored, report.matched)
        before = await tx.lists.find_newest(name)
        refuse_outdated(shown, newest_version_facts(name, None if before is None else before.version))
        await refuse_list_change(tx, by.grant, name, devices=version.devices)
        await received.publish(tx)
        facts = {
            "version": version.version,
            "devices": version.devices,
            "added": version.added,
            "removed": version.removed,
        }
        await tx.audit.write(by, "list.imported", name, reason=reason, facts=facts, now=await tx.now())
    log.info(
        "list.imported",
        version=version.version,
        devices=version.devices,
        added=version.added,
        removed=version.removed,
    )
    return Imported(
        version,
        tuple(sorted(received.added)[:MOST_NAMED]),
        tuple(sorted(received.removed)[:MOST_NAMED]),
        report.ignored,
        report.matched,
    )


def refuse_bad_name(name: str, what: str) -> None:
    """RequestRejected for a name that could not be typed again."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise RequestRejected(
            f"{name!r} is no name for {what}; it takes letters, digits, '.', '_' and '-', 64 of them at most."
        )
