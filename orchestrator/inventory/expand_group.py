"""An Entra group as a source of devices: found by name or object id, and its members joined with the inventory.

https://learn.microsoft.com/graph/api/group-list-transitivemembers
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import quote

from orchestrator.app import App, Reader
from orchestrator.domain.errors import PermissionMissing, ReadFailed, ReadRefused, RequestRejected
from orchestrator.domain.figures import plural
from orchestrator.domain.inventory import Ambiguous, Identifier, InventoryDevice, Matched, choose
from orchestrator.domain.plain_text import shown
from orchestrator.domain.selection import EmptySelection
from orchestrator.domain.waiting import Say, say_nothing
from orchestrator.inventory.match_devices import open_matcher


class UnknownGroup(RequestRejected):
    """The tenant has no group of this name or object id."""


class AmbiguousGroup(RequestRejected):
    """Several groups have this name; `ids` are their object ids."""

    def __init__(self, name: str, ids: Sequence[str]) -> None:
        some = ", ".join(ids[:_MOST_NAMED]) + (" …" if len(ids) > _MOST_NAMED else "")
        super().__init__(
            f"{len(ids)} groups are called {name!r}: give the object id of one of them with --group: {some}."
        )
        self.ids = tuple(ids)


@dataclass(frozen=True, slots=True)
class Group:
    """A group that was found."""

    id: str
    name: str
    is_hidden: bool = False


@dataclass(frozen=True, slots=True)
class Members:
    """The members of a group and of the groups within it, each once: Entra device ids and users' object ids.

    A name is empty where Graph does not tell it.
    """

    entra_devices: dict[str, str]
    users: dict[str, str]
    counted: int


async def devices_of_group(
    app: App, tenant_name: str, text: str, *, prefer_newest: bool, is_stale_ok: bool, say: Say, say_wait: Say
) -> AsyncIterator[list[InventoryDevice]]:
    """The devices of a group that can take a ConfigMgr action, in pages; sentences about the others go to `say`.

    Devices are joined with the inventory by their Entra device id, users by the user of a device. `say_wait` takes a
    sentence for each pause in which Graph does not answer. RequestRejected where the group is empty, UnknownGroup,
    AmbiguousGroup, PermissionMissing, NoInventory, InventoryTooOld.
    """
    matcher = await open_matcher(
        app, tenant_name, max_age=app.inventory_max_age, prefer_newest=prefer_newest, is_stale_ok=is_stale_ok
    )
    reads = await app.read(app.tenant(tenant_name))
    group = await find_group(reads.reader, text, say=say_wait)
    members = await members_of(reads.reader, group, say=say_wait)
    _refuse_empty(group, members)
    say(_counted(group, members))
    sieve = _Sieve(members, prefer_newest=prefer_newest)
    for some in _pieces([*members.entra_devices]):
        async with app.store.reading() as tx:
            found = await tx.inventory_devices.matching(matcher.number, Identifier.ENTRA, some)
        yield sieve.of_members(some, found)
    for some in _pieces([*members.users]):
        async with app.store.reading() as tx:
            devices = await tx.inventory_devices.of_users(matcher.number, some)
        yield sieve.of_users(some, devices)
    for sentence in sieve.sentences():
        say(sentence)


async def find_group(reader: Reader, text: str, *, say: Say = say_nothing) -> Group:
    """The group of an object id or a name."""
    text = text.strip()
    if not text:
        raise RequestRejected("Give a group's name or object id with --group.")
    try:
        if _GUID.fullmatch(text):
            return _group(await reader.get(f"/v1.0/groups/{text.lower()}?{_SELECT}", say=say))
        name = quote(text.replace("'", "''"), safe="")
        wanted = f"/v1.0/groups?$filter=displayName%20eq%20'{name}'&{_SELECT}"
        found = [_group(each) async for page in reader.pages(wanted, say=say) for each in page["value"]]
    except ReadRefused as refused:
        if refused.status == _NOT_FOUND and _GUID.fullmatch(text):
            raise UnknownGroup(f"The tenant has no group of the object id {text}.") from refused
        _refuse_permission(refused, "groups")
    # Graph's own filter is not trusted: only a group of exactly this name counts.
    named = [group for group in found if group.name.strip().casefold() == text.casefold()]
    if not named:
        raise UnknownGroup(f"The tenant has no group called {text!r}. --group also takes an object id.")
    if len(named) > 1:
        raise AmbiguousGroup(text, [group.id for group in named])
    return named[0]


async def members_of(reader: Reader, group: Group, *, say: Say = say_nothing) -> Members:
    """The devices and users of a group; PermissionMissing where Graph hides the devices' ids."""
    base = f"/v1.0/groups/{group.id}/transitiveMembers/microsoft.graph"
    try:
        of_devices, of_users = "device?$select=id,deviceId,displayName", "user?$select=id,userPrincipalName"
        devices, counted = await _listed(reader, f"{base}.{of_devices}&$count=true&$top=999", say)
        users, more = await _listed(reader, f"{base}.{of_users}&$count=true&$top=999", say)
    except ReadRefused as refused:
        if refused.status == _NOT_FOUND:
            raise UnknownGroup(f"Group {group.name!r} ({group.id}) was removed meanwhile.") from refused
        _refuse_permission(refused, f"the members of group {group.name!r}")
    if any(device.get("deviceId") is None for device in devices):
        raise PermissionMissing(
            f"Graph shows the devices of group {group.name!r} without their ids: the app needs the permission "
            f"Device.Read.All besides GroupMember.Read.All. {_CONSENT}"
        )
    return Members(
        {str(device["deviceId"]).lower(): str(device.get("displayName") or "") for device in devices},
        {str(user["id"]).lower(): str(user.get("userPrincipalName") or "") for user in users},
        counted + more,
    )


