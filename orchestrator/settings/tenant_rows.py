"""Whose rows of a device list a job takes, by the tenants in the settings."""

from __future__ import annotations

from collections.abc import Collection

from orchestrator.intake.tenant_column import TenantRows
from orchestrator.settings.tree import Settings


def tenant_rows(
    settings: Settings, tenant: str, *, beside: Collection[str] = (), has_bad_rows: bool = True
) -> TenantRows:
    """The rows of a tenant; those of the tenants `beside` it are taken by other jobs of the same submission."""
    usual = settings.usual_tenant
    return TenantRows(
        tenant,
        settings.tenant_names,
        frozenset(beside) - {tenant},
        usual if usual in settings.tenants else None,
        has_bad_rows,
    )
