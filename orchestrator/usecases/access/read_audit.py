"""Read the audit log."""

from __future__ import annotations

from datetime import datetime

from orchestrator.app import App
from orchestrator.domain.access import Actor, Role
from orchestrator.domain.audit import AuditEntry


async def read_audit(
    app: App,
    *,
    by: Actor,
    limit: int,
    before: int | None = None,
    who: str | None = None,
    what: str | None = None,
    subject: str | None = None,
    text: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[AuditEntry]:
    """Returns audit entries, the newest first; `before` is the number of the last entry of the page before.

    `what` is a kind in any letter case, as actions and statuses are taken.
    """
    by.grant.refuse_below(Role.ADMIN)
    async with app.store.reading() as tx:
        return await tx.audit.newest(
            limit,
            before=before,
            who=who,
            what=what and what.casefold(),
            subject=subject,
            text=text,
            since=since,
            until=until,
        )
