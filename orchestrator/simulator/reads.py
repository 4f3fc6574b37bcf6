"""The read side: managed devices in pages, export jobs, groups and their members.

Only what is documented, with the faults that are known of it; a filter on managed devices is refused, because the real
one returns wrong devices without an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from orchestrator.simulator import replies
from orchestrator.simulator.directory import Directory, Group, Member
from orchestrator.simulator.exports import Exports
from orchestrator.simulator.replies import Reply
from orchestrator.simulator.tenant import Call
from orchestrator.simulator.throttling import Quota, Throttle

READ_QUOTA = Quota(2_000, 20.0)
"""Any request of the Intune devices category, for each app. https://learn.microsoft.com/graph/throttling-limits"""

_LARGEST_PAGE = 1_000
_LARGEST_MEMBER_PAGE = 999
_DEVICE_SCOPES = frozenset({"DeviceManagementManagedDevices.Read.All", "DeviceManagementManagedDevices.ReadWrite.All"})
_GROUP_SCOPES = frozenset({"GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All"})
_ENTRA_DEVICE_SCOPES = frozenset({"Device.Read.All", "Directory.Read.All"})


@dataclass(frozen=True, slots=True)
class Read:
    """One read as it arrived; `claims` is None for a token that cannot be read, which may do everything."""

    call: Call
    method: str
    version: str
    segments: Sequence[str]
    query: Mapping[str, str]
    base: str
    consistency: str = ""
    claims: Mapping[str, Any] | None = None
    body: bytes = b""

    def lacks(self, scopes: frozenset[str]) -> bool:
        """Whether the token names none of these permissions."""
        if self.claims is None:
            return False
        granted = {*self.claims.get("roles", ()), *str(self.claims.get("scp", "")).split()}
        return not granted & scopes


@dataclass(slots=True)
class ReadFaults:
    """Faults in listings: pages that answer 504 once, and renames between two pages."""

    timeouts_at_pages: set[int] = field(default_factory=set)
    renames: dict[int, dict[str, str]] = field(default_factory=dict)


class Reads:
    """Answers reads of one tenant."""

    def __init__(self, directory: Directory, exports: Exports) -> None:
        self.directory, self.exports = directory, exports
        self.throttle = Throttle(READ_QUOTA)
        self.faults = ReadFaults()
        self.pages = 0
        self.total = 0
        self.requests = 0

    def answers(self, read: Read) -> bool:
        """Whether the address is one of the read side."""
        match read.method, [*read.segments]:
            case "GET", ["deviceManagement", "managedDevices"] | ["groups"] | ["groups", _]:
                return True
            case "POST", ["deviceManagement", "reports", "exportJobs"]:
                return True
            case "GET", ["deviceManagement", "reports", job]:
                return job.startswith("exportJobs(")
            case "GET", ["groups", _, "transitiveMembers", _]:
                return True
        return False

    def answer(self, read: Read) -> Reply:
        """The reply to a read that `answers` knows."""
        self.requests += 1
        match [*read.segments]:
            case ["deviceManagement", "managedDevices"]:
                return self._counted(read) or self._device_page(read)
            case ["deviceManagement", "reports", "exportJobs"]:
                return self._denied(read, _DEVICE_SCOPES) or self.exports.create(read.call, read.body)
            case ["deviceManagement", "reports", job]:
                job_id = job.removeprefix("exportJobs(").removesuffix(")").strip("'")
                return self._denied(read, _DEVICE_SCOPES) or self.exports.poll(read.call, job_id, _other_host(read))
            case ["groups"]:
                return self._denied(read, _GROUP_SCOPES) or self._groups_named(read)
            case ["groups", group]:
                return self._denied(read, _GROUP_SCOPES) or self._group(read, group)
            case ["groups", group, "transitiveMembers", cast]:
                return self._denied(read, _GROUP_SCOPES) or self._members(read, group, cast)
        raise ValueError(f"not an address of the read side: {'/'.join(read.segments)}")

    def _counted(self, read: Read) -> Reply | None:
        self.total += 1
        call = read.call
        if (wait := self.throttle.refuse_for(call.app, call.arrived, call.arrived_at)) is not None:
            return replies.too_many_requests(call, "integer", wait)
        return self._denied(read, _DEVICE_SCOPES)

    def _denied(self, read: Read, scopes: frozenset[str]) -> Reply | None:
        if not read.lacks(scopes):
            return None
        text = f"Application must have one of the following scopes: {', '.join(sorted(scopes))}"
        return replies.error(read.call, 403, "Authorization_RequestDenied", text)

    def _device_page(self, read: Read) -> Reply:
        if "$filter" in read.query:
            return replies.error(read.call, 400, "BadRequest", "The simulator knows no filter on managed devices.")
        self.pages += 1
        if self.pages in self.faults.timeouts_at_pages:
            self.faults.timeouts_at_pages.discard(self.pages)
            self.pages -= 1
            return replies.error(read.call, 504, "GatewayTimeout", "The service did not answer in time.")
        size = _page_size(read.query, _LARGEST_PAGE)
        after = read.query.get("$skiptoken", "")
        ordered = sorted(self.directory.devices.values(), key=_place)
        page = [device for device in ordered if not after or _place(device) > after][:size]
        payload: dict[str, object] = {"@odata.count": len(page), "value": [_selected(read, each) for each in page]}
        if page and page[-1] is not ordered[-1]:
            payload["@odata.nextLink"] = _next_link(read, _place(page[-1]))
        for device, name in self.faults.renames.pop(self.pages, {}).items():
            self.directory.devices[device]["deviceName"] = name
        return Reply(200, payload)

    def _groups_named(self, read: Read) -> Reply:
        wanted = read.query.get("$filter", "")
        if not (wanted.startswith("displayName eq '") and wanted.endswith("'")):
            return replies.error(read.call, 400, "BadRequest", "The simulator knows displayName eq '…' only.")
        name = wanted[len("displayName eq '") : -1].replace("''", "'").casefold()
        found = [group for group in self.directory.groups.values() if group.name.casefold() == name]
        return Reply(200, {"value": [_shown_group(group) for group in found]})

    def _group(self, read: Read, wanted: str) -> Reply:
        group = self.directory.groups.get(wanted.lower())
        if group is None:
            return _no_group(read, wanted)
        return Reply(200, _shown_group(group))

    def _members(self, read: Read, wanted: str, cast: str) -> Reply:
        group = self.directory.groups.get(wanted.lower())
        if group is None:
            return _no_group(read, wanted)
        members = self.directory.transitive_members(group)
        if group.hidden and read.lacks(frozenset({"Member.Read.Hidden", "Directory.Read.All"})):
            members = []
        if cast == "$count":
            return Reply(200, str(len(members)).encode(), (("content-type", "text/plain"),))
        kind = cast.removeprefix("microsoft.graph.")
        if kind not in {"device", "user"}:
            return replies.no_such_segment(read.call, cast)
        if read.consistency.lower() != "eventual" or read.query.get("$count", "").lower() != "true":
            text = "Request with OData cast requires ConsistencyLevel: eventual and $count=true."
            return replies.error(read.call, 400, "Request_UnsupportedQuery", text)
        return self._member_page(read, [member for member in members if member.kind == kind])

    def _member_page(self, read: Read, members: Sequence[Member]) -> Reply:
        size = _page_size(read.query, _LARGEST_MEMBER_PAGE, default=100)
        start = int(read.query.get("$skiptoken", "0"))
        hides_ids = read.lacks(_ENTRA_DEVICE_SCOPES)
        page = [_member(member, hides_ids=hides_ids) for member in members[start : start + size]]
        payload: dict[str, object] = {"@odata.count": len(members), "value": page}
        if start + size < len(members):
            payload["@odata.nextLink"] = _next_link(read, str(start + size))
        return Reply(200, payload)


