"""Whether a row says of its device that it cannot take a ConfigMgr action; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from orchestrator.intake.noise import folded, shown


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Where a file tells what a device is and what manages it."""

    systems: tuple[int, ...] = ()
    managers: tuple[int, ...] = ()

    @classmethod
    def of(cls, header: Sequence[str]) -> Eligibility:
        """The columns of this header that tell."""
        names = [folded(name) for name in header]
        return cls(
            tuple(place for place, name in enumerate(names) if name in _SYSTEM_COLUMNS),
            tuple(place for place, name in enumerate(names) if name in _MANAGER_COLUMNS),
        )

    def objection(self, cells: Sequence[str]) -> str | None:
        """Why the device of this row cannot take the action; None where nothing says so, or anything is unknown."""
        if not self.systems and not self.managers:
            return None
        width = len(cells)
        return _objection(
            tuple([cells[place][:_MOST_READ] for place in self.systems if place < width]),
            tuple([cells[place][:_MOST_READ] for place in self.managers if place < width]),
        )


@lru_cache(maxsize=1024)  # a fleet says the same few things a hundred thousand times
def _objection(systems: tuple[str, ...], managers: tuple[str, ...]) -> str | None:
    for system in systems:
        if folded(system).startswith(_OTHER_SYSTEMS):
            return f"runs {shown(system)}: only Windows takes ConfigMgr actions"
    names = [folded(manager) for manager in managers]
    if any(name in _WITH_CLIENT or any(word in name for word in _CLIENT_WORDS) for name in names):
        return None
    without = [manager for manager, name in zip(managers, names, strict=True) if name in _WITHOUT_CLIENT]
    return f"is managed by {shown(without[0])}: there is no ConfigMgr client to act" if without else None


_MOST_READ = 64
_SYSTEM_COLUMNS = frozenset({"os", "operatingsystem"})
_MANAGER_COLUMNS = frozenset({"managedby", "managementagents", "managementagent"})
_OTHER_SYSTEMS = (
    *("ios", "ipados", "iphone", "ipad", "macos", "tvos", "visionos", "watchos"),
    *("android", "linux", "ubuntu", "chromeos", "windowsphone", "windowsmobile", "windows10mobile"),
)
# managementAgentType and its numbers; an unlisted one, such as `unknown`, leaves no device out.
# https://learn.microsoft.com/graph/api/resources/intune-devices-managementagenttype?view=graph-rest-beta
_WITH_CLIENT = frozenset(
    {"8", "10", "11", "configurationmanagerclient", "configurationmanagerclientmdm", "configurationmanagerclientmdmeas"}
)
_CLIENT_WORDS = ("configmgr", "configurationmanager", "co-managed", "comanaged", "sccm")
_WITHOUT_CLIENT = frozenset(
    {
        *("1", "eas", "2", "mdm", "3", "easmdm", "mdm/eas", "eas/mdm", "4", "intuneclient", "5", "easintuneclient"),
        *("intune", "microsoftintune", "32", "jamf", "64", "googleclouddevicepolicycontroller"),
        *("258", "microsoft365managedmdm", "1024", "mssense", "mde", "microsoftdefenderforendpoint"),
        *("2048", "intuneaosp", "8192", "google"),
    }
)
