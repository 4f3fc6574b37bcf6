"""Who calls: reads the bearer token as far as it can be read, and says what is wrong with it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

from orchestrator.simulator import replies
from orchestrator.simulator.refusals import claims_challenge
from orchestrator.simulator.replies import PRIVILEGED, Reply
from orchestrator.simulator.tenant import Call

GRAPH_AUDIENCES = frozenset(
    {
        "00000003-0000-0000-c000-000000000000",
        "https://graph.microsoft.com",
        "https://graph.microsoft.com/",
    }
)
ANY_APP = "any"


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token as it was sent, and its claims if it could be read."""

    token: str
    claims: dict[str, Any] | None
    app: str


class TokenGate:
    """Lets calls through by their token; opaque tokens are not judged, readable ones only when told to check."""

    def __init__(self, *, check: bool, wall: Callable[[], float], audiences: frozenset[str] = GRAPH_AUDIENCES) -> None:
        self.check, self.audiences = check, audiences
        self._wall = wall
        self._read: dict[str, Bearer] = {}
        self._stale: set[str] = set()
        self._still_to_refuse: float = 0
        self._challenge = False

    def refuse_until_renewed(self, *, tokens: float = 1, challenge: bool = False) -> None:
        """Refuse the next token that comes, always; a new one passes once `tokens` different ones were refused."""
        self._still_to_refuse, self._challenge = tokens, challenge

    def accept_again(self) -> None:
        """Forget every grudge."""
        self._stale.clear()
        self._still_to_refuse = 0

    def bearer(self, authorization: str) -> Bearer | None:
        """The token behind an Authorization header; None if there is none."""
        known = self._read.get(authorization)
        if known is not None:
            return known
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return None
        claims = claims_of(token.strip())
        app = ANY_APP if claims is None else _app_of(claims)
        if len(self._read) > 1_000:
            self._read.clear()
        bearer = self._read[authorization] = Bearer(token.strip(), claims, app)
        return bearer

    def objection(self, call: Call, bearer: Bearer | None) -> Reply | None:
        """The refusal of a token that may not trigger an action, or None."""
        objection = self.objection_to_read(call, bearer)
        if objection is not None or bearer is None or bearer.claims is None or not self.check:
            return objection
        granted = {*bearer.claims.get("roles", ()), *str(bearer.claims.get("scp", "")).split()}
        return None if PRIVILEGED in granted else replies.missing_scope(call)

    def objection_to_read(self, call: Call, bearer: Bearer | None) -> Reply | None:
        """The refusal of a token that is missing, refused, expired or for another API; permissions are not judged."""
        if bearer is None:
            return replies.invalid_token(call, "Access token is empty.")
        if self._still_to_refuse > 0 and bearer.token not in self._stale:
            self._stale.add(bearer.token)
            self._still_to_refuse -= 1
        if bearer.token in self._stale:
            if self._challenge:
                return claims_challenge(call)
            return replies.invalid_token(call, "Access token has been revoked.")
        if self.check and bearer.claims is not None:
            return self._misfit(call, bearer.claims)
        return None

    def _misfit(self, call: Call, claims: dict[str, Any]) -> Reply | None:
        if claims.get("aud") not in self.audiences:
            return replies.invalid_token(call, "Access token validation failure. Invalid audience.")
        if float(claims.get("exp", inf)) <= self._wall():
            return replies.invalid_token(call, "Lifetime validation failed, the token is expired.")
        return None


def _app_of(claims: dict[str, Any]) -> str:
    """The key of a quota: the app in its tenant."""
    named = [str(claims[name]) for name in ("appid", "tid") if name in claims]
    return "@".join(named) or ANY_APP


def claims_of(token: str) -> dict[str, Any] | None:
    """The claims of a readable JWT, unverified; None for a token that cannot be read."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None
    return claims if isinstance(claims, dict) else None
