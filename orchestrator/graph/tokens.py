"""Reads the claims of a token without verifying them: Graph decides, this only saves a wasted job; pure."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from orchestrator.domain.tenant import NEEDED_PERMISSION, Permission


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """The claims that matter here; None or empty where the token has none."""

    audience: str | None = None
    tenant_id: str | None = None
    client_id: str | None = None
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    expires_at: datetime | None = None

    @property
    def is_delegated(self) -> bool:
        """Whether the token is a person's, and not the app's own."""
        return bool(self.scopes)


def plain_token(text: str) -> str:
    """The token without what is copied along with it: blanks, quotes, `Bearer `, and line breaks within a JWT."""
    token = text.strip().strip("\"'").strip()
    token = _SCHEME.sub("", token).strip().strip("\"'").strip()
    joined = "".join(token.split())
    return joined if _JWT.fullmatch(joined) else token


def read_claims(token: str) -> TokenClaims | None:
    """The claims of a token, None where it cannot be read."""
    payload = _payload(plain_token(token))
    if payload is None:
        return None
    return TokenClaims(
        audience=_text(payload.get("aud")),
        tenant_id=_text(payload.get("tid")),
        client_id=_text(payload.get("appid")) or _text(payload.get("azp")),
        roles=_names(payload.get("roles")),
        scopes=_names(payload.get("scp")),
        expires_at=_instant(payload.get("exp")),
    )


def permission(claims: TokenClaims | None) -> Permission:
    """Whether the needed permission is there; a token that cannot be read is not judged."""
    if claims is None:
        return Permission.UNREADABLE
    return Permission.GRANTED if NEEDED_PERMISSION in claims.roles | claims.scopes else Permission.MISSING


def is_for(claims: TokenClaims | None, cloud_root: str) -> bool:
    """Whether the Graph of this cloud would take the token; what cannot be read is not judged."""
    if claims is None or claims.audience is None:
        return True
    audience = claims.audience.lower().rstrip("/")
    # The id stands for Graph in every cloud, so it fits any root.
    return audience in {_GRAPH_ID, cloud_root.lower().rstrip("/")}


def misfit(claims: TokenClaims | None, cloud_root: str, tenant_id: str | None) -> str | None:
    """The API or the Entra tenant that the token is for instead, as the end of a sentence; None where it fits.

    A tenant that is configured by a domain name, or not at all, is not compared.
    """
    if claims is None:
        return None
    if not is_for(claims, cloud_root):
        return f"is for {claims.audience}, another cloud or API: check MUSTER_CLOUD"
    if _is_other_guid(claims.tenant_id, tenant_id):
        return f"is for the Entra tenant {claims.tenant_id}, and the settings name {tenant_id}: check MUSTER_TENANT_ID"
    return None


def _is_other_guid(one: str | None, other: str | None) -> bool:
    try:
        return one is not None and other is not None and UUID(one) != UUID(other)
    except ValueError:
        return False


def _payload(token: str) -> dict[str, Any] | None:
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        payload = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _names(value: object) -> frozenset[str]:
    # Roles are a list, scopes one text with blanks.
    if isinstance(value, str):
        return frozenset(value.split())
    return frozenset(each for each in value if isinstance(each, str)) if isinstance(value, list) else frozenset()


def _instant(value: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else None
    except (ValueError, OverflowError, OSError):
        return None


_SCHEME = re.compile(r"\A(?:authorization:\s*)?bearer\s+", re.IGNORECASE)
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){2,4}")
_GRAPH_ID = "00000003-0000-0000-c000-000000000000"