def _shown_group(group: Group) -> dict[str, object]:
    visibility = "HiddenMembership" if group.hidden else None
    return {"id": group.id, "displayName": group.name, "visibility": visibility}


def _member(member: Member, *, hides_ids: bool) -> dict[str, object]:
    shown: dict[str, object] = {"@odata.type": f"#microsoft.graph.{member.kind}", "id": member.id}
    if member.kind == "device":
        # Without Device.Read.All members come with id and type only.
        shown["deviceId"] = None if hides_ids else member.device_id
        shown["displayName"] = None if hides_ids else member.name
    else:
        shown["userPrincipalName"] = member.name or None
    return shown


def _place(device: Mapping[str, Any]) -> str:
    """Where a device stands in the listing: the paging token is the last name and id of a page."""
    return f"{str(device.get('deviceName') or '').casefold()}\x00{device['id']}"


def _selected(read: Read, device: Mapping[str, Any]) -> Mapping[str, Any]:
    wanted = [name.strip() for name in read.query.get("$select", "").split(",") if name.strip()]
    return {name: device.get(name) for name in wanted} if wanted else device


def _page_size(query: Mapping[str, str], largest: int, *, default: int | None = None) -> int:
    asked = query.get("$top", "")
    return min(int(asked), largest) if asked.isdigit() and int(asked) else (default or largest)


def _next_link(read: Read, token: str) -> str:
    rest = "&".join(f"{name}={quote(text)}" for name, text in read.query.items() if name != "$skiptoken")
    path = "/".join(quote(segment, safe="") for segment in read.segments)
    return f"{read.base}/{read.version}/{path}?{rest}{'&' if rest else ''}$skiptoken={quote(token)}"


def _other_host(read: Read) -> str:
    """The address of this server under another host name: a download never lies on Graph's own host."""
    if "//127.0.0.1" in read.base:
        return read.base.replace("//127.0.0.1", "//localhost")
    return read.base.replace("//localhost", "//127.0.0.1")


def _no_group(read: Read, wanted: str) -> Reply:
    text = f"Resource '{wanted}' does not exist or one of its queried reference-property objects are not present."
    return replies.error(read.call, 404, "Request_ResourceNotFound", text)
