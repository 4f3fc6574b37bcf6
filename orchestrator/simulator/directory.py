"""The directory of the simulated tenant: managed devices, Entra groups and their members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

_AGENTS = ("configurationManagerClientMdm",) * 8 + ("configurationManagerClient", "mdm")


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a group: `kind` is `device`, `user` or `group`; a device has an Entra device id besides its own."""

    kind: str
    id: str
    name: str = ""
    device_id: str | None = None


@dataclass(slots=True)
class Group:
    """An Entra group with its direct members."""

    id: str
    name: str
    members: list[Member] = field(default_factory=list)
    hidden: bool = False


class Directory:
    """The devices and groups of one tenant; empty until something is added."""

    def __init__(self) -> None:
        self.devices: dict[str, dict[str, Any]] = {}
        self.report_only: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, Group] = {}

    def add_devices(self, devices: Iterable[Mapping[str, Any]], *, in_list: bool = True) -> None:
        """Add managed devices with the properties of Graph's `managedDevice`; `id` is required.

        With `in_list=False` only the export reports show them, as with devices that ConfigMgr alone manages.
        """
        into = self.devices if in_list else self.report_only
        for device in devices:
            into[str(device["id"]).lower()] = {**device, "id": str(device["id"]).lower()}

    def add_fleet(self, count: int, *, seed: int = 0) -> None:
        """Add so many Windows devices, the same for the same seed; one in ten has no ConfigMgr client."""
        chance = Random(seed)
        self.add_devices(
            {
                "id": _guid(chance),
                "deviceName": f"PC-{place:06}",
                "serialNumber": f"SN{chance.getrandbits(32):08X}",
                "azureADDeviceId": _guid(chance),
                "userId": _guid(chance),
                "userPrincipalName": f"user{place}@contoso.example",
                "operatingSystem": "Windows",
                "managementAgent": _AGENTS[place % len(_AGENTS)],
                "lastSyncDateTime": f"2026-11-{1 + place % 28:02}T08:00:00Z",
            }
            for place in range(count)
        )

    def fill(self, asked: Mapping[str, Any]) -> None:
        """Add what `POST /_simulator/directory` brings; `"replace": true` removes everything first.

        `fleet` is a number of devices, `devices` and `reportOnly` are lists of `managedDevice` objects, `groups` a list
        of `{"id", "name", "hidden", "members": [{"kind", "id", "name", "deviceId"}]}`.
        """
        if asked.get("replace"):
            for held in (self.devices, self.report_only, self.groups):
                held.clear()
        self.add_fleet(int(asked.get("fleet", 0)), seed=int(asked.get("seed", 0)))
        self.add_devices(asked.get("devices", ()))
        self.add_devices(asked.get("reportOnly", ()), in_list=False)
        for group in asked.get("groups", ()):
            members = [
                Member(str(each["kind"]), str(each["id"]), str(each.get("name", "")), each.get("deviceId"))
                for each in group.get("members", ())
            ]
            hidden = bool(group.get("hidden"))
            self.add_group(Group(str(group["id"]), str(group.get("name", "")), members, hidden=hidden))

    def add_group(self, group: Group) -> None:
        """Add a group, or replace the one of this id."""
        self.groups[group.id.lower()] = group

    def transitive_members(self, group: Group) -> list[Member]:
        """Members of the group and of the groups within it, each once, without the groups themselves."""
        found: dict[str, Member] = {}
        seen: set[str] = set()
        waiting = [group]
        while waiting:
            current = waiting.pop()
            if current.id in seen:
                continue
            seen.add(current.id)
            for member in current.members:
                if member.kind == "group":
                    waiting.extend([self.groups[member.id.lower()]] if member.id.lower() in self.groups else [])
                else:
                    found.setdefault(member.id, member)
        return [*found.values()]


def _guid(chance: Random) -> str:
    text = f"{chance.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
