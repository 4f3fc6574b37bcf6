"""The month that the demonstration begins with: its devices, lists, schedules, and what went wrong when; pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
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
class Ending:
    """The outcome of one device in a past run."""

    status: TargetStatus
    attempts: int = 1
    http_status: int | None = 204
    code: str | None = None
    message: str | None = None


GONE = Ending(TargetStatus.FAILED, 1, 404, "ResourceNotFound", "Resource not found.")
UNFIT = Ending(TargetStatus.FAILED, 1, 400, "BadRequest", "The device does not support this action.")
UNAVAILABLE = Ending(TargetStatus.FAILED, 6, 503, "ServiceUnavailable", "Service is temporarily unavailable.")


@dataclass(frozen=True, slots=True)
class DemoDevice:
    """One row of the exports that the demonstration reads; `refused` is the answer to it in the last `refused_days`."""

    id: str
    name: str
    serial: str
    user: str
    agent: str
    contact_hours: int
    refused: Ending | None = None
    refused_days: int = 0


@dataclass(frozen=True, slots=True)
class DemoSchedule:
    """One schedule: its rule, its list, and the part of the fleet that is in it.

    `listed_first` is how many devices the first version of its list has; None where there is one version.
    """

    name: str
    tenant: str
    cron: str
    timezone: str
    action: Action
    list_name: str
    site: Sites
    until: str | None = None
    days: int = 30
    listed_first: int | None = None


Sites = str | tuple[str, ...]
"""The first letters of the names of devices; the empty text stands for all devices."""

OFFICES = ("BER", "MUC", "HAM", "SRV")

SCHEDULES = (
    DemoSchedule(
        "nightly-policy",
        CONTOSO,
        "0 2 * * *",
        "Europe/Berlin",
        Action.REFRESH_MACHINE_POLICY,
        "german-offices",
        OFFICES,
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
        listed_first=84,
    ),
    DemoSchedule("ring-1-apps", CONTOSO, "0 22 * * 1-5", "Europe/Berlin", Action.APP_EVALUATION, "ring-1", "HAM"),
    DemoSchedule("kiosk-scan", FABRIKAM, "0 3 * * 1-5", "Europe/Berlin", Action.QUICK_SCAN, "kiosks", "KIO", "05:00"),
    DemoSchedule(
        "wake-new-york", FABRIKAM, "0 6 * * 1-5", "America/New_York", Action.WAKE_UP_CLIENT, "new-york", "NYC"
    ),
)

_SITES = {
    CONTOSO: (("BER", 220), ("MUC", 200), ("HAM", 90), ("SRV", 90), ("PAR", 900)),
    FABRIKAM: (("NYC", 110), ("KIO", 60), ("SEA", 300)),
}
_FIRST_NAMES = (
    "anna ben carla david elif frank greta hugo ines jonas karin leo maria nils olga paul rosa sven tina yusuf "
    "alma bruno clara dario emma felix gina hanna ivan julia klaus lena marco nora otis petra ralf sara timo vera"
)
_LAST_NAMES = (
    "adler berg conrad dietz engel fischer graf hahn iversen jansen keller lang meyer novak otto peters quint richter "
    "santos thiel ullmann vogel weber xu yilmaz zander arnold brandt cordes diaz ebert fuchs grimm hoffmann ihle "
    "jung kraus lorenz moser neumann"
)
_TOLD = "BER-LT-0412"
"""The device that the documents look up: it was accepted every night, and is refused since some days."""

_REFUSED = 90
"""One device of so many is refused by Graph, since some day of the last two months."""

_AGENTS = ("configurationManagerClientMdm", "configurationManagerClientMdm", "configurationManagerClient")


@cache
def fleet(tenant: str) -> list[DemoDevice]:
    """The devices of a tenant, the same in each demonstration."""
    chance = Random(tenant)  # noqa: S311 - invented devices
    people = [f"{first}.{last}" for first in _FIRST_NAMES.split() for last in _LAST_NAMES.split()]
    chance.shuffle(people)
    found: list[DemoDevice] = []
    for site, count in _SITES[tenant]:
        kind = {"SRV": "SV", "KIO": "KI"}.get(site, "LT")
        for number in range(1, count + 1):
            has_user = kind == "LT" and number % 9
            person = people[len(found) % len(people)] + str(len(found) // len(people) or "")
            name = f"{site}-{kind}-{number + 399 if site == 'BER' else number:04}"
            refused = None if kind != "LT" or chance.randrange(_REFUSED) else chance.choice((GONE, GONE, UNFIT))
            since = chance.randint(0, 60)
            found.append(
                DemoDevice(
                    id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
                    name=name,
                    serial=f"5CG{chance.randrange(1_000_000, 9_999_999)}",
                    user=f"{person}@{tenant}.example" if has_user else "",
                    agent=chance.choice(_AGENTS),
                    contact_hours=chance.choice((1, 2, 5, 9, 20, 60)),
                    refused=UNFIT if name == _TOLD else refused,
                    refused_days=4 if name == _TOLD else since,
                )
            )
    return found


def devices_of(tenant: str, site: Sites) -> list[DemoDevice]:
    """The devices of these sites."""
    return [device for device in fleet(tenant) if device.name.startswith(site)]


def course_of(schedule: str, days_ago: int, *, is_last: bool) -> Course:
    """Returns the outcome of the demo's run of so many days ago; the last one of the kiosks was missed."""
    if schedule == "nightly-policy":
        return {9: Course.OUTAGE, 5: Course.LOST, 3: Course.MISSED, 24: Course.OUTAGE}.get(days_ago, Course.USUAL)
    return Course.MISSED if schedule == "kiosk-scan" and is_last else Course.USUAL


def endings(course: Course, devices: Sequence[DemoDevice], days_ago: int, chance: Random) -> Iterator[Ending]:
    """Yields the outcome of each device of a run of so many days ago, in the order of its list."""
    for place, device in enumerate(devices):
        share = place / len(devices)
        draw = chance.random()
        if course is Course.OUTAGE and 0.35 < share < 0.75 and draw < 0.75:
            yield UNAVAILABLE
        elif course is Course.LOST and 0.2 < share < 0.4 and draw < 0.6:
            yield Ending(TargetStatus.UNCERTAIN, 1, None, "ReadTimeout", "No answer within 30 seconds.")
        elif device.refused is not None and days_ago < device.refused_days:
            yield device.refused
        else:
            yield UNAVAILABLE if draw < 0.002 else Ending(TargetStatus.ACCEPTED, 2 if draw > 0.98 else 1)


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