async def _listed(reader: Reader, path: str, say: Say) -> tuple[list[dict[str, Any]], int]:
    """The members of one kind, and how many Graph says there are."""
    members: dict[str, dict[str, Any]] = {}
    counted: int | None = None
    async for page in reader.pages(path, headers={"ConsistencyLevel": "eventual"}, say=say):
        if isinstance(given := page.get("@odata.count"), int):
            counted = given if counted is None else counted
        for member in page["value"]:
            if not isinstance(member, dict) or not isinstance(member.get("id"), str):
                raise ReadFailed("Graph listed a member of the group without an id.")
            members[member["id"]] = member
    return [*members.values()], len(members) if counted is None else counted


class _Sieve:
    """Lets each device through once, and counts what was left out."""

    def __init__(self, members: Members, *, prefer_newest: bool) -> None:
        self._members, self._prefer_newest = members, prefer_newest
        self._given: set[str] = set()
        self._unknown: list[str] = []
        self._ineligible: list[str] = []
        self._ambiguous: list[str] = []
        self._without_device: list[str] = []

    def of_members(self, keys: Iterable[str], found: dict[str, list[InventoryDevice]]) -> list[InventoryDevice]:
        """The devices of members that are devices, by their Entra device ids."""
        chosen = []
        for key in keys:
            match = choose(Identifier.ENTRA, found.get(key, []), prefer_newest=self._prefer_newest)
            if isinstance(match, Matched):
                chosen.append(match.device)
            elif isinstance(match, Ambiguous):
                self._ambiguous.append(match.candidates[0].name or key)
            elif key in found:
                self._ineligible.append(found[key][0].name or key)
            else:
                name = self._members.entra_devices[key]
                self._unknown.append(f"{name} ({key})" if name else key)
        return self._once(chosen)

    def of_users(self, users: Sequence[str], devices: Sequence[InventoryDevice]) -> list[InventoryDevice]:
        """All devices of members that are users."""
        found = {device.user_id for device in devices}
        self._without_device += [self._members.users[user] or user for user in users if user not in found]
        self._ineligible += [device.name or device.id for device in devices if not device.is_eligible]
        return self._once([device for device in devices if device.is_eligible])

    def sentences(self) -> list[str]:
        """The members that were left out, and why."""
        said = []
        if self._unknown:
            said.append(
                f"Left out: {plural(len(self._unknown), 'member')} without an Intune device in the inventory"
                f"{_some(self._unknown)}"
            )
        if self._ineligible:
            said.append(
                f"Left out: {plural(len(self._ineligible), 'device')} that cannot take a ConfigMgr action"
                f"{_some(self._ineligible)}"
            )
        if self._ambiguous:
            said.append(
                f"Left out: {plural(len(self._ambiguous), 'member')} with several devices in the inventory "
                f"(--prefer newest takes the last in contact){_some(self._ambiguous)}"
            )
        if self._without_device:
            said.append(
                f"Left out: {plural(len(self._without_device), 'user')} without a device in the inventory"
                f"{_some(self._without_device)}"
            )
        return said

    def _once(self, devices: Iterable[InventoryDevice]) -> list[InventoryDevice]:
        new = {device.id: device for device in devices if device.id not in self._given}
        self._given.update(new)
        return [*new.values()]


def _refuse_empty(group: Group, members: Members) -> None:
    if members.entra_devices or members.users:
        return
    hidden = " Its membership is hidden: the app needs the permission Member.Read.Hidden to see it." * group.is_hidden
    raise EmptySelection(
        f"Group {group.name!r} ({group.id}) has no devices and no users.{hidden} Nothing was submitted."
    )


def _counted(group: Group, members: Members) -> str:
    devices, users = len(members.entra_devices), len(members.users)
    said = f"Group {group.name} ({group.id}): {plural(devices, 'device')}, {plural(users, 'user')}."
    if members.counted == devices + users:
        return said
    return f"{said} Graph counts {members.counted:,} members, so its index is behind a recent change, or it hides some."


def _refuse_permission(refused: ReadRefused, wanted: str) -> NoReturn:
    if refused.status != _FORBIDDEN:
        raise refused
    raise PermissionMissing(
        f"The app may not read {wanted}: it needs the permissions GroupMember.Read.All and Device.Read.All. {_CONSENT} "
        f"({refused})"
    ) from refused


def _group(value: object) -> Group:
    facts = value if isinstance(value, dict) else {}
    given = str(facts.get("id") or "")
    if not _GUID.fullmatch(given):
        raise ReadFailed("Graph answered a group without an object id.")
    return Group(
        given.lower(), shown(str(facts.get("displayName") or "")), facts.get("visibility") == "HiddenMembership"
    )


def _some(names: Sequence[str]) -> str:
    more = " …" if len(names) > _MOST_NAMED else ""
    return f": {', '.join(map(shown, names[:_MOST_NAMED]))}{more}"


def _pieces(keys: Sequence[str]) -> Iterable[Sequence[str]]:
    return (keys[start : start + _PIECE] for start in range(0, len(keys), _PIECE))


_SELECT = "$select=id,displayName,visibility"
_CONSENT = (
    "Add it to the app registration (Microsoft Graph; an application permission) and let a Privileged Role "
    "Administrator or a Global Administrator grant admin consent."
)
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_FORBIDDEN, _NOT_FOUND = 403, 404
_MOST_NAMED = 5
_PIECE = 5_000
