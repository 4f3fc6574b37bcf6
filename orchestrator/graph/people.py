"""Signing people in through Entra ID: OpenID Connect with an authorization code, done by MSAL."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import ssl
import warnings
from collections.abc import Mapping
from typing import Any, cast

import msal
import structlog

from orchestrator.domain.access import Person
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import SignInRefused
from orchestrator.graph.credentials import Secret
from orchestrator.graph.msal_issuers import asking
from orchestrator.graph.sessions import authority_session

log = structlog.get_logger()

_SKEW = 300
"""Seconds that the clocks of Entra and of this machine may differ."""


class PeopleSignIn:
    """One app registration through which people come in."""

    def __init__(
        self,
        tenant_id: str,
        client_id: str,
        secret: Secret,
        *,
        authority: str,
        back_to: str,
        trust: ssl.SSLContext,
        clock: Clock,
    ) -> None:
        self._tenant_id, self._client_id, self._secret = tenant_id, client_id, secret
        self._authority, self._back_to, self._clock = authority, back_to, clock
        self._session = authority_session(trust)
        # A form posted from Entra's site would come without our cookie, which says whose sign-in it is. The code in the
        # address is good once, with a proof that only we have, and the browser is sent on at once.
        warnings.filterwarnings("ignore", message="response_mode='form_post' is recommended")

    async def begin(self) -> tuple[str, str, str]:
        """Where to send a person, the state that they come back with, and what is to be remembered meanwhile."""
        flow = await asyncio.to_thread(self._begin)
        return str(flow["auth_uri"]), str(flow["state"]), json.dumps(flow)

    async def finish(self, remembered: str, answer: Mapping[str, str]) -> Person:
        """Who came back; SignInRefused where Entra said no, or what it said cannot be trusted."""
        flow = json.loads(remembered)
        granted = await asyncio.to_thread(self._finish, flow, answer)
        claims = granted.get("id_token_claims")
        if not isinstance(claims, Mapping):
            said = str(granted.get("error_description") or granted.get("error") or "nothing").splitlines()[0]
            raise SignInRefused(f"Entra did not sign you in. It said: {said}")
        self._check(claims, flow)
        name = claims.get("preferred_username") or claims.get("name") or claims.get("oid")
        roles = claims.get("roles", [])
        return Person(str(name), frozenset(str(role) for role in roles if isinstance(role, str)))

    def _begin(self) -> dict[str, Any]:
        with asking(self._authority, self._session):
            flow = self._app().initiate_auth_code_flow([], redirect_uri=self._back_to, prompt="select_account")
        return cast("dict[str, Any]", flow)

    def _finish(self, flow: dict[str, Any], answer: Mapping[str, str]) -> dict[str, Any]:
        with asking(self._authority, self._session):
            granted = self._app().acquire_token_by_auth_code_flow(flow, dict(answer))
        return cast("dict[str, Any]", granted or {})

    def _app(self) -> Any:
        try:
            secret = self._secret()
        except SignInRefused as problem:
            # Said to whoever stands at the door: where it is kept is for the log.
            log.error("people.no_secret", reason=str(problem))  # noqa: TRY400 - nothing of ours broke
            raise SignInRefused("The secret that people are signed in with cannot be read; the log says why.") from None
        # A new one each time: nobody's tokens stay in a cache, and a secret that was renewed counts from now on.
        return msal.ConfidentialClientApplication(
            self._client_id,
            client_credential=secret,
            authority=f"{self._authority}/{self._tenant_id}",
            http_client=self._session,
            instance_discovery=False,
        )

    def _check(self, claims: Mapping[str, Any], flow: Mapping[str, Any]) -> None:
        """SignInRefused for a token that is not the answer to our question.

        It came from the token endpoint itself, over TLS, which stands for its signature:
        https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation (6). MSAL validates nothing of it.
        """
        now = self._clock.now().timestamp()
        nonce = hashlib.sha256(str(flow["nonce"]).encode()).hexdigest()
        is_ours = (
            str(claims.get("aud", "")).lower() == self._client_id.lower()
            and _is_time(claims.get("exp"))
            and now < float(claims["exp"]) + _SKEW
            and hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode())
        )
        # A tenant may be configured by its domain: then only the authority's own address binds it.
        of_tenant = "." in self._tenant_id or str(claims.get("tid", "")).lower() == self._tenant_id.lower()
        if not is_ours or not of_tenant:
            raise SignInRefused("What Entra sent is not the answer to what we asked. Sign in again.")


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
