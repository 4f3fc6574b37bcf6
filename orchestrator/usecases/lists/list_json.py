"""Saved lists as JSON; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.domain.figures import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.store.jobs.saved_lists import ListVersion
    from orchestrator.usecases.lists.compare_versions import ListDevice, VersionComparison


def list_object(version: ListVersion) -> dict[str, Any]:
    """How the list was imported then."""
    return {
        "name": version.name,
        "version": version.version,
        "via": version.via.value,
        "devices": version.devices,
        "rows": version.intake.rows,
        "duplicates": version.intake.duplicates,
        "rejected": version.intake.rejected,
        "added": version.added,
        "removed": version.removed,
        "sha256": version.intake.sha256,
        "fileName": version.intake.file_name,
        "importedBy": version.imported_by,
        "importedAt": rfc3339(version.imported_at),
    }


def changes_object(found: VersionComparison) -> dict[str, Any]:
    """How two versions differ."""
    return {
        "earlier": list_object(found.earlier),
        "later": list_object(found.later),
        "added": found.added,
        "removed": found.removed,
        "same": found.same,
        "addedDevices": _devices(found.some_added),
        "removedDevices": _devices(found.some_removed),
    }


def _devices(some: Iterable[ListDevice]) -> list[dict[str, Any]]:
    return [{"device": each.key, "name": each.name} for each in some]
