"""Devices that are chosen without a file: by name, by conditions, from a saved list or a group; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.conditions import Condition, parse_condition
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.figures import plural
from orchestrator.domain.inventory import Identifier


@dataclass(frozen=True, slots=True)
class Selection:
    """Where the devices come from instead of a file: exactly one of the first four.

    `match` says by what `devices` are named, None tries all kinds. `prefer_newest` takes the device that was in contact
    last where several are meant. `is_stale_ok` uses the inventory however old it is.
    """

    devices: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    list_name: str | None = None
    group: str | None = None
    match: Identifier | None = None
    prefer_newest: bool = False
    is_stale_ok: bool = False

    @property
    def label(self) -> str:
        """The name of the selection where a job would name its file."""
        if self.list_name is not None:
            return self.list_name
        if self.group is not None:
            return f"{_GROUP}{self.group}"
        return ", ".join(self.devices) or _AND.join(condition.text for condition in self.conditions)


def selection_of(label: str) -> Selection:
    """The selection with this label: a group, conditions, or else devices; of a saved list it is one device's name.

    The inverse of `Selection.label` for all but lists, whose names only a database can tell from those of devices.
    """
    if label.startswith(_GROUP):
        return Selection(group=label.removeprefix(_GROUP))
    try:
        return Selection(conditions=tuple(map(parse_condition, label.split(_AND))))
    except RequestRejected:
        return Selection(devices=tuple(label.split(", ")))


@dataclass(frozen=True, slots=True)
class SelectionChange:
    """The devices that a schedule selected for one of its jobs, and the change from the run before.

    `words` says the same, and who was left out and why; the first version of a selection has nothing before it.
    """

    version: int
    devices: int
    added: int
    removed: int
    words: str


class EmptySelection(RequestRejected):
    """No device is selected that can take a ConfigMgr action."""


class SelectionCollapsed(RequestRejected):
    """The selection of a schedule has less than half of the devices of the last run; a person decides."""


def written_selection(written: Mapping[str, Any]) -> Selection:
    """The selection that is written in `group`, `device`, `where`, `match`, `prefer` and `stale_ok`, and `list_name`.

    RequestRejected for a condition that cannot be read.
    """
    return Selection(
        tuple(written.get("device") or ()),
        tuple(map(parse_condition, written.get("where") or ())),
        written.get("list_name"),
        written.get("group"),
        match=match_of(written.get("match")),
        prefer_newest=written.get("prefer") is not None,
        is_stale_ok=bool(written.get("stale_ok")),
    )


def match_of(written: str | None) -> Identifier | None:
    """The kind of names that is written in `match`; None where the header of the list decides."""
    return None if written in {None, "auto"} else Identifier(written)


def own_list(schedule: str) -> str:
    """The name of the list that holds what a schedule's selection came to; no list of a person can have this name."""
    return f"{OWN_LIST_MARK}{schedule}"


def is_own_list(name: str) -> bool:
    """Whether a list holds what a schedule's selection came to."""
    return name.startswith(OWN_LIST_MARK)


def refuse_collapsed(label: str, *, before: int, devices: int, schedule: str) -> None:
    """SelectionCollapsed where less than half of the devices of the last run are left."""
    if devices * 2 < before:
        raise SelectionCollapsed(
            f"The selection ({label}) has {plural(devices, 'device')}, and {before:,} when it was last expanded: it "
            "shrank by more than half, so a person has to decide. If this is right, "
            f"`muster schedule run {schedule} --accept` runs it as it is now; if not, mend the group or the inventory."
        )


def changes_words(label: str, *, version: int, devices: int, added: int, removed: int) -> str:
    """A selection in words, and how it differs from the last time: "group Berlin: 20 devices, 2 new, 1 gone"."""
    if version == 1:
        return f"{label}: {plural(devices, 'device')}"
    return f"{label}: {plural(devices, 'device')}, {added:,} new and {removed:,} gone since the last time"


OWN_LIST_MARK = "@"
_GROUP, _AND = "group ", " and "
