"""The inventory of a tenant's devices, and the match of a name, a serial number or another id to a device; pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, NamedTuple
from unicodedata import normalize

from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.spans import span


class NoInventory(RequestRejected):
    """The tenant has no inventory yet."""

    def __init__(self, tenant: str) -> None:
        super().__init__(
            f"There is no inventory of tenant {tenant!r}. `muster inventory import FILE` reads the admin center's "
            "*All devices* export, `muster inventory refresh` reads Graph."
        )
        self.tenant = tenant


class InventoryTooOld(RequestRejected):
    """The inventory is older than the installation trusts."""

    def __init__(self, tenant: str, age: timedelta, max_age: timedelta) -> None:
        super().__init__(
            f"The inventory of tenant {tenant!r} is {span(age.total_seconds())} old, more than the "
            f"{span(max_age.total_seconds())} allowed (MUSTER_INVENTORY_MAX_AGE), so names are not matched against it. "
            "`muster inventory refresh` or `muster inventory import FILE` renews it; --stale-ok takes it as it is."
        )


class Identifier(StrEnum):
    """By what a row of a list, or a person, names a device; the values stand in the report's column `matchedBy`."""

    ID = "id"
    NAME = "name"
    SERIAL = "serial"
    ENTRA = "entra"
    CONFIGMGR = "configmgr"

    # Asked for every row of a list; Enum's own is written in Python.
    __hash__ = str.__hash__

    @property
    def label(self) -> str:
        """The identifier as a sentence names it: "serial number"."""
        return _LABELS[self]


Matching = Literal["auto", "id", "name", "serial", "entra", "configmgr"]
"""The option `match`: an identifier, or all of them in their order."""


class Named(NamedTuple):
    """One cell of a row that names its device."""

    by: Identifier
    text: str


MatchKey = tuple[Identifier, str]
"""A kind of identifier, and the form of one that is compared (`compare_key`)."""


class InventoryDevice(NamedTuple):
    """One device as Intune knows it; a field is None where the source does not tell it. A tuple: there are so many."""

    id: str
    name: str | None = None
    serial_number: str | None = None
    entra_device_id: str | None = None
    configmgr_id: str | None = None
    user_id: str | None = None
    user_principal_name: str | None = None
    os: str | None = None
    management_agent: str | None = None
    last_contact_at: datetime | None = None
    objection: str | None = None

    @property
    def is_eligible(self) -> bool:
        """Whether nothing is known that keeps the device from taking a ConfigMgr action."""
        return self.objection is None

    def filled_from(self, other: InventoryDevice) -> InventoryDevice:
        """A device whose empty fields are taken from another source's record of the same device."""
        filled = InventoryDevice._make(mine or theirs for mine, theirs in zip(self, other, strict=True))
        # The eligible record wins: a device without an MDM agent in one report may be tenant-attached in another.
        return filled._replace(objection=self.objection and other.objection)


@dataclass(frozen=True, slots=True)
class InventorySummary:
    """An inventory in figures."""

    devices: int
    eligible: int
    by_management_agent: dict[str, int]
    by_os: dict[str, int]


class Matched(NamedTuple):
    """The one device that an identifier stands for; `is_newest` where the last contact decided between several."""

    device: InventoryDevice
    by: Identifier
    is_newest: bool = False

    @property
    def matched_by(self) -> str:
        """The value of the report's column `matchedBy`."""
        return f"{self.by}+newest" if self.is_newest else self.by.value


@dataclass(frozen=True, slots=True)
class Unknown:
    """The inventory has no device of this identifier; a placeholder serial number never has one."""

    by: Identifier
    is_placeholder: bool = False


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several devices that can take the action have this identifier, or `other` in the same row is of other devices."""

    by: Identifier
    candidates: tuple[InventoryDevice, ...]
    other: Identifier | None = None

    def chosen(self, choice: str | None) -> Matched | None:
        """The candidate with this id, that a person chose; None where there is no such candidate."""
        found = next((device for device in self.candidates if device.id == choice), None)
        return None if found is None else Matched(found, self.by)


LEFT_OUT = "out"
"""In place of a candidate's id: the person leaves the row out."""


