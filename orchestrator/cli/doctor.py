"""`muster doctor`: one line a check, and how to mend what is not well."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from orchestrator.cli import exits
from orchestrator.cli.invocation import Format, Invocation, output_option, pass_invocation
from orchestrator.cli.terminal import Styled, say
from orchestrator.domain.errors import MusterError
from orchestrator.domain.plain_text import shown

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.settings import Settings
    from orchestrator.usecases.operations.check_health import Check
    from orchestrator.usecases.operations.check_tenant import WayCheck


@click.command()
@click.option(
    "--self-test",
    "tries_itself",
    is_flag=True,
    help="Try this machine instead: folders, files, locks, console, time zones, and a simulated job. It reads no "
    "settings and calls no device.",
)
@output_option
@pass_invocation
def doctor(invocation: Invocation, *, tries_itself: bool) -> int:
    """Check everything that a job needs: one line for each check, and how to mend a fault."""
    from orchestrator.cli.output import show_rows
    from orchestrator.views.workers import check_object

    if tries_itself:
        from orchestrator.cli.self_test import self_test
        from orchestrator.telemetry.logger import defer_logs

        # The self-test reads no settings, and settings set up the logs of every other command.
        defer_logs(as_json=False, level="error")
        checks = [_version(), *self_test()]
    else:
        checks = _checks(invocation)
    if invocation.output is Format.TABLE:
        for check in checks:
            _say(check)
    else:
        show_rows([*map(check_object, checks)], invocation.output)
    return exits.DONE if all(check.ok for check in checks if check.is_needed) else exits.UNAVAILABLE


def _version() -> Check:
    from orchestrator import __version__
    from orchestrator.usecases.operations.check_health import Check

    python = ".".join(map(str, sys.version_info[:3]))
    return Check("muster", ok=True, detail=f"{__version__} on Python {python} ({sys.platform})")


def _checks(invocation: Invocation) -> list[Check]:
    from orchestrator.usecases.access.check_keys import check_keys
    from orchestrator.usecases.operations.check_health import Check, check_health, check_stops
    from orchestrator.usecases.operations.check_inventory import check_inventories
    from orchestrator.usecases.operations.check_surroundings import check_surroundings
    from orchestrator.usecases.schedules.check_schedules import check_schedules

    checks = [_version()]
    try:
        settings = invocation.settings()
    except MusterError as problem:
        return [*checks, Check("settings", ok=False, detail=str(problem), mend="See `muster settings`.")]
    read = f"read from {settings.config_file} and the environment" if settings.config_file else "from the environment"
    checks.append(Check("settings", ok=True, detail=read))

    async def look(app: App) -> list[Check]:
        return [
            *await check_health(app),
            await check_stops(app),
            *await check_schedules(app),
            *await check_surroundings(app),
            *await check_keys(app),
            *await check_inventories(app),
            *await _tenants(app, settings),
        ]

    try:
        return [*checks, *invocation.ask(look)]
    except MusterError as problem:
        return [*checks, Check("database", ok=False, detail=str(problem), mend="Check MUSTER_DATABASE_URL.")]


async def _tenants(app: App, settings: Settings) -> list[Check]:
    from orchestrator.usecases.operations.check_health import Check
    from orchestrator.usecases.operations.check_tenant import check_way_of

    if not settings.tenants:
        mend = "Set MUSTER_TENANT_ID, MUSTER_CLIENT_ID and one way to sign in, such as MUSTER_CLIENT_SECRET."
        return [Check("tenant", ok=False, detail="none is set up", mend=mend)]
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def both(name: str) -> list[Check]:
        async with at_once:
            found = await check_way_of(app, name)
            return [await _tenant(app, settings, name, found), _way(name, found)]

    found = await asyncio.gather(*(both(name) for name in settings.tenants))
    return [check for checks in found for check in checks]


def _way(name: str, found: WayCheck) -> Check:
    """Whether a call of the tenant would reach Graph, and how long a job waits where it does not."""
    from orchestrator.domain.circuit_breaker import UNREACHABLE_PATIENCE
    from orchestrator.domain.spans import span
    from orchestrator.usecases.operations.check_health import Check

    waits = f"a job waits up to {span(UNREACHABLE_PATIENCE.total_seconds())} for Graph, then it stops"
    if found.ok:
        return Check(f"way to Graph, {name}", ok=True, detail=f"{found.detail}; {waits}")
    return Check(f"way to Graph, {name}", ok=False, detail=found.detail, mend=f"Meanwhile {waits}.")


async def _tenant(app: App, settings: Settings, name: str, way: WayCheck) -> Check:
    from orchestrator.usecases.operations.check_health import Check
    from orchestrator.usecases.operations.check_tenant import check_tenant

    title = f"tenant {name}"
    if settings.tenants[name].device_code:
        return Check(title, ok=True, detail="signs in with a device code: `muster tenant check` asks for it")
    try:
        found = await check_tenant(app, name, way)
    except MusterError as problem:
        return Check(title, ok=False, detail=str(problem), mend=f"`muster tenant check {name}` tries it alone.")
    if found.is_usable:
        return Check(title, ok=True, detail=f"signs in; permission {found.permission.value}")
    return Check(title, ok=False, detail=f"signs in; permission {found.permission.value}", mend=found.advice[0])


_AT_ONCE = 16
"""Tenants that are looked at together: each may take half a minute to say that it cannot be reached."""


def _say(check: Check) -> None:
    mark, colour = ("✓", "green") if check.ok else ("✗", "red") if check.is_needed else ("!", "yellow")
    try:
        mark.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        mark = "ok" if check.ok else "no"
    say(Styled(mark, fg=colour), f" {check.name}: {shown(check.detail)}")
    if check.mend and not check.ok:
        say(f"    {shown(check.mend)}")
