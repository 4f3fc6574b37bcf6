"""How a device list is read: the options of the request, with the limits and the tenants of the settings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from orchestrator.domain.selection import match_of
from orchestrator.intake.device_list import IntakeOptions
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


def intake_options(settings: Settings, written: Mapping[str, Any], **others: Any) -> IntakeOptions:
    """The options in `written` by their names on the command line, within the limits; `others` are no options."""
    return IntakeOptions(
        **{name: written[name] for name in ("column", "skip_invalid", "only_eligible", "take_all", "stale_ok")},
        max_rows=settings.max_rows,
        max_bytes=settings.max_bytes,
        max_columns=settings.max_columns,
        match=match_of(written["match"]),
        prefer_newest=written["prefer"] is not None,
        **others,
    )