@dataclass(frozen=True, slots=True)
class NotEligible:
    """Devices have this identifier, and none of them can take a ConfigMgr action."""

    by: Identifier
    candidates: tuple[InventoryDevice, ...]


Match = Matched | Unknown | Ambiguous | NotEligible


@dataclass(frozen=True, slots=True)
class Found:
    """The matches of the keys of one kind of identifier; a key in neither is unknown.

    `single` has id and name of the one device of a key: as good as all of a list, so no object is made for each.
    """

    single: Mapping[str, tuple[str, str | None]]
    others: Mapping[str, Match]

    def device_of(self, key: str) -> str | None:
        """The id of the one device that the key stands for; None where there is none."""
        if (single := self.single.get(key)) is not None:
            return single[0]
        match = self.others.get(key)
        return match.device.id if isinstance(match, Matched) else None


def compare_key(by: Identifier, text: str) -> str | None:
    """The form in which two spellings of one identifier are equal; None where the text identifies no device.

    Names and serial numbers are compared without letter case and outer blanks, ids also without braces and ConfigMgr's
    `GUID:`. A serial number that manufacturers leave in place of one is no identifier.
    """
    key = text.strip().casefold()
    if not text.isascii():
        # One name may be written in two ways: letter and accent as one character (Windows), or as two (macOS).
        key = normalize("NFC", normalize("NFC", key.strip(_INVISIBLE).strip()).casefold())
    if by is _SERIAL:
        return None if not key or is_placeholder(key) else key
    if by is _NAME:
        return key or None
    if by is _CONFIGMGR:
        key = key.removeprefix("guid:").strip()
    key = key[1:-1] if key[:1] == "{" and key[-1:] == "}" else key
    return None if not _GUID.fullmatch(key) or key == _NIL else key


def unidentified(row: Sequence[Named]) -> Unknown:
    """The match of a row of which no cell can identify a device."""
    by = row[0].by if row else Identifier.NAME
    return Unknown(by, any(kind is Identifier.SERIAL and is_placeholder(text) for kind, text in row))


def is_placeholder(serial_number: str) -> bool:
    """Whether many machines share this serial number because their maker set none.

    Seen in the field: https://github.com/MSEndpointMgr/CloudLAPS/issues/58, https://github.com/fleetdm/fleet/issues/44916
    """
    folded = " ".join(serial_number.casefold().split())
    return folded in _PLACEHOLDERS or not folded.strip("0.- ") or not folded.strip("x.- ")


def choose(by: Identifier, candidates: Sequence[InventoryDevice], *, prefer_newest: bool = False) -> Match:
    """The device that an identifier stands for, of all that have it, or the reason why there is no single one.

    Devices that cannot take a ConfigMgr action are no candidates. `prefer_newest` takes the candidate that was in
    contact last; where two were last at the same time, or the time of any is unknown, they stay ambiguous.
    """
    if not candidates:
        return Unknown(by)
    if len(candidates) == 1 and candidates[0].objection is None:
        return Matched(candidates[0], by)
    eligible = [device for device in candidates if device.is_eligible]
    if not eligible:
        return NotEligible(by, tuple(candidates))
    if len(eligible) == 1:
        return Matched(eligible[0], by)
    if prefer_newest:
        times = [device.last_contact_at for device in eligible]
        known = [time for time in times if time is not None]
        if len(known) == len(times) and times.count(max(known)) == 1:
            return Matched(eligible[times.index(max(known))], by, is_newest=True)
    return Ambiguous(by, tuple(eligible))


def has_collapsed(before: int, *, removed: int) -> bool:
    """Whether a refresh removes so much of an inventory that a person has to accept it: more than a tenth."""
    return removed * 10 > before


def summarise(rows: Iterable[tuple[str | None, str | None, bool, int]]) -> InventorySummary:
    """The figures of an inventory from rows of (operating system, management agent, eligible, devices)."""
    agents: Counter[str] = Counter()
    systems: Counter[str] = Counter()
    eligible = 0
    for system, agent, is_eligible, count in rows:
        agents[agent or "unknown"] += count
        systems[system or "unknown"] += count
        eligible += count if is_eligible else 0
    return InventorySummary(agents.total(), eligible, dict(agents.most_common()), dict(systems.most_common()))


