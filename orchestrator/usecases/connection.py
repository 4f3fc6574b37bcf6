"""Graph in the name of one tenant, and what its token says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.domain.call import Call, EnvelopesRefused, MayLeave
from orchestrator.domain.outcome import Outcome
from orchestrator.graph import tokens
from orchestrator.graph.auth import SignIn
from orchestrator.graph.client import GraphClient
from orchestrator.usecases.app import Permission, TokenView


@dataclass(frozen=True, slots=True)
class TenantConnection:
    """Graph in the name of one tenant, and what its token says."""

    client: GraphClient
    sign_in: SignIn
    cloud_root: str

    async def ready(self) -> Outcome | None:
        """Have a token at hand."""
        return await self.client.ready()

    async def trigger(self, call: Call, may_leave: MayLeave) -> Outcome | None:
        """One call; None where it may not leave any more once there is a connection."""
        return await self.client.trigger(call, may_leave)

    async def trigger_together(
        self, calls: Sequence[Call], may_leave: MayLeave
    ) -> list[Outcome] | EnvelopesRefused | None:
        """Several calls in one envelope."""
        return await self.client.trigger_together(calls, may_leave)

    async def token_view(self) -> TokenView:
        """Sign in and read the token."""
        claims = tokens.read_claims(await self.sign_in.token())
        if claims is None:
            return TokenView(Permission.UNREADABLE)
        return TokenView(
            permission=_PERMISSIONS[tokens.permission(claims)],
            kind="person" if claims.is_delegated else "app",
            app=claims.client_id,
            tenant=claims.tenant_id,
            audience=claims.audience,
            audience_fits=tokens.is_for(claims, self.cloud_root),
            permissions=tuple(sorted(claims.roles | claims.scopes)),
            expires_at=claims.expires_at,
        )


_PERMISSIONS = {
    tokens.Permission.HAS: Permission.GRANTED,
    tokens.Permission.LACKS: Permission.MISSING,
    tokens.Permission.UNREADABLE: Permission.UNREADABLE,
}
