"""Tenants and the checks of their sign-in as they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typing_extensions import TypedDict

from orchestrator.domain.lane import Cloud
from orchestrator.views.description import Description

if TYPE_CHECKING:
    from orchestrator.settings import Settings, TenantSettings
    from orchestrator.usecases.operations.check_tenant import TenantCheck


class TenantFacts(TypedDict):
    """A tenant in the settings, without its secrets."""

    name: str
    default: Annotated[bool, Description("Whether it is meant where no tenant is named.")]
    tenantId: str | None
    clientId: str | None
    cloud: Cloud
    graphUrl: Annotated[str | None, Description("The root of Graph, where the settings replace that of the cloud.")]
    writeLimit: Annotated[str, Description("Calls and seconds such as `200/20s`, or `none`.")]
    signIn: Annotated[str | None, Description("The way to sign in; null where the settings name none.")]


class TenantCheckFacts(TypedDict):
    """The result of a sign-in that calls no device."""

    tenant: str
    usable: bool
    reachable: bool
    permission: str
    facts: dict[str, str]
    advice: list[str]


def tenant_objects(settings: Settings) -> list[TenantFacts]:
    """Returns the tenants of the settings as they are shown, in the order of the settings."""
    return [_tenant_object(each, is_usual=each.name == settings.usual_tenant) for each in settings.tenants.values()]


def tenant_check_object(found: TenantCheck) -> TenantCheckFacts:
    """Returns the check of one tenant as it is shown."""
    return {
        "tenant": found.tenant.name,
        "usable": found.is_usable,
        "reachable": found.unreachable is None,
        "permission": found.permission.value,
        "facts": dict(found.facts),
        "advice": list(found.advice),
    }


def _tenant_object(settings: TenantSettings, *, is_usual: bool) -> TenantFacts:
    return {
        "name": settings.name,
        "default": is_usual,
        "tenantId": settings.tenant_id,
        "clientId": settings.client_id,
        "cloud": settings.cloud,
        "graphUrl": settings.graph_url,
        "writeLimit": "none" if settings.write_limit is None else str(settings.write_limit),
        "signIn": settings.way_to_sign_in,
    }
