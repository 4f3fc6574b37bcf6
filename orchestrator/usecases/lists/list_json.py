"""A version of a saved list as JSON; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.domain.figures import rfc3339

if TYPE_CHECKING:
    from orchestrator.store.jobs.saved_lists import ListVersion


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
