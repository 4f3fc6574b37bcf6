"""The month that the demonstration begins with: its devices, lists, schedules, and what went wrong when; pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random

from orchestrator.domain.action import Action
from orchestrator.domain.target import TargetStatus

CONTOSO, FABRIKAM = "contoso", "fabrikam"
DAYS = 30
PER_SECOND = 10.0
"""Calls a second of the past jobs: the limit of 200 in 20 seconds."""


class Course(StrEnum):
    """The outcome of a past run of the demo."""

    USUAL = "usual"
    OUTAGE = "outage"
    LOST = "lost"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class DemoDevice:
    """One row of the exports that the demonstration reads."""

    id: str
    name: str
    serial: str
    user: str
    agent: str
    contact_hours: int


@dataclass(frozen=True, slots=True)
class DemoSchedule:
    """One schedule: its rule, its list, and the part of the fleet that is in it."""

    name: str
    tenant: str
    cron: str
    timezone: str
    action: Action
    list_name: str
    site: str
    until: str | None = None
    days: int = 30


@dataclass(frozen=True, slots=True)
class Ending:
    """The outcome of one device in a past run."""

    status: TargetStatus
    attempts: int = 1
    http_status: int | None = 204
    code: str | None = None
    message: str | None = None


SCHEDULES = (
    DemoSchedule(
        "nightly-policy",
        CONTOSO,
        "0 2 * * *",
        "Europe/Berlin",
        Action.REFRESH_MACHINE_POLICY,
        "all-offices",
        "",
        "06:00",
    ),
    DemoSchedule(
        "defender-servers",
        CONTOSO,
        "0 */6 * * *",
        "Europe/Berlin",
        Action.WINDOWS_DEFENDER_UPDATE_SIGNATURES,
        "servers",
        "SRV",
        days=12,
    ),
    DemoSchedule("ring-1-apps", CONTOSO, "0 22 * * 1-5", "Europe/Berlin", Action.APP_EVALUATION, "ring-1", "HAM"),
    DemoSchedule("kiosk-scan", FABRIKAM, "0 3 * * 1-5", "Europe/Berlin", Action.QUICK_SCAN, "kiosks", "KIO", "05:00"),
    DemoSchedule(
        "wake-new-york", FABRIKAM, "0 6 * * 1-5", "America/New_York", Action.WAKE_UP_CLIENT, "new-york", "NYC"
    ),
)

_SITES = {CONTOSO: (("BER", 220), ("MUC", 200), ("HAM", 90), ("SRV", 90)), FABRIKAM: (("NYC", 110), ("KIO", 60))}
_AGENTS = ("configurationManagerClientMdm", "configurationManagerClientMdm", "configurationManagerClient")


def fleet(tenant: str) -> list[DemoDevice]:
    """The devices of a tenant, the same in each demonstration."""
    chance = Random(tenant)  # noqa: S311 - invented devices
    found = []
    for site, count in _SITES[tenant]:
        kind = {"SRV": "SV", "KIO": "KI"}.get(site, "LT")
        for number in range(1, count + 1):
            has_user = kind == "LT" and number % 9
            found.append(
                DemoDevice(
                    id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
                    name=f"{site}-{kind}-{number + 399 if site == 'BER' else number:04}",
                    serial=f"5CG{chance.randrange(1_000_000, 9_999_999)}",
                    user=f"user{number:03}@{tenant}.example" if has_user else "",
                    agent=chance.choice(_AGENTS),
                    contact_hours=chance.choice((1, 2, 5, 9, 20, 60)),
                )
            )
    return found


def devices_of(tenant: str, site: str) -> list[DemoDevice]:
    """The devices of one site; of all sites where none is named."""
    return [device for device in fleet(tenant) if device.name.startswith(site)]


def course_of(schedule: str, days_ago: int) -> Course:
    """Returns the outcome of the demo's run of so many days ago."""
    if schedule == "nightly-policy":
        return {9: Course.OUTAGE, 5: Course.LOST, 3: Course.MISSED, 24: Course.OUTAGE}.get(days_ago, Course.USUAL)
    if schedule == "kiosk-scan":
        return {1: Course.MISSED}.get(days_ago, Course.USUAL)
    return Course.USUAL


def endings(course: Course, count: int, chance: Random) -> Iterator[Ending]:
    """Yields the outcome of each device of a run, in the order of its list."""
    for place in range(count):
        share = place / max(1, count)
        draw = chance.random()
        if course is Course.OUTAGE and 0.35 < share < 0.75 and draw < 0.75:
            yield Ending(TargetStatus.FAILED, 6, 503, "ServiceUnavailable", "Service is temporarily unavailable.")
        elif course is Course.LOST and 0.2 < share < 0.4 and draw < 0.6:
            yield Ending(TargetStatus.UNCERTAIN, 1, None, "ReadTimeout", "No answer within 30 seconds.")
        elif draw < 0.006:
            yield Ending(TargetStatus.FAILED, 1, 404, "ResourceNotFound", "Resource not found.")
        elif draw < 0.010:
            yield Ending(TargetStatus.FAILED, 1, 400, "BadRequest", "The device does not support this action.")
        elif draw < 0.014:
            yield Ending(TargetStatus.FAILED, 6, 503, "ServiceUnavailable", "Service is temporarily unavailable.")
        else:
            yield Ending(TargetStatus.ACCEPTED, 2 if draw > 0.98 else 1)


def inventory_csv(devices: Sequence[DemoDevice], now: datetime) -> bytes:
    """The devices as the admin center exports them."""
    head = "Device ID,Device name,Serial number,OS,Managed by,ManagementAgent,Primary user UPN,Last check-in"
    rows = [
        f"{each.id},{each.name},{each.serial},Windows,Co-managed,{each.agent},{each.user},"
        f"{now - timedelta(hours=each.contact_hours):%Y-%m-%d %H:%M:%S}"
        for each in devices
    ]
    return "\n".join([head, *rows]).encode()


def list_csv(devices: Sequence[DemoDevice]) -> bytes:
    """The devices as a list for a job."""
    rows = [f"{each.id},{each.name},Windows,Co-managed" for each in devices]
    return "\n".join(["Device ID,Device name,OS,Managed by", *rows]).encode()
