"""Checks beside the database: Graph, rate limits, credentials, disk, copies of the database file, and the clock."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import gettempdir

from orchestrator.app import App
from orchestrator.domain.attention import CredentialFacts
from orchestrator.domain.attention_rules import CREDENTIAL_SOON
from orchestrator.domain.figures import plural
from orchestrator.domain.spans import span
from orchestrator.domain.tenant import Tenant, shared_lanes
from orchestrator.domain.waiting import LaneWait, WaitKind
from orchestrator.store.engine.sqlite_file import last_copy_at
from orchestrator.usecases.jobs.explain_waiting import surroundings_of
from orchestrator.usecases.operations.check_health import Check
from orchestrator.usecases.operations.describe_lanes import LaneView, list_lanes

_LEAST_FREE = 2 * 1024**3
_MOST_APART = 5.0
"""Seconds that this machine's clock may differ from the database's; leases and windows follow the database's."""

_AWAY = frozenset({WaitKind.GRAPH_UNREACHABLE, WaitKind.OUTAGE, WaitKind.SIGN_IN})


async def check_surroundings(app: App) -> list[Check]:
    """One check each; none of them makes a call, and none alone keeps jobs from running."""
    lanes = await list_lanes(app)
    async with app.store.reading() as tx:
        database_now = await tx.now()
        around = await surroundings_of(tx, [lane.key for lane in lanes])
    reported = [wait for waits in around.reports.values() for wait in waits.values()]
    now = app.clock.now()
    return [
        judge_graph(reported),
        judge_lanes(lanes, now),
        *judge_shared_lanes(app.tenants.values()),
        *([judge_credentials(app.credential_ends(), now)] if app.tenants else []),
        check_disk([*([app.store.file.parent] if app.store.file else []), Path(gettempdir())]),
        *([judge_copy(last_copy_at(app.store.file), now)] if app.store.file else []),
        judge_clock((database_now - now).total_seconds()),
    ]


def judge_graph(reported: Sequence[LaneWait]) -> Check:
    """Whether a process reports that it does not reach Graph, or cannot sign in."""
    away = [wait.message for wait in reported if wait.kind in _AWAY]
    detail = "; ".join(dict.fromkeys(away)) or "every process reaches it"
    return Check("Graph", ok=not away, detail=detail, mend="Jobs wait and go on by themselves.", is_needed=False)


def judge_lanes(lanes: Sequence[LaneView], now: datetime) -> Check:
    """Whether a lane is closed by a 429."""
    closed = [
        f"{', '.join(lane.tenants)} until {lane.closed_until:%H:%M:%S} UTC"
        for lane in lanes
        if lane.closed_until is not None and lane.closed_until > now
    ]
    detail = f"closed by 429: {'; '.join(closed)}" if closed else f"{plural(len(lanes), 'lane')} open"
    return Check("rate limits", ok=not closed, detail=detail, mend="Calls go on then by themselves.", is_needed=False)


def judge_shared_lanes(tenants: Collection[Tenant]) -> list[Check]:
    """Returns one check for each lane of several tenants; it warns where one of them has no tenant id or client id."""
    return [
        Check(
            "shared lane",
            ok=all(each.tenant_id and each.client_id for each in tenants if each.name in names),
            detail=f"{', '.join(names)} call as one app in one Entra tenant: they share a rate limit, and an "
            "emergency stop of one holds the others as well",
            mend="Set tenant_id and client_id of each, if they are not the same.",
            is_needed=False,
        )
        for names in shared_lanes(tenants).values()
    ]


def judge_credentials(ends: Sequence[CredentialFacts], now: datetime) -> Check:
    """Whether a secret or a certificate ends soon."""
    soon = [each for each in ends if each.ends_at - now <= CREDENTIAL_SOON]
    named = "; ".join(f"{each.what} of {each.tenant} on {each.ends_at:%Y-%m-%d}" for each in soon)
    known = f"{len(ends)} with a known end, none within {CREDENTIAL_SOON.days} days" if ends else "no end is known"
    mend = "Renew it, and put the new one into the settings."
    return Check("credentials", ok=not soon, detail=f"end: {named}" if soon else known, mend=mend, is_needed=False)


def check_disk(folders: Sequence[Path]) -> Check:
    """Whether there is room where the database and uploads are kept."""
    free = {str(folder): shutil.disk_usage(folder).free for folder in folders if folder.is_dir()}
    detail = "; ".join(f"{size / 1024**3:.1f} GiB free in {folder}" for folder, size in free.items())
    is_ok = all(size >= _LEAST_FREE for size in free.values())
    mend = "Make room: a full disk stops every job. Old jobs are removed sooner with a shorter retention."
    return Check("disk", ok=is_ok, detail=detail, mend=mend, is_needed=False)


def judge_copy(copied_at: datetime | None, now: datetime) -> Check:
    """Returns the age of the newest copy of the database file; Muster copies it before each upgrade alone."""
    made = "none yet" if copied_at is None else f"the last one is {span((now - copied_at).total_seconds())} old"
    detail = f"Muster copies its file before an upgrade: {made}. Daily backups are yours to set up"
    return Check("copies of the database", ok=True, detail=detail, is_needed=False)


def judge_clock(apart: float) -> Check:
    """Returns whether the clocks of this machine and of the database agree; `apart` is in seconds."""
    is_ok = abs(apart) <= _MOST_APART
    detail = "this machine and the database agree" if is_ok else f"this machine differs by {abs(apart):.0f} s"
    mend = "Let both take their time from one source (NTP)."
    return Check("time", ok=is_ok, detail=detail, mend=mend, is_needed=False)