def name_of_agent(text: str) -> str | None:
    """The management agent as Graph spells it, from its number in a report, its label in a portal or its own name.

    https://learn.microsoft.com/graph/api/resources/intune-devices-managementagenttype?view=graph-rest-beta
    """
    text = text.strip()
    return _AGENTS.get(text.casefold().replace(" ", ""), text) or None


def objection_to(os: str | None, agents: Collection[str | None]) -> str | None:
    """The reason why a device cannot take a ConfigMgr action, as a clause; None where nothing known forbids it.

    `os` is the operating system, `agents` are Graph's names of what manages the device (`name_of_agent`).
    """
    if os and not os.casefold().startswith("windows"):
        return f"runs {os}: only Windows takes ConfigMgr actions"
    if os and os.casefold().replace(" ", "").startswith(("windowsphone", "windowsmobile", "windows10mobile")):
        return f"runs {os}: only Windows on computers takes ConfigMgr actions"
    known = [agent for agent in agents if agent is not None]
    if any(agent in WITH_CONFIGMGR for agent in known):
        return None
    without = next((agent for agent in known if agent in _WITHOUT_CONFIGMGR), None)
    return f"is managed by {without}: there is no ConfigMgr client to act" if without else None


WITH_CONFIGMGR = frozenset(
    {"configurationManagerClient", "configurationManagerClientMdm", "configurationManagerClientMdmEas"}
)
"""Management agents whose devices have a ConfigMgr client."""

_WITHOUT_CONFIGMGR = frozenset(
    {
        *("eas", "mdm", "easMdm", "intuneClient", "easIntuneClient", "jamf", "googleCloudDevicePolicyController"),
        *("microsoft365ManagedMdm", "msSense", "intuneAosp", "google"),
    }
)
_NUMBERS = {
    1: "eas",
    2: "mdm",
    3: "easMdm",
    4: "intuneClient",
    5: "easIntuneClient",
    8: "configurationManagerClient",
    10: "configurationManagerClientMdm",
    11: "configurationManagerClientMdmEas",
    16: "unknown",
    32: "jamf",
    64: "googleCloudDevicePolicyController",
    258: "microsoft365ManagedMdm",
    1024: "msSense",
    2048: "intuneAosp",
    8192: "google",
}
_AGENT_LABELS = {
    "co-managed": "configurationManagerClientMdm",
    "comanaged": "configurationManagerClientMdm",
    "configmgr": "configurationManagerClient",
    "configurationmanager": "configurationManagerClient",
    "sccm": "configurationManagerClient",
    "intune": "mdm",
    "microsoftintune": "mdm",
    "mdm/configmgragent": "configurationManagerClientMdm",
    "mdm/eas": "easMdm",
    "eas/mdm": "easMdm",
    "mde": "msSense",
    "microsoftdefenderforendpoint": "msSense",
}
_AGENTS = {
    **{str(number): name for number, name in _NUMBERS.items()},
    **{name.casefold(): name for name in _NUMBERS.values()},
    **_AGENT_LABELS,
}
_PLACEHOLDERS = frozenset(
    {
        *("default string", "system serial number", "to be filled by o.e.m.", "to be filled by o.e.m", "unknown"),
        *("none", "n/a", "na", "null", "not specified", "not available", "not applicable", "not set", "oem", "o.e.m."),
        *("serial number", "chassis serial number", "base board serial number", "invalid", "empty", "undefined"),
        *("0123456789", "123456789", "1234567890", "123456", "1234567", "12345678", "sn", "s/n", "."),
    }
)
_LABELS = {
    Identifier.ID: "managed device id",
    Identifier.NAME: "name",
    Identifier.SERIAL: "serial number",
    Identifier.ENTRA: "Entra device id",
    Identifier.CONFIGMGR: "ConfigMgr id",
}
# Python 3.11 takes half of what a comparison of two names takes to find a member of an enumeration.
_SERIAL, _NAME, _CONFIGMGR = Identifier.SERIAL, Identifier.NAME, Identifier.CONFIGMGR
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00a0"
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_NIL = "00000000-0000-0000-0000-000000000000"
