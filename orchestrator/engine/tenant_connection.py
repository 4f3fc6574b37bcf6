"""Graph in the name of one tenant, and what its token says."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.domain.errors import GraphUnreachable
from orchestrator.domain.outcome import NOT_FROM_GRAPH, GraphError
from orchestrator.domain.proxy import without_sign_in
from orchestrator.domain.sign_in_facts import TokenView, WayView
from orchestrator.domain.tenant import Permission
from orchestrator.graph import tokens
from orchestrator.graph.auth import SignIn
from orchestrator.graph.client import GraphClient
from orchestrator.graph.peer import issuer_of
from orchestrator.graph.proxies import REFUSED_HINT, UNREACHABLE_HINT, proxy_for
from orchestrator.graph.transport import TLS_FAILED


@dataclass(frozen=True, slots=True)
class TenantConnection:
    """Graph in the name of one tenant, and what its token says."""

    caller: GraphClient
    sign_in: SignIn
    cloud_root: str
    tenant_id: str | None = None

    async def check_way(self) -> WayView:
        """Go the way of a call to Graph, without a token and to no device."""
        proxy = proxy_for(self.caller.root)
        shown = None if proxy is None else without_sign_in(proxy)
        blocked = await self.caller.check_way()
        if blocked is None:
            return WayView(self.caller.root, shown)
        seen = await issuer_of(self.caller.root, proxy) if blocked.error.code == TLS_FAILED else None
        raise GraphUnreachable(_unreachable(self.caller.root, shown, blocked.error, seen))

    async def issuer_seen(self) -> str | None:
        """Who issued the certificate that is shown for Graph."""
        return await issuer_of(self.caller.root, proxy_for(self.caller.root))

    async def token_view(self) -> TokenView:
        """Sign in and read the token."""
        claims = tokens.read_claims(await self.sign_in.token())
        if claims is None:
            return TokenView(Permission.UNREADABLE)
        return TokenView(
            permission=tokens.permission(claims),
            kind="person" if claims.is_delegated else "app",
            app=claims.client_id,
            tenant=claims.tenant_id,
            audience=claims.audience,
            misfit=tokens.misfit(claims, self.cloud_root, self.tenant_id),
            permissions=tuple(sorted(claims.roles | claims.scopes)),
            expires_at=claims.expires_at,
        )


def _unreachable(root: str, proxy: str | None, error: GraphError, issuer: str | None) -> str:
    through = f" through the proxy {proxy}" if proxy else ""
    by = f" The certificate that is shown was issued by “{issuer}”." if issuer else ""
    hint = _HINTS.get(error.code, _HINT)
    return f"Graph ({root}) cannot be reached{through}: {error.message.rstrip('.')}.{by} {hint}"


_HINT = "Check the network, HTTPS_PROXY and NO_PROXY, and MUSTER_GRAPH_URL."
_HINTS = {
    TLS_FAILED: "Where a proxy inspects TLS, name its certificates in MUSTER_CA_BUNDLE.",
    "NameNotFound": "Check the name service of this machine, HTTPS_PROXY and MUSTER_GRAPH_URL.",
    "ProxyRefused": REFUSED_HINT,
    "ProxyUnreachable": UNREACHABLE_HINT,
    NOT_FROM_GRAPH: "Sign in at the proxy or portal, or let this machine through to Graph.",
}
