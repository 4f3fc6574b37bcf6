"""What a tenant's token says, and the way that its calls go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.tenant import Permission


@dataclass(frozen=True, slots=True)
class TokenView:
    """The claims of a token; one that cannot be read leaves all but the first empty.

    `misfit` is the API or the Entra tenant that the token is for instead, as the end of a sentence; None where it fits.
    """

    permission: Permission
    kind: str | None = None
    app: str | None = None
    tenant: str | None = None
    audience: str | None = None
    misfit: str | None = None
    permissions: tuple[str, ...] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WayView:
    """The way that calls go: the root of Graph, and the proxy between, without its password."""

    root: str
    proxy: str | None = None
