"""Saved lists as they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typing_extensions import TypedDict

from orchestrator.domain.device import Via
from orchestrator.domain.figures import rfc3339
from orchestrator.usecases.lists.compare_versions import ListDevice
from orchestrator.views.description import Description

if TYPE_CHECKING:
    from orchestrator.store.jobs.saved_lists import ListVersion
    from orchestrator.usecases.lists.compare_versions import VersionComparison
    from orchestrator.usecases.lists.describe_lists import ListView
    from orchestrator.usecases.lists.import_list import Imported


class ListFacts(TypedDict):
    """A saved list as it was imported once."""

    name: str
    version: int
    via: Via
    devices: int
    rows: int
    duplicates: int
    rejected: int
    added: int
    removed: int
    sha256: str | None
    fileName: str | None
    importedBy: str
    importedAt: str


class ImportedList(ListFacts):
    """The version that an import made."""

    ignored: Annotated[list[str], Description("What was found in the list that is no device and no error.")]
    matched: Annotated[
        dict[str, int], Description("Rows by what their devices were matched by; empty for a list of ids.")
    ]


class SavedList(ListFacts):
    """One list: how it stands, its versions, and who refers to it."""

    versions: list[ListFacts]
    schedules: list[str]


class ListChanges(TypedDict):
    """How a version of a list differs from another one; of many devices the first 200 are named."""

    earlier: ListFacts
    later: ListFacts
    added: int
    removed: int
    same: int
    addedDevices: list[ListDevice]
    removedDevices: list[ListDevice]


def list_object(version: ListVersion) -> ListFacts:
    """Returns a version of a saved list as it is shown."""
    intake = version.intake
    return {
        "name": version.name,
        "version": version.version,
        "via": version.via,
        "devices": version.devices,
        "rows": intake.rows,
        "duplicates": intake.duplicates,
        "rejected": intake.rejected,
        "added": version.added,
        "removed": version.removed,
        "sha256": intake.sha256,
        "fileName": intake.file_name,
        "importedBy": version.imported_by,
        "importedAt": rfc3339(version.imported_at),
    }


def imported_object(imported: Imported) -> ImportedList:
    """Returns the version that an import made, as it is shown."""
    return {
        **list_object(imported.version),
        "ignored": list(imported.ignored),
        "matched": dict(imported.matched),
    }


def saved_object(view: ListView) -> SavedList:
    """Returns a saved list with its versions, as it is shown."""
    versions = [*map(list_object, view.versions)]
    return {**versions[0], "versions": versions, "schedules": list(view.schedules)}


def changes_object(found: VersionComparison) -> ListChanges:
    """Returns how two versions differ, as it is shown."""
    return {
        "earlier": list_object(found.earlier),
        "later": list_object(found.later),
        "added": found.added,
        "removed": found.removed,
        "same": found.same,
        "addedDevices": list(found.some_added),
        "removedDevices": list(found.some_removed),
    }
